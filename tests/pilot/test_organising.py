"""The library on the screen: pins, the archive, tags, the bin, several sessions at once, titles by the model."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from brim.core.agent import AgentInterface
from brim.core.errors import AgentError
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import AgentContext, AgentResponse, Session, SessionFilter, Shelf
from brim.tui.app import BrimApp
from brim.tui.screens.asking import AskingScreen
from brim.tui.screens.deciding import DecidingScreen
from brim.tui.screens.picker import PickerScreen
from brim.tui.widgets.session_rows_view import SessionRowsView
from tests.support.agents import Plain
from tests.support.hostile import HOSTILE
from tests.support.screen import ask, brim, opens, screen_lines, screen_segments, screen_text, sees, toasts
from tests.support.waiting import wait_until


async def fill(folder: Path, *titles: str, **fields: object) -> None:
    """Keep sessions, the first one newest."""
    store = SQLiteStore(folder / "brim.db")
    await store.open()
    for title in reversed(titles):
        await store.add_session(Session(id=f"id-{title}", title=title, model="scripted:echo", **fields))
        await store.update_session(f"id-{title}", title=title)
    await store.aclose()


def rows(app: BrimApp) -> SessionRowsView:
    return app.chat.query_one(SessionRowsView)


def listed(app: BrimApp) -> list[str]:
    return [line.text for line in rows(app).rows.lines]


async def at_the_list(app: BrimApp, pilot: Pilot[None], count: int) -> None:
    await wait_until(pilot, lambda: len(rows(app).rows) == count, "the list")
    app.chat.sessions.focus()
    await pilot.pause()


async def tells(app: BrimApp, pilot: Pilot[None], words: str) -> None:
    await wait_until(pilot, lambda: any(words in sentence for sentence in toasts(app)), words)


async def test_pinned_sessions_stand_at_the_top_and_stay_there(tmp_path: Path) -> None:
    await fill(tmp_path, "one", "two", "three")
    async with brim(tmp_path, Plain()) as (app, pilot):
        await at_the_list(app, pilot, 3)
        assert listed(app) == ["Today", "one", "two", "three"]
        await pilot.press("end", "p")
        await wait_until(pilot, lambda: listed(app) == ["Pinned", "three", "Today", "one", "two"])
        await sees(app, pilot, "◆ three")
        assert rows(app).cursor == "id-three"
    async with brim(tmp_path, Plain(), session="id-three") as (app, pilot):
        await at_the_list(app, pilot, 3)
        assert listed(app)[:2] == ["Pinned", "three"]
        app.chat.commands.run("pin_session")
        await wait_until(pilot, lambda: "Pinned" not in listed(app))


async def test_a_long_list_scrolls_up_and_down_only(tmp_path: Path) -> None:
    await fill(tmp_path, *(f"title {number}" for number in range(60)))
    async with brim(tmp_path, Plain()) as (app, pilot):
        await wait_until(pilot, lambda: rows(app).show_vertical_scrollbar)
        assert not rows(app).show_horizontal_scrollbar


async def test_the_archive_is_out_of_the_list_and_found_in_the_search_line(tmp_path: Path) -> None:
    await fill(tmp_path, "one", "two")
    async with brim(tmp_path, Plain()) as (app, pilot):
        await at_the_list(app, pilot, 2)
        await pilot.press("a")
        await wait_until(pilot, lambda: listed(app) == ["Today", "two"])
        await tells(app, pilot, "is:archived")
        await pilot.press("slash")
        await wait_until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press(*"is:archived")
        await wait_until(pilot, lambda: listed(app) == ["Today", "one"])
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.focused is rows(app))
        await pilot.press("a")
        await wait_until(pilot, lambda: listed(app) == [])
        await sees(app, pilot, "Nothing fits.")
        await pilot.press("escape")
        await wait_until(pilot, lambda: listed(app) == ["Today", "one", "two"])


async def test_tags_are_given_and_taken_by_words_and_narrow_the_list(tmp_path: Path) -> None:
    await fill(tmp_path, "one", "two")
    async with brim(tmp_path, Plain(), session="id-one") as (app, pilot):
        await at_the_list(app, pilot, 2)
        app.chat.composer.focus()
        await ask(app, pilot, "/tag work old")
        await sees(app, pilot, "one #old #work")
        await ask(app, pilot, "/tag -old, #rust")
        await wait_until(pilot, lambda: screen_text(app).count("#rust #work") == 2, "in list and header")
        assert "#rust #work" in screen_lines(app)[0]
        assert "#old" not in screen_text(app)
        await ask(app, pilot, "/search tag:work")
        await wait_until(pilot, lambda: listed(app) == ["Today", "one"])
        await pilot.press("backspace")
        await wait_until(pilot, lambda: listed(app) == [])


async def test_the_dialog_shows_the_tags_of_a_session_and_takes_what_is_left_of_them(tmp_path: Path) -> None:
    await fill(tmp_path, "one", tags=("rust", "work"))
    async with brim(tmp_path, Plain()) as (app, pilot):
        await at_the_list(app, pilot, 1)
        await pilot.press("t")
        await opens(app, pilot, AskingScreen)
        await sees(app, pilot, "rust work")
        await pilot.press(*["backspace"] * 5, *"home", "enter")
        await sees(app, pilot, "one #home #rust")
        assert app.screen is app.chat
        assert (await app.manager.session("id-one")).tags == ("home", "rust")
        await pilot.press("t")
        await opens(app, pilot, AskingScreen)
        await pilot.press("ctrl+u", *"x" * 41, "enter")
        await tells(app, pilot, "at most 40 characters")
        assert (await app.manager.session("id-one")).tags == ("home", "rust")


async def test_keys_act_on_all_that_are_chosen(tmp_path: Path) -> None:
    await fill(tmp_path, "one", "two", "three", "four")
    async with brim(tmp_path, Plain()) as (app, pilot):
        await at_the_list(app, pilot, 4)
        await pilot.press("space", "down", "space")
        await sees(app, pilot, "2 chosen")
        assert screen_text(app).count("✓") == 2
        assert app.chat.sessions.chosen == ("id-one", "id-three")
        await pilot.press("t")
        await opens(app, pilot, AskingScreen)
        await pilot.press(*"work", "enter")
        await wait_until(pilot, lambda: app.screen is app.chat)
        await wait_until(pilot, lambda: "chosen" not in screen_text(app))
        assert [(await app.manager.session(f"id-{n}")).tags for n in ("one", "two", "three")] == [
            ("work",),
            (),
            ("work",),
        ]
        await pilot.press("home", "space", "space", "escape")
        await wait_until(pilot, lambda: "✓" not in screen_text(app))
        await pilot.press("home", "space", "space", "d")
        await wait_until(pilot, lambda: listed(app) == ["Today", "three", "four"])
        await tells(app, pilot, "Deleted 2 sessions")
        await pilot.press("ctrl+z")
        await wait_until(pilot, lambda: listed(app) == ["Today", "one", "two", "three", "four"])


async def test_what_was_done_to_sessions_is_undone_by_the_same_key(tmp_path: Path) -> None:
    await fill(tmp_path, "one", "two", "three")

    async def state(app: BrimApp) -> list[tuple[bool, bool, tuple[str, ...]]]:
        sessions = [await app.manager.session(f"id-{name}") for name in ("one", "two", "three")]
        return [(session.pinned, session.archived, session.tags) for session in sessions]

    async def undone(app: BrimApp, pilot: Pilot[None]) -> None:
        app.clear_notifications()
        await pilot.press("ctrl+z")
        await tells(app, pilot, "Undone")

    async with brim(tmp_path, Plain()) as (app, pilot):
        await at_the_list(app, pilot, 3)
        states = [await state(app)]
        await pilot.press("end", "p")
        await wait_until(pilot, lambda: listed(app) == ["Pinned", "three", "Today", "one", "two"])
        states.append(await state(app))
        await pilot.press("home", "space", "space", "p")
        await wait_until(pilot, lambda: listed(app)[-2:] == ["Today", "two"])
        states.append(await state(app))
        await pilot.press("home", "space", "space", "a")
        await wait_until(pilot, lambda: len(listed(app)) == 2)
        await tells(app, pilot, "Ctrl+Z undoes them")
        states.append(await state(app))
        for before in reversed(states[:-1]):
            await undone(app, pilot)
            assert await state(app) == before
        await wait_until(pilot, lambda: listed(app) == ["Today", "one", "two", "three"])
        await pilot.press("home", "t")
        await opens(app, pilot, AskingScreen)
        await pilot.press(*"work", "enter")
        await wait_until(pilot, lambda: app.screen is app.chat)
        await sees(app, pilot, "#work")
        app.chat.composer.focus()
        await pilot.press("a")
        await wait_until(pilot, lambda: app.chat.composer.text == "a")
        await pilot.press("ctrl+z")
        await wait_until(pilot, lambda: app.chat.composer.text == "")
        assert (await state(app))[0][2] == ("work",)
        app.chat.sessions.focus()
        await undone(app, pilot)
        assert await state(app) == states[0]
        app.chat.commands.run("rename_session", "id-one")
        await opens(app, pilot, AskingScreen)
        await pilot.press("end", *" more", "enter")
        await wait_until(pilot, lambda: "one more" in listed(app))
        await undone(app, pilot)
        await wait_until(pilot, lambda: "one more" not in listed(app))


async def test_all_that_are_chosen_are_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.chdir(out)
    await fill(tmp_path, "one", "two", "three")
    async with brim(tmp_path, Plain()) as (app, pilot):
        await at_the_list(app, pilot, 3)
        await pilot.press("space", "space", "x")
        await tells(app, pilot, "Exported 2 sessions")
        assert app.screen is app.chat
        assert len(list(out.iterdir())) == 2
        await pilot.press("home", "space", "space")
        out.rename(tmp_path / "elsewhere")
        shutil.rmtree(tmp_path / "elsewhere")
        await pilot.press("x")
        await sees(app, pilot, "could not be written")
        await sees(app, pilot, "Exported 0 sessions")
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.screen is app.chat)


async def test_a_click_with_ctrl_chooses(tmp_path: Path) -> None:
    await fill(tmp_path, "one", "two")
    async with brim(tmp_path, Plain()) as (app, pilot):
        await at_the_list(app, pilot, 2)
        await pilot.click(SessionRowsView, offset=(4, 2), control=True)
        await sees(app, pilot, "✓ two")
        assert app.chat.controller is not None
        assert app.chat.controller.session is None


async def test_the_bin_gives_back_and_is_emptied_only_when_asked_again(tmp_path: Path) -> None:
    await fill(tmp_path, "one", "two", "three")
    async with brim(tmp_path, Plain()) as (app, pilot):
        await at_the_list(app, pilot, 3)
        await app.manager.library.delete(["id-one", "id-two", "id-three"])
        await wait_until(pilot, lambda: not rows(app).rows)
        app.chat.composer.focus()
        await ask(app, pilot, "/bin")
        bin_ = await opens(app, pilot, PickerScreen)
        await pilot.press(*"two")
        await wait_until(pilot, lambda: bin_.query_one(OptionList).option_count == 1)
        await pilot.press("enter")
        await wait_until(pilot, lambda: listed(app) == ["Today", "two"])
        await wait_until(pilot, lambda: isinstance(app.screen, PickerScreen))
        await sees(app, pilot, "Empty the bin …")
        await pilot.press("up", "enter")
        await opens(app, pilot, DecidingScreen)
        await sees(app, pilot, "2 sessions")
        await pilot.press("enter")
        await wait_until(pilot, lambda: isinstance(app.screen, PickerScreen))
        assert len(await app.manager.library.in_bin()) == 2
        await sees(app, pilot, "Empty the bin …")
        await pilot.press("up", "enter")
        await opens(app, pilot, DecidingScreen)
        await pilot.press("down", "enter")
        await sees(app, pilot, "The bin is empty.")
        assert await app.manager.list_sessions(only=SessionFilter(shelf=Shelf.BIN)) == []
        assert listed(app) == ["Today", "two"]


class Naming(AgentInterface):
    """Answers prompts at once and names sessions when it is told to."""

    def __init__(self) -> None:
        self.title: asyncio.Queue[str | AgentError] = asyncio.Queue()

    async def process(self, context: AgentContext) -> AgentResponse:
        if not context.input.startswith("Give this conversation a title"):
            return AgentResponse(output="Well.")
        title = await self.title.get()
        if isinstance(title, AgentError):
            raise title
        return AgentResponse(output=title)


async def test_the_model_writes_the_title_while_one_waits_or_says_why_not(tmp_path: Path) -> None:
    agent = Naming()
    async with brim(tmp_path, agent) as (app, pilot):
        await ask(app, pilot, "alpha")
        await sees(app, pilot, "Well.")
        await ask(app, pilot, "/title")
        await sees(app, pilot, "writing a title …")
        agent.title.put_nowait("Letters of the Greeks")
        await wait_until(pilot, lambda: "Letters of the Greeks" in screen_lines(app)[0])
        await wait_until(pilot, lambda: "writing" not in screen_text(app))
        await ask(app, pilot, "/title")
        await sees(app, pilot, "writing a title …")
        agent.title.put_nowait(AgentError("The server is on fire.", hint="Run."))
        await sees(app, pilot, "The server is on fire.")
        await wait_until(pilot, lambda: "writing" not in screen_text(app))
        assert "Letters of the Greeks" in screen_text(app).splitlines()[0]


async def test_hostile_tags_and_titles_are_only_words(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "brim.db")
    await store.open()
    for number, text in enumerate(HOSTILE.values()):
        await store.add_session(
            Session(title=text, model="scripted:echo", tags=(text[:30],), pinned=bool(number % 2))
        )
    await store.aclose()
    async with brim(tmp_path, Plain(), session="last", size=(170, 50)) as (app, pilot):
        await at_the_list(app, pilot, len(HOSTILE))
        await pilot.press("space", "t")
        await wait_until(pilot, lambda: isinstance(app.screen, AskingScreen))
        await pilot.pause()
        for segment in screen_segments(app):
            assert segment.control or all(c.isprintable() or c == "\n" for c in segment.text), segment


@pytest.mark.parametrize("command", ["/tag work", "/archive", "/title", "/fork", "/edit", "/regenerate"])
async def test_a_session_that_is_not_there_yet_is_said_to_be_empty(tmp_path: Path, command: str) -> None:
    async with brim(tmp_path, Plain(), size=(80, 24)) as (app, pilot):
        await ask(app, pilot, command)
        await wait_until(pilot, lambda: bool(toasts(app)))
        assert "Send a message first." in toasts(app)[-1] or "Ask something first." in toasts(app)[-1]


async def test_what_is_typed_right_behind_the_slash_is_searched_for_and_commands_nothing(
    tmp_path: Path,
) -> None:
    await fill(tmp_path, "one", "ada", "three")
    async with brim(tmp_path, Plain()) as (app, pilot):
        await at_the_list(app, pilot, 3)
        for key in ("slash", "a", "d", "x", "backspace", "a"):
            app.simulate_key(key)
        await wait_until(pilot, lambda: listed(app) == ["Today", "ada"])
        assert app.chat.sessions._field.value == "ada"
        assert [session.id for session in await app.manager.list_sessions()] == [
            "id-one",
            "id-ada",
            "id-three",
        ]
