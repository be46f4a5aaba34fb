"""A Markdown document as lines, quick while it grows and whole when it is finished.

Only what text to come could change is parsed and laid out again when text is appended; the rest is kept. The
parser and the highlighter are imported when the first lines are asked for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from brim.core.text import visible

from .inks import Inks
from .line import Line

if TYPE_CHECKING:
    from .drawing import Drawing

_CHARS_PER_LINE_BESIDE_TEXT = 0.35
"""Rows that blank lines, labels and rules add, for every line of the source."""


def estimate_height(chars: int, lines: int, width: int) -> int:
    """Return about how many rows a message of ``chars`` characters in ``lines`` lines takes at ``width``."""
    lines = max(1, lines)
    per_line = max(1, -(-(chars // lines) // max(1, width)))
    return max(1, round(lines * per_line + (lines - 1) * _CHARS_PER_LINE_BESIDE_TEXT * (per_line > 1)))


class MarkdownDocument:
    """Markdown that may still grow, and the lines that show it.

    Made with a text, it is finished; to append to it opens it again. Nothing is parsed before lines are asked for.
    """

    def __init__(self, text: str = "") -> None:
        self._source = text
        self._shown = ""
        self._returns: list[int] = []
        self._held = ""
        self._finished = bool(text)
        self._drawing: Drawing | None = None
        self._parsed = False
        self._take(text)
        if text:
            self._flush()

    @property
    def source(self) -> str:
        """The Markdown, as it came."""
        return self._source

    def append(self, text: str) -> None:
        """Add ``text`` to the end. What it costs depends on the block at the end only, and is paid in `lines`."""
        if not text:
            return
        if self._finished:
            self._finished = False
            self._reopen()
        self._source += text
        self._take(text)
        self._parsed = False

    def finish(self) -> None:
        """Say that no more text will come: the lines are those of ``MarkdownDocument(source)`` from now on."""
        if self._finished:
            return
        self._finished = True
        self._flush()
        self._parsed = False

    def lines(self, width: int, inks: Inks) -> Sequence[Line]:
        """Return the lines at ``width`` cells, at least 1.

        The sequence is the document's own: it is not to be changed, and is what it is until the next call.
        """
        drawing = self._get_drawing()
        while not self._step(width, inks):
            pass
        return drawing.show()

    def render_some(self, width: int, inks: Inks, budget_s: float) -> bool:
        """Work on what `lines` will need for about ``budget_s`` seconds; say whether all of it is done."""
        end = perf_counter() + budget_s
        while not self._step(width, inks):
            if perf_counter() >= end:
                return False
        return True

    def lines_ready(self, width: int, inks: Inks) -> bool:
        """Tell whether `lines` would return at once."""
        return self._parsed and self._drawing is not None and self._drawing.is_ready(width, inks)

    def changed_from(self) -> int:
        """Return the index of the first line that may differ since the last call of `lines`.

        After an append: since that call and until the next, which it prepares. Directly after `lines`: between
        the two last calls. So it may be asked before or after the new lines are taken. 0 before the first.
        """
        drawing = self._drawing
        if drawing is None or drawing.inks is None:
            return 0
        if not self._parsed:
            while not self._step(drawing.width, drawing.inks):
                pass
        return drawing.changed_from()

    def code_blocks(self) -> list[str]:
        """Return the contents of the fenced blocks, in order, as they stand in the source."""
        drawing = self._get_drawing()
        while self._parse_some():
            pass
        plain = self._shown if not self._returns else ""
        plain = plain if plain == self._source else self._source.replace("\r\n", "\n")
        return drawing.code_blocks(self._shown, plain)

    def forget(self) -> None:
        """Drop the lines and all that was parsed, to save memory. They are made again when asked for."""
        self._drawing = None
        self._parsed = False

    def _take(self, text: str) -> None:
        """Add ``text`` to what is shown. A carriage return at its end waits for what follows it."""
        text = self._held + text
        self._held = "\r" if text.endswith("\r") else ""
        if self._held:
            text = text[:-1]
        if "\r\n" in text:
            at = len(self._shown)
            for line in text.split("\r\n")[:-1]:
                at += len(line)
                self._returns.append(at)
                at += 1
        safe = visible(text)
        self._shown = safe if not self._shown else self._shown + safe

    def _flush(self) -> None:
        if self._held:
            self._shown += visible(self._held)
            self._held = ""
        if self._shown == self._source:
            self._shown = self._source

    def _reopen(self) -> None:
        if self._source.endswith("\r") and not self._held:
            self._shown = self._shown[:-1]
            self._held = "\r"
        if self._drawing is not None:
            self._drawing.reopen()

    def _get_drawing(self) -> Drawing:
        if self._drawing is None:
            from .drawing import Drawing

            self._drawing = Drawing(self._place_in_source)
        return self._drawing

    def _place_in_source(self, place: int) -> int:
        return place + bisect_left(self._returns, place) if self._returns else place

    def _parse_some(self) -> bool:
        """Parse the next part; say whether there is more."""
        if not self._parsed:
            self._parsed = not self._get_drawing().parse_some(self._shown, final=self._finished)
        return not self._parsed

    def _step(self, width: int, inks: Inks) -> bool:
        """Do the next bit of work; say whether all is done."""
        if self._parse_some():
            return False
        return self._get_drawing().draw_some(self._shown, max(1, width), inks)
