"""What the meters know: the same for the pane and for the line."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.widget import Widget

from brim.core.context import Provenance

if TYPE_CHECKING:
    from decimal import Decimal

    from brim.core.context import ContextUsage, Level
    from brim.core.events import TurnProgressed
    from brim.core.stats import DayTotal
    from brim.core.types import Message, Session

_SPEEDS = 48
"""How many readings of the speed are kept for the sparkline; four come in a second."""


class Meter(Widget):
    """A widget that is told of usage, drafts and turns, and draws itself again only when something changed."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._usage: ContextUsage | None = None
        self._draft_tokens = 0
        self._progress: TurnProgressed | None = None
        self._turn: Message | None = None
        self._session: Session | None = None
        self._day: DayTotal | None = None
        self._session_budget: Decimal | None = None
        self._day_budget: Decimal | None = None
        self._mode = ""
        self._speeds: deque[float] = deque(maxlen=_SPEEDS)

    @property
    def usage(self) -> ContextUsage | None:
        """What fills the window, with the draft and what an answer has grown to; ``None`` before anything is known."""
        usage = self._usage
        growth = self._progress.output_tokens if self._progress is not None else 0
        if usage is None or not (self._draft_tokens or growth):
            return usage
        return replace(
            usage,
            draft_tokens=self._draft_tokens,
            history_tokens=usage.history_tokens + growth,
            provenance=Provenance.PENDING if usage.provenance is Provenance.PENDING else Provenance.ESTIMATE,
        )

    def set_usage(self, usage: ContextUsage) -> None:
        """Show how full the window is."""
        if usage != self._usage:
            self._usage = usage
            self.refresh()

    def set_draft(self, tokens: int) -> None:
        """Show what the draft would add."""
        if tokens != self._draft_tokens:
            self._draft_tokens = tokens
            self.refresh()

    def set_progress(self, progress: TurnProgressed) -> None:
        """Show the figures of the running turn."""
        if self._progress is None or self._progress.message_id != progress.message_id:
            self._speeds.clear()
        self._progress = progress
        self._turn = None
        self._speeds.append(progress.speed)
        self.refresh()

    def set_turn(self, answer: Message | None) -> None:
        """Show the figures of a turn that is over; ``None`` where there is none."""
        if answer is None or (self._progress and self._progress.message_id != answer.id):
            self._speeds.clear()
        self._turn, self._progress = answer, None
        self.refresh()

    def set_session(self, session: Session | None) -> None:
        """Show a session's totals; ``None`` is a session that does not exist yet."""
        if session is None:
            self._usage, self._turn, self._progress = None, None, None
            self._speeds.clear()
        if session != self._session:
            self._session = session
        self.refresh()

    def set_day(self, total: DayTotal) -> None:
        """Show what today has taken, over all sessions."""
        self._day = total
        self.refresh()

    def set_budgets(self, session_usd: Decimal | None, day_usd: Decimal | None) -> None:
        """Show what may be spent; ``None`` where there is no budget."""
        self._session_budget, self._day_budget = session_usd, day_usd
        self.refresh()

    def set_mode(self, mode: str) -> None:
        """Show who decides that messages leave the window: ``auto``, ``ask`` or ``off``."""
        if mode != self._mode:
            self._mode = mode
            self.refresh()

    @staticmethod
    def level_style(level: Level) -> str:
        """The theme's colour of a level."""
        return f"$gauge-{level.value}"
