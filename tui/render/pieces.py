"""Cutting Markdown into pieces that are parsed once, while its text still grows.

A piece is a top-level block, or an item of a top-level list, or a block in a top-level quote. It is *cut* when
no text to come can change it: when what follows it is there, with as many complete lines as it takes to know
that it is not the same block. So the cuts are the same however the text arrived, and a piece parsed by itself
is what it is in the whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from markdown_it.token import Token

from .line import Line
from .parser import Container, parse_blocks
from .region import Region

_WINDOW = 4_000
"""Characters of a long text that are parsed together."""
_CLOSED_BY_BLANK = frozenset(
    ("paragraph_open", "heading_open", "hr", "table_open", "html_block", "blockquote_open", "fence")
)


@dataclass(slots=True, eq=False)
class Piece:
    """A part of the document from the character ``start`` to ``end``, and its lines once they were asked for.

    ``inside`` is what it goes on in. ``ordinal`` is the number of a list's item. ``gap`` says what stands
    between it and the piece before: ``"blank"``, ``"bar"`` (within a quote) or nothing. ``first_code`` is the
    number of its first fenced block. ``missed`` are the labels of links that were not defined. ``fence`` is what it was while it
    was open, for a block of code that was found line by line.
    """

    start: int
    end: int
    inside: Container | None
    ordinal: int | None
    gap: str
    first_code: int
    codes: int
    parsed: tuple[Region, list[Token]] | None = None
    lines: list[Line] | None = None
    missed: frozenset[str] = frozenset()
    fence: OpenFence | None = None


@dataclass(slots=True)
class OpenFence:
    """A fenced block at the end of the text that is still open."""

    start: int
    first_line: int
    body: int
    marker: str
    indent: int
    info: str
    scanned: int
    piece: Piece

    def find_close(self, text: str, start: int) -> re.Match[str] | None:
        """Return the first line from ``start``, where one starts, that closes the block."""
        closing = rf"^ {{0,3}}{self.marker[0]}{{{len(self.marker)},}}[ \t]*(?:\n|\Z)"
        return re.compile(closing, re.MULTILINE).search(text, start)

    def close(self, text: str, *, final: bool) -> int | None:
        """Return where the block ends, or `None` if it goes on."""
        found = self.find_close(text, self.scanned)
        if found and (final or found[0].endswith("\n")):
            return found.end()
        self.scanned = max(self.scanned, text.rfind("\n") + 1)
        return None


@dataclass(slots=True)
class _Part:
    """What a parsed region holds of one piece. ``settles`` is the complete lines that prove its start."""

    tokens: list[Token]
    first: int
    starts: int
    settles: int
    inside: Container | None
    ordinal: int | None
    gap: str


@dataclass(slots=True)
class _State:
    """What the splitter knows apart from the text, so that it can go back to it."""

    at: int = 0
    inside: Container | None = None
    ordinal: int | None = None
    gap: str = "blank"
    codes: int = 0
    fence: OpenFence | None = None
    references: dict[str, Mapping[str, Any]] = field(default_factory=dict)


class Splitter:
    """Cuts a growing text into pieces.

    ``pieces`` are cut for good, ``tail`` is what is behind them as it looks now: pieces, or ``fence``.
    """

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.tail: list[Piece] = []
        self.references: dict[str, Mapping[str, Any]] = {}
        self.tail_references: dict[str, Mapping[str, Any]] = {}
        self._state = _State(references=self.references)
        self._window = _WINDOW
        self._before_end: tuple[int, _State] | None = None

    @property
    def fence(self) -> OpenFence | None:
        """The open fenced block at the end, or `None`."""
        return self._state.fence

    def reopen(self) -> int:
        """Undo the last step of a final `step`, since text follows; return the number of pieces that stay."""
        if self._before_end is not None:
            count, self._state = self._before_end
            del self.pieces[count:]
            self.references = self._state.references
            self._before_end = None
        return len(self.pieces)

    def step(self, text: str, *, final: bool) -> bool:
        """Cut what can be cut from the next part of ``text``; say whether there is more to do.

        ``final`` says that ``text`` is all there will be.
        """
        self.tail = []
        self.tail_references = {}
        if self._before_end is not None:
            return False
        if self._state.fence is not None:
            return self._step_fence(text, self._state.fence, final=final)
        at = self._state.at
        cut = text.find("\n", at + self._window) + 1 or len(text)
        at_end = cut >= len(text)
        if at_end and final:
            self._mark_end()
        region = Region(text[at:cut], at)
        parts = list(_parts(parse_blocks(text[at:cut], self._state.inside), region, self._state))
        count = len(parts) if at_end and final else _settled(parts, region)
        for number, part in enumerate(parts[:count]):
            following = parts[number + 1] if number + 1 < len(parts) else None
            if following is None and not (at_end and final):
                end = region.starts[_last_line(part)]
            else:
                end = _end(parts, number, region, len(text))
            self._cut(part, region, following, end)
        rest = parts[count:]
        if len(rest) == 1 and self._open_fence(rest[0], region, text):
            return True
        if at_end:
            self._keep_tail(rest, region, len(text))
            return False
        self._window = _WINDOW if count else self._window * 2
        return True

    def _mark_end(self) -> None:
        state = self._state
        self._before_end = (
            len(self.pieces),
            _State(
                state.at,
                state.inside,
                state.ordinal,
                state.gap,
                state.codes,
                state.fence,
                dict(self.references),
            ),
        )

    def _piece(self, part: _Part, start: int, end: int, region: Region, codes: int) -> Piece:
        found = sum(token.type == "fence" for token in part.tokens)
        return Piece(start, end, part.inside, part.ordinal, part.gap, codes, found, (region, part.tokens))

    def _cut(self, part: _Part, region: Region, following: _Part | None, end: int) -> None:
        state = self._state
        piece = self._piece(part, state.at, end, region, state.codes)
        self.pieces.append(piece)
        _define(part, self.references)
        state.at, state.codes = end, state.codes + piece.codes
        state.inside = following.inside if following else None
        state.ordinal = following.ordinal if following else None
        state.gap = following.gap if following else "blank"

    def _keep_tail(self, parts: list[_Part], region: Region, length: int) -> None:
        start, codes = self._state.at, self._state.codes
        self.tail_references = dict(self.references)
        for number, part in enumerate(parts):
            _define(part, self.tail_references)
            end = _end(parts, number, region, length)
            piece = self._piece(part, start, end, region, codes)
            self.tail.append(piece)
            start, codes = end, codes + piece.codes

    def _open_fence(self, part: _Part, region: Region, text: str) -> bool:
        """Go on line by line if ``part``, the last one, is a fenced block that is still open."""
        token = part.tokens[-1]
        if token.type != "fence" or token.level or not token.map:
            return False
        first = token.map[0]
        if first + 2 > len(region.lines) - 1:
            return False
        line = region.lines[first]
        piece = self._piece(part, self._state.at, len(text), region, self._state.codes)
        piece.parsed = None
        body = region.starts[first + 1]
        indent = len(line) - len(line.lstrip(" "))
        self._state.fence = OpenFence(
            self._state.at, region.starts[first], body, token.markup, indent, token.info, body, piece
        )
        _define(part, self.references)
        return True

    def _step_fence(self, text: str, fence: OpenFence, *, final: bool) -> bool:
        end = fence.close(text, final=final)
        if end is None and not final:
            return False
        if final and (end is None or end >= len(text)):
            self._mark_end()
        piece = replace(fence.piece, end=len(text) if end is None else end, fence=fence)
        self.pieces.append(piece)
        codes = self._state.codes + 1
        self._state = _State(piece.end, codes=codes, references=self.references)
        return True


def _define(part: _Part, references: dict[str, Mapping[str, Any]]) -> None:
    for token in part.tokens:
        if token.type == "definition":
            references.setdefault(token.meta["id"], {"href": token.meta["url"], "title": token.meta["title"]})


def _settled(parts: list[_Part], region: Region) -> int:
    """Return how many of ``parts`` no text to come can change."""
    complete = len(region.lines) - 1
    count = 0
    while count + 1 < len(parts) and parts[count + 1].starts + parts[count + 1].settles <= complete:
        count += 1
    if count != len(parts) - 1:
        return count
    kind, end = parts[count].tokens[0], _last_line(parts[count])
    opening = next((token for token in parts[count].tokens if token.type != "definition"), kind)
    if opening.type not in _CLOSED_BY_BLANK or end > complete:
        return count
    if opening.type == "fence":
        return count + _is_closed(opening, region)
    return count + (end < complete and not region.lines[end].strip(" \t"))


def _is_closed(fence: Token, region: Region) -> bool:
    first, last = fence.map or (0, 0)
    closing = region.lines[last - 1].strip(" \t")
    return (
        last - 1 > first
        and first + 2 <= len(region.lines) - 1
        and len(closing) >= len(fence.markup)
        and not closing.strip(fence.markup[0])
        and fence.content.count("\n") == last - first - 2
    )


def _last_line(part: _Part) -> int:
    return max((token.map[1] for token in part.tokens if token.map), default=part.first)


def _end(parts: list[_Part], number: int, region: Region, length: int) -> int:
    """Return the character where a part ends: where the next one starts, or the text does."""
    return region.starts[parts[number + 1].first] if number + 1 < len(parts) else length


def _parts(tokens: list[Token], region: Region, state: _State) -> Iterator[_Part]:
    """Yield the parts of a region's tokens. The first of them may go on in what was cut before."""
    at = end = 0
    pending: list[Token] = []
    inside, ordinal, gap = state.inside, state.ordinal, state.gap
    first = 0
    while at < len(tokens):
        opening = tokens[at]
        stop = at + 1
        if opening.nesting:
            while tokens[stop].level or tokens[stop].nesting >= 0:
                stop += 1
            stop += 1
        block, at = tokens[at:stop], stop
        if opening.type == "definition":
            pending.append(opening)
            continue
        lines = opening.map or (end, end)
        starts = pending[0].map[0] if pending and pending[0].map else lines[0]
        if opening.type in ("bullet_list_open", "ordered_list_open"):
            yield from _items(pending, block, _Part([], first, starts, 2, inside, ordinal, gap))
        elif opening.type == "blockquote_open":
            yield from _quoted(pending, block, region, _Part([], first, starts, 2, inside, None, gap))
        else:
            yield _Part(pending + block, first, starts, 2, None, None, gap)
        first = end = lines[1]
        pending, inside, ordinal, gap = [], None, None, "blank"
    if pending:
        starts = pending[0].map[0] if pending[0].map else end
        yield _Part(pending, first, starts, 2, None, None, gap)


