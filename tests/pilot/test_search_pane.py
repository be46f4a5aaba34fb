"""Searching all sessions: from the sessions pane, at the hit, and back."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot
from textual.widget import Widget

from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Message, Session
from brim.tui.app import BrimApp
from brim.tui.widgets.search_hits import SearchHits
from brim.tui.widgets.session_list import SessionList
from brim.tui.widgets.session_rows_view import SessionRowsView
from tests.support.agents import Plain
from tests.support.screen import ask, brim, screen_text, sees
from tests.support.waiting import wait_until

LONG = 300


async def fill(folder: Path, **sessions: list[str]) -> None:
    """Keep sessions by title, each with prompts and answers in turn."""
    store = SQLiteStore(folder / "brim.db")
    await store.open()
    try:
        for title, texts in sessions.items():
            session = Session(id=f"id-{title}", title=title, model="scripted:echo")
            await store.add_session(session)
            parent = None
            for number, text in enumerate(texts):
                message = Message(
                    session_id=session.id,
                    role="assistant" if number % 2 else "user",
                    content=text,
                    parent_id=parent,
                )
                await store.add_message(message)
                parent = message.id
    finally:
        await store.aclose()


def hits(app: BrimApp) -> SearchHits:
    return app.chat.query_one(SearchHits)


def found(app: BrimApp) -> list[tuple[str, str]]:
    return [(hit.session_title, hit.found) for hit in hits(app).hits]


async def search(app: BrimApp, pilot: Pilot[None], text: str) -> None:
    """Type into the search line, as a person does."""
    await pilot.press("f9")
    await wait_until(pilot, lambda: app.focused is not None and app.focused.id == "session-filter")
    await pilot.press(*("space" if key == " " else key for key in text))


async def found_alone(app: BrimApp, pilot: Pilot[None], text: str) -> None:
    """Wait until messages are found by ``text``, their first word, and no title is."""
    rows = app.chat.query_one(SessionRowsView).rows
    await wait_until(pilot, lambda: {hit for _, hit in found(app)} == {text} and not rows, f"{text} alone")


async def go_to(app: BrimApp, pilot: Pilot[None], key: str, where: Widget) -> None:
    await pilot.press(key)
    await wait_until(pilot, lambda: app.focused is where, f"the focus in {where}")


def long_talk() -> list[str]:
    return [f"message number {number}\n\nand a second line" for number in range(LONG)]


async def test_titles_stand_above_messages_and_both_follow_each_key(tmp_path: Path) -> None:
    await fill(
        tmp_path, lifetimes=["Why does this fail?", "The borrow checker says so."], borrowing=["Hello"]
    )
    async with brim(tmp_path, Plain()) as (app, pilot):
        await search(app, pilot, "borr")
        await sees(app, pilot, "1 in messages")
        await wait_until(pilot, lambda: found(app) == [("lifetimes", "borr")])
        rows = app.chat.query_one(SessionList)._view.rows
        await wait_until(
            pilot, lambda: [line.text for line in rows.lines if line.session_id] == ["borrowing"]
        )
        await pilot.press("o", "x")
        await sees(app, pilot, "Nothing in messages")
        await pilot.press("escape")
        await wait_until(pilot, lambda: not hits(app).display)
        await wait_until(pilot, lambda: len(rows) == 2)


async def test_a_hit_opens_its_session_where_it_is_and_escape_goes_back(tmp_path: Path) -> None:
    talk = long_talk()
    talk[20] += " with the needle in it"
    await fill(tmp_path, far=talk, other=["Hello", "An answer."])
    async with brim(tmp_path, Plain(), session="id-other") as (app, pilot):
        await search(app, pilot, "needle")
        await sees(app, pilot, "1 in messages")
        await found_alone(app, pilot, "needle")
        await go_to(app, pilot, "enter", hits(app))
        await go_to(app, pilot, "enter", app.chat.composer)
        assert app.chat.controller is not None
        assert app.chat.controller.session_id == "id-far"
        await sees(app, pilot, "with the needle in it")
        finder = app.chat.transcript.finder
        assert finder is not None
        assert finder.current is not None
        assert finder.current.entry == 20
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.chat.controller.session_id == "id-other")  # type: ignore[union-attr]
        await wait_until(pilot, lambda: app.focused is hits(app))
        assert app.chat.transcript.finder is None


async def test_what_an_edit_has_left_behind_is_shown_with_its_branch(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot):
        await ask(app, pilot, "the old wording")
        await sees(app, pilot, "An answer.")
        await wait_until(pilot, lambda: not app.manager.running())
        assert app.chat.controller is not None
        session = app.chat.controller.shown_session()
        first = (await app.manager.transcript(session.id))[0]
        turn = await app.manager.branches.edit(first.id, "a new prompt")
        await turn.wait()
        await sees(app, pilot, "a new prompt")
        await search(app, pilot, "wording")
        await sees(app, pilot, "1 in messages")
        await go_to(app, pilot, "down", app.chat.query_one(SessionRowsView))
        await go_to(app, pilot, "down", hits(app))  # past the title, which has the word too
        await go_to(app, pilot, "enter", app.chat.composer)
        await wait_until(pilot, lambda: app.chat.transcript.finder is not None)
        await wait_until(pilot, lambda: "a new prompt" not in screen_text(app))
        await pilot.press("escape")
        await sees(app, pilot, "a new prompt")


async def test_the_command_searches_in_a_small_terminal(tmp_path: Path) -> None:
    await fill(tmp_path, lifetimes=["Why?", "The [bold]borrow checker[/foo] \x1b]0;owned\x07 says so."])
    async with brim(tmp_path, Plain(), size=(80, 24)) as (app, pilot):
        app.chat.composer.insert("/search borrow checker")
        await pilot.press("enter")
        await sees(app, pilot, "1 in messages")
        await sees(app, pilot, "[bold]borrow checker")
        await found_alone(app, pilot, "borrow")
        await go_to(app, pilot, "down", hits(app))
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chat.controller.session_id == "id-lifetimes")  # type: ignore[union-attr]
        assert not app.chat.sessions.has_class("-over")
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.chat.controller.session is None)  # type: ignore[union-attr]
        assert app.chat.sessions.has_class("-over")
        await sees(app, pilot, "1 in messages")


async def test_sending_ends_the_visit(tmp_path: Path) -> None:
    await fill(tmp_path, lifetimes=["Why?", "The borrow checker."], other=["Hello"])
    async with brim(tmp_path, Plain(), session="id-other") as (app, pilot):
        await search(app, pilot, "borrow")
        await found_alone(app, pilot, "borrow")
        await go_to(app, pilot, "enter", hits(app))
        await go_to(app, pilot, "enter", app.chat.composer)
        assert app.chat.controller is not None
        assert app.chat.controller.session_id == "id-lifetimes"
        await ask(app, pilot, "go on")
        await sees(app, pilot, "An answer.")
        await wait_until(pilot, lambda: not app.manager.running())
        await pilot.press("escape")
        await pilot.pause()
        assert app.chat.controller.session_id == "id-lifetimes"


async def test_more_hits_are_read_as_one_goes_down(tmp_path: Path) -> None:
    await fill(tmp_path, long=long_talk())
    async with brim(tmp_path, Plain()) as (app, pilot):
        await search(app, pilot, "number")
        await sees(app, pilot, "+ in messages")
        await found_alone(app, pilot, "number")
        first = len(hits(app).hits)
        assert first < LONG
        await go_to(app, pilot, "down", hits(app))
        await pilot.press("down", *["pagedown"] * 6)
        await wait_until(pilot, lambda: len(hits(app).hits) > first)
        ids = [hit.message_id for hit in hits(app).hits]
        assert len(ids) == len(set(ids))


async def test_a_store_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    await fill(tmp_path, lifetimes=["The borrow checker."])
    async with brim(tmp_path, Plain()) as (app, pilot):
        store = app.manager.searching._store
        assert isinstance(store, SQLiteStore)
        await store._connections.search(lambda file: file.execute("SELECT 1").fetchone())
        searcher = store._connections._searcher
        assert searcher is not None
        await searcher.run(lambda file: file.close())
        await search(app, pilot, "borrow")
        await sees(app, pilot, "Search failed")
        await pilot.press("escape")
