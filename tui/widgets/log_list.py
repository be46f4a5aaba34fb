"""The entries of the log: a line each, drawn only where it is in view; one that is unfolded shows all its fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from brim.core.log_words import clock, field_lines, words
from brim.core.text import visible_line
from brim.tui.widgets.header import cut

if TYPE_CHECKING:
    from brim.core.log_lines import LogEntry

_MARKS = {"debug": "·", "info": "●", "warning": "▲", "error": "✕"}
"""One glyph a level, so that it can be read without colour."""
_ID_CHARS = 8
_ROOMY = 100
"""The width from which the day and the session are shown."""
_NAME_CHARS = 28


class LogList(ScrollView, can_focus=True):
    """Entries with a cursor, the newest at the bottom; it follows what comes while the cursor is there."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", "Up", show=False, id="log_up"),
        Binding("down,j", "step(1)", "Down", show=False, id="log_down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="log_page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="log_page_down"),
        Binding("home,g", "step(-1000000000)", "First", show=False, id="log_first"),
        Binding("end,G", "step(1000000000)", "Last", show=False, id="log_last"),
        Binding("enter,space", "unfold", "Unfold", show=False, id="log_unfold"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--entry",
        "log--dim",
        "log--cursor",
        "log--warning",
        "log--error",
        "log--name",
    }
    DEFAULT_CSS = """
    LogList {
        height: 1fr;
        background: $background;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
    }
    LogList > .log--entry { color: $foreground; background: $background; }
    LogList > .log--dim { color: $dim; background: $background; }
    LogList > .log--cursor { background: $panel; text-style: bold; }
    LogList > .log--warning { color: $gauge-yellow; }
    LogList > .log--error { color: $gauge-red; }
    LogList > .log--name { color: $primary; }
    """

    class WantsOlder(Message):
        """The first entry that is here is in view."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[LogEntry] = []
        """The oldest first."""
        self.hint = "Reading …"
        """What to say where there is no entry."""
        self.follows = True
        self._unfolded: set[int] = set()
        self._first = 0
        """The number of the first entry: those that are added before it have numbers below 0."""
        self._rows: list[tuple[int, tuple[str, str] | None]] = []
        """The number of an entry, and which of its fields, for each line."""
        self._cursor = 0

    # --- what is shown --------------------------------------------------------------------------------

    def clear(self, hint: str = "Reading …") -> None:
        """Show nothing; the cursor is then at the newest of what comes."""
        self.entries, self.hint, self.follows, self._first = [], hint, True, 0
        self._unfolded.clear()
        self._make_rows()

    def add_older(self, entries: Sequence[LogEntry]) -> None:
        """Add entries before all others, the newest of them first. What is in view stays in view."""
        place = self.scroll_offset.y
        before = len(self._rows)
        self.entries[:0] = reversed(entries)
        self._first -= len(entries)
        self._make_rows()
        if self.follows:
            self.call_after_refresh(self._reveal)
        else:
            self.scroll_to(y=place + len(self._rows) - before, animate=False, force=True)

    def add_newer(self, entries: Sequence[LogEntry]) -> None:
        """Add entries behind all others, the oldest of them first."""
        self.entries += entries
        self._make_rows()
        if self.follows:
            self.call_after_refresh(self._reveal)

    def _make_rows(self) -> None:
        rows: list[tuple[int, tuple[str, str] | None]] = []
        for number, entry in enumerate(self.entries, self._first):
            rows.append((number, None))
            if number in self._unfolded:
                rows += [(number, line) for line in field_lines(entry)]
        self._rows = rows
        last = self._first + len(self.entries) - 1
        self._cursor = last if self.follows else max(self._first, min(self._cursor, last))
        self.virtual_size = Size(self.size.width, len(rows))
        self.refresh()

    @property
    def current(self) -> LogEntry | None:
        """The entry under the cursor."""
        return self.entries[self._cursor - self._first] if self.entries else None

    def _line_of(self, number: int) -> int:
        return next((line for line, row in enumerate(self._rows) if row == (number, None)), 0)

    def _reveal(self) -> None:
        first = self._line_of(self._cursor)
        size = sum(1 for number, _ in self._rows[first : first + 60] if number == self._cursor)
        height = min(size, max(1, self.size.height))
        self.scroll_to_region(Region(0, first, 1, height), animate=False, force=True)

    # --- keys and mouse -------------------------------------------------------------------------------

    def action_step(self, by: int) -> None:
        """Move the cursor to another entry."""
        if not self.entries:
            return
        last = self._first + len(self.entries) - 1
        self._cursor = max(self._first, min(last, self._cursor + by))
        self.follows = self._cursor == last
        self._reveal()
        self.refresh()
        if self._cursor == self._first:
            self.post_message(self.WantsOlder())

    def action_page(self, by: int) -> None:
        """Move the cursor by a screenful."""
        self.action_step(by * max(1, self.size.height - 1))

    def action_unfold(self) -> None:
        """Show all fields of the entry under the cursor, or its line alone."""
        if self.entries:
            self._unfolded ^= {self._cursor}
            self._make_rows()
            self.call_after_refresh(self._reveal)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the entry that was clicked; a click on it unfolds it."""
        line = event.y + self.scroll_offset.y
        if line < len(self._rows):
            number = self._rows[line][0]
            if number == self._cursor:
                self.action_unfold()
            else:
                self.action_step(number - self._cursor)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for older entries where the first is in view."""
        super().watch_scroll_y(old_value, new_value)
        if new_value == 0 and old_value > 0:
            self.post_message(self.WantsOlder())

    def on_resize(self) -> None:
        """Keep the scrollbar true and the cursor in view."""
        self.virtual_size = Size(self.size.width, len(self._rows))
        self.call_after_refresh(self._reveal)

    # --- drawing --------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Draw a line."""
        width = self.scrollable_content_region.width
        line = y + self.scroll_offset.y
        dim = self.get_component_rich_style("log--dim")
        if line >= len(self._rows):
            text = self.hint if not self._rows and y == 0 else ""
            return Strip([Segment(cut(text, width), dim)]).extend_cell_length(width, dim)
        number, shown = self._rows[line]
        entry = self.entries[number - self._first]
        style = self.get_component_rich_style("log--entry")
        if shown is not None:
            name, value = shown
            head = Segment(f"  │ {cut(name, _NAME_CHARS):<{_NAME_CHARS}} ", style + self._ink("log--name"))
            room = max(1, width - _NAME_CHARS - 5)
            return (
                Strip([head, Segment(cut(value, room), style)])
                .extend_cell_length(width, style)
                .crop(0, width)
            )
        back = Style(bgcolor=self.get_component_rich_style("log--cursor").bgcolor, bold=True)
        cursor = back if number == self._cursor else Style()
        ink = self._ink(f"log--{entry.level}") if entry.level in ("warning", "error") else Style()
        is_roomy = width >= _ROOMY
        time = f"{clock(entry, has_date=is_roomy)} "
        session = f"{visible_line(entry.session_id)[:_ID_CHARS]:<{_ID_CHARS}} " if is_roomy else ""
        event = f"{cut(visible_line(entry.event), 20)} "
        mark = f"{_MARKS.get(entry.level, '?')} "
        segments = [
            Segment(mark, style + ink + cursor),
            Segment(time + session, dim + cursor),
            Segment(event, style + ink + cursor),
            Segment(words(entry), dim + cursor),
        ]
        strip = Strip(segments)
        if strip.cell_length > width:
            strip = Strip([*strip.crop(0, width - 1), Segment("…", dim + cursor)])
        return strip.extend_cell_length(width, style + cursor)

    def _ink(self, name: str) -> Style:
        return Style(color=self.get_component_rich_style(name).color)
