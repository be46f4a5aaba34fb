"""Lines as strips: padded, dimmed, marked and highlighted, each made once and kept while it is in use."""

from __future__ import annotations

from collections.abc import Iterable

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import dim_style
from textual.strip import Strip

from brim.tui.render.line import Line

_MOST_STRIPS = 1_200
_DIMMED = 0.55

Span = tuple[int, int, Style]
"""The first cell, the cell after the last, and the style that is laid over them."""


class LinePainter:
    """Makes strips of lines. A margin at the left holds the mark of the current message."""

    MARGIN = 1

    def __init__(self) -> None:
        self._strips: dict[tuple[int, bool, bool], tuple[Line, Strip]] = {}
        self._base = Style.null()
        self._marker = Style.null()
        self._background = Color(0, 0, 0)
        self._width = 0

    def prepare(self, width: int, base: Style, marker: Style, background: Color) -> None:
        """Draw for strips of ``width`` cells over ``base`` from now on."""
        if (width, base, marker) != (self._width, self._base, self._marker):
            self._strips.clear()
            self._width, self._base, self._marker = width, base, marker
            self._background = background

    def blank(self) -> Strip:
        """Return an empty strip."""
        return Strip.blank(self._width, self._base)

    def strip(self, line: Line, *, dimmed: bool = False, marked: bool = False) -> Strip:
        """Return the strip of a line; the same one for the same line."""
        key = (id(line), dimmed, marked)
        kept = self._strips.get(key)
        if kept is not None and kept[0] is line:
            return kept[1]
        strip = self._make(line, dimmed, marked)
        if len(self._strips) >= _MOST_STRIPS:
            for old in list(self._strips)[: _MOST_STRIPS // 2]:
                del self._strips[old]
        self._strips[key] = (line, strip)
        return strip

    def _make(self, line: Line, dimmed: bool, marked: bool) -> Strip:
        base = self._base
        mark = Segment("▌", base + self._marker) if marked else Segment(" ", base)
        segments = [mark]
        for text, style, _ in line.segments:
            ink = base + style if style else base
            if dimmed and ink.color is not None and ink.bgcolor is not None:
                ink = dim_style(ink, self._background, _DIMMED)
            segments.append(Segment(text, ink))
        blank = self._width - self.MARGIN - line.cells
        if blank > 0:
            segments.append(Segment(" " * blank, base))
        strip = Strip(segments, self.MARGIN + line.cells + max(0, blank))
        return strip if blank >= 0 else strip.adjust_cell_length(self._width, base)

    def over(self, strip: Strip, spans: Iterable[Span]) -> Strip:
        """Return ``strip`` with styles laid over cells of its line; later spans win."""
        for start, end, style in spans:
            low, high = start + self.MARGIN, min(end + self.MARGIN, self._width)
            if low >= high:
                continue
            middle = [
                Segment(text, (ink + style) if ink else style, control)
                for text, ink, control in strip.crop(low, high)
            ]
            strip = Strip(
                [*strip.crop(0, low), *middle, *strip.crop(high, self._width)],
                self._width,
            )
        return strip
