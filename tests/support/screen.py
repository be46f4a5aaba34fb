"""The whole app on a store and an agent of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from rich.segment import Segment
from textual.pilot import Pilot
from textual.screen import Screen

from brim.core.agent import AgentInterface, AgentSource
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.tui.app import BrimApp
from tests.support.waiting import wait_until

Connect = Callable[[], Awaitable[SessionManager]]
Opened = TypeVar("Opened", bound=Screen[Any])


def connector(folder: Path, agent: AgentInterface | AgentSource) -> Connect:
    """Return what the command line gives the app: a manager on the data file in ``folder``, opened."""

    async def connect() -> SessionManager:
        manager = SessionManager(agent, store=SQLiteStore(folder / "brim.db"))
        await manager.open()
        return manager

    return connect


@asynccontextmanager
async def brim(
    folder: Path,
    agent: AgentInterface | AgentSource,
    *,
    size: tuple[int, int] = (120, 40),
    session: str | None = None,
    model: str | None = None,
    theme: str = "",
    connect: Connect | None = None,
    waits: bool = True,
) -> AsyncIterator[tuple[BrimApp, Pilot[None]]]:
    """Run the app; with ``waits`` until it is connected. It is closed as by a quit at the end."""
    app = BrimApp(
        connect or connector(folder, agent),
        session=session,
        model=model,
        theme=theme,
        state_folder=folder / "state",
        config_folder=folder / "config",
    )
    async with app.run_test(size=size, notifications=True) as pilot:
        if waits:
            await wait_until(pilot, lambda: app.chat.controller is not None, "the connection")
        yield app, pilot
        app.leave()
        await wait_until(pilot, lambda: app.is_left, "the end of the app")


def screen_lines(app: BrimApp) -> list[str]:
    """Return what stands on the screen, line by line, as it is sent to the terminal."""
    return ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]


def screen_text(app: BrimApp) -> str:
    """Return what stands on the screen."""
    return "\n".join(screen_lines(app))


def screen_segments(app: BrimApp) -> list[Segment]:
    """Return the screen as it is sent to the terminal."""
    return [segment for strip in app.screen._compositor.render_strips() for segment in strip]


def toasts(app: BrimApp) -> list[str]:
    """Return the sentences that are being shown."""
    return [notification.message for notification in app._notifications]


async def sees(app: BrimApp, pilot: Pilot[None], text: str) -> None:
    """Wait until ``text`` stands on the screen."""
    await wait_until(pilot, lambda: text in screen_text(app), f"{text!r} on the screen")


async def opens(app: BrimApp, pilot: Pilot[None], kind: type[Opened]) -> Opened:
    """Wait until a screen of this kind lies on top, is laid out and takes keys; return it."""
    await wait_until(pilot, lambda: isinstance(app.screen, kind), kind.__name__)
    await pilot.pause(0)
    assert isinstance(app.screen, kind)
    return app.screen


async def ask(app: BrimApp, pilot: Pilot[None], text: str) -> None:
    """Put ``text`` into the composer and send it."""
    app.chat.composer.insert(text)
    await pilot.press("enter")


async def no_connection() -> SessionManager:
    """Never connect."""
    await asyncio.Event().wait()
    raise AssertionError
