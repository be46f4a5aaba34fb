"""The rows of the meter's pane: what each says, how it is drawn, and which give way where there is no room."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from textual.content import Content

from brim.core.context import ContextUsage, Level, Provenance
from brim.tui.gauges import (
    GLYPHS,
    LEVEL_WORDS,
    MARK,
    Cell,
    Segment,
    bar,
    budget_level,
    forecast,
    gauge,
    headline,
    money,
    segments,
    short,
    sparkline,
    spent,
)
from brim.tui.widgets.header import cut

if TYPE_CHECKING:
    from brim.core.events import TurnProgressed
    from brim.core.stats import DayTotal
    from brim.core.types import Message, Session

CACHE_KEPT_S = 300
"""How long Anthropic keeps a cached prompt that is not used again, in seconds."""

_STYLES = {
    Segment.SYSTEM: "$secondary",
    Segment.SUMMARY: "$primary",
    Segment.PINNED: "$accent",
    Segment.DRAFT: "$foreground",
    Segment.RESERVE: "$dim",
    Segment.FREE: "$rule",
}
"""Colours of the bar; history has that of the level."""

_SHOWN_EMPTY = (Segment.HISTORY, Segment.FREE)
_MODE_WORDS = {"ask": "cleanup asks first", "off": "cleanup is off"}


class Row(NamedTuple):
    """A row of the pane. Where there is no room the highest ``rank`` gives way first, from below."""

    rank: int
    content: Content


def fitting(rows: Iterable[Row], height: int) -> list[Content]:
    """Return as many rows as there is room for, in their order."""
    kept = list(rows)
    while len(kept) > max(1, height):
        worst = max(row.rank for row in kept)
        last = max(number for number, row in enumerate(kept) if row.rank == worst)
        del kept[last]
    return [row.content for row in kept]


def level_color(level: Level) -> str:
    """Return the theme's colour of a level."""
    return f"$gauge-{level.value}"


def bar_content(usage: ContextUsage, width: int) -> Content:
    """Return the bar, a colour a segment, and the marks also where something is filled in."""
    styles = {**_STYLES, Segment.HISTORY: level_color(usage.level)}
    painted = [_painted(cell, styles) for cell in bar(usage, width)]
    return Content.assemble(
        *(
            ("".join(glyph for glyph, _ in run), style)
            for style, run in groupby(painted, lambda cell: cell[1])
        )
    )


def _painted(cell: Cell, styles: dict[Segment, str]) -> tuple[str, str]:
    if cell.mark is None:
        return cell.glyph, styles[cell.segment]
    if cell.is_filled:
        return MARK, f"$background on {styles[cell.segment]}"
    return MARK, level_color(cell.mark)


def window_rows(usage: ContextUsage | None, mode: str, width: int) -> Iterator[Row]:
    """Yield what fills the window."""
    if usage is None:
        yield Row(0, Content.styled("·" * width, "$rule"))
        yield Row(0, Content.styled("nothing sent yet", "$dim"))
        return
    color = level_color(usage.level)
    yield Row(0, bar_content(usage, width))
    used, share = headline(usage)
    yield Row(0, row(used, share, width, "bold", f"bold {color}"))
    quiet = color if usage.level is not Level.GREEN else "$dim"
    yield from (Row(1, Content.styled(line, quiet)) for line in _forecast_lines(usage, mode, width))
    for rank, line in _window_words(usage):
        yield from (Row(rank, Content.styled(part, "$dim")) for part in _folded(line, width))
    styles = {**_STYLES, Segment.HISTORY: color}
    for segment, tokens in segments(usage):
        if tokens or segment in _SHOWN_EMPTY:
            words = f"{GLYPHS[segment]} {segment.value}"
            figure = _figure(segment, tokens, usage)
            rank = 2 if segment in (Segment.HISTORY, Segment.DRAFT, Segment.SUMMARY, Segment.PINNED) else 4
            yield Row(rank, row(words, figure, width, "$dim", "$foreground", first_style=styles[segment]))


