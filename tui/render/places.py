"""Where the characters of a paragraph stand in the document."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from markdown_it.token import Token


class Places:
    """Turns places in the content of an inline token into places in the document.

    ``lines`` and ``starts`` are those of the region that the token was parsed from. The content has the lines
    of the source without what makes them part of a list or quote.
    """

    def __init__(self, token: Token, lines: Sequence[str], starts: Sequence[int]) -> None:
        self._content = token.content
        self._starts: list[int] = []
        self._shifts: list[int] = []
        self._ends: list[int] = []
        first = token.map[0] if token.map else 0
        self._begin = starts[first]
        at = 0
        for number, text in enumerate(token.content.split("\n"), first):
            line = min(number, len(lines) - 1)
            bare = text.strip()
            shift = max(0, lines[line].rfind(bare)) - (len(text) - len(text.lstrip()))
            self._starts.append(at)
            self._shifts.append(starts[line] + shift - at)
            self._ends.append(starts[line] + len(lines[line]))
            at += len(text) + 1

    def after(self, place: int) -> int:
        """Return where a row starts, given the place in the content where the row before ended, or -1."""
        if place < 0:
            return self._begin
        content = self._content
        while place < len(content) and content[place] in " \t":
            place += 1
        line = bisect_right(self._starts, place) - 1
        if place < len(content) and content[place] == "\n":
            return self._ends[line] + 1
        return place + self._shifts[line]

    def end(self, place: int) -> int:
        """Return where a row ends whose last character ends at ``place`` of the content."""
        line = bisect_right(self._starts, place) - 1
        stop = self._starts[line + 1] - 1 if line + 1 < len(self._starts) else len(self._content)
        if stop - place < 80 and not self._content[place:stop].strip():
            return self._ends[line]
        return place + self._shifts[line]
