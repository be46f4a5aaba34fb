"""The pane on the right: what fills the model's window, what this turn does, what the session costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from textual.content import Content

from brim.tui.widgets.meter_rows import Row, cost_rows, fitting, running_rows, turn_rows, warm_s, window_rows
from brim.tui.widgets.meter_state import Meter

if TYPE_CHECKING:
    from textual.timer import Timer

    from brim.core.types import Message

_TICK_S = 10
"""Seconds between two paintings of how long the provider keeps its cache."""


class ContextMeter(Meter):
    """Bar and marks, one row a segment, then the turn and the session."""

    DEFAULT_CSS = """
    ContextMeter {
        padding: 0 1;
        color: $foreground;
    }
    """
    BORDER_TITLE = "Context"

    _cooling: Timer | None = None

    def render(self) -> Content:
        """Draw what fits."""
        width = self.content_size.width
        if width < 8:
            return Content("")
        return Content("\n").join(fitting(self._rows(width), self.content_size.height))

    def _rows(self, width: int) -> Iterator[Row]:
        yield from window_rows(self.usage, self._mode, width)
        if self._progress is not None:
            yield from running_rows(self._progress, self._speeds, width)
        elif self._turn is not None:
            yield from turn_rows(self._turn, self._speeds, width, datetime.now(UTC))
        yield from cost_rows(self._session, self._day, (self._session_budget, self._day_budget), width)

    # --- the provider's cache -------------------------------------------------------------------------

    def set_turn(self, answer: Message | None) -> None:
        """Show the figures of a turn, and watch its cache grow cold."""
        super().set_turn(answer)
        self._cool()

    def _cool(self) -> None:
        """Paint again in a while, as long as there is something warm."""
        if self._cooling is not None:
            self._cooling.stop()
            self._cooling = None
        left_s = warm_s(self._turn, datetime.now(UTC))
        if left_s:
            self._cooling = self.set_timer(min(_TICK_S, left_s % _TICK_S or _TICK_S), self._cooled)

    def _cooled(self) -> None:
        if self.is_on_screen:
            self.refresh()
        self._cool()
