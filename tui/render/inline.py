"""Inline Markdown as runs of styled text, and where in the Markdown each character stands.

A new line inside a paragraph stays one, as in the chat programs that people know: models and people mean it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from markdown_it.token import Token
from rich.segment import Segment
from rich.style import Style

from brim.core.text import visible

from .inks import Inks
from .parser import markdown
from .simple import Part, read_simple
from .wrap import Run, break_words, cells_of, cut_runs, fitting

References = Mapping[str, Mapping[str, Any]]

_ACTIVE = re.compile(r"[\\`*_~\[\]!<>&\n]|  |https?://")
_URL = re.compile(r"https?://[^\s<>\"`]+")
_AFTER_URL = ".,;:!?'*_~"
SLICE = 4_000
"""Characters of a paragraph that are parsed and wrapped together."""


class Broken(NamedTuple):
    """A row of a flow: where it ends in the flow's text, what it holds and the cells of that."""

    end: int
    segments: list[Segment]
    cells: int


class Misses(dict[str, Mapping[str, Any]]):
    """Link references, which remember the labels that were asked for and not there."""

    def __init__(self, references: References) -> None:
        super().__init__(references)
        self.missed: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        if key not in self:
            self.missed.add(key)
            return default
        return self[key]


class Flow:
    """The runs of one piece of inline Markdown.

    `place` tells where the character at an offset of the runs' text stands in the Markdown; it is exact for
    text that stands there as it is shown, and near it elsewhere.
    """

    def __init__(self, content: str) -> None:
        self.runs: list[Run] = []
        self._content = content
        self._length = 0
        self._cursor = 0
        self._shown: list[int] = []
        self._places: list[int] = []
        self._width = 0
        self._rows: list[Broken] = []

    def add(self, text: str, style: Style, written: str | None = None) -> None:
        """Add ``text``, which stands in the Markdown as ``written`` (`None`: as it is)."""
        found = self._content.find(text if written is None else written, self._cursor)
        if found >= 0:
            self._cursor = found + len(text if written is None else written)
            place = found
        else:
            place = self._cursor
        self._shown.append(self._length)
        self._places.append(place)
        self._length += len(text)
        self.runs.append((text, style))

    def rows(self, width: int) -> list[Broken]:
        """Return the rows at ``width``."""
        if width != self._width:
            runs = fitting(self.runs, width)
            spans = break_words(runs, width)
            cut = cut_runs(runs, spans)
            self._rows = [Broken(span[1], row, cells_of(row)) for span, row in zip(spans, cut, strict=True)]
            self._width = width
        return self._rows

    def place(self, offset: int) -> int:
        """Return where the character at ``offset`` of the text stands in the Markdown."""
        if offset >= self._length:
            return len(self._content)
        run = bisect_right(self._shown, offset) - 1
        if run < 0:
            return 0
        place = self._places[run] + offset - self._shown[run]
        limit = self._places[run + 1] if run + 1 < len(self._places) else len(self._content)
        return min(place, limit)


def flow(content: str, style: Style, inks: Inks, references: Misses) -> Flow:
    """Return the runs of the inline Markdown ``content``, drawn in ``style`` where nothing else is said."""
    made = Flow(content)
    if not _ACTIVE.search(content):
        if content:
            made.add(clean(content), style, content)
        return made
    parts = read_simple(content)
    if parts is not None:
        _Writer(made, style, inks).write_parts(parts)
        return made
    tokens: list[Token] = []
    md = markdown()
    md.inline.parse(content, md, {"references": references}, tokens)
    _Writer(made, style, inks).write(tokens)
    return made


