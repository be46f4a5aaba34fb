"""Branches on the screen: between siblings, asking differently, asking again, forking."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from brim.core.agent import OneAgent
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Message, ModelInfo, Session
from brim.tui.app import BrimApp
from brim.tui.screens.models import ModelPickerScreen
from brim.tui.widgets.transcript import Transcript
from tests.support.agents import Gated, Plain
from tests.support.screen import ask, brim, opens, screen_lines, screen_text, sees, toasts
from tests.support.waiting import wait_until


class Counted(Plain):
    """Answers with the number of the question, so that answers can be told apart."""

    async def process(self, context):
        self.output = f"Answer {len(self.asked) + 1} to: {context.input}"
        return await super().process(context)


def shown(app: BrimApp) -> Session:
    assert app.chat.controller is not None
    return app.chat.controller.shown_session()


def transcript(app: BrimApp) -> Transcript:
    return app.chat.transcript


async def answered(app: BrimApp, pilot: Pilot[None], words: str) -> None:
    await sees(app, pilot, words)
    await wait_until(pilot, lambda: not app.manager.running())


async def ask_twice(app: BrimApp, pilot: Pilot[None]) -> None:
    """One prompt with two answers, the second shown."""
    await ask(app, pilot, "alpha")
    await answered(app, pilot, "Answer 1 to: alpha")
    transcript(app).focus()
    await pilot.press("r")
    await answered(app, pilot, "Answer 2 to: alpha")
    await sees(app, pilot, "‹2/2›")


def row_of(app: BrimApp, words: str) -> int:
    return next(y for y, line in enumerate(screen_lines(app)) if words in line)


def is_laid_out(app: BrimApp) -> bool:
    """Whether every message in view is drawn as it is."""
    column = transcript(app).column
    return not column.model.absent(column.viewport.visible()) and column.measure(0.0)[0]


async def test_regenerating_stands_beside_and_keys_go_back_and_forth(tmp_path: Path) -> None:
    async with brim(tmp_path, Counted()) as (app, pilot):
        await ask_twice(app, pilot)
        assert "Answer 1" not in screen_text(app)
        await pilot.press("left")
        await sees(app, pilot, "‹1/2›")
        await sees(app, pilot, "Answer 1 to: alpha")
        assert "Answer 2" not in screen_text(app)
        await pilot.press("left")
        await pilot.press("right")
        await sees(app, pilot, "‹2/2›")
        app.chat.composer.focus()
        await pilot.press("alt+left")
        await sees(app, pilot, "‹1/2›")
        await ask(app, pilot, "beta")
        await answered(app, pilot, "Answer 3 to: beta")
    async with brim(tmp_path, Counted(), session="last") as (app, pilot):
        await sees(app, pilot, "‹1/2›")
        await sees(app, pilot, "Answer 3 to: beta")


async def test_a_click_on_the_arrows_goes_between_branches(tmp_path: Path) -> None:
    async with brim(tmp_path, Counted()) as (app, pilot):
        await ask_twice(app, pilot)
        await wait_until(pilot, lambda: "Esc stop" not in screen_text(app))
        await pilot.pause()
        y = row_of(app, "‹2/2›")
        x = screen_lines(app)[y].index("‹2/2›")
        await pilot.click(offset=(x, y))
        await sees(app, pilot, "‹1/2›")
        await pilot.click(offset=(x + 4, y))
        await sees(app, pilot, "‹2/2›")
        await pilot.click(offset=(x + 4, y))
        await pilot.pause()
        assert "‹2/2›" in screen_text(app)


async def test_editing_keeps_the_draft_and_asks_beside_the_prompt(tmp_path: Path) -> None:
    agent = Counted()
    async with brim(tmp_path, agent) as (app, pilot):
        await ask(app, pilot, "alpha")
        await answered(app, pilot, "Answer 1")
        await ask(app, pilot, "beta")
        await answered(app, pilot, "Answer 2")
        await pilot.press(*"my draft")
        transcript(app).focus()
        await pilot.press(
            "left_square_bracket", "left_square_bracket", "left_square_bracket", "left_square_bracket", "e"
        )
        await sees(app, pilot, "editing an earlier prompt")
        assert app.chat.composer.text == "alpha"
        await wait_until(pilot, lambda: app.focused is app.chat.composer)
        await pilot.press(*" more", "enter")
        await answered(app, pilot, "Answer 3 to: alpha more")
        await wait_until(pilot, lambda: app.chat.composer.text == "my draft")
        text = screen_text(app)
        assert "editing" not in text
        assert "beta" not in text
        await sees(app, pilot, "‹2/2›")
        assert len(agent.asked[-1].conversation_history) == 0
        transcript(app).focus()
        await pilot.press("left")
        await sees(app, pilot, "Answer 2 to: beta")


async def test_esc_puts_the_draft_back_and_keeps_what_was_changed(tmp_path: Path) -> None:
    async with brim(tmp_path, Counted()) as (app, pilot):
        await ask(app, pilot, "alpha")
        await answered(app, pilot, "Answer 1")
        await pilot.press(*"draft")
        app.chat.commands.run("edit")
        await wait_until(pilot, lambda: app.chat.composer.text == "alpha")
        await pilot.press(*"!", "escape")
        await wait_until(pilot, lambda: app.chat.composer.text == "draft")
        assert "editing" not in screen_text(app)
        await pilot.press("up")
        await wait_until(pilot, lambda: app.chat.composer.text == "alpha!")
        await pilot.press("down")
        await wait_until(pilot, lambda: app.chat.composer.text == "draft")


async def test_nothing_typed_is_lost_when_brim_ends_or_another_session_is_opened_while_editing(
    tmp_path: Path,
) -> None:
    async with brim(tmp_path, Counted()) as (app, pilot):
        await ask(app, pilot, "alpha")
        await answered(app, pilot, "Answer 1")
        session_id = shown(app).id
        await pilot.press(*"draft")
        app.chat.commands.run("edit")
        await wait_until(pilot, lambda: app.chat.composer.text == "alpha")
        await pilot.press(*"bet")
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: app.chat.composer.text == "")
        assert "editing" not in screen_text(app)
        assert (await app.manager.session(session_id)).draft == "draft\n\nalphabet"
        app.chat.commands.run("open_session", session_id)
        await wait_until(pilot, lambda: app.chat.composer.text == "draft\n\nalphabet")


async def test_while_an_answer_comes_nothing_is_branched_and_the_reason_said(tmp_path: Path) -> None:
    agent = Gated()
    async with brim(tmp_path, agent) as (app, pilot):
        await ask(app, pilot, "alpha")
        agent.say("alpha", "Some")
        await sees(app, pilot, "Some")
        transcript(app).focus()
        for number, key in enumerate("erf", 1):
            await pilot.press(key)
            await wait_until(pilot, lambda number=number: len(toasts(app)) == number)
            assert "still being written" in toasts(app)[-1]
        assert app.chat.composer.text == ""
        agent.end("alpha")
        await wait_until(pilot, lambda: not app.manager.running())
        assert await app.manager.count_sessions() == 1


async def test_an_edit_that_is_refused_stays_in_the_composer(tmp_path: Path) -> None:
    agent = Gated()
    async with brim(tmp_path, agent) as (app, pilot):
        await ask(app, pilot, "alpha")
        agent.say("alpha", "Done")
        agent.end("alpha")
        await answered(app, pilot, "Done")
        app.chat.commands.run("edit")
        await wait_until(pilot, lambda: app.chat.composer.text == "alpha")
        await app.manager.send(shown(app).id, "beta")
        await pilot.press("x", "enter")
        await wait_until(pilot, lambda: bool(toasts(app)))
        assert "still being written" in toasts(app)[-1]
        await wait_until(pilot, lambda: app.chat.composer.text == "alphax")
        await sees(app, pilot, "editing")
        agent.end("beta")
        await wait_until(pilot, lambda: not app.chat.controller.is_answering)
        await pilot.press("enter")
        agent.say("alphax", "Other")
        agent.end("alphax")
        await answered(app, pilot, "Other")
        assert "beta" not in screen_text(app)


async def test_forking_opens_a_session_of_its_own(tmp_path: Path) -> None:
    async with brim(tmp_path, Counted()) as (app, pilot):
        await ask(app, pilot, "alpha")
        await answered(app, pilot, "Answer 1")
        await ask(app, pilot, "beta")
        await answered(app, pilot, "Answer 2")
        first = shown(app).id
        transcript(app).focus()
        await pilot.press(*["left_square_bracket"] * 3, "f")
        await wait_until(pilot, lambda: app.chat.controller.session_id != first)
        await sees(app, pilot, "(fork)")
        await wait_until(pilot, lambda: "beta" not in screen_text(app))
        await sees(app, pilot, "Answer 1 to: alpha")
        await wait_until(pilot, lambda: app.focused is app.chat.composer)
        await ask(app, pilot, "/fork")
        await wait_until(pilot, lambda: "(fork) (fork)" in shown(app).title)
        assert len(await app.manager.transcript(first)) == 4


async def test_a_fork_says_that_it_is_one_and_leads_to_where_it_is_from(tmp_path: Path) -> None:
    async with brim(tmp_path, Counted()) as (app, pilot):
        await ask(app, pilot, "alpha")
        await answered(app, pilot, "Answer 1")
        await ask(app, pilot, "/origin")
        await wait_until(pilot, lambda: "not forked" in " ".join(toasts(app)))
        first = shown(app).id
        await ask(app, pilot, "/regenerate")
        await answered(app, pilot, "Answer 2")
        transcript(app).focus()
        await pilot.press("left")
        await sees(app, pilot, "Answer 1 to: alpha")
        app.chat.composer.focus()
        await ask(app, pilot, "/fork")
        await wait_until(pilot, lambda: app.chat.controller.session_id != first)
        await sees(app, pilot, "forked: /origin")
        fork = shown(app).id
        app.chat.composer.focus()
        await app.manager.branches.show((await app.manager.branches.tree(first))[-1].id)
        await ask(app, pilot, "/origin")
        await wait_until(pilot, lambda: app.chat.controller.session_id == first)
        await sees(app, pilot, "Answer 1 to: alpha")
        await wait_until(pilot, lambda: "forked: /origin" not in screen_text(app))
        await wait_until(pilot, lambda: app.focused is transcript(app))
        app.chat.composer.focus()
        await app.manager.library.delete([first])
        app.chat.commands.run("open_session", fork)
        await wait_until(pilot, lambda: app.chat.controller.session_id == fork)
        await ask(app, pilot, "/origin")
        await wait_until(pilot, lambda: "is in the bin" in " ".join(toasts(app)))
        await app.manager.library.erase([first])
        await ask(app, pilot, "/origin")
        await wait_until(pilot, lambda: "is gone" in " ".join(toasts(app)))


async def fill(folder: Path, count: int) -> tuple[str, str]:
    """Keep a long session in which the prompt in the middle has an answer beside the one that goes on."""
    store = SQLiteStore(folder / "brim.db")
    await store.open()
    session = Session(title="long", model="scripted:echo")
    await store.add_session(session)
    parent = None
    ids = []
    for number in range(count):
        message = Message(
            session_id=session.id,
            role="assistant" if number % 2 else "user",
            content=f"message number {number}",
            parent_id=parent,
        )
        await store.add_message(message)
        ids.append(message.id)
        parent = message.id
    head = parent
    middle = count // 2 + 1 - count // 2 % 2
    parent = ids[middle - 1]
    for number in range(60):
        message = Message(
            session_id=session.id,
            role="user" if number % 2 else "assistant",
            content=f"other number {number}",
            parent_id=parent,
        )
        await store.add_message(message)
        parent = message.id
    await store.update_session(session.id, head_id=head)
    await store.aclose()
    return session.id, ids[middle]


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_the_reading_place_stays_at_the_message_whose_branch_is_changed(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    session_id, middle = await fill(tmp_path, 300)
    async with brim(tmp_path, Plain(), session=session_id, size=size) as (app, pilot):
        await transcript(app).go_to_message(middle)
        await sees(app, pilot, "‹1/2›")
        transcript(app).focus()
        await wait_until(pilot, lambda: is_laid_out(app))
        before = row_of(app, "‹1/2›")
        above = screen_lines(app)[3:before]
        await pilot.press("right")
        await sees(app, pilot, "other number 0")
        await wait_until(pilot, lambda: is_laid_out(app))
        assert row_of(app, "‹2/2›") == before
        assert screen_lines(app)[3:before] == above
        assert transcript(app).message_count == 211
        await pilot.press("left")
        await sees(app, pilot, "‹1/2›")
        await wait_until(pilot, lambda: is_laid_out(app))
        assert row_of(app, "‹1/2›") == before
        assert transcript(app).message_count == 300


class TwoModels(OneAgent):
    """One agent that answers by two names."""

    async def models(self) -> list[ModelInfo]:
        return [ModelInfo(id="agent:first"), ModelInfo(id="agent:second")]

    async def default_model(self) -> str:
        return "agent:first"


async def test_another_model_answers_beside_and_is_the_sessions_from_then_on(tmp_path: Path) -> None:
    async with brim(tmp_path, TwoModels(Counted())) as (app, pilot):
        await ask(app, pilot, "alpha")
        await answered(app, pilot, "Answer 1")
        app.chat.commands.run("regenerate_with")
        await opens(app, pilot, ModelPickerScreen)
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat)
        await pilot.pause()
        assert len(await app.manager.branches.tree(shown(app).id)) == 2
        await ask(app, pilot, "/regenerate second")
        await answered(app, pilot, "Answer 2")
        assert shown(app).model == "agent:second"
        await sees(app, pilot, "‹2/2›")
        models = [m.model for m in await app.manager.branches.tree(shown(app).id) if m.role == "assistant"]
        assert models == ["agent:first", "agent:second"]
