"""Chatting: sending, streaming, stopping, queueing, and nothing that was typed is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from brim.core.attachments import Attachment
from brim.core.errors import RateLimitError, StoreError
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.core.turns import Turn
from brim.core.types import Status
from tests.support.agents import Gated, Plain
from tests.support.screen import ask, brim, connector, no_connection, opens, screen_text, sees, toasts
from tests.support.waiting import wait_until


async def test_a_question_is_answered_on_the_screen(tmp_path: Path) -> None:
    agent = Gated()
    async with brim(tmp_path, agent) as (app, pilot):
        await pilot.press(*"hello", "enter")
        agent.say("hello", "The answer ", "comes in parts.")
        await sees(app, pilot, "The answer comes in parts.")
        agent.end("hello")
        await wait_until(pilot, lambda: not app.manager.running())
        session = await app.manager.find_session("last")
        messages = await app.manager.tail(session.id, limit=5)
        assert [(m.role, m.content) for m in messages] == [
            ("user", "hello"),
            ("assistant", "The answer comes in parts."),
        ]
        assert session.title
        await sees(app, pilot, session.title)


async def test_keys_are_taken_and_prompts_kept_before_the_store_is_open(tmp_path: Path) -> None:
    agent, may_open = Gated(), asyncio.Event()

    async def connect() -> SessionManager:
        await may_open.wait()
        return await connector(tmp_path, agent)()

    async with brim(tmp_path, agent, connect=connect, waits=False) as (app, pilot):
        await pilot.press(*"first", "enter", *"second", "enter", *"rest")
        assert app.chat.composer.text == "rest"
        may_open.set()
        agent.say("first", "one")
        agent.end("first")
        agent.say("second", "two")
        agent.end("second")
        await wait_until(pilot, lambda: [context.input for context in agent.asked] == ["first", "second"])
        await sees(app, pilot, "two")
        assert await app.manager.count_sessions() == 1
        assert app.chat.composer.text == "rest"


async def test_what_is_asked_for_before_the_store_is_open_is_done_then(tmp_path: Path) -> None:
    from brim.tui.screens.personas import PersonasScreen

    may_open = asyncio.Event()

    async def connect() -> SessionManager:
        await may_open.wait()
        return await connector(tmp_path, Gated())()

    async with brim(tmp_path, Gated(), connect=connect, waits=False) as (app, pilot):
        for _ in range(2):
            await pilot.press(*"/persona", "enter")
        await wait_until(pilot, lambda: "One moment" in " ".join(toasts(app)))
        assert app.screen is app.chat
        may_open.set()
        await opens(app, pilot, PersonasScreen)
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat)


async def test_the_app_can_be_left_before_it_is_connected(tmp_path: Path) -> None:
    async with brim(tmp_path, Gated(), connect=no_connection, waits=False) as (app, pilot):
        await pilot.press(*"draft")
    async with brim(tmp_path, Gated()) as (app, pilot):
        assert app.chat.composer.text == "draft"


async def test_escape_stops_and_keeps_what_came(tmp_path: Path) -> None:
    agent = Gated()
    async with brim(tmp_path, agent) as (app, pilot):
        await ask(app, pilot, "hello")
        agent.say("hello", "a part")
        await sees(app, pilot, "a part")
        assert "Esc stop" in screen_text(app)
        await pilot.press("escape")
        await wait_until(pilot, lambda: not app.manager.running())
        session = await app.manager.find_session("last")
        answer = (await app.manager.tail(session.id, limit=1))[0]
        assert (answer.status, answer.content) == (Status.STOPPED, "a part")
        await wait_until(pilot, lambda: "Esc stop" not in screen_text(app))


async def test_a_failure_stands_in_words_and_retry_asks_again(tmp_path: Path) -> None:
    agent = Gated()
    async with brim(tmp_path, agent) as (app, pilot):
        await ask(app, pilot, "hello")
        agent.put("hello", RateLimitError("Too many requests [/foo].", hint="Wait a little."))
        await sees(app, pilot, "Too many requests [/foo].")
        assert "Traceback" not in screen_text(app)
        agent.say("hello", "second try")
        agent.end("hello")
        await ask(app, pilot, "/retry")
        await sees(app, pilot, "second try")
        assert len(agent.asked) == 2


async def test_messages_queue_while_an_answer_streams_and_come_back_with_up(tmp_path: Path) -> None:
    agent = Gated()
    async with brim(tmp_path, agent) as (app, pilot):
        await ask(app, pilot, "one")
        agent.say("one", "text")
        await sees(app, pilot, "text")
        await ask(app, pilot, "two")
        await ask(app, pilot, "three")
        await wait_until(pilot, lambda: screen_text(app).count("· queued") == 2)
        await pilot.press("up")
        await wait_until(pilot, lambda: app.chat.composer.text == "two\n\nthree")
        await wait_until(pilot, lambda: not app.chat.composer.queue_waits)
        agent.end("one")
        await wait_until(pilot, lambda: not app.manager.running())
        assert [context.input for context in agent.asked] == ["one"]


async def test_a_queued_message_is_asked_when_its_turn_comes(tmp_path: Path) -> None:
    agent = Gated()
    async with brim(tmp_path, agent) as (app, pilot):
        await ask(app, pilot, "one")
        await ask(app, pilot, "two")
        agent.say("two", "later")
        agent.end("two")
        agent.end("one")
        await sees(app, pilot, "later")


class Full(SessionManager):
    """A manager whose disk is full."""

    async def send(
        self,
        session_id: str,
        text: str,
        *,
        attachments: Sequence[Attachment] = (),
        cleanup: bool | None = None,
        over_budget: bool = False,
        alone: bool = False,
        any_length: bool = False,
    ) -> Turn:
        raise StoreError("The disk is full.")


async def test_a_prompt_that_cannot_be_stored_comes_back(tmp_path: Path) -> None:
    async def connect() -> SessionManager:
        manager = Full(Plain(), store=SQLiteStore(tmp_path / "brim.db"))
        await manager.open()
        return manager

    async with brim(tmp_path, Plain(), connect=connect) as (app, pilot):
        await ask(app, pilot, "precious")
        await wait_until(pilot, lambda: any("The disk is full." in sentence for sentence in toasts(app)))
        assert app.chat.composer.text == "precious"


async def test_the_draft_weighs_in_while_it_is_typed(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot):
        app.chat.composer.insert("a few words that weigh something " * 20)
        await wait_until(pilot, lambda: app.chat.composer.border_title)
        assert str(app.chat.composer.border_title).startswith("~")
        app.chat.composer.restore("")
        await wait_until(pilot, lambda: not app.chat.composer.border_title)


async def test_earlier_prompts_of_all_sessions_are_recalled(tmp_path: Path) -> None:
    agent = Plain()
    async with brim(tmp_path, agent) as (app, pilot):
        await ask(app, pilot, "from the first session")
        await sees(app, pilot, "An answer.")
    async with brim(tmp_path, agent) as (app, pilot):
        await pilot.press("up")
        assert app.chat.composer.text == "from the first session"


async def test_quitting_stops_the_turn_and_stores_what_came(tmp_path: Path) -> None:
    agent = Gated()
    async with brim(tmp_path, agent) as (app, pilot):
        await ask(app, pilot, "hello")
        agent.say("hello", "half an ans")
        await sees(app, pilot, "half an ans")
        await pilot.press("ctrl+q")
        await wait_until(pilot, lambda: app.is_left)
        assert app.return_code == 0
    async with SessionManager(agent, store=SQLiteStore(tmp_path / "brim.db")) as manager:
        session = await manager.find_session("last")
        answer = (await manager.tail(session.id, limit=1))[0]
        assert (answer.status, answer.content) == (Status.STOPPED, "half an ans")


async def test_the_end_stays_in_view_while_the_composer_grows_and_shrinks(tmp_path: Path) -> None:
    agent = Gated()
    async with brim(tmp_path, agent, size=(80, 24)) as (app, pilot):
        await ask(app, pilot, "hello")
        agent.say("hello", "line\n\n" * 30 + "the end")
        await sees(app, pilot, "the end")
        for text in ("a\nb\nc", "", "/", ""):
            app.chat.composer.restore(text)
            await pilot.pause()
            await sees(app, pilot, "the end")
        app.chat.transcript.action_top()
        await wait_until(pilot, lambda: "the end" not in screen_text(app))
        agent.end("hello")
        await ask(app, pilot, "again")
        agent.say("again", "a new answer")
        await sees(app, pilot, "a new answer")
