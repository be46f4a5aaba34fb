"""Rows: what lines are before they are complete, so that quotes and lists can put something before them."""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from .wrap import break_words, cells_of, cut_runs, fitting

MIN_BODY = 6
"""Cells that bars, bullets and indents leave to the text, however narrow all of it is."""


class Row(NamedTuple):
    """Segments that take ``cells`` cells and show the source from ``start`` to ``end``."""

    segments: list[Segment]
    cells: int
    start: int
    end: int
    code: int | None = None


def row_of(segments: list[Segment], start: int, end: int, code: int | None = None) -> Row:
    """Return ``segments``, measured."""
    return Row(segments, cells_of(segments), start, end, code)


def text_rows(text: str, style: Style, width: int, start: int, end: int) -> list[Row]:
    """Return ``text`` in one style, wrapped; every row shows the same source."""
    runs = fitting([(text, style)], width)
    return [row_of(row, start, end) for row in cut_runs(runs, break_words(runs, width))]


def prefixed(
    rows: list[Row], width: int, first: Segment, rest: Segment | None = None, *, fits: bool
) -> list[Row]:
    """Return ``rows`` with ``first`` before the first of them and ``rest`` (`None`: blanks) before the others.

    Where there was no room to lay them out beside that (not ``fits``), a bullet stands in a row of its own.
    """
    cells = cell_len(first.text)
    if not rows:
        rows = [Row([], 0, 0, 0)]
    if not fits:
        if rest is not None:
            return rows
        mark = first.text.strip()[:width]
        return [Row([Segment(mark, first.style)], cell_len(mark), rows[0].start, rows[0].start), *rows]
    other = Segment(" " * cells, first.style) if rest is None else rest
    return [
        Row([first if number == 0 else other, *row.segments], row.cells + cells, *row[2:])
        for number, row in enumerate(rows)
    ]
