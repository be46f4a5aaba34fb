"""A message that is longer than the limit: as it is, as a file, or back, and no text is ever lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from brim.core.limits import Limits
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.tui.app import BrimApp
from brim.tui.screens.deciding import DecidingScreen
from tests.support.agents import Plain
from tests.support.screen import ask, brim, screen_text
from tests.support.waiting import wait_until

LONG = "What is this?\n\n" + "line of [/a] log\n" * 20


@asynccontextmanager
async def _limited(
    tmp_path: Path, agent: Plain, size: tuple[int, int]
) -> AsyncIterator[tuple[BrimApp, Pilot[None]]]:
    async def connect() -> SessionManager:
        manager = SessionManager(
            agent, store=SQLiteStore(tmp_path / "brim.db"), limits=Limits(max_input_chars=100)
        )
        await manager.open()
        return manager

    async with brim(tmp_path, agent, size=size, connect=connect) as (app, pilot):
        yield app, pilot


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@pytest.mark.parametrize("downs", [0, 1, 2])
async def test_the_person_says_how_it_goes(tmp_path: Path, downs: int, size: tuple[int, int]) -> None:
    agent = Plain()
    async with _limited(tmp_path, agent, size) as (app, pilot):
        await ask(app, pilot, LONG)
        await wait_until(pilot, lambda: isinstance(app.screen, DecidingScreen), "the question")
        await pilot.pause()
        assert f"{len(LONG):,} characters, and 100 are the most" in " ".join(screen_text(app).split())
        assert app.chat.composer.draft == LONG
        assert not agent.asked
        await pilot.press(*["down"] * downs, "enter")
        if downs == 2:
            await wait_until(pilot, lambda: app.screen is app.chat, "the chat")
            assert app.chat.composer.draft == LONG
            assert not agent.asked
            return
        await wait_until(pilot, lambda: agent.asked, "the request")
        assert app.chat.composer.draft == ""
        (context,) = agent.asked
        if downs == 0:
            assert context.input.startswith("What is this?")
            assert "File pasted.txt" in context.input
            assert len(context.attachments) == 1
        else:
            assert context.input == LONG
            assert context.attachments == ()
