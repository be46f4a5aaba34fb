"""The lines of a document: of the pieces that are cut, which stay, and of the tail, which comes and goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from markdown_it.token import Token
from rich.segment import Segment

from .fence import FenceLines, body_lines, fence_token
from .inks import Inks
from .inline import FlowMemo, Misses
from .layout import Layout
from .line import Line
from .parser import parse_blocks
from .pieces import Piece, Splitter
from .region import Region
from .rows import MIN_BODY, Row

_SOME_LINES = 100
"""Lines that are drawn in one step."""


class Drawing:
    """The parsed pieces of a document and their lines at one width, in one set of inks.

    ``place`` turns a place in the shown text into one in the source.
    """

    def __init__(self, place: Callable[[int], int]) -> None:
        self.width = 0
        self.inks: Inks | None = None
        self._place = place
        self._splitter = Splitter()
        self._lines: list[Line] = []
        self._firsts: list[int] = []
        self._tail: list[Line] = []
        self._tail_drawn = False
        self._fence: FenceLines | None = None
        self._partial: tuple[list[Line], Iterator[Line], Misses] | None = None
        self._memo = FlowMemo()
        self._memo_references: Mapping[str, Any] = {}
        self._defined = 0
        self._shown: list[Line] = []
        self._same = 0
        self._changed = 0
        self._is_shown = False

    def parse_some(self, text: str, *, final: bool) -> bool:
        """Parse the next part of ``text``; say whether there is more."""
        self._tail_drawn = self._is_shown = False
        return self._splitter.step(text, final=final)

    def reopen(self) -> None:
        """Go on with text behind what was thought to be the end."""
        self._tail_drawn = self._is_shown = False
        known = len(self._splitter.references)
        self._drop_from(self._splitter.reopen())
        self._defined = len(self._splitter.references)
        if self._defined != known:
            self._restart()

    def code_blocks(self, text: str, plain: str) -> list[str]:
        """Return the contents of the fenced blocks, taken from ``plain``, of which ``text`` is what is shown."""
        found: list[str] = []
        for piece in (*self._splitter.pieces, *self._splitter.tail):
            if piece.codes:
                region, tokens = _parsed(piece, text)
                found += [_raw(token, region, plain) for token in tokens if token.type == "fence"]
        fence = self._splitter.fence
        if fence is not None:
            found.append("\n".join(body_lines(fence, plain[fence.body :])))
        return found

    def is_ready(self, width: int, inks: Inks) -> bool:
        """Tell whether all is drawn at ``width`` in ``inks``."""
        return self._tail_drawn and width == self.width and (inks is self.inks or inks == self.inks)

    def draw_some(self, text: str, width: int, inks: Inks) -> bool:
        """Draw the next piece; say whether all are drawn."""
        if width != self.width or (inks is not self.inks and inks != self.inks):
            self.width, self.inks = width, inks
            self._restart()
        if len(self._splitter.references) != self._defined:
            self._resolve()
        pieces = self._splitter.pieces
        if len(self._firsts) < len(pieces):
            piece = pieces[len(self._firsts)]
            if piece.lines is None and not self._draw_cut(piece, text, inks):
                return False
            self._same = min(self._same, len(self._lines))
            self._firsts.append(len(self._lines))
            self._lines += self._with_gap(piece, text, inks, after=bool(self._lines))
            return False
        if not self._tail_drawn:
            self._draw_tail(text, inks)
            self._tail_drawn = True
            self._is_shown = False
        return True

    def show(self) -> Sequence[Line]:
        """Return all lines, once they are drawn."""
        if not self._is_shown:
            self._changed, new = self._difference()
            self._shown[self._changed :] = new
            self._same = len(self._lines) + (self._fence.kept if self._fence else 0)
            self._is_shown = True
        return self._shown

    def changed_from(self) -> int:
        """Return the first line that differs from those shown, or between those shown and those before."""
        return self._changed if self._is_shown else self._difference()[0]

    def _difference(self) -> tuple[int, list[Line]]:
        """Return the index of the first line that is not as it is shown, and the lines from there on."""
        at = self._same
        tail = self._fence.lines if self._fence else self._tail
        new = self._lines[at:] + tail[max(0, at - len(self._lines)) :]
        same = 0
        for line, shown in zip(new, self._shown[at:], strict=False):
            if line is not shown and line != shown:
                break
            same += 1
        return at + same, new[same:]

    def _drop_from(self, count: int) -> None:
        """Take back the lines of all pieces but the first ``count``."""
        if count < len(self._firsts):
            del self._lines[self._firsts[count] :]
            del self._firsts[count:]
        self._same = min(self._same, len(self._lines))
        self._tail_drawn = self._is_shown = False
        self._fence = self._partial = None

    def _restart(self) -> None:
        for piece in self._splitter.pieces:
            piece.lines = None
        self._memo = FlowMemo()
        self._drop_from(0)

    def _resolve(self) -> None:
        """Take back what was drawn from the first piece on with a link that has a definition now."""
        references = self._splitter.references
        self._defined = len(references)
        self._partial = None
        first = len(self._firsts)
        for number, piece in enumerate(self._splitter.pieces[:first]):
            if not piece.missed.isdisjoint(references):
                piece.lines = None
                first = min(first, number)
        if first < len(self._firsts):
            self._drop_from(first)

    def _draw_cut(self, piece: Piece, text: str, inks: Inks) -> bool:
        """Draw some lines of ``piece``; say whether that is all of it."""
        if self._fence is not None and self._fence.start == piece.start:
            piece.lines = self._fence.adopt(text, piece.end)
            self._fence = None
            if piece.lines is not None:
                return True
        if self._partial is None:
            known = Misses(self._splitter.references)
            self._partial = ([], self._draw(piece, text, inks, known, settled=True), known)
        lines, more, known = self._partial
        some = list(islice(more, _SOME_LINES))
        lines += some
        if len(some) == _SOME_LINES:
            return False
        piece.lines, piece.parsed, piece.missed = lines, None, frozenset(known.missed)
        self._partial = None
        return True

    def _draw(self, piece: Piece, text: str, inks: Inks, known: Misses, *, settled: bool) -> Iterator[Line]:
        region, tokens = _parsed(piece, text)
        memo = None if settled else self._memo
        layout = Layout(region, tokens, inks, known, first_code=piece.first_code, settled=settled, memo=memo)
        at = piece.start
        for row in layout.rows(self.width, piece.ordinal):
            # What a row shows of the source may be known too late or too early by some characters.
            start = max(row.start, at)
            end = max(row.end, start)
            yield Line(row.segments, row.cells, self._place(start), self._place(end), row.code)
            at = start

    def _line(self, row: Row) -> Line:
        return Line(row.segments, row.cells, self._place(row.start), self._place(row.end), row.code)

    def _with_gap(self, piece: Piece, text: str, inks: Inks, *, after: bool) -> list[Line]:
        """Return the lines of ``piece`` and, if there are others before it, what keeps it apart from them."""
        lines = piece.lines or []
        if not lines or not after or (piece.gap == "item" and not _blank_before(text, piece.start)):
            return lines
        place = lines[0].start
        bar = piece.gap == "bar" and self.width - 2 >= max(MIN_BODY, self.width // 4)
        segments, cells = ([Segment("▌ ", inks.quote_bar)], 2) if bar else ([], 0)
        return [Line(segments, cells, place, place), *lines]

    def _draw_tail(self, text: str, inks: Inks) -> None:
        fence = self._splitter.fence
        self._tail = []
        if fence is not None:
            if self._fence is None or self._fence.start != fence.start:
                self._fence = FenceLines(fence, self.width, inks, self._line, gap=bool(self._lines))
            self._fence.update(text)
            return
        self._fence = None
        references = self._splitter.tail_references
        if references != self._memo_references:
            self._memo_references, self._memo = references, FlowMemo()
        self._memo.turn()
        for piece in self._splitter.tail:
            piece.lines = list(self._draw(piece, text, inks, Misses(references), settled=False))
            self._tail += self._with_gap(piece, text, inks, after=bool(self._lines or self._tail))


def _parsed(piece: Piece, text: str) -> tuple[Region, list[Token]]:
    """Return the tokens of ``piece``, parsed again if they are not there."""
    if piece.parsed is not None:
        return piece.parsed
    part = text[piece.start : piece.end]
    if piece.fence is not None:
        return Region(part, piece.start), [fence_token(piece.fence, text, piece.start, piece.end)]
    return Region(part, piece.start), parse_blocks(part, piece.inside)


def _raw(fence: Token, region: Region, plain: str) -> str:
    """Return the content of ``fence`` with the characters that ``plain`` has for those that are shown."""
    content = fence.content.removesuffix("\n")
    first = (fence.map[0] if fence.map else 0) + 1
    lines: list[str] = []
    for number, line in enumerate(content.split("\n") if fence.content else [], first):
        end = region.starts[number + 1] - 1
        lines.append(
            plain[end - len(line) : end]
            if not line.isprintable() or "\ufffd" in line or _has_glyph(line)
            else line
        )
    return "\n".join(lines)


def _has_glyph(line: str) -> bool:
    return any("\u2400" <= character <= "\u2421" or character == "\u23ce" for character in line)


def _blank_before(text: str, place: int) -> bool:
    """Tell whether the line before the one that starts at ``place`` is blank."""
    start = text.rfind("\n", 0, max(0, place - 1)) + 1
    return place > 0 and not text[start : place - 1].strip(" \t")
