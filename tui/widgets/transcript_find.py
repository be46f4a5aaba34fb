"""Finding text in all messages of a session, those that are seen first and the others page by page."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from rich.cells import cell_len

from brim.tui.render.line import Line


class Hit(NamedTuple):
    """An occurrence: the message and the character of its text where it starts."""

    entry: int
    place: int


class Finder:
    """Occurrences of one text, letter case aside, in the messages looked at so far."""

    def __init__(self, needle: str, count: int, start: int) -> None:
        self.needle = needle
        self.current: Hit | None = None
        self.total = 0
        self.is_complete = False
        self._pattern = re.compile(re.escape(needle), re.IGNORECASE)
        self._places: dict[int, list[int]] = {}
        self._looked = bytearray(count)
        self._start = min(start, max(0, count - 1))

    def look(self, entry: int, text: str) -> None:
        """Search the text of a message, again if it was searched before."""
        if entry >= len(self._looked):
            self._looked.extend(bytes(entry + 1 - len(self._looked)))
        self._looked[entry] = 1
        found = [match.start() for match in self._pattern.finditer(text)]
        self.total += len(found) - len(self._places.pop(entry, ()))
        if found:
            self._places[entry] = found

    def truncate(self, count: int) -> None:
        """Forget the messages from number ``count`` on."""
        del self._looked[count:]
        for entry in [entry for entry in self._places if entry >= count]:
            self.total -= len(self._places.pop(entry))
        if self.current is not None and self.current.entry >= count:
            self.current = None

    def unseen(self, most: int) -> list[int]:
        """Return messages that were not looked at: upwards from the start, then from the end."""
        found: list[int] = []
        for entry in self._order():
            if not self._looked[entry]:
                found.append(entry)
                if len(found) == most:
                    break
        return found

    def _order(self) -> Iterator[int]:
        looked = self._looked
        entry = looked.rfind(0, 0, self._start + 1)
        while entry >= 0:
            yield entry
            entry = looked.rfind(0, 0, entry)
        entry = looked.rfind(0, self._start + 1)
        while entry > self._start:
            yield entry
            entry = looked.rfind(0, self._start + 1, entry)

    @property
    def number(self) -> int:
        """The current hit's number in reading order, from 1; 0 without one."""
        if self.current is None:
            return 0
        entry, place = self.current
        before = sum(len(places) for other, places in self._places.items() if other < entry)
        return before + bisect_left(self._places.get(entry, []), place) + 1

    def step(self, forward: bool, start: Hit | None = None) -> Hit | None:
        """Make the next hit the current one, going round at the ends; ``None`` when there is none.

        ``start`` is where to look from when there is no current hit yet.
        """
        origin = self.current or start
        if not self.total:
            return None
        entries = sorted(self._places)
        hits = [Hit(entry, place) for entry in entries for place in self._places[entry]]
        if origin is None:
            self.current = hits[0 if forward else -1]
            return self.current
        at = bisect_left(hits, origin)
        if forward:
            if at < len(hits) and hits[at] == origin:
                at += 1
            self.current = hits[at % len(hits)]
        else:
            self.current = hits[at - 1]
        return self.current

    def cells(self, line: Line, entry: int, base: int) -> Iterator[tuple[int, int, bool]]:
        """Return the cells of the hits in a shown line, and whether a hit is the current one.

        ``base`` is where the source of the line starts in the text of the message ``entry``.
        """
        shown = line.text
        number = -1
        current = self.current
        if current is not None and current.entry == entry:
            places = self._places.get(entry, [])
            low, high = bisect_left(places, base + line.start), bisect_left(places, base + line.end)
            at = bisect_left(places, current.place)
            number = at - low if low <= at < high else -1
        for index, match in enumerate(self._pattern.finditer(shown)):
            start = cell_len(shown[: match.start()])
            yield start, start + cell_len(match.group()), index == number
