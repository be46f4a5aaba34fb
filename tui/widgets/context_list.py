"""The table of what the model sees: a line a message, drawn only where it is in view."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from brim.core.text import visible_line
from brim.tui.context_table import (
    GLYPHS,
    NAMES,
    OPENING_CHARS,
    ContextTable,
    Order,
    State,
    age,
    share_words,
    state_of,
    weight_words,
)
from brim.tui.widgets.header import cut

if TYPE_CHECKING:
    from brim.core.types import ContextRow

_TOKENS, _SHARE, _AGE, _STATE = 9, 7, 7, 12
_ROOMY, _NARROW = 72, 52
"""Widths from which the state is written out, and the age is shown."""


class ContextList(ScrollView, can_focus=True):
    """The rows of a `ContextTable` with a cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", "Up", show=False, id="context_up"),
        Binding("down,j", "step(1)", "Down", show=False, id="context_down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="context_page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="context_page_down"),
        Binding("home,g", "step(-1000000000)", "First", show=False, id="context_first"),
        Binding("end,G", "step(1000000000)", "Last", show=False, id="context_last"),
        Binding("enter", "go", "Go to the message", show=False, id="context_go"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "context--seen",
        "context--gone",
        "context--cursor",
        "context--pinned",
        "context--left-out",
        "context--bar",
        "context--hint",
    }
    DEFAULT_CSS = """
    ContextList {
        height: 1fr;
        background: $background;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
    }
    ContextList > .context--seen { color: $foreground; background: $background; }
    ContextList > .context--gone { color: $dim; background: $background; }
    ContextList > .context--cursor { background: $panel; text-style: bold; }
    ContextList > .context--pinned { color: $accent; }
    ContextList > .context--left-out { color: $gauge-red; }
    ContextList > .context--bar { color: $primary; }
    ContextList > .context--hint { color: $dim; background: $background; }
    """

    class Chosen(Message):
        """The person wants to read the message ``message_id``."""

        def __init__(self, message_id: str) -> None:
            super().__init__()
            self.message_id = message_id

    def __init__(self) -> None:
        super().__init__()
        self.table = ContextTable()
        self.limit_tokens = 1
        self.hint = "Loading …"
        """What to say where there is no row."""
        self._cursor: str | None = None
        self._now = datetime.now(UTC)

    # --- what is shown --------------------------------------------------------------------------------

    def show(self, table: ContextTable, limit_tokens: int) -> None:
        """Show other rows; the cursor stays at its message, at first at the last one."""
        is_first = not self.table.rows
        self.table, self.limit_tokens = table, max(1, limit_tokens)
        self.hint = "No messages yet."
        self._now = datetime.now(UTC)
        self.virtual_size = Size(self.size.width, len(table.shown))
        if is_first and table.rows:
            self._cursor = table.rows[-1].id
            self.call_after_refresh(self._reveal)
        self.refresh()

    def sort(self, order: Order) -> None:
        """Sort the rows, and go to the first of them where the largest come first."""
        self.table.sort(order)
        if order is Order.SIZE and self.table.shown:
            self._cursor = self.table.shown[0].id
        self._reveal()
        self.refresh()

    @property
    def line(self) -> int:
        """The line under the cursor."""
        return self.table.places.get(self._cursor or "", 0)

    @property
    def cursor(self) -> str | None:
        """The id of the message that the keys act on."""
        return self.table.shown[self.line].id if self.table.shown else None

    @property
    def cursor_row(self) -> ContextRow | None:
        """That message."""
        return self.table.shown[self.line] if self.table.shown else None

    @property
    def state(self) -> State | None:
        """The state of that message."""
        row = self.cursor_row
        return state_of(row) if row is not None else None

    # --- keys and mouse -------------------------------------------------------------------------------

    def action_step(self, by: int) -> None:
        """Move the cursor."""
        if self.table.shown:
            line = max(0, min(len(self.table.shown) - 1, self.line + by))
            self._cursor = self.table.shown[line].id
            self._reveal()
            self.refresh()

    def action_page(self, by: int) -> None:
        """Move the cursor by a screenful."""
        self.action_step(by * max(1, self.size.height - 1))

    def action_go(self) -> None:
        """Ask to be taken to the message."""
        if (message_id := self.cursor) is not None:
            self.post_message(self.Chosen(message_id))

    def _reveal(self) -> None:
        self.scroll_to_region(Region(0, self.line, 1, 1), animate=False, force=True)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the row that was clicked; twice goes to the message."""
        number = event.y + self.scroll_offset.y
        if number < len(self.table.shown):
            self._cursor = self.table.shown[number].id
            self.refresh()
            if event.chain == 2:
                self.action_go()

    def on_resize(self) -> None:
        """Keep the scrollbar true and the cursor in view."""
        self.virtual_size = Size(self.size.width, len(self.table.shown))
        self.call_after_refresh(self._reveal)

    # --- drawing --------------------------------------------------------------------------------------

    @staticmethod
    def heading(width: int) -> str:
        """Return the line above the rows."""
        right = "tokens".rjust(_TOKENS) + "share".rjust(_SHARE)
        if width >= _NARROW:
            right += "age".rjust(_AGE)
        if width >= _ROOMY:
            right += "  " + "state".ljust(_STATE - 2)
        return ("  who     opening words".ljust(max(0, width - len(right))) + right)[:width]

    def render_line(self, y: int) -> Strip:
        """Draw one row."""
        width = self.scrollable_content_region.width
        number = y + self.scroll_offset.y
        if number >= len(self.table.shown):
            style = self.get_component_rich_style("context--hint")
            text = self.hint if not self.table.shown and y == 0 else ""
            return Strip([Segment(cut(text, width), style)]).extend_cell_length(width, style)
        row = self.table.shown[number]
        state = state_of(row)
        is_cursor = number == self.line
        style = self.get_component_rich_style("context--seen" if state.is_seen else "context--gone")
        if is_cursor:
            style += self._only("context--cursor")
        marked = style
        if state is State.PINNED:
            marked += Style(color=self.get_component_rich_style("context--pinned").color)
        elif state is State.LEFT_OUT:
            marked += Style(color=self.get_component_rich_style("context--left-out").color)
        right = weight_words(row).rjust(_TOKENS) + share_words(row, self.limit_tokens).rjust(_SHARE)
        if width >= _NARROW:
            right += age(row.created_at, self._now).rjust(_AGE)
        words = f"  {state.value}".ljust(_STATE) if width >= _ROOMY else ""
        name = f"{NAMES[row.role]:<7} "
        room = max(0, width - 2 - len(name) - len(right) - len(words) - 1)
        more = "…" if len(row.opening) >= OPENING_CHARS else ""
        opening = cut((visible_line(row.opening).strip() + more) or "…", room)
        left = name + opening
        gap = " " * max(0, width - 2 - cell_len(left) - len(right) - len(words))
        return Strip(
            [Segment(f"{GLYPHS[state]} ", marked), Segment(left + gap + right, style), Segment(words, marked)]
        ).crop(0, width)

    def _only(self, name: str) -> Style:
        found = self.get_component_rich_style(name)
        return Style(bgcolor=found.bgcolor, bold=found.bold)
