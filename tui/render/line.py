"""One line of rendered text, as the transcript draws it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.segment import Segment
    from textual.strip import Strip


class Line:
    """A drawn line and the part of the document's source that it shows.

    The strip is made when it is first asked for, since a strip with its caches takes ten times the memory
    of its segments and most lines of a long session are never drawn. Not to be changed once made.
    """

    __slots__ = ("_strip", "cells", "code", "end", "segments", "start")

    def __init__(
        self, segments: Iterable[Segment], cells: int, start: int, end: int, code: int | None = None
    ) -> None:
        """Keep ``segments``, which take ``cells`` cells.

        ``start`` and ``end`` are the range of the source, in characters, that the line shows, so that the
        lines from one to another show ``source[first.start : last.end]``. ``code`` is the number of the
        fenced code block that the line belongs to, or `None`.
        """
        self.segments = tuple(segments)
        self.cells = cells
        self.start = start
        self.end = end
        self.code = code
        self._strip: Strip | None = None

    @classmethod
    def of(cls, strip: Strip, start: int = 0, end: int = 0, code: int | None = None) -> Line:
        """Return a line that draws ``strip``."""
        line = cls(strip, strip.cell_length, start, end, code)
        line._strip = strip
        return line

    @property
    def strip(self) -> Strip:
        """What is drawn: not padded, every segment with a style, a link's target in its meta as ``href``."""
        if self._strip is None:
            from textual.strip import Strip

            self._strip = Strip(self.segments, self.cells)
        return self._strip

    @property
    def text(self) -> str:
        """The characters of the line."""
        return "".join([segment.text for segment in self.segments])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Line):
            return NotImplemented
        return (
            self.segments == other.segments
            and self.cells == other.cells
            and self.start == other.start
            and self.end == other.end
            and self.code == other.code
        )

    def __hash__(self) -> int:
        return hash((self.segments, self.start, self.end, self.code))

    def __repr__(self) -> str:
        return f"Line({self.text!r}, {self.cells}, {self.start}, {self.end}, {self.code})"
