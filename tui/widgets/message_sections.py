"""The sections that a message's lines are made of, and how a line is found again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from brim.tui.render.line import Line

if TYPE_CHECKING:
    from brim.tui.render.document import MarkdownDocument
    from brim.tui.widgets.plain_text import PlainText


class Mark(NamedTuple):
    """A line of a message by what it shows, which outlives a change of width.

    ``place`` is the place in the section's source where the line starts; ``number`` is the line's number in
    the section, which tells lines apart that start at the same place.
    """

    section: str
    place: int
    number: int = 0


class Section(NamedTuple):
    """Lines that belong together.

    ``key`` names the section within its message. ``source`` is the text whose ranges the lines carry,
    `None` for lines without one; ``base`` is where that text starts in the message's content, `None` when
    it is no part of it. ``fold`` is the name of what a click on the section folds.
    """

    key: str
    lines: Sequence[Line]
    size: int
    source: PlainText | MarkdownDocument | None = None
    base: int | None = None
    fold: str = ""


def last_at(lines: Sequence[Line], place: int) -> int:
    """Return the last line that starts at or before ``place``; 0 when none does."""
    low, high = 0, len(lines)
    while low < high:
        middle = (low + high) // 2
        if lines[middle].start <= place:
            low = middle + 1
        else:
            high = middle
    return max(0, low - 1)