class FlowMemo:
    """Flows made the last time, to be used again for what is still there."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, Style], Flow] = {}
        self._now: dict[tuple[str, Style], Flow] = {}

    def turn(self) -> None:
        """Begin anew: what was not asked for since the last time is dropped."""
        self._before, self._now = self._now, {}

    def flow(self, content: str, style: Style, inks: Inks, references: Misses) -> Flow:
        """Return what the function `flow` does."""
        key = (content, style)
        made = self._now.get(key) or self._before.get(key) or flow(content, style, inks, references)
        self._now[key] = made
        return made


def slices(content: str) -> Iterator[str]:
    """Yield ``content`` in parts that are parsed and wrapped apart, so that a huge paragraph stays quick.

    Emphasis does not reach from one to the next, and each begins a row.
    """
    start = 0
    while len(content) - start > SLICE:
        cut = content.rfind("\n", start + SLICE // 2, start + SLICE)
        if cut < 0:
            cut = content.rfind(" ", start + SLICE // 2, start + SLICE)
        if cut < 0:
            cut = start + SLICE - 1
        yield content[start : cut + 1]
        start = cut + 1
    yield content[start:]


def clean(text: str) -> str:
    """Return ``text`` with control characters shown and tabs as spaces."""
    return visible(text).replace("\t", "    ") if not text.isprintable() else text


class _Writer:
    """Writes inline tokens into a `Flow`."""

    def __init__(self, made: Flow, style: Style, inks: Inks) -> None:
        self._made = made
        self._inks = inks
        self._styles = [style]
        self._href = ""

    def write(self, tokens: list[Token]) -> None:
        """Write what the parser has read."""
        for token in tokens:
            self._token(token)

    def write_parts(self, parts: list[Part]) -> None:
        """Write what `read_simple` has read."""
        made, inks, outer = self._made, self._inks, self._styles[-1]
        styles = {"": outer, "*": outer + inks.emphasis, "**": outer + inks.strong}
        for kind, text, mark in parts:
            if kind == "text":
                self._text(text, styles[mark])
            elif kind == "code":
                made.add(clean(text), styles[mark] + inks.code, text)
            else:
                made.add("\n", outer)

    def _token(self, token: Token) -> None:
        made, inks, style = self._made, self._inks, self._styles[-1]
        match token.type:
            case "text":
                self._text(token.content, style)
            case "text_special":
                made.add(clean(token.content).replace("\n", " "), style, token.markup)
            case "strong_open":
                self._styles.append(style + inks.strong)
            case "em_open":
                self._styles.append(style + inks.emphasis)
            case "s_open":
                self._styles.append(style + inks.strike)
            case "link_open":
                self._href = clean(str(token.attrs.get("href", "")))
                self._styles.append(link_style(style, self._href, inks))
            case "link_close":
                self._href = ""
                self._styles.pop()
            case "strong_close" | "em_close" | "s_close":
                self._styles.pop()
            case "code_inline":
                link = {"href": self._href} if self._href else None
                ink = style + inks.code + Style(meta=link) if link else style + inks.code
                made.add(clean(token.content).replace("\n", " "), ink, token.content)
            case "softbreak" | "hardbreak":
                made.add("\n", style)
            case "image":
                href = self._href or clean(str(token.attrs.get("src", "")))
                label = clean(_plain(token.children or [])) or href
                made.add(f"▧ {label}", link_style(style, href, inks), label)
            case "html_inline":
                made.add(clean(token.content), style + inks.dim, token.content)

    def _text(self, text: str, style: Style) -> None:
        if not text:
            return
        start = 0
        if not self._href and "://" in text:
            for match in _URL.finditer(text):
                url = _trimmed(match[0])
                if match.start() > start:
                    self._plain_text(text[start : match.start()], style)
                start = match.start() + len(url)
                self._plain_text(url, link_style(style, clean(url), self._inks))
        if start < len(text):
            self._plain_text(text[start:], style)

    def _plain_text(self, text: str, style: Style) -> None:
        self._made.add(clean(text).replace("\n", " "), style, text)


def link_style(style: Style, href: str, inks: Inks) -> Style:
    """Return ``style`` as it looks on a link to ``href``, which it carries as meta."""
    return style + inks.link + Style(meta={"href": href}) if href else style + inks.link


def _trimmed(url: str) -> str:
    """Return ``url`` without the punctuation of the sentence around it."""
    while url:
        if url[-1] in _AFTER_URL or (url[-1] in ")]}" and url.count(url[-1]) > url.count(_OPENING[url[-1]])):
            url = url[:-1]
        else:
            break
    return url


_OPENING = {")": "(", "]": "[", "}": "{"}


def _plain(tokens: list[Token]) -> str:
    """Return the text of ``tokens`` without their styles, for the description of an image."""
    return "".join(
        _plain(token.children) if token.children else " " if token.type.endswith("break") else token.content
        for token in tokens
    )
