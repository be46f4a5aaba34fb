"""Sessions on real data files whose windows are full enough to be cleaned, and the app on them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

from textual.pilot import Pilot

from brim.core.agent import AgentInterface
from brim.core.cleanup import CleanupMode
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import AgentContext, AgentResponse
from brim.tui.app import BrimApp
from tests.support.screen import brim

WINDOW = 2_000


class Windowed(AgentInterface):
    """Answers with the number of its turn, counts a quarter of the characters, knows a small window."""

    def __init__(self, *, window: int = WINDOW, reports: bool = True) -> None:
        self.asked: list[AgentContext] = []
        self._window = window
        self._reports = reports

    async def window_tokens(self) -> int | None:
        return self._window

    async def process(self, context: AgentContext) -> AgentResponse:
        self.asked.append(context)
        if "notes" in context.input[-200:]:
            return AgentResponse(output="They spoke of numbers.")
        answer = f"Answer to {context.input[:12]}: " + "word " * 30
        if not self._reports:
            return AgentResponse(output=answer)
        chars = sum(len(message.content) for message in context.conversation_history) + len(context.input)
        return AgentResponse(
            output=answer, metadata={"prompt_tokens": chars // 4, "completion_tokens": len(answer) // 4}
        )


async def fill(
    folder: Path,
    turns: int,
    *,
    mode: CleanupMode = CleanupMode.OFF,
    summaries: bool = False,
    said: str = "why ",
) -> str:
    """Hold a conversation of so many turns, of about a hundred tokens each; returns the session."""
    manager = SessionManager(
        Windowed(),
        store=SQLiteStore(folder / "brim.db"),
        cleanup_mode=mode,
        summary_model="same" if summaries else None,
    )
    async with manager:
        session = await manager.create(title="Numbers", system_prompt="Be brief.")
        for number in range(turns):
            turn = await manager.send(session.id, f"Question {number:02}: " + said * max(1, 180 // len(said)))
            await turn.wait()
    return session.id


@asynccontextmanager
async def filled(
    folder: Path,
    turns: int = 8,
    *,
    mode: CleanupMode = CleanupMode.OFF,
    then: CleanupMode | None = None,
    summaries: bool = False,
    size: tuple[int, int] = (120, 40),
    agent: Windowed | None = None,
    session_budget_usd: Decimal | None = None,
    said: str = "why ",
) -> AsyncIterator[tuple[BrimApp, Pilot[None]]]:
    """Run the app on such a session: it was held in ``mode``, and goes on in ``then``."""
    session = await fill(folder, turns, mode=mode, summaries=summaries, said=said)

    async def connect() -> SessionManager:
        manager = SessionManager(
            agent or Windowed(),
            store=SQLiteStore(folder / "brim.db"),
            cleanup_mode=then or mode,
            max_tokens=50,
            summary_model="same" if summaries else None,
            session_budget_usd=session_budget_usd,
        )
        await manager.open()
        return manager

    async with brim(folder, Windowed(), session=session, size=size, connect=connect) as (app, pilot):
        yield app, pilot
