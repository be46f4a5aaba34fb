"""Which lines of a very long column are seen: pure arithmetic over the heights of its entries.

Heights are estimates until an entry is measured. The place is kept as an entry and a line of it, never as a
distance from the top, so that correcting the height of anything above does not move what is read.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate


class Heights:
    """Heights of entries, in lines, with sums in O(log n): 12 bytes an entry."""

    def __init__(self, heights: Iterable[int] = ()) -> None:
        self._heights = array("i")
        self._tree = array("q", (0,))
        self.total = 0
        """The sum of all heights."""
        self.replace(heights)

    def __len__(self) -> int:
        return len(self._heights)

    def __getitem__(self, entry: int) -> int:
        return self._heights[entry]

    def replace(self, heights: Iterable[int]) -> None:
        """Take these heights in place of all, in O(n)."""
        self._heights = array("i", heights)
        sums = list(accumulate(self._heights, initial=0))
        self._tree = array("q", [0, *[sums[node] - sums[node & (node - 1)] for node in range(1, len(sums))]])
        self.total = sums[-1]

    def append(self, height: int) -> None:
        """Add an entry at the end."""
        node = len(self._tree)
        covered = height
        child, first = node - 1, node - (node & -node)
        while child > first:
            covered += self._tree[child]
            child -= child & -child
        self._heights.append(height)
        self._tree.append(covered)
        self.total += height

    def truncate(self, count: int) -> None:
        """Keep the first ``count`` entries."""
        self.total = self.before(count)
        del self._heights[count:]
        del self._tree[count + 1 :]

    def set(self, entry: int, height: int) -> int:
        """Set the height of an entry; returns by how much it grew."""
        growth = height - self._heights[entry]
        if growth:
            self._heights[entry] = height
            self.total += growth
            node = entry + 1
            while node < len(self._tree):
                self._tree[node] += growth
                node += node & -node
        return growth

    def before(self, entry: int) -> int:
        """Return how many lines stand above ``entry``, which may be one past the last."""
        lines = 0
        node = entry
        while node:
            lines += self._tree[node]
            node -= node & -node
        return lines

    def at(self, y: int) -> tuple[int, int]:
        """Return the entry and the line of it at line ``y`` of all.

        What lies above the first line is the first line, and what lies below the last is the line after
        the last entry's end. Entries without height are passed over. Without entries it is ``(0, 0)``.
        """
        y = max(0, y)
        size = len(self._heights)
        node, left = 0, y
        step = 1 << size.bit_length()
        while step:
            following = node + step
            if following <= size and self._tree[following] <= left:
                node = following
                left -= self._tree[following]
            step >>= 1
        if node >= size and size:
            return size - 1, self._heights[size - 1] + left
        return node, left


@dataclass(frozen=True, slots=True)
class Anchor:
    """The line that stands at the top of the view."""

    entry: int = 0
    line: int = 0


class Viewport:
    """The part of all entries that is seen.

    While ``following`` is true the end stays in view; else `top` stays where it is whatever happens to the
    entries above and below it.
    """

    def __init__(self, rows: int = 0) -> None:
        self.heights = Heights()
        self.following = True
        self._rows = rows
        self._top = Anchor()

    @property
    def rows(self) -> int:
        """How many lines are seen at once."""
        return self._rows

    @rows.setter
    def rows(self, rows: int) -> None:
        self._rows = max(0, rows)

    @property
    def max_y(self) -> int:
        """The first line seen when the end is in view."""
        return max(0, self.heights.total - self._rows)

    @property
    def y(self) -> int:
        """The first line seen, counted over all entries."""
        if self.following:
            return self.max_y
        return min(self.heights.before(self._top.entry) + self._top.line, self.max_y)

    @property
    def top(self) -> Anchor:
        """The entry and line at the top of the view."""
        return Anchor(*self.heights.at(self.y))

    @property
    def anchor(self) -> Anchor | None:
        """The place that is kept, also while estimates put it beyond the end; ``None`` when following."""
        return None if self.following else self._top

    def scroll_to(self, y: int) -> None:
        """Bring line ``y`` to the top of the view, as far as there are lines; at the end, follow it."""
        self.following = y >= self.max_y
        self._top = Anchor(*self.heights.at(min(max(0, y), self.max_y)))

    def hold(self, top: Anchor) -> None:
        """Stay at ``top``, also when the end is in view."""
        height = self.heights[top.entry] if top.entry < len(self.heights) else 0
        self._top = Anchor(top.entry, max(0, min(top.line, height - 1)))
        self.following = False

    def follow(self) -> None:
        """Keep the end in view from now on."""
        self.following = True

    def set_height(self, entry: int, height: int, *, line: int | None = None) -> int:
        """Correct the height of an entry; returns by how much it grew.

        ``line`` is where the line at the top of the view is found in the entry's new form, if that entry
        is the one at the top; ``None`` keeps its number.
        """
        growth = self.heights.set(entry, height)
        if not self.following and entry == self._top.entry:
            kept = self._top.line if line is None else line
            self._top = Anchor(entry, max(0, min(kept, height - 1)))
        return growth

    def truncate(self, count: int) -> None:
        """Keep the first ``count`` entries; a place in what goes becomes the end of what stays."""
        self.heights.truncate(count)
        if self._top.entry >= count:
            self._top = Anchor(*self.heights.at(self.max_y))

    def reveal(self, entry: int, line: int = 0, *, margin: int = 0) -> None:
        """Bring a line into view with ``margin`` lines around it; does nothing when it is in view."""
        y = self.heights.before(entry) + line
        margin = min(margin, max(0, (self._rows - 1) // 2))
        if y < self.y + margin:
            self.scroll_to(y - margin)
        elif y >= self.y + self._rows - margin:
            self.scroll_to(y - self._rows + 1 + margin)

    def visible(self, above: int = 0, below: int = 0) -> range:
        """Return the entries that are seen, with ``above`` and ``below`` further lines."""
        if not len(self.heights):
            return range(0)
        y = self.y
        first = self.heights.at(y - above)[0]
        last = self.heights.at(max(y, y + self._rows - 1 + below))[0]
        return range(first, last + 1)

    def row_of(self, entry: int, line: int = 0) -> int:
        """Return where a line is, counted from the top of the view; negative above it."""
        return self.heights.before(entry) + line - self.y
