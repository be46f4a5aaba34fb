"""What commands write: safe on a terminal, raw in a pipe, JSON where it is asked for."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import click

from brim.core.text import visible, visible_line


def is_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def write(text: str) -> None:
    """Write lines to standard output: safe on a terminal, as they are in a pipe or file."""
    put(visible(text) if is_terminal() else text)


def put(text: str) -> None:
    """Write lines that are safe already, such as what `styled` returns, to standard output."""
    sys.stdout.write(f"{text}\n")


def write_json(document: Any) -> None:
    """Write one JSON document. On a terminal it is plain ASCII, so that no character in it acts."""
    put(json.dumps(document, indent=2, ensure_ascii=is_terminal(), default=_plain))


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case Decimal():
            return float(value)
        case _:
            raise TypeError(f"{type(value).__name__} does not belong into a document")


def styled(text: str, **style: Any) -> str:
    """Return ``text``, made safe, with a style where standard output shows colour."""
    has_colour = is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return click.style(visible(text), **style) if has_colour else visible(text)


_WIDEST = 80
"""The most characters of a column."""


def write_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[int] = ()) -> None:
    """Write rows under a head, columns aligned; on a terminal the last column is cut to the width.

    Cells are shown as one safe line each. The columns in ``right`` end at one edge, as figures do. A cell that is
    very long stands out of its column, rather than move all others aside.
    """
    from rich.cells import cell_len, set_cell_size

    cells = [[visible_line(cell) for cell in row] for row in (head, *rows)]
    lengths = [[cell_len(row[column]) for row in cells] for column in range(len(head))]
    widths = [max(length for length in column if length <= max(_WIDEST, column[0])) for column in lengths]
    widths[-1] = max(lengths[-1])
    if is_terminal():
        left = shutil.get_terminal_size().columns - sum(widths[:-1]) - 2 * (len(head) - 1)
        widths[-1] = min(widths[-1], max(10, left))
    for number, row in enumerate(cells):
        padded = [
            " " * (width - cell_len(cell)) + cell
            if column in right
            else set_cell_size(cell, width if column == len(head) - 1 else max(width, cell_len(cell)))
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        line = "  ".join(padded).rstrip()
        put(styled(line, bold=True) if number == 0 else line)


def local_time(moment: datetime) -> str:
    """Return a moment for a person, in the time of this machine, to the minute."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def dollars(amount: Decimal | None) -> str:
    """Return an amount for a person, a dash where it is not known."""
    if amount is None:
        return "–"
    sign, size = "-" if amount < 0 else "", abs(amount)
    if size and size < Decimal("0.0001"):
        return f"{sign}<$0.0001"
    return f"{sign}${size:,.2f}" if size >= Decimal("0.1") or not size else f"{sign}${size:.4f}"
