"""The timeline drawn in cells: one column a turn, stacked by segment, what a cleanup took as a ghost above it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from brim.tui.gauges import Segment

if TYPE_CHECKING:
    from brim.core.timeline import Column

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_WIDEST = 4
_NEAR = 0.4
"""From this share of the window on the chart reaches up to the window's edge."""
STACK = (Segment.SYSTEM, Segment.SUMMARY, Segment.PINNED, Segment.HISTORY)
"""The segments from the bottom up."""
GHOST = "╎"
"""What has left."""
CUT = "✂"
UNDONE = "↶"


@dataclass(frozen=True, slots=True)
class Block:
    """One cell: its character, the segment that it shows and the one behind it where the cell is shared.

    ``segment`` is ``None`` for what stands for no segment: a ghost, a mark, nothing.
    """

    glyph: str
    segment: Segment | None = None
    behind: Segment | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """The cells of the chart, the top row first, and of the row below it that marks cleanups.

    ``first`` and ``last`` are the turns at its ends, ``top_tokens`` is what the top stands for, and
    ``mark_row`` the row of the threshold of the cleanup, ``None`` where that is beyond the top.
    """

    rows: list[list[Block]]
    marks: list[Block]
    top_tokens: int
    first: int
    last: int
    mark_row: int | None = None


_EMPTY = Block(" ")


def pitch_of(count: int, width: int) -> int:
    """Return how many cells a column takes with the gap after it."""
    return max(1, min(_WIDEST, width // max(1, count)))


def shown_columns(count: int, width: int) -> int:
    """Return how many columns are drawn at once."""
    return min(count, max(1, width // pitch_of(count, width)))


def draw(
    columns: Sequence[Column], width: int, height: int, *, back: int = 0, threshold_tokens: int | None = None
) -> Chart:
    """Return the chart of the newest turns that fit.

    Args:
        columns: the turns, oldest first.
        width: how many cells it may take.
        height: how many rows, more than zero.
        back: how many of the newest turns are passed over.
        threshold_tokens: where cleanup fires.
    """
    count = shown_columns(len(columns), width)
    stop = max(count, len(columns) - max(0, back))
    shown = columns[stop - count : stop]
    pitch = pitch_of(len(columns), width)
    highest = max((max(column.total_tokens, _ghost(column)) for column in shown), default=0)
    window = max((column.window_tokens or 0 for column in shown), default=0)
    top = max(1, window if highest >= _NEAR * window else highest, highest)
    rows = [[_EMPTY] * width for _ in range(height)]
    marks = [_EMPTY] * width
    for index, column in enumerate(shown):
        cells = _stack(column, top, height)
        for x in range(index * pitch, index * pitch + max(1, pitch - 1)):
            for y, cell in enumerate(cells):
                rows[height - 1 - y][x] = cell
        if column.cleaned is not None:
            marks[index * pitch] = Block(UNDONE if column.cleaned.undone else CUT)
    mark = None
    if threshold_tokens is not None and 0 < threshold_tokens <= top:
        mark = height - 1 - min(height - 1, int(height * threshold_tokens / top))
    return Chart(
        rows=rows,
        marks=marks,
        top_tokens=top,
        first=shown[0].turn if shown else 0,
        last=shown[-1].turn if shown else 0,
        mark_row=mark,
    )


def _ghost(column: Column) -> int:
    """Return how much was there before the cleanup of a turn took some away, 0 where nothing was taken before it."""
    cleaned = column.cleaned
    return 0 if cleaned is None or cleaned.undone or cleaned.after_answer else cleaned.before_tokens


def _stack(column: Column, top: int, height: int) -> list[Block]:
    """Return the cells of a column from the bottom up."""
    ends = _ends(column, top, height * 8)
    full = ends[-1][1]
    cells: list[Block] = []
    for y in range(height):
        low, high = y * 8, y * 8 + 8
        inside = [(segment, end) for segment, end in ends if end > low]
        if not inside:
            break
        segment, end = inside[0]
        if end >= high:
            cells.append(Block("█", segment))
        elif len(inside) > 1:
            cells.append(Block(_EIGHTHS[end - low], segment, behind=inside[1][0]))
        else:
            cells.append(Block(_EIGHTHS[end - low], segment))
    ghost = round(height * 8 * _ghost(column) / top)
    if ghost > full:
        cells += [Block(GHOST)] * (min(height, -(-ghost // 8)) - len(cells))
    return cells


def _ends(column: Column, top: int, eighths: int) -> list[tuple[Segment, int]]:
    """Return where each segment ends, in eighths of a row. What the provider counted is split as was expected."""
    parts = [column.system_tokens, column.summary_tokens, column.pinned_tokens, column.history_tokens]
    scale = column.total_tokens / column.expected_tokens if column.expected_tokens else 1.0
    ends: list[tuple[Segment, int]] = []
    reach = 0.0
    for segment, tokens in zip(STACK, parts, strict=True):
        reach += tokens * scale
        end = round(eighths * reach / top)
        if tokens and not (ends and ends[-1][1] == end):
            ends.append((segment, end))
    if not ends or ends[-1][1] == 0:
        return [(Segment.HISTORY, 1 if column.total_tokens else 0)]
    return ends
