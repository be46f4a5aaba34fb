"""The picture of how the window filled, turn by turn."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment as Piece
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from brim.tui.gauges import Segment, short
from brim.tui.timeline_chart import STACK, Block, Chart, draw, shown_columns

if TYPE_CHECKING:
    from brim.core.timeline import Column

_SCALE = 7
"""Cells of the scale at the left."""
_NAMES = {
    Segment.SYSTEM: "timeline--system",
    Segment.SUMMARY: "timeline--summary",
    Segment.PINNED: "timeline--pinned",
    Segment.HISTORY: "timeline--history",
}


class TimelineView(Widget):
    """Columns with a scale at the left and the marks of cleanups below."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*_NAMES.values(), "timeline--quiet", "timeline--cut"}
    DEFAULT_CSS = """
    TimelineView { height: 8; }
    TimelineView > .timeline--system { color: $secondary; }
    TimelineView > .timeline--summary { color: $warning; }
    TimelineView > .timeline--pinned { color: $accent; }
    TimelineView > .timeline--history { color: $primary; }
    TimelineView > .timeline--quiet { color: $dim; }
    TimelineView > .timeline--cut { color: $gauge-yellow; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._columns: list[Column] = []
        self._threshold: int | None = None
        self._back = 0
        self._drawn: tuple[tuple[object, ...], Chart] | None = None

    def show(self, columns: Sequence[Column], threshold_tokens: int | None) -> None:
        """Show these turns, with a line where cleanup fires."""
        self._columns, self._threshold = list(columns), threshold_tokens
        self._drawn = None
        self.refresh()

    def go(self, screens: float) -> None:
        """Go back to earlier turns, or with a negative number to later ones."""
        count = shown_columns(len(self._columns), self._chart_width)
        farthest = max(0, len(self._columns) - count)
        self._back = max(0, min(farthest, self._back + int(screens * count)))
        self._drawn = None
        self.refresh()

    @property
    def legend(self) -> list[tuple[str, str]]:
        """What stands for what: the words and the component class of their colour, of what is there."""
        there = {
            Segment.SYSTEM: any(column.system_tokens for column in self._columns),
            Segment.SUMMARY: any(column.summary_tokens for column in self._columns),
            Segment.PINNED: any(column.pinned_tokens for column in self._columns),
            Segment.HISTORY: bool(self._columns),
        }
        parts = [(f"█ {segment.value}", _NAMES[segment]) for segment in STACK if there[segment]]
        if any(column.cleaned for column in self._columns):
            parts.append(("✂ cleanup", "timeline--cut"))
        return parts

    @property
    def _chart_width(self) -> int:
        return max(1, self.size.width - _SCALE - 1)

    def _chart(self) -> Chart:
        height = max(1, self.size.height - 2)
        key = (self._chart_width, height, self._back, id(self._columns))
        if self._drawn is None or self._drawn[0] != key:
            self._drawn = (
                key,
                draw(
                    self._columns,
                    self._chart_width,
                    height,
                    back=self._back,
                    threshold_tokens=self._threshold,
                ),
            )
        return self._drawn[1]

    def render_line(self, y: int) -> Strip:
        """Draw one row: of the columns, of the marks, of the legend."""
        width, base = self.size.width, self.rich_style
        quiet = base + self._ink("timeline--quiet")
        if not self._columns:
            words = "One column a turn stands here once there is an answer." if y == 0 else ""
            return Strip([Piece(words[:width], quiet)]).extend_cell_length(width, base)
        chart = self._chart()
        height = len(chart.rows)
        if y < height:
            scale = short(chart.top_tokens) if y == 0 else "0" if y == height - 1 else ""
            pieces = [Piece(f"{scale:>{_SCALE - 1}} ", quiet)]
            pieces += self._cells(chart.rows[y], base, dotted=y == chart.mark_row)
        elif y == height:
            pieces = [Piece(" " * _SCALE, base), *self._cells(chart.marks, base, dotted=False)]
        else:
            pieces = self._legend_pieces(chart, base, quiet)
        return Strip(pieces).extend_cell_length(width, base).crop(0, width)

    def _legend_pieces(self, chart: Chart, base: Style, quiet: Style) -> list[Piece]:
        turns = f"turn {chart.first}" if chart.first == chart.last else f"turns {chart.first} to {chart.last}"
        if len(self._columns) > chart.last - chart.first + 1:
            turns += f" of {self._columns[-1].turn} · ← → earlier and later"
        pieces = [Piece(" " * _SCALE, base)]
        for words, name in self.legend:
            pieces += [Piece(words[:2], base + self._ink(name)), Piece(words[2:] + "  ", quiet)]
        return [*pieces, Piece(turns, quiet)]

    def _cells(self, blocks: Sequence[Block], base: Style, *, dotted: bool) -> list[Piece]:
        pieces = []
        for block, run in groupby(blocks):
            glyphs = block.glyph * len(list(run))
            style = base
            if block.segment is not None:
                style += self._ink(_NAMES[block.segment])
                if block.behind is not None:
                    style += Style(bgcolor=self._ink(_NAMES[block.behind]).color)
            elif dotted and block.glyph == " ":
                glyphs = "┈" * len(glyphs)
                style += self._ink("timeline--cut")
            else:
                style += self._ink("timeline--cut" if block.glyph in "✂↶" else "timeline--quiet")
            pieces.append(Piece(glyphs, style))
        return pieces

    def _ink(self, name: str) -> Style:
        return Style(color=self.get_component_rich_style(name).color)