def _forecast_lines(usage: ContextUsage, mode: str, width: int) -> Iterator[str]:
    word = LEVEL_WORDS[usage.level] if usage.window_tokens is not None else "window unknown"
    to_cleanup, turns = forecast(usage)
    if mode == "off":
        to_cleanup, turns = _MODE_WORDS[mode], ""
    whole = ", ".join(filter(None, (to_cleanup, turns)))
    if len(word) + len(whole) < width:
        yield _sides(word, whole, width)
        return
    if len(word) + len(to_cleanup) < width:
        yield _sides(word, to_cleanup, width)
        rest = [turns]
    else:
        yield word[:width]
        rest = [whole] if len(whole) <= width else [to_cleanup, turns]
    yield from (line[:width].rjust(width) for line in rest if line)


def _window_words(usage: ContextUsage) -> Iterator[tuple[int, str]]:
    """Yield what is to be said of where the size of the window comes from."""
    if usage.window_learnt:
        yield 3, "window learnt from the provider"
    elif usage.window_tokens is None:
        yield 3, f"cleanup assumes {short(usage.limit_tokens)}"


def _sides(left: str, right: str, width: int) -> str:
    return left + right.rjust(width - len(left))


def _folded(words: str, width: int) -> Iterator[str]:
    line = ""
    for word in words.split():
        if line and len(line) + 1 + len(word) > width:
            yield line[:width]
            line = word
        else:
            line = f"{line} {word}".strip()
    yield line[:width]


def _figure(segment: Segment, tokens: int, usage: ContextUsage) -> str:
    """Segments are sums of weights; only as a whole is the window counted by anyone."""
    is_estimate = segment is Segment.DRAFT or usage.provenance in (Provenance.ESTIMATE, Provenance.PENDING)
    is_ours = segment is Segment.RESERVE
    return f"{'~' if is_estimate and tokens and not is_ours else ''}{short(tokens)}"


# --- this turn ----------------------------------------------------------------------------------------


def running_rows(progress: TurnProgressed, speeds: Sequence[float], width: int) -> Iterator[Row]:
    """Yield the figures of the turn that runs."""
    yield Row(2, rule("This turn", width))
    down = gauge(progress.output_tokens, provenance_of(progress.output_estimated))
    yield Row(2, row(f"↓ {down}", f"{progress.speed:.0f} tok/s", width))
    yield Row(5, Content.styled(sparkline(speeds, width), "$primary"))
    if progress.first_token_s is None:
        yield Row(3, Content.styled(f"waiting {progress.elapsed_s:.0f} s", "$dim"))
    else:
        yield Row(6, row("first token", f"{progress.first_token_s:.2f} s", width, "$dim"))


def turn_rows(turn: Message, speeds: Sequence[float], width: int, now: datetime) -> Iterator[Row]:
    """Yield the figures of the last turn."""
    usage = turn.usage
    if usage is None:
        return
    known = provenance_of(usage.estimated)
    cached = ""
    if usage.cache_read_tokens:
        cached = f"({100 * usage.cache_read_tokens // usage.prompt_tokens}% cached)"
    yield Row(2, rule("This turn", width))
    yield Row(2, row(f"↑ {gauge(usage.prompt_tokens, known)}", cached, width))
    speed = speed_of(turn.duration_s, turn.first_token_s, usage.output_tokens)
    yield Row(2, row(f"↓ {gauge(usage.output_tokens, known)}", speed, width))
    if usage.reasoning_tokens:
        yield Row(6, row("  of it reasoning", gauge(usage.reasoning_tokens, known), width, "$dim"))
    if speeds:
        yield Row(5, Content.styled(sparkline(speeds, width), "$primary"))
    if turn.first_token_s is not None:
        yield Row(6, row("first token", f"{turn.first_token_s:.2f} s", width, "$dim"))
    if usage.cache_read_tokens:
        yield Row(6, row("cache read", f"{usage.cache_read_tokens:,}", width, "$dim"))
    if usage.cache_write_tokens:
        yield Row(6, row("cache written", f"{usage.cache_write_tokens:,}", width, "$dim"))
    left_s = warm_s(turn, now)
    if left_s is not None:
        if left_s > 0:
            minutes, seconds = divmod(left_s, 60)
            yield Row(4, row("cache warm", f"{minutes}:{seconds:02}", width, "$dim"))
        else:
            yield Row(4, Content.styled("cache cold", "$dim"))


