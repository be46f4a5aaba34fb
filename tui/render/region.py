"""The lines of a text that was parsed, which the line numbers of its tokens speak of."""

from __future__ import annotations


class Region:
    """The lines of ``text`` and where each of them starts in the document, the text at ``start``."""

    __slots__ = ("lines", "starts")

    def __init__(self, text: str, start: int) -> None:
        self.lines = text.split("\n")
        self.starts = [start]
        for line in self.lines:
            start += len(line) + 1
            self.starts.append(start)
