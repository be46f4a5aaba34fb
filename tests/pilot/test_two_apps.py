"""Several brims on the same data: what one does is seen in the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from brim.core.agent import AgentInterface
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Message, Session
from brim.tui.app import BrimApp
from brim.tui.widgets.session_rows_view import SessionRowsView
from tests.support.agents import Gated, Plain
from tests.support.screen import ask, brim, screen_lines, screen_text, sees, toasts
from tests.support.transcripts import is_laid_out
from tests.support.waiting import wait_until


@asynccontextmanager
async def another(folder: Path, agent: AgentInterface) -> AsyncIterator[SessionManager]:
    """Open the data a second time, as another process does."""
    async with SessionManager(agent, store=SQLiteStore(folder / "brim.db")) as manager:
        yield manager


def rows(app: BrimApp) -> SessionRowsView:
    return app.chat.query_one(SessionRowsView)


def listed(app: BrimApp) -> list[str]:
    return [line.text for line in rows(app).rows.lines if line.session_id]


def shown(app: BrimApp) -> Session:
    assert app.chat.controller is not None
    return app.chat.controller.shown_session()


async def ask_alpha(app: BrimApp, pilot: Pilot[None]) -> str:
    await ask(app, pilot, "alpha")
    await sees(app, pilot, "An answer.")
    await at_rest(app, pilot)
    return shown(app).id


async def at_rest(app: BrimApp, pilot: Pilot[None]) -> None:
    """Wait until the answer has ended, here and on the screen."""
    await wait_until(pilot, lambda: not app.manager.running() and "Esc stop" not in screen_text(app))


async def test_what_is_asked_in_one_app_comes_to_the_other(tmp_path: Path) -> None:
    agent = Gated()
    async with brim(tmp_path, agent) as (first, pilot), brim(tmp_path, Plain()) as (second, other):
        await ask(first, pilot, "alpha")
        agent.say("alpha", "Some words")
        await sees(first, pilot, "Some words")
        session_id = shown(first).id
        await sees(second, other, "⇄")
        await wait_until(other, lambda: listed(second) == ["alpha"])
        second.chat.commands.run("open_session", session_id)
        await sees(second, other, "Some words")
        await sees(second, other, "Another brim is answering")
        await ask(second, other, "beta")
        await wait_until(other, lambda: bool(toasts(second)))
        assert "Another brim is writing" in toasts(second)[-1]
        assert second.chat.composer.text == "beta"
        agent.say("alpha", " and more")
        await sees(second, other, "Some words and more")
        agent.end("alpha")
        await wait_until(pilot, lambda: not first.manager.running())
        await wait_until(other, lambda: second.chat.composer.placeholder.startswith("Write"))
        assert "⇄" not in screen_text(second)
        await wait_until(other, lambda: screen_text(second).count("Some words and more") == 1)
        assert second.chat.composer.text == "beta"
        await other.press("enter")
        await sees(second, other, "An answer.")
        await sees(first, pilot, "An answer.")
        assert [m.content for m in await first.manager.transcript(session_id)] == [
            "alpha",
            "Some words and more",
            "beta",
            "An answer.",
        ]


async def test_the_list_is_read_again_in_place(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "brim.db")
    await store.open()
    for number in range(120):
        await store.add_session(
            Session(id=f"id-{number:03}", title=f"title {number:03}", model="agent:Plain")
        )
    await store.aclose()
    async with brim(tmp_path, Plain()) as (app, pilot), another(tmp_path, Plain()) as manager:
        await wait_until(pilot, lambda: len(rows(app).rows) >= 50)
        app.chat.sessions.focus()
        for _ in range(80):
            await pilot.press("down")
        await wait_until(pilot, lambda: len(rows(app).rows) == 120)
        await pilot.press("space")
        await wait_until(pilot, lambda: rows(app).chosen)
        cursor, view = rows(app).cursor, rows(app)
        line = view.rows.line_of(cursor)
        assert cursor is not None and line is not None
        row = line - view.scroll_offset.y
        chosen = app.chat.sessions.chosen
        for number in range(3):
            await manager.create(title=f"new {number}")
        await manager.rename("id-000", "renamed")
        await wait_until(pilot, lambda: "new 2" in listed(app) and "renamed" in listed(app))
        assert view.cursor == cursor
        assert app.chat.sessions.chosen == chosen
        line = view.rows.line_of(cursor)
        assert line is not None
        assert line - view.scroll_offset.y == row
        assert app.focused is view


async def test_a_reader_stays_where_he_is_when_messages_come_from_elsewhere(tmp_path: Path) -> None:
    long = "\n\n".join(f"line {number}" for number in range(80))
    async with (
        brim(tmp_path, Plain(long)) as (app, pilot),
        another(tmp_path, Plain("From elsewhere.")) as manager,
    ):
        await ask(app, pilot, "alpha")
        await sees(app, pilot, "line 79")
        await at_rest(app, pilot)
        app.chat.transcript.focus()
        await pilot.press("home", "down", "down")
        await wait_until(pilot, lambda: app.chat.transcript.scroll_offset.y == 2)
        await wait_until(pilot, lambda: is_laid_out(app.chat.transcript))
        before = [line[26:80] for line in screen_lines(app)[3:12]]
        turn = await manager.send(shown(app).id, "beta")
        await turn.wait()
        await wait_until(pilot, lambda: app.chat.transcript.message_count == 4)
        await wait_until(pilot, lambda: is_laid_out(app.chat.transcript))
        assert [line[26:80] for line in screen_lines(app)[3:12]] == before
        assert not app.chat.transcript.following
        await pilot.press("end")
        await sees(app, pilot, "From elsewhere.")
        await (await manager.send(shown(app).id, "gamma")).wait()
        await sees(app, pilot, "gamma")


async def test_another_branch_shown_elsewhere_is_shown_here(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot), another(tmp_path, Plain("Differently.")) as manager:
        session_id = await ask_alpha(app, pilot)
        (prompt, answer) = await manager.transcript(session_id)
        await (await manager.branches.regenerate(answer.id)).wait()
        await sees(app, pilot, "Differently.")
        await sees(app, pilot, "‹2/2›")
        assert "An answer." not in screen_text(app)
        await manager.branches.edit(prompt.id, "alphabet")
        await sees(app, pilot, "alphabet")


async def test_what_is_deleted_elsewhere_is_left_with_a_sentence(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot), another(tmp_path, Plain()) as manager:
        session_id = await ask_alpha(app, pilot)
        await manager.delete(session_id)
        await wait_until(pilot, lambda: bool(toasts(app)))
        assert "deleted in another window" in toasts(app)[-1]
        assert app.chat.controller is not None
        assert app.chat.controller.session is None
        assert listed(app) == []


async def test_titles_tags_and_pins_given_elsewhere_come_too(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot), another(tmp_path, Plain()) as manager:
        session_id = await ask_alpha(app, pilot)
        await pilot.press(*"my draft")
        await manager.rename(session_id, "Called otherwise")
        await manager.library.tag([session_id], add=["work"])
        await manager.library.pin([session_id])
        await wait_until(pilot, lambda: "Called otherwise  #work" in screen_lines(app)[0])
        await sees(app, pilot, "Pinned")
        message = (await manager.transcript(session_id))[0]
        await manager.pin(message.id)
        await sees(app, pilot, "◆ pinned")
        assert app.chat.composer.text == "my draft"


async def test_an_answer_whose_brim_is_gone_ends_here(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot):
        session_id = await ask_alpha(app, pilot)
        store = SQLiteStore(tmp_path / "brim.db")
        await store.open()
        head = (await store.session(session_id)).head_id
        prompt = Message(session_id=session_id, role="user", content="beta", parent_id=head)
        await store.add_message(prompt)
        await store.add_message(
            Message(session_id=session_id, role="assistant", parent_id=prompt.id, status="streaming")
        )
        await sees(app, pilot, "Another brim is answering")
        await store._connections.close()
        assert store._writer is not None
        store._writer.release()
        await sees(app, pilot, "interrupted")
        await wait_until(pilot, lambda: app.chat.composer.placeholder.startswith("Write"))
