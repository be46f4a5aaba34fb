"""Tables: columns fitted to the width, their cells wrapped; too narrow for that, one field a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment

from .inks import Inks
from .inline import Broken, Flow
from .rows import Row, row_of
from .wrap import break_words, cut_runs, fitting

_MIN_COLUMN = 4


class TableRow(NamedTuple):
    """The cells of one row and the source that they stand in."""

    cells: list[Flow]
    start: int
    end: int


class Table(NamedTuple):
    """A parsed table. ``aligns`` holds ``left``, ``right`` or ``center`` for every column."""

    header: TableRow
    aligns: list[str]
    rows: list[TableRow]
    ruler_end: int


def lay_out(table: Table, width: int, inks: Inks) -> list[Row]:
    """Return ``table`` as rows of at most ``width`` cells."""
    widths = _column_widths(table, width)
    if widths is None:
        return _as_fields(table, width, inks)
    rows = _wrapped(table.header, widths, table.aligns, inks)
    line = "┼".join("─" * (size + 2) for size in widths)[1:-1] or "─"
    ruler = Row([Segment(line, inks.table_line)], len(line), table.header.end, table.ruler_end)
    rows.append(ruler)
    bodies = [_wrapped(row, widths, table.aligns, inks) for row in table.rows]
    spaced = any(len(body) > 1 for body in bodies)
    for number, body in enumerate(bodies):
        if spaced and number:
            end = rows[-1].end
            rows.append(ruler._replace(start=end, end=end))
        rows += body
    return rows


def _natural(cell: Flow) -> int:
    text = "".join([text for text, _ in cell.runs])
    return max(map(cell_len, text.split("\n"))) if text else 0


def _column_widths(table: Table, width: int) -> list[int] | None:
    """Return the cells of every column, or `None` if they cannot stand side by side."""
    columns = len(table.aligns)
    available = width - 3 * (columns - 1)
    if columns == 0 or available < 1:
        return None
    natural = [
        max(1, *(_natural(row.cells[column]) for row in (table.header, *table.rows)))
        for column in range(columns)
    ]
    if sum(natural) <= available:
        return natural
    if available < sum(min(size, _MIN_COLUMN) for size in natural):
        return None
    return _share(natural, available)


def _share(natural: Sequence[int], available: int) -> list[int]:
    """Give every column what it needs, up to the same limit for those that need more."""
    widths = [0] * len(natural)
    left = available
    for place, column in enumerate(sorted(range(len(natural)), key=natural.__getitem__)):
        widths[column] = min(natural[column], left // (len(natural) - place))
        left -= widths[column]
    return widths


def _wrapped(row: TableRow, widths: Sequence[int], aligns: Sequence[str], inks: Inks) -> list[Row]:
    columns: list[list[Broken]] = []
    for cell, size in zip(row.cells, widths, strict=True):
        columns.append(cell.rows(size))
    made: list[Row] = []
    for number in range(max(map(len, columns))):
        segments: list[Segment] = []
        for column, (lines, size, align) in enumerate(zip(columns, widths, aligns, strict=True)):
            if column:
                segments.append(Segment(" │ ", inks.table_line))
            line, cells = lines[number][1:] if number < len(lines) else ([], 0)
            blank = size - cells
            before = blank if align == "right" else blank // 2 if align == "center" else 0
            after = blank - before if column < len(columns) - 1 else 0
            if before > 0:
                segments.append(Segment(" " * before, inks.text))
            segments += line
            if after > 0:
                segments.append(Segment(" " * after, inks.text))
        made.append(row_of(segments, row.start, row.end))
    return made


def _as_fields(table: Table, width: int, inks: Inks) -> list[Row]:
    """Return every row as lines of header and value, for a place too narrow for columns."""
    made: list[Row] = []
    header = table.header
    for row in table.rows or [header]:
        if made:
            end = made[-1].end
            made.append(Row([Segment("─" * width, inks.table_line)], width, end, end))
        for title, cell in zip(header.cells, row.cells, strict=True):
            runs = list(title.runs)
            if row is not header:
                runs += [(": ", inks.table_line), *cell.runs]
            fitted = fitting(runs, width)
            made += [row_of(cut, row.start, row.end) for cut in cut_runs(fitted, break_words(fitted, width))]
    if made:
        made[0] = made[0]._replace(start=header.start)
    return made
