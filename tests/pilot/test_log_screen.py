"""The log in the app: the newest at the bottom, followed, filtered, unfolded, and safe whatever stands in it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event

import pytest
from textual.pilot import Pilot

from brim.core.log_file import LogFile
from brim.core.log_lines import LogTail
from brim.providers.scripted import ScriptedAgent
from brim.tui.app import BrimApp
from brim.tui.screens.log import LogScreen
from tests.support.hostile import HOSTILE, assert_clean
from tests.support.screen import brim, opens, screen_segments, screen_text, sees
from tests.support.waiting import wait_until


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "state" / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write(tmp_path: Path, *numbers: int, level: str = "info", session: str = "aaaabbbb") -> None:
    file = LogFile(_folder(tmp_path))
    for number in numbers:
        time = f"2027-01-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.000Z"
        fields = {"model": f"m:{number}", "prompt_chars": number}
        file.write({"time": time, "level": level, "event": "turn_started", "session": session, **fields})


@asynccontextmanager
async def _log(
    tmp_path: Path, *, size: tuple[int, int] = (100, 30)
) -> AsyncIterator[tuple[BrimApp, Pilot[None], LogScreen]]:
    async with brim(tmp_path, ScriptedAgent(), size=size) as (app, pilot):
        await pilot.press("f12")
        screen = await opens(app, pilot, LogScreen)
        await wait_until(pilot, lambda: screen.rows.hint != "Reading …" or screen.rows.entries, "it")
        yield app, pilot, screen


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_newest_is_at_the_bottom_and_what_comes_is_followed(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    _write(tmp_path, *range(200))
    async with _log(tmp_path, size=size) as (app, pilot, screen):
        await sees(app, pilot, "m:199")
        assert "m:100 " not in screen_text(app)
        _write(tmp_path, 200)
        await sees(app, pilot, "m:200")
        await pilot.press("up")
        _write(tmp_path, *range(201, 260))
        await wait_until(pilot, lambda: len(screen.rows.entries) == 260, "what comes")
        assert "m:259" not in screen_text(app)
        assert "m:199" in screen_text(app)
        await pilot.press("end")
        await sees(app, pilot, "m:259")


async def test_a_long_log_is_there_at_once_and_older_entries_come_as_one_goes_up(tmp_path: Path) -> None:
    _write(tmp_path, 1)
    line = (_folder(tmp_path) / "brim.jsonl").read_bytes()
    with (_folder(tmp_path) / "brim.jsonl").open("ab") as file:
        for _ in range(80):
            file.write(line * 10_000)
    assert (_folder(tmp_path) / "brim.jsonl").stat().st_size > 80_000_000
    _write(tmp_path, 7)
    async with _log(tmp_path) as (app, pilot, screen):
        await sees(app, pilot, "m:7")
        count = len(screen.rows.entries)
        assert count < 1_000
        await pilot.press("home")
        await wait_until(pilot, lambda: len(screen.rows.entries) > count, "older ones")


async def test_filters_by_level_session_and_words(tmp_path: Path) -> None:
    _write(tmp_path, 1, 2, session="aaaa1111")
    _write(tmp_path, 3, level="error", session="bbbb2222")
    _write(tmp_path, 4, level="warning", session="bbbb2222")
    async with _log(tmp_path) as (app, pilot, screen):

        async def shows(*numbers: int) -> None:
            await wait_until(
                pilot,
                lambda: [entry.fields["prompt_chars"] for entry in screen.rows.entries] == list(numbers),
                f"only {numbers}",
            )

        await shows(1, 2, 3, 4)
        await pilot.press("s")
        await shows(3, 4)
        await pilot.press("l", "l", "l")
        await shows(3)
        assert "this session" in screen_text(app)
        await pilot.press("l", "s")
        await shows(1, 2, 3, 4)
        await pilot.press("slash")
        await wait_until(pilot, lambda: screen.words.has_focus, "the words")
        await pilot.press("M", "colon", "2")
        await shows(2)
        _write(tmp_path, 5, 2)
        await shows(2, 2)
        await pilot.press("escape")
        await shows(1, 2, 3, 4, 5, 2)
        await pilot.press("slash")
        await wait_until(pilot, lambda: screen.words.has_focus, "the words")
        await pilot.press(*"nowhere")
        await sees(app, pilot, "Nothing fits.")
        await pilot.press("enter")
        await wait_until(pilot, lambda: screen.rows.has_focus, "the entries")
        await pilot.press("escape")
        await wait_until(pilot, lambda: not isinstance(app.screen, LogScreen), "the chat")


async def test_an_entry_unfolds_and_is_copied(tmp_path: Path) -> None:
    _write(tmp_path, *range(40))
    async with _log(tmp_path, size=(80, 24)) as (app, pilot, screen):
        await pilot.press("up", "enter")
        await sees(app, pilot, "prompt_chars")
        assert "2027-01-01T00:00:38.000Z" in screen_text(app)
        await pilot.press("c")
        await wait_until(pilot, lambda: app.clipboard, "the copy")
        assert json.loads(app.clipboard)["prompt_chars"] == 38
        await pilot.press("enter")
        await wait_until(pilot, lambda: "prompt_chars" not in screen_text(app), "the fold")
        await pilot.resize_terminal(40, 12)
        await pilot.pause()
        current = screen.rows.current
        assert current is not None
        assert current.fields["prompt_chars"] == 38


async def test_nothing_in_the_log_acts(tmp_path: Path) -> None:
    file = LogFile(_folder(tmp_path))
    for text in HOSTILE.values():
        file.write({"time": text, "level": text, "event": text, "session": text, "model": text, text: text})
    with (_folder(tmp_path) / "brim.jsonl").open("ab") as opened:
        opened.write(b"\x1b]52;c;QQ==\x07 no json\n[]\n\n")
    async with _log(tmp_path) as (app, pilot, screen):
        for _ in screen.rows.entries:
            await pilot.press("enter", "up")
            assert_clean(screen_segments(app))
        await pilot.press("s")
        await pilot.pause()
        assert_clean(screen_segments(app))


async def test_an_empty_log_says_so_and_slash_log_takes_words(tmp_path: Path) -> None:
    async with _log(tmp_path) as (app, pilot, _):
        await sees(app, pilot, "Nothing was logged yet.")
        _write(tmp_path, 1, 2)
        await sees(app, pilot, "m:2")
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat, "the chat")
        app.chat.composer.insert("/log m:1")
        await pilot.press("enter")
        screen = await opens(app, pilot, LogScreen)
        await wait_until(pilot, lambda: len(screen.rows.entries) == 1, "the one")


async def test_a_file_that_is_opened_for_a_filter_of_before_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path, 1)
    begun: list[LogTail] = []
    closed: list[LogTail] = []
    may_open = Event()
    may_open.set()

    class Slow(LogTail):
        def __init__(self, folder: Path) -> None:
            begun.append(self)
            may_open.wait()
            super().__init__(folder)

        def close(self) -> None:
            super().close()
            closed.append(self)

    monkeypatch.setattr("brim.tui.screens.log.LogTail", Slow)
    async with _log(tmp_path) as (_, pilot, screen):
        may_open.clear()
        screen.action_level()
        await wait_until(pilot, lambda: len(begun) == 2, "the file being opened")
        screen.action_level()
        may_open.set()
        await wait_until(
            pilot, lambda: screen._tail is begun[-1] and len(begun) == 3, "the last filter's file"
        )
        await wait_until(pilot, lambda: begun[1] in closed, "the other one closed")
