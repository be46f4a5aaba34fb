"""A selection of lines and cells across messages, and the text that it means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len, split_graphemes

from brim.core.text import visible

if TYPE_CHECKING:
    from brim.tui.render.line import Line
    from brim.tui.widgets.message_view import MessageView

END = 1_000_000
"""A cell beyond the end of every line."""


class Point(NamedTuple):
    """A cell of a line of a message. Points compare in reading order."""

    entry: int
    row: int
    cell: int


class Selection(NamedTuple):
    """What lies between two points, in whichever order they were set. The last cell is not part of it."""

    anchor: Point
    focus: Point

    @property
    def first(self) -> Point:
        """Where it begins, in reading order."""
        return min(self.anchor, self.focus)

    @property
    def last(self) -> Point:
        """Where it ends, in reading order."""
        return max(self.anchor, self.focus)

    @property
    def is_empty(self) -> bool:
        """Whether nothing lies between the points."""
        return self.anchor == self.focus

    def cells(self, entry: int, row: int) -> tuple[int, int] | None:
        """Return the first selected cell of a line and the one after the last; ``None`` when none is."""
        first, last = self.first, self.last
        here = (entry, row)
        if here < first[:2] or here > last[:2]:
            return None
        start = first.cell if here == first[:2] else 0
        end = last.cell if here == last[:2] else END
        return (start, end) if end > start else None


def index_at(text: str, cell: int) -> int:
    """Return the character that covers ``cell``; the text's length beyond its end."""
    if text.isascii():
        return max(0, min(cell, len(text)))
    at = 0
    for start, _, cells in split_graphemes(text)[0]:
        if cell < at + cells:
            return start
        at += cells
    return len(text)


def snap(text: str, start: int, end: int) -> tuple[int, int]:
    """Widen a range of cells to whole characters, and end it where the text ends."""
    if text.isascii():
        return min(start, len(text)), min(end, len(text))
    at, first, last = 0, None, 0
    for _, _, cells in split_graphemes(text)[0]:
        if at < end and at + cells > start:
            first = at if first is None else first
            last = at + cells
        at += cells
    return (first, last) if first is not None else (min(start, at), min(start, at))


def cut(text: str, start: int, end: int) -> str:
    """Return the characters between two cells, whole ones."""
    start, end = snap(text, start, end)
    return text[index_at(text, start) : index_at(text, end)]


def word_at(text: str, cell: int) -> tuple[int, int]:
    """Return the cells of the word at ``cell``, or of the one character there if it is in no word."""
    if not text:
        return 0, 0
    index = min(index_at(text, cell), len(text) - 1)
    start, end = index, index + 1
    if _in_word(text[index]):
        while start and _in_word(text[start - 1]):
            start -= 1
        while end < len(text) and _in_word(text[end]):
            end += 1
    return cell_len(text[:start]), cell_len(text[:end])


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def excerpt(view: MessageView, first: tuple[int, int], last: tuple[int, int]) -> str:
    """Return what is selected of one message, from row and cell ``first`` to ``last``.

    Within one line these are its characters. Over several lines it is the message's own source, as
    Markdown; what only stands around the text (headers, marks) is left out unless there is nothing else.
    """
    if first[0] == last[0]:
        return cut(view.line(first[0]).text, first[1], last[1]).strip("\n")
    found: list[str] = []
    around: list[str] = []
    whole = True
    start = 0
    for section in view.sections:
        low, high = max(first[0], start), min(last[0], start + section.size - 1)
        if section.base is not None:
            whole = whole and first <= (start, 0) and last >= (start + section.size - 1, 1)
        if low <= high:
            rows = section.lines[low - start : high - start + 1]
            begin = first[1] if low == first[0] else 0
            end = last[1] if high == last[0] else END
            if section.source is None:
                around += [row.text.strip() for row in rows]
            elif text := _source_of(section.source.source, rows, begin, end):
                found.append(text)
        start += section.size
    if found and whole:
        return visible(view.content)
    return "\n\n".join(found) if found else "\n".join(filter(None, around))


def _source_of(source: str, rows: Sequence[Line], begin: int, end: int) -> str:
    """Return the source of these rows without what lies before cell ``begin`` and after cell ``end``."""
    first, last = rows[0], rows[-1]
    start, stop = first.start, last.end
    if begin:
        rest = first.text[index_at(first.text, begin) :].strip()
        at = source.find(rest, first.start, first.end) if rest else first.end
        start = at if at >= 0 else start
    if end < cell_len(last.text):
        shown = last.text[: index_at(last.text, end)].strip()
        at = source.find(shown, last.start, last.end)
        stop = at + len(shown) if at >= 0 else stop
    return visible(source[start:stop]).strip("\n")
