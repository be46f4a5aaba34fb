"""The list of models, drawn by line: what is seen costs something, what is not seen does not."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from brim.core.abilities import ABILITIES
from brim.core.text import visible_line
from brim.tui.model_rows import Line, ModelRow, ModelRows
from brim.tui.widgets.header import cut

_WINDOW, _PRICE = 6, 15
_WIDE = 92
"""From this width on abilities are words."""
_GAP = 2


class ModelList(ScrollView, can_focus=False):
    """Models in groups. What cannot be used now is dim, with the reason in place of its figures."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "models--group",
        "models--row",
        "models--cursor",
        "models--current",
        "models--dim",
        "models--able",
    }
    DEFAULT_CSS = """
    ModelList {
        height: auto;
        overflow-x: hidden;
        background: $surface;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
    }
    ModelList > .models--group { color: $primary; text-style: bold; background: $surface; }
    ModelList > .models--row { color: $foreground; background: $surface; }
    ModelList > .models--cursor { color: $foreground; background: $panel; }
    ModelList > .models--current { color: $primary; text-style: bold; }
    ModelList > .models--dim { color: $dim; }
    ModelList > .models--able { color: $secondary; }
    """

    class Moved(Message):
        """Another model is under the cursor, or there is news of it."""

    class Chosen(Message):
        """The person clicked a model."""

    def __init__(self, rows: ModelRows, current: str) -> None:
        super().__init__()
        self.rows = rows
        self._current = current
        self._cursor = current

    @property
    def cursor(self) -> ModelRow | None:
        """The model under the cursor, ``None`` where nothing is listed."""
        place = self._place
        return self.rows.lines[place].row if self.rows.lines else None

    @property
    def row_cells(self) -> int:
        """How wide a line is, in cells: one is free beside the scrollbar."""
        return self.scrollable_content_region.width - 1

    @property
    def _place(self) -> int:
        at = self.rows.place_of(self._cursor)
        return self.rows.step(0, 0) if at is None else at

    # --- what is listed -------------------------------------------------------------------------------

    def changed(self, *, to_top: bool = False) -> None:
        """Draw again after the rows have changed: the cursor stays on its model, and that at its place.

        ``to_top`` moves the cursor to the first model.
        """
        before = None if to_top else self._last_place
        if to_top:
            self._cursor = next((line.model_id for line in self.rows.lines if line.model_id), "")
        self.virtual_size = Size(self.size.width, len(self.rows.lines))
        self.refresh(layout=True)
        after = self._place
        if before is not None and self.scroll_offset.y > 0:
            self.call_after_refresh(self._scroll_on, after - before)
        else:
            self.call_after_refresh(self._show_cursor)
        self._last_place = after
        self.post_message(self.Moved())

    def _scroll_on(self, rows: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + rows, animate=False, force=True)

    _last_place: int | None = None

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As high as the list, which its container may cut."""
        del container, viewport, width
        return max(1, len(self.rows.lines))

    def step(self, by: int) -> None:
        """Move the cursor by models."""
        place = self.rows.step(self._place, by)
        if place < len(self.rows.lines):
            self._cursor = self.rows.lines[place].model_id or ""
            self._last_place = place
            self._show_cursor()
            self.refresh()
            self.post_message(self.Moved())

    def page(self, by: int) -> None:
        """Move the cursor by a screenful."""
        self.step(by * max(1, self.size.height - 2))

    def _show_cursor(self) -> None:
        place = self._place
        above = max(0, place - 1)  # the group's name, if the model is its first
        self.scroll_to_region(Region(0, above, 1, place - above + 1), animate=False, force=True)

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self.virtual_size = Size(self.size.width, len(self.rows.lines))
        self._show_cursor()

    def on_click(self, event: events.Click) -> None:
        """Choose the model that was clicked."""
        number = event.y + self.scroll_offset.y
        if number < len(self.rows.lines) and (model_id := self.rows.lines[number].model_id):
            self._cursor = model_id
            self.refresh()
            self.post_message(self.Chosen())

    # --- drawing --------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Draw one line of the list."""
        width = self.row_cells
        number = y + self.scroll_offset.y
        base = self.get_component_rich_style("models--row")
        if number >= len(self.rows.lines):
            text = "Nothing fits." if not self.rows.lines and y == 0 else ""
            return _strip([Segment(text, base + self._colour("dim"))], width, base)
        line = self.rows.lines[number]
        if line.row is None:
            return self._group_line(line, width, base)
        return self._model_line(line, line.row, width, is_cursor=number == self._place)

    def _group_line(self, line: Line, width: int, base: Style) -> Strip:
        group = self.get_component_rich_style("models--group")
        title = cut(visible_line(line.text), width)
        note = cut(f"  {visible_line(line.note)}" if line.note else "", width - cell_len(title))
        return _strip([Segment(title, group), Segment(note, base + self._colour("dim"))], width, base)

    def _model_line(self, line: Line, row: ModelRow, width: int, *, is_cursor: bool) -> Strip:
        style = self.get_component_rich_style(f"models--{'cursor' if is_cursor else 'row'}")
        dim = style + self._colour("dim")
        is_current = row.model.id == self._current
        name_style = style + (self._colour("current") + Style(bold=True) if is_current else Style())
        name_style = dim if row.model.unavailable else name_style
        mark = "● " if is_current else "  "
        able = able_cells(width)
        facts = _GAP + _WINDOW + _PRICE + _GAP + able
        room = max(8, width - len(mark) - facts)
        name = cut(visible_line(line.text), room)
        segments = [
            Segment(mark, name_style),
            Segment(name + " " * (room - cell_len(name)), name_style),
        ]
        if line.note:
            reason = cut(visible_line(line.note), facts - _GAP)
            return _strip([*segments, Segment(" " * _GAP + reason, dim)], width, style)
        segments.append(
            Segment(" " * _GAP + row.window.rjust(_WINDOW) + row.price.rjust(_PRICE) + " " * _GAP, dim)
        )
        segments += [
            Segment(words, dim if row.model.unavailable else style + self._colour("able"))
            for words in _ability_cells(row.abilities, width)
        ]
        return _strip(segments, width, style)

    def _colour(self, name: str) -> Style:
        return Style(color=self.get_component_rich_style(f"models--{name}").color)


def head(width: int) -> str:
    """Return what stands above the columns; where abilities are letters, what they mean stands there too."""
    is_wide = width >= _WIDE
    able = ("can take / do" if is_wide else "").ljust(able_cells(width))
    right = "window".rjust(_WINDOW) + "$ in / out".rjust(_PRICE) + " " * _GAP + able
    legend = "" if is_wide else "  ".join(f"{name[0]} {name}" for name in ABILITIES)
    room = width - len(right) - _GAP
    return (legend if len(legend) <= room else "").ljust(max(0, width - len(right))) + right


def able_cells(width: int) -> int:
    """Return how wide the column of abilities is."""
    return sum(len(word) + 1 for word in _words(width)) - 1


def _words(width: int) -> list[str]:
    return [name if width >= _WIDE else name[:1] for name in ABILITIES]


def _ability_cells(abilities: frozenset[str], width: int) -> list[str]:
    cells = [
        word if name in abilities else " " * len(word)
        for name, word in zip(ABILITIES, _words(width), strict=True)
    ]
    return [" ".join(cells)]


def _strip(segments: list[Segment], width: int, style: Style) -> Strip:
    return Strip([s for s in segments if s.text]).extend_cell_length(width + 1, style).crop(0, width + 1)