def _children(block: list[Token]) -> Iterator[list[Token]]:
    """Yield the tokens of every child of the container ``block``."""
    child: list[Token] = []
    for token in block[1:-1]:
        child.append(token)
        if token.level == 1 and token.nesting <= 0:
            yield child
            child = []


def _items(pending: list[Token], block: list[Token], head: _Part) -> Iterator[_Part]:
    ordered = block[0].type == "ordered_list_open"
    ordinal = head.ordinal
    if ordinal is None and ordered:
        ordinal = int(block[0].attrs.get("start", 1))
    part: _Part | None = None
    for item in _children(block):
        if part is None:
            tokens = [*pending, block[0], *item, block[-1]]
            part = _Part(tokens, head.first, head.starts, 2, head.inside, ordinal, head.gap)
        else:
            line = item[0].map[0] if item[0].map else part.first
            part = _Part([block[0], *item, block[-1]], line, line, 1, "list", ordinal, "item")
        yield part
        ordinal = ordinal + 1 if ordinal is not None else None


def _quoted(pending: list[Token], block: list[Token], region: Region, head: _Part) -> Iterator[_Part]:
    """Yield a part for every block in a quote, with the definitions before it."""
    part = _Part([*pending, block[0]], head.first, head.starts, 2, head.inside, None, head.gap)
    complete = False
    end = head.first
    for child in _children(block):
        opening = child[0]
        # A deeply indented line goes on in a quote, but does not begin one.
        if complete and _indent(region.lines[end]) < 4:
            part.tokens.append(block[-1])
            yield part
            starts = opening.map[0] if opening.map else end
            part = _Part([block[0]], end, starts, 2, "quote", None, "bar")
            complete = False
        part.tokens += child
        if opening.type != "definition":
            complete = True
            end = opening.map[1] if opening.map else end
    part.tokens.append(block[-1])
    yield part


def _indent(line: str) -> int:
    line = line.expandtabs(4)
    return len(line) - len(line.lstrip(" "))
