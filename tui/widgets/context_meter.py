"""The pane on the right: what fills the model's window, what this turn does, what the session costs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from textual.content import Content

from brim.core.context import ContextUsage, Level, Provenance
from brim.tui.gauges import (
    GLYPHS,
    LEVEL_WORDS,
    Segment,
    bar,
    cost_of,
    gauge,
    headline,
    segments,
    short,
    sparkline,
)
from brim.tui.widgets.meter_state import Meter

_STYLES = {
    Segment.SYSTEM: "$secondary",
    Segment.PINNED: "$accent",
    Segment.DRAFT: "$foreground",
    Segment.RESERVE: "$dim",
    Segment.FREE: "$rule",
}
"""Colours of the bar; history has that of the level."""

_SHOWN_EMPTY = (Segment.HISTORY, Segment.FREE)


class ContextMeter(Meter):
    """Bar and marks, one row a segment, then the turn and the session."""

    DEFAULT_CSS = """
    ContextMeter {
        padding: 0 1;
        color: $foreground;
    }
    """
    BORDER_TITLE = "Context"

    def render(self) -> Content:
        """Draw what fits."""
        width = self.content_size.width
        if width < 8:
            return Content("")
        lines = [*self._window(width), *self._turn_lines(width), *self._totals(width)]
        return Content("\n").join(lines[: max(1, self.content_size.height)])

    def _window(self, width: int) -> Iterator[Content]:
        usage = self.usage
        if usage is None:
            yield Content.styled("·" * width, "$rule")
            yield Content.styled("nothing sent yet", "$dim")
            return
        color = self.level_style(usage.level)
        styles = {**_STYLES, Segment.HISTORY: color}
        cells = [(cell.glyph, "$dim" if cell.is_mark else styles[cell.segment]) for cell in bar(usage, width)]
        yield Content.assemble(
            *(
                ("".join(glyph for glyph, _ in run), style)
                for style, run in groupby(cells, lambda cell: cell[1])
            )
        )
        used, share = headline(usage)
        yield _row(used, share, width, "bold", f"bold {color}")
        yield Content.styled(_level_line(usage, width), color if usage.level is not Level.GREEN else "$dim")
        for segment, tokens in segments(usage):
            if tokens or segment in _SHOWN_EMPTY:
                figure = _figure(segment, tokens, usage)
                yield _row(
                    f"{GLYPHS[segment]} {segment.value}",
                    figure,
                    width,
                    "$dim",
                    "$foreground",
                    first_style=styles[segment],
                )

    def _turn_lines(self, width: int) -> Iterator[Content]:
        progress, turn = self._progress, self._turn
        if progress is None and (turn is None or turn.usage is None):
            return
        yield _rule("This turn", width)
        if progress is not None:
            is_estimate = progress.output_estimated
            yield _row(
                "↓ " + gauge(progress.output_tokens, provenance_of(is_estimate)),
                f"{progress.speed:.0f} tok/s",
                width,
            )
            yield Content.styled(sparkline(self._speeds, width), "$primary")
            if progress.first_token_s is None:
                yield Content.styled(f"waiting {progress.elapsed_s:.0f} s", "$dim")
            else:
                yield _row("first token", f"{progress.first_token_s:.2f} s", width, "$dim")
        elif turn is not None and turn.usage is not None:
            usage = turn.usage
            known = provenance_of(usage.estimated)
            cached = (
                f"{100 * usage.cache_read_tokens // usage.prompt_tokens}% cached"
                if usage.cache_read_tokens
                else ""
            )
            yield _row("↑ " + gauge(usage.prompt_tokens, known), cached, width)
            yield _row(
                "↓ " + gauge(usage.output_tokens, known),
                _speed(turn.duration_s, turn.first_token_s, usage.output_tokens),
                width,
            )
            if usage.reasoning_tokens:
                yield _row("  of it reasoning", gauge(usage.reasoning_tokens, known), width, "$dim")
            if self._speeds:
                yield Content.styled(sparkline(self._speeds, width), "$primary")
            if turn.first_token_s is not None:
                yield _row("first token", f"{turn.first_token_s:.2f} s", width, "$dim")

    def _totals(self, width: int) -> Iterator[Content]:
        session = self._session
        if session is None or not session.turns:
            return
        yield _rule("Session", width)
        yield _row("tokens", short(session.tokens), width, "$dim")
        yield _row("turns", f"{session.turns:,}", width, "$dim")
        yield _row("cost", cost_of(session), width, "$dim")
        if 0 < session.priced_turns < session.turns:
            yield Content.styled(f"{session.priced_turns} of {session.turns} turns priced", "$dim")


def _row(
    left: str, right: str, width: int, left_style: str = "", right_style: str = "", *, first_style: str = ""
) -> Content:
    """A line with something on both sides; ``first_style`` is for the first character."""
    gap = " " * max(1, width - len(left) - len(right))
    return Content.assemble(
        (left[:1], first_style or left_style), (left[1:], left_style), gap, (right, right_style)
    )


def _rule(title: str, width: int) -> Content:
    return Content.assemble(
        ("─ ", "$rule"), (title, "$dim"), (" " + "─" * max(0, width - len(title) - 3), "$rule")
    )


def provenance_of(is_estimate: bool) -> Provenance:
    """Return the provenance of a turn's figure."""
    return Provenance.ESTIMATE if is_estimate else Provenance.REPORTED


def _figure(segment: Segment, tokens: int, usage: ContextUsage) -> str:
    """Segments are sums of weights; only as a whole is the window counted by anyone."""
    is_estimate = segment is Segment.DRAFT or usage.provenance in (Provenance.ESTIMATE, Provenance.PENDING)
    is_ours = segment is Segment.RESERVE
    return f"{'~' if is_estimate and tokens and not is_ours else ''}{short(tokens)}"


def _level_line(usage: ContextUsage, width: int) -> str:
    word = LEVEL_WORDS[usage.level]
    to_cleanup = int(usage.cleanup_share * usage.limit_tokens) - usage.used_tokens
    left = f"{short(to_cleanup)} to cleanup" if to_cleanup > 0 else "cleanup next"
    if usage.window_tokens is None:
        return "window unknown" if width < 30 else f"window unknown · {left}"
    gap = max(1, width - len(word) - len(left))
    return word + " " * gap + left


def _speed(duration_s: float | None, first_token_s: float | None, tokens: int) -> str:
    writing_s = (duration_s or 0.0) - (first_token_s or 0.0)
    return f"{tokens / writing_s:.0f} tok/s" if writing_s > 0.05 and tokens > 1 else ""
