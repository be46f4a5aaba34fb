"""Text as it was typed: wrapped at words, with every line break and indentation kept."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from brim.tui.render.line import Line
from brim.tui.render.wrap import break_words, fitting

_TAB = 4
_AT_ONCE = 50
"""Source lines that are wrapped between two looks at the clock."""


class PlainText:
    """A text that is shown as it is, and may grow at its end.

    It has the interface of a Markdown document. ``prefix`` stands before each row. The text must be safe
    to show (`brim.core.text.visible`).
    """

    def __init__(self, text: str = "", *, prefix: str = "") -> None:
        self._pieces = [text]
        self._prefix = prefix
        self._prefix_cells = cell_len(prefix)
        self._rows: list[Line] = []
        self._key: tuple[int, Style] | None = None
        self._open_at = 0
        self._open_row = 0
        self._wrapped = -1
        self._changing = 0
        self._changed = 0

    @property
    def source(self) -> str:
        """The text."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    def append(self, text: str) -> None:
        """Add text at the end; only the last source line is wrapped again."""
        if text:
            self._pieces.append(text)

    def finish(self) -> None:
        """Say that no more text comes. Plain text looks the same before and after."""

    def code_blocks(self) -> list[str]:
        """Return nothing: plain text has no fenced code."""
        return []

    def changed_from(self) -> int:
        """Return the first row that may differ between the last two calls of `lines`."""
        return self._changed

    def lines(self, width: int, style: Style) -> Sequence[Line]:
        """Return the rows at ``width``, the document's own list."""
        self.render_some(width, style, None)
        self._changed, self._changing = self._changing, len(self._rows)
        return self._rows

    def render_some(self, width: int, style: Style, budget_s: float | None) -> bool:
        """Wrap for about ``budget_s`` seconds (`None`: until done); tell whether all is wrapped."""
        if self._key != (width, style):
            self._key = (width, style)
            self._rows, self._open_at, self._open_row, self._wrapped = [], 0, 0, -1
        source = self.source
        if self._wrapped == len(source):
            return True
        self._changing = min(self._changing, self._open_row)
        until = None if budget_s is None else perf_counter() + budget_s
        body = max(1, width - self._prefix_cells)
        del self._rows[self._open_row :]
        while True:
            for _ in range(_AT_ONCE):
                at = self._open_at
                end = source.find("\n", at)
                if end < 0:
                    self._wrap(source[at:], at, body, style)
                    self._wrapped = len(source)
                    return True
                self._wrap(source[at:end], at, body, style)
                self._open_at, self._open_row = end + 1, len(self._rows)
            if until is not None and perf_counter() > until:
                return False

    def _wrap(self, line: str, at: int, width: int, style: Style) -> None:
        """Add the rows of one source line. Rows after its first are indented like the line."""
        if "\t" not in line and line.isascii() and len(line) <= width:
            self._rows.append(self._row("", line, style, at, at + len(line)))
            return
        shown, places = _expand(line)
        indent = len(shown) - len(shown.lstrip(" "))
        if indent > width // 2:
            indent = 0
        blank = shown[:indent]
        runs = fitting([(shown[indent:], style)], width - indent)
        text = runs[0][0]
        exact = len(text) == len(shown) - indent
        for start, end in break_words(runs, width - indent):
            first = places[start + indent] if exact and start else 0
            last = places[end + indent] if exact else len(line)
            self._rows.append(self._row(blank, text[start:end], style, at + first, at + last))

    def _row(self, blank: str, text: str, style: Style, start: int, end: int) -> Line:
        text = blank + text
        cells = self._prefix_cells + (len(text) if text.isascii() else cell_len(text))
        segments = [Segment(self._prefix, style)] if self._prefix else []
        if text:
            segments.append(Segment(text, style))
        return Line(segments, cells, start, end)


def _expand(line: str) -> tuple[str, Sequence[int]]:
    """Return ``line`` with tabs as spaces, and for each place in it the place in ``line``."""
    if "\t" not in line:
        return line, range(len(line) + 1)
    shown: list[str] = []
    places: list[int] = []
    for place, character in enumerate(line):
        if character == "\t":
            blanks = _TAB - len(places) % _TAB
            shown.append(" " * blanks)
            places += [place] * blanks
        else:
            shown.append(character)
            places.append(place)
    places.append(len(line))
    return "".join(shown), places
