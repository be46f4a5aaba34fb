"""Blocks as rows: the tokens of a piece of Markdown laid out at a width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markdown_it.token import Token
from rich.segment import Segment
from rich.style import Style

from .code import language_of
from .inks import Inks
from .inline import SLICE, Flow, FlowMemo, Misses, clean, flow, slices
from .panel import Panel
from .places import Places
from .region import Region
from .rows import MIN_BODY, Row, prefixed, text_rows
from .table import Table, TableRow
from .table import lay_out as lay_out_table

_BULLETS = "•◦▪"


class Layout:
    """Lays out ``tokens``, which were parsed from ``region``.

    ``first_code`` is the number of its first fenced block; ``settled`` says that no more text will come.
    """

    def __init__(
        self,
        region: Region,
        tokens: Sequence[Token],
        inks: Inks,
        references: Misses,
        *,
        first_code: int = 0,
        settled: bool = True,
        memo: FlowMemo | None = None,
    ) -> None:
        self._lines = region.lines
        self._starts = region.starts
        self._tokens = tokens
        self._inks = inks
        self._references = references
        self._code = first_code
        self._settled = settled
        self._memo = memo
        self._at = 0
        self._bullets = 0
        self._least = MIN_BODY

    def rows(self, width: int, ordinal: int | None = None) -> Iterator[Row]:
        """Yield everything at ``width``; ``ordinal`` is the number of the item if that is what it is.

        What may be huge comes bit by bit.
        """
        self._least = max(MIN_BODY, width // 4)
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.type == "fence":
                self._at += 1
                yield from self._fence(token, width)
            elif token.type == "paragraph_open" and len(self._tokens[self._at + 1].content) > SLICE:
                yield from self._inline(self._tokens[self._at + 1], width, self._inks.text)
                self._at += 3
            else:
                yield from self._block(width, self._inks.text, ordinal)

    def _body(self, width: int, prefix: int) -> int:
        """Return the cells that stay beside a prefix, or ``width`` where there is no room for it."""
        return width - prefix if width - prefix >= self._least else width

    def _range(self, token: Token) -> tuple[int, int]:
        """Return the range of the source that ``token`` stands in, without blank lines after it."""
        first, last = token.map or (0, 0)
        while last - 1 > first and not self._lines[min(last, len(self._lines)) - 1].strip(" \t>"):
            last -= 1
        last = min(last, len(self._lines))
        return self._starts[first], max(self._starts[first], self._starts[last] - 1)

    def _block(self, width: int, style: Style, ordinal: int | None = None) -> list[Row]:
        token = self._tokens[self._at]
        self._at += 1
        rows: list[Row] = []
        match token.type:
            case "paragraph_open":
                rows = self._paragraph(token, width, style)
            case "heading_open":
                rows = self._heading(token, width)
            case "bullet_list_open" | "ordered_list_open":
                rows = self._list(token, width, style, ordinal)
            case "blockquote_open":
                rows = self._quote(width)
            case "fence":
                rows = list(self._fence(token, width))
            case "code_block":
                rows = self._indented(token, width)
            case "table_open":
                rows = self._table(token, width, style)
            case "hr":
                rows = [Row([Segment("─" * width, self._inks.rule)], width, *self._range(token))]
            case "html_block" | "too_deep":
                rows = self._as_written(token, width)
        return rows

    def _flow(self, content: str, style: Style) -> Flow:
        if self._memo is None:
            return flow(content, style, self._inks, self._references)
        return self._memo.flow(content, style, self._inks, self._references)

    def _inline(self, token: Token, width: int, style: Style) -> Iterator[Row]:
        """Yield the rows of an inline token, each with the part of the source that it shows."""
        places = Places(token, self._lines, self._starts)
        before, offset = -1, 0
        for content in slices(token.content):
            made = self._flow(content, style)
            for last, segments, cells in made.rows(width):
                start = places.after(before)
                before = offset + made.place(last)
                yield Row(segments, cells, start, places.end(before))
            offset += len(content)

    def _paragraph(self, token: Token, width: int, style: Style) -> list[Row]:
        rows = list(self._inline(self._tokens[self._at], width, style))
        self._at += 2
        return _covering(rows, *self._range(token))

    def _heading(self, token: Token, width: int) -> list[Row]:
        level = int(token.tag[1])
        style = self._inks.headings[level - 1]
        start, end = self._range(token)
        rows = list(self._inline(self._tokens[self._at], width, style))
        self._at += 2
        if level == 1:
            line = "━" * max(1, *(row.cells for row in rows)) if rows else "━"
            rows.append(Row([Segment(line, self._inks.rule)], len(line), end, end))
        return _covering(rows, start, end)

    def _children(self, width: int, style: Style, closing: str, *, loose: bool) -> list[Row]:
        """Return the blocks up to the token ``closing``; not ``loose``: apart only where the source has it."""
        made: list[Row] = []
        while self._tokens[self._at].type != closing:
            token = self._tokens[self._at]
            rows = self._block(width, style)
            if made and rows and (loose or self._blank_before(token)):
                made.append(_gap(made[-1].end))
            made += rows
        self._at += 1
        return made

    def _blank_before(self, token: Token) -> bool:
        first = token.map[0] if token.map else 0
        return first > 0 and not self._lines[first - 1].strip(" \t>")

    def _quote(self, width: int) -> list[Row]:
        bar = Segment("▌ ", self._inks.quote_bar)
        body = self._body(width, 2)
        rows = self._children(body, self._inks.quote, "blockquote_close", loose=True)
        return prefixed(rows, width, bar, bar, fits=body < width) if rows else []

    def _list(self, token: Token, width: int, style: Style, ordinal: int | None) -> list[Row]:
        ordered = token.type == "ordered_list_open"
        closing = "ordered_list_close" if ordered else "bullet_list_close"
        number = int(token.attrs.get("start", 1)) if ordinal is None else ordinal
        self._bullets += not ordered
        made: list[Row] = []
        while self._tokens[self._at].type != closing:
            item = self._tokens[self._at]
            if made and self._blank_before(item):
                made.append(_gap(made[-1].end))
            made += self._item(item, width, style, f"{number}{token.markup}" if ordered else "")
            number += 1
        self._at += 1
        self._bullets -= not ordered
        return made

    def _item(self, item: Token, width: int, style: Style, number: str) -> list[Row]:
        self._at += 1
        checked = item.meta.get("checked")
        if checked is not None:
            mark = f"{number} " * bool(number) + ("☑" if checked else "☐")
        else:
            mark = number or _BULLETS[(self._bullets - 1) % len(_BULLETS)]
        text = f"{mark:>{3 if number else 2}} "
        body = self._body(width, len(text))
        rows = self._children(body, style, "list_item_close", loose=False)
        start, end = self._range(item)
        if not rows:
            rows = [Row([], 0, start, end)]
        marker = Segment(text, self._inks.marker)
        return _covering(prefixed(rows, width, marker, fits=body < width), start, end)

    def _fence(self, token: Token, width: int) -> Iterator[Row]:
        first, last = token.map or (0, 0)
        number = self._code
        self._code += 1
        language = language_of(clean(token.info))
        lines = token.content.removesuffix("\n").split("\n") if token.content else []
        panel = Panel(width, self._inks, number)
        after = first + 1 + len(lines)
        behind = self._starts[after]
        yield panel.label(language, self._starts[first], self._starts[first + 1] - 1)
        yield from panel.code(lines, language, self._starts[first + 1 :], settled=self._settled)
        if after < last:
            yield panel.bottom(behind, self._starts[last] - 1)
        else:
            yield panel.bottom(behind - 1, behind - 1)

    def _indented(self, token: Token, width: int) -> list[Row]:
        first = token.map[0] if token.map else 0
        lines = token.content.rstrip("\n").split("\n")
        panel = Panel(width, self._inks, None)
        rows = list(panel.code(lines, "", self._starts[first:], settled=self._settled))
        return _covering(rows, *self._range(token))

    def _as_written(self, token: Token, width: int) -> list[Row]:
        start, end = self._range(token)
        text = clean(token.content.strip("\n"))
        return text_rows(text, self._inks.dim, width, start, end) if text.strip() else []

    def _table(self, token: Token, width: int, style: Style) -> list[Row]:
        rows: list[TableRow] = []
        aligns: list[str] = []
        while (part := self._tokens[self._at]).type != "table_close":
            self._at += 1
            if part.type == "tr_open":
                # A row of the body has its own line, the header's is that of the table.
                rows.append(TableRow([], *self._range(part if part.map else token)))
            elif part.type in ("th_open", "td_open"):
                header = part.type == "th_open"
                if header:
                    aligns.append(str(part.attrs.get("style", "text-align:left")).removeprefix("text-align:"))
                ink = style + self._inks.table_header if header else style
                rows[-1].cells.append(self._flow(self._tokens[self._at].content, ink))
        self._at += 1
        start, end = self._range(token)
        first = token.map[0] if token.map else 0
        header_row = rows[0]._replace(start=start, end=self._starts[first + 1] - 1)
        table = Table(header_row, aligns, rows[1:], self._starts[first + 2] - 1)
        return _covering(lay_out_table(table, width, self._inks), start, end)


def _gap(place: int) -> Row:
    return Row([], 0, place, place)


def _covering(rows: list[Row], start: int, end: int) -> list[Row]:
    """Return ``rows`` stretched so that together they show all of the source from ``start`` to ``end``."""
    if rows:
        rows[0] = rows[0]._replace(start=start, end=max(start, rows[0].end))
        rows[-1] = rows[-1]._replace(end=end)
    return rows
