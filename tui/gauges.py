"""Numbers as the gauges write them: what was counted plainly, estimates with a ``~``, the unknown as ``?``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from brim.core.context import YELLOW_SHARE, ContextUsage, Level, Provenance

if TYPE_CHECKING:
    from brim.core.types import Session

LEVEL_WORDS = {Level.GREEN: "✓ room", Level.YELLOW: "▲ filling", Level.RED: "■ full"}
"""The level for those who do not see its colour."""

_BUDGET_YELLOW = Decimal("0.8")
_BLOCKS = "▁▂▃▄▅▆▇█"


def short(tokens: int) -> str:
    """Return a count in at most six characters: ``310``, ``12.3k``, ``124k``, ``1.05M``."""
    if tokens < 1_000:
        return str(tokens)
    if tokens < 99_950:
        return f"{tokens / 1_000:.1f}k"
    if tokens < 999_500:
        return f"{tokens / 1_000:.0f}k"
    return f"{tokens / 1_000_000:.2f}M"


def gauge(tokens: int, provenance: Provenance) -> str:
    """Return a count with its provenance: ``12,345`` counted, ``~12.3k`` estimated, ``~12.3k …`` pending."""
    match provenance:
        case Provenance.REPORTED | Provenance.EXACT:
            return f"{tokens:,}"
        case Provenance.ESTIMATE:
            return f"~{short(tokens)}"
        case Provenance.PENDING:
            return f"~{short(tokens)} …"


def headline(usage: ContextUsage) -> tuple[str, str]:
    """Return what is used of what, and the percentage, which is empty for an unknown window."""
    used = gauge(usage.used_tokens, usage.provenance)
    if usage.window_tokens is None:
        return f"{used} / ?", ""
    return f"{used} of {short(usage.window_tokens)}", f"{percent(usage)}%"


def percent(usage: ContextUsage) -> int:
    """Return the share of the window in whole percent, rounded down so that 90 % is shown once it is reached."""
    return int(100 * (usage.share or 0))


def money(usd: Decimal) -> str:
    """Return USD in cents, or finer where it is less than a few cents: ``$3.10``, ``$0.0042``."""
    if usd == 0:
        return "$0.00"
    if usd >= Decimal("0.10"):
        return f"${usd:,.2f}"
    return f"${usd:.4f}" if usd >= Decimal("0.0001") else "<$0.0001"


def spent(cost: Decimal, turns: int, priced_turns: int) -> str:
    """Return what turns cost, empty before the first one and in words where none has a price."""
    if not turns:
        return ""
    return money(cost) if priced_turns else "not priced"


def cost_of(session: Session | None) -> str:
    """Return a session's cost, empty before its first turn and in words where there is no price."""
    return spent(session.cost_usd, session.turns, session.priced_turns) if session else ""


def forecast(usage: ContextUsage) -> tuple[str, str]:
    """Return how far it is to the cleanup: in tokens, and in turns like the latest, empty where none has ended."""
    if not usage.tokens_to_cleanup:
        return "cleanup next", ""
    turns = usage.turns_to_cleanup
    about = f"about {turns:,} turn{'' if turns == 1 else 's'}" if turns is not None else ""
    return f"{short(usage.tokens_to_cleanup)} to cleanup", about


def budget_level(spent_usd: Decimal, budget_usd: Decimal) -> Level:
    """Return the colour of a budget: yellow once four fifths are spent, red once all is."""
    if spent_usd >= budget_usd:
        return Level.RED
    return Level.YELLOW if spent_usd >= _BUDGET_YELLOW * budget_usd else Level.GREEN


def draft_words(tokens: int, usd: Decimal | None) -> str:
    """Return what a draft adds and what sending it now takes: ``~310 tok · $0.02``; empty without a draft."""
    if not tokens:
        return ""
    return f"~{tokens:,} tok" + (f" · {money(usd)}" if usd is not None else "")


def sparkline(values: Sequence[float], width: int) -> str:
    """Return the newest ``width`` values as bars against the largest of them."""
    shown = list(values)[-width:] if width > 0 else []
    top = max(shown, default=0.0)
    if top <= 0:
        return _BLOCKS[0] * len(shown)
    return "".join(_BLOCKS[min(7, int(8 * max(0.0, value) / top))] for value in shown)


class Segment(StrEnum):
    """What a cell of the bar stands for."""

    SYSTEM = "system"
    SUMMARY = "summary"
    PINNED = "pinned"
    HISTORY = "history"
    DRAFT = "draft"
    RESERVE = "reply reserve"
    FREE = "free"


GLYPHS = {
    Segment.SYSTEM: "▓",
    Segment.SUMMARY: "▞",
    Segment.PINNED: "▚",
    Segment.HISTORY: "█",
    Segment.DRAFT: "▒",
    Segment.RESERVE: "░",
    Segment.FREE: "·",
}
"""One glyph a segment, so that the bar can be read without colour."""

MARK = "┊"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the bar: what it shows, and what begins there: yellow, or (red) the reach of cleanup."""

    segment: Segment
    mark: Level | None = None

    @property
    def is_filled(self) -> bool:
        """Whether something is there already."""
        return self.segment not in (Segment.FREE, Segment.RESERVE)

    @property
    def glyph(self) -> str:
        """The character to paint in one colour: a mark is seen only where nothing is filled in yet."""
        return GLYPHS[self.segment] if self.mark is None or self.is_filled else MARK


def segments(usage: ContextUsage) -> list[tuple[Segment, int]]:
    """Return the segments in the order of the bar, in tokens; together at least the limit."""
    return [
        (Segment.SYSTEM, usage.system_tokens),
        (Segment.SUMMARY, usage.summary_tokens),
        (Segment.PINNED, usage.pinned_tokens),
        (Segment.HISTORY, usage.history_tokens),
        (Segment.DRAFT, usage.draft_tokens),
        (Segment.RESERVE, usage.reply_reserve_tokens),
        (Segment.FREE, usage.free_tokens),
    ]


def bar(usage: ContextUsage, width: int) -> list[Cell]:
    """Return the bar, ``width`` cells of the limit. Whatever is not empty has at least one cell while there is room."""
    cells: list[Segment] = []
    parts = [(segment, tokens) for segment, tokens in segments(usage) if tokens > 0]
    reach = 0
    for index, (segment, tokens) in enumerate(parts):
        reach += tokens
        room = width - len(cells) - (len(parts) - index - 1)
        wanted = round(width * min(reach, usage.limit_tokens) / usage.limit_tokens) - len(cells)
        cells += [segment] * max(0, min(room, max(1, wanted)))
    cells = (cells + [Segment.FREE] * width)[:width]
    marks = {
        min(width - 1, int(width * share)): level
        for share, level in ((YELLOW_SHARE, Level.YELLOW), (usage.cleanup_share, Level.RED))
    }
    return [Cell(segment, marks.get(index)) for index, segment in enumerate(cells)]
