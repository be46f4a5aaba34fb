"""The lines of a fenced block that is still open: they cost what is new, not what is there."""

from __future__ import annotations

from collections.abc import Callable

from markdown_it.token import Token

from .code import CHUNK_LINES, EXACT_CHARS, language_of
from .inks import Inks
from .inline import clean
from .line import Line
from .panel import Panel
from .pieces import OpenFence
from .rows import Row


class FenceLines:
    """The lines of a fenced block that is still open: those of full chunks are kept."""

    def __init__(
        self, fence: OpenFence, width: int, inks: Inks, line: Callable[[Row], Line], *, gap: bool
    ) -> None:
        self.start = fence.start
        self._fence = fence
        self._gap = int(gap)
        self._panel = Panel(width, inks, fence.piece.first_code)
        self._line = line
        self._language = language_of(clean(fence.info))
        self._at = fence.body
        start = fence.first_line
        rows = [Row([], 0, start, start)] if gap else []
        rows.append(self._panel.label(self._language, start, fence.body - 1))
        self.lines = [line(row) for row in rows]
        self.kept = len(self.lines)
        """How many of the lines no text to come changes."""

    def update(self, text: str) -> None:
        """Bring the lines up to ``text``."""
        del self.lines[self.kept :]
        lines = body_lines(self._fence, text[self._at :])
        while len(lines) > CHUNK_LINES:
            self._add(lines[:CHUNK_LINES], text)
            del lines[:CHUNK_LINES]
            self.kept = len(self.lines)
            for _ in range(CHUNK_LINES):
                self._at = text.index("\n", self._at) + 1
        self._add(lines, text)

    def _add(self, lines: list[str], text: str) -> None:
        starts = [self._at]
        for _ in lines:
            end = text.find("\n", starts[-1])
            starts.append((len(text) if end < 0 else end) + 1)
        rows = self._panel.code(lines, self._language, starts, settled=False)
        self.lines += [self._line(row) for row in rows]

    def adopt(self, text: str, end: int) -> list[Line] | None:
        """Return the lines of the block, which turned out to end at ``end``, without the gap before it.

        `None` if that needs them highlighted anew: the block is short enough to be highlighted as a whole, or
        has no end of its own.
        """
        closing = _closing(self._fence, text, end)
        if closing is None or closing <= self._at:
            return None
        body = body_lines(self._fence, text[self._fence.body : closing - 1], open_end=False)
        if sum([len(line.expandtabs(4)) + 1 for line in body]) - 1 <= EXACT_CHARS:
            return None
        del self.lines[self.kept :]
        self._add(body_lines(self._fence, text[self._at : closing - 1], open_end=False), text)
        self.lines.append(self._line(self._panel.bottom(closing, end - (text[end - 1] == "\n"))))
        return self.lines[self._gap :]


def _closing(fence: OpenFence, text: str, end: int) -> int | None:
    """Return where the line starts that closes ``fence``, which ends at ``end``, or `None`."""
    start = text.rfind("\n", 0, end - 1) + 1
    return start if start >= fence.body and fence.find_close(text, start) else None


def fence_token(fence: OpenFence, text: str, start: int, end: int) -> Token:
    """Return the token of ``fence``, which turned out to end at ``end``, in a region that begins at ``start``."""
    closing = _closing(fence, text, end)
    body = text[fence.body : end if closing is None else closing]
    if not body[body.rfind("\n") + 1 :].strip(" \t"):
        # The parser leaves out blanks at the end of the text.
        body = body[: body.rfind("\n") + 1]
    lines = body_lines(fence, body.removesuffix("\n"), open_end=False)
    opening = text.count("\n", start, fence.first_line)
    last = opening + (len(lines) if body else 0) + (1 if closing is None else 2)
    token = Token("fence", "code", 0, map=[opening, last], info=fence.info, markup=fence.marker)
    token.content = "\n".join(lines) + "\n" if body else ""
    return token


def body_lines(fence: OpenFence, text: str, *, open_end: bool = True) -> list[str]:
    """Return the lines of ``text``, from within ``fence``, as the code that they are.

    With an ``open_end``, the last line is left out if it may become the end of the block.
    """
    lines = text.split("\n")
    if open_end and not lines[-1].strip(" \t").strip(fence.marker[0]):
        lines.pop()
    return [_dedented(line, fence.indent) for line in lines] if fence.indent else lines


def _dedented(line: str, indent: int) -> str:
    at = column = 0
    while at < len(line) and column < indent and line[at] in " \t":
        column += 4 - column % 4 if line[at] == "\t" else 1
        at += 1
    return " " * (column - indent) + line[at:]
