"""``/import``: an archive comes in while one watches, and what could not be read is told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from brim.tui.screens.asking import AskingScreen
from brim.tui.screens.working import WorkingScreen
from tests.support.agents import Plain
from tests.support.archives import chatgpt, node
from tests.support.screen import ask, brim, opens, screen_text, sees, toasts
from tests.support.waiting import wait_until


def archive(folder: Path, count: int, *broken: object) -> Path:
    """Write an export of ChatGPT with so many conversations, and what is none."""
    talks = [chatgpt(conversation_id=f"c-{number}", title=f"Talk {number}") for number in range(count)]
    file = folder / "my conversations.json"
    file.write_text(json.dumps([*talks, *broken]), encoding="utf-8")
    return file


async def test_an_archive_comes_in_and_its_sessions_are_listed(tmp_path: Path) -> None:
    file = archive(tmp_path, 3)
    async with brim(tmp_path, Plain()) as (app, pilot):
        await ask(app, pilot, f"/import '{file}'")
        await sees(app, pilot, "3 sessions new, 0 grown, 0 known already; 9 messages added.")
        await sees(app, pilot, "Enter close")
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.screen is app.chat)
        await sees(app, pilot, "Talk 2")
        await ask(app, pilot, "/import ")
        await opens(app, pilot, AskingScreen)
        await pilot.press(*str(file).replace(" ", "\\ "), "enter")
        await sees(app, pilot, "0 sessions new, 0 grown, 3 known already")
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat)


async def test_what_cannot_be_read_is_told_line_by_line(tmp_path: Path) -> None:
    hostile = chatgpt(
        {"a": node("b", "user", "loop"), "b": node("a", "user", "loop")}, title="[/foo] \x1b[31m"
    )
    file = archive(tmp_path, 1, hostile, *({"mapping": number, "title": "no"} for number in range(30)))
    async with brim(tmp_path, Plain(), size=(80, 24)) as (app, pilot):
        await ask(app, pilot, f"/import {file}")
        await sees(app, pilot, "could not be read, as told above.")
        assert "1 session" in screen_text(app)
        before = screen_text(app)
        await pilot.press("pagedown", "pagedown")
        await wait_until(pilot, lambda: screen_text(app) != before)
        assert "\x1b" not in screen_text(app)


@pytest.mark.parametrize("argument", ["/nowhere/at/all.json", "~nobody-of-this-name/x", "empty.json"])
async def test_what_is_no_archive_is_a_sentence(tmp_path: Path, argument: str) -> None:
    (tmp_path / "empty.json").write_text("")
    named = str(tmp_path / argument) if argument == "empty.json" else argument
    async with brim(tmp_path, Plain()) as (app, pilot):
        await ask(app, pilot, f"/import {named}")
        await wait_until(pilot, lambda: bool(toasts(app)))
        assert app.screen is app.chat


async def test_it_can_be_stopped_and_goes_on_from_there(tmp_path: Path) -> None:
    file = archive(tmp_path, 20_000)
    async with brim(tmp_path, Plain()) as (app, pilot):
        await ask(app, pilot, f"/import {file}")
        await wait_until(pilot, lambda: isinstance(app.screen, WorkingScreen))
        await sees(app, pilot, "%")
        await wait_until(pilot, lambda: re.search(r"\d,\d{3} sessions,", screen_text(app)))
        await pilot.press("escape")
        await sees(app, pilot, "Stopped. What has come")
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat)
        kept = await app.manager.count_sessions()
        assert 1_000 <= kept < 20_000