def warm_s(turn: Message | None, now: datetime) -> int | None:
    """Return for how many seconds the provider still keeps the prompt of a turn, 0 once it does not.

    ``None`` where nothing of it was cached, or nobody says for how long.
    """
    usage = turn.usage if turn is not None else None
    if turn is None or usage is None or not (turn.model or "").startswith("anthropic:"):
        return None
    if not (usage.cache_read_tokens or usage.cache_write_tokens):
        return None
    ended = turn.created_at + timedelta(seconds=turn.duration_s or 0)
    return max(0, CACHE_KEPT_S - int((now.astimezone(UTC) - ended).total_seconds()))


# --- cost ---------------------------------------------------------------------------------------------


def cost_rows(
    session: Session | None,
    day: DayTotal | None,
    budgets: tuple[Decimal | None, Decimal | None],
    width: int,
) -> Iterator[Row]:
    """Yield what the session and the day cost, against their budgets, and what the cache saved."""
    turns = session.turns if session is not None else 0
    of_day = day is not None and day.turns > 0
    if not turns and not of_day and budgets == (None, None):
        return
    yield Row(2, rule("Cost", width))
    if session is not None and (turns or budgets[0] is not None):
        cost = spent(session.cost_usd, turns, session.priced_turns)
        yield _cost_row("session", cost, session.cost_usd, budgets[0], width, rank=2)
    if day is not None and (of_day or budgets[1] is not None):
        cost = spent(day.cost_usd, day.turns, day.priced_turns)
        yield _cost_row("today", cost, day.cost_usd, budgets[1], width, rank=3)
    if session is None or not turns:
        return
    if session.cache_saved_usd > 0:
        yield Row(4, row("cache saved", money(session.cache_saved_usd), width, "$dim"))
    elif session.cache_saved_usd < 0:
        yield Row(5, row("cache cost", money(-session.cache_saved_usd), width, "$dim"))
    if 0 < session.priced_turns < turns:
        yield Row(3, Content.styled(f"{session.priced_turns:,} of {turns:,} turns priced", "$dim"))
    words = f"{turns:,} turn{'' if turns == 1 else 's'}"
    yield Row(7, row(words, f"{short(session.tokens)} tok", width, "$dim", "$dim"))


def _cost_row(
    name: str, cost: str, spent_usd: Decimal, budget_usd: Decimal | None, width: int, *, rank: int
) -> Row:
    if budget_usd is None:
        return Row(rank, row(name, cost, width, "$dim"))
    level = budget_level(spent_usd, budget_usd)
    name = {Level.GREEN: "", Level.YELLOW: "▲ ", Level.RED: "■ "}[level] + name
    figures = (cost or money(Decimal(0)), money(budget_usd))
    words = " of ".join(figures)
    if len(name) + 1 + len(words) > width:
        words = "/".join(figures)
    if level is Level.GREEN:
        return Row(rank, row(name, words, width, "$dim"))
    return Row(0, row(name, words, width, level_color(level), f"bold {level_color(level)}"))


# --- drawing ------------------------------------------------------------------------------------------


def row(
    left: str, right: str, width: int, left_style: str = "", right_style: str = "", *, first_style: str = ""
) -> Content:
    """Return a line with something on both sides, the left side cut where both do not fit.

    ``first_style`` is for the first character.
    """
    left = cut(left, max(0, width - len(right) - 1) if right else width)
    gap = " " * max(1, width - len(left) - len(right))
    return Content.assemble(
        (left[:1], first_style or left_style), (left[1:], left_style), gap, (right[:width], right_style)
    )


def rule(title: str, width: int) -> Content:
    """Return the line above a part of the pane."""
    return Content.assemble(
        ("─ ", "$rule"), (title, "$dim"), (" " + "─" * max(0, width - len(title) - 3), "$rule")
    )


def provenance_of(is_estimate: bool) -> Provenance:
    """Return the provenance of a turn's figure."""
    return Provenance.ESTIMATE if is_estimate else Provenance.REPORTED


def speed_of(duration_s: float | None, first_token_s: float | None, tokens: int) -> str:
    """Return how fast an answer was written, empty where that cannot be said."""
    writing_s = (duration_s or 0.0) - (first_token_s or 0.0)
    return f"{tokens / writing_s:.0f} tok/s" if writing_s > 0.05 and tokens > 1 else ""
