"""The meter in one line, for terminals too narrow for its pane."""

from __future__ import annotations

from textual.content import Content

from brim.core.context import Level
from brim.tui.gauges import LEVEL_WORDS, bar, budget_level, cost_of, forecast, gauge, headline, money
from brim.tui.widgets.meter_rows import provenance_of
from brim.tui.widgets.meter_state import Meter

_BAR_WIDTH = 16


class MeterLine(Meter):
    """A short bar, what is used of what, and how fast it goes; what does not fit is left out from the right."""

    DEFAULT_CSS = """
    MeterLine {
        height: 1;
        padding: 0 1;
        color: $foreground;
    }
    """

    def render(self) -> Content:
        """Draw the line."""
        width = self.content_size.width
        line = Content("")
        for part in self._parts():
            joined = line + (Content("  ") if line else Content("")) + part
            if joined.cell_length <= width:
                line = joined
        return line

    def _parts(self) -> list[Content]:
        """Return what there is to say, the essential first; what does not fit is passed over."""
        parts = []
        usage = self.usage
        if usage is not None:
            color = self.level_style(usage.level)
            used, share = headline(usage)
            parts.append(Content.styled("".join(cell.glyph for cell in bar(usage, _BAR_WIDTH)), color))
            parts.append(Content.assemble(used, f" {share}" if share else ""))
            parts.append(Content.styled(LEVEL_WORDS[usage.level], color))
        if (progress := self._progress) is not None:
            down = gauge(progress.output_tokens, provenance_of(progress.output_estimated))
            parts.append(Content.styled(f"↓{down} {progress.speed:.0f} tok/s", "$dim"))
        elif self._turn is not None and (counted := self._turn.usage) is not None:
            known = provenance_of(counted.estimated)
            up, down = gauge(counted.prompt_tokens, known), gauge(counted.output_tokens, known)
            parts.append(Content.styled(f"↑{up} ↓{down}", "$dim"))
        if cost := self._cost():
            parts.append(cost)
        if usage is not None and self._mode != "off":
            parts.append(Content.styled(forecast(usage)[0], "$dim"))
        return parts

    def _cost(self) -> Content | None:
        """Return what the session cost, with its budget once that is nearly used up."""
        cost = cost_of(self._session)
        if not cost or self._session is None:
            return None
        budget = self._session_budget
        level = budget_level(self._session.cost_usd, budget) if budget is not None else Level.GREEN
        if budget is None or level is Level.GREEN:
            return Content.styled(cost, "$dim")
        return Content.styled(f"{cost} of {money(budget)}", self.level_style(level))
