"""The pane on the left: all sessions, newest first, read and drawn by page; while one searches, messages below."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer
from textual.widgets import Input

from brim.core.text import visible_line
from brim.tui.session_rows import SessionRows
from brim.tui.widgets.header import cut
from brim.tui.widgets.search_hits import Look, SearchHits

if TYPE_CHECKING:
    from brim.core.types import Session

Load = Callable[[int, "Session | None", str], Awaitable["list[Session]"]]
"""Reads a page: at most so many sessions, after that one, with that in their title."""

PAGE = 50
"""How many sessions are read at once."""

_AHEAD, _FILTER_DELAY_S = 20, 0.04
_STREAMING, _UNREAD = "⟳", "●"


class SessionRowsView(ScrollView, can_focus=True):
    """The lines of the list, drawn from what is loaded."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", "Up", show=False, id="sessions_up"),
        Binding("down,j", "step(1)", "Down", show=False, id="sessions_down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="sessions_page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="sessions_page_down"),
        Binding("home", "step(-1000000)", "First", show=False, id="sessions_first"),
        Binding("end", "step(1000000)", "Last", show=False, id="sessions_last"),
        Binding("enter", "open", "Open", show=False, id="sessions_open"),
        Binding("n", "want_new", "New session", show=False, id="sessions_new"),
        Binding("f2,e", "want_rename", "Rename", show=False, id="sessions_rename"),
        Binding("delete,d", "want_delete", "Delete", show=False, id="sessions_delete"),
        Binding("slash", "filter", "Search titles", show=False, id="sessions_filter"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "sessions--day",
        "sessions--row",
        "sessions--cursor",
        "sessions--current",
        "sessions--mark",
        "sessions--hint",
    }
    DEFAULT_CSS = """
    SessionRowsView {
        height: 1fr;
        background: $background;
        scrollbar-size-vertical: 1;
    }
    SessionRowsView > .sessions--day { color: $dim; text-style: bold; background: $background; }
    SessionRowsView > .sessions--row { color: $foreground; background: $background; }
    SessionRowsView > .sessions--current { color: $primary; text-style: bold; background: $background; }
    SessionRowsView > .sessions--cursor { color: $foreground; background: $panel; }
    SessionRowsView > .sessions--mark { color: $accent; }
    SessionRowsView > .sessions--hint { color: $dim; background: $background; }
    """

    class NearEnd(Message):
        """The reader comes to the end of what is loaded."""

    class LeftDownwards(Message):
        """The cursor was moved down from the last session."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = SessionRows()
        self.current: str | None = None
        self.streaming: set[str] = set()
        self.unread: set[str] = set()
        self.hint = "Loading …"
        """What to say where there are no rows."""
        self._cursor: str | None = None

    # --- what is under the cursor ---------------------------------------------------------------------

    @property
    def cursor(self) -> str | None:
        """The id of the session that keys act on."""
        if self._cursor and self.rows.line_of(self._cursor) is not None:
            return self._cursor
        if self.rows.line_of(self.current) is not None:
            return self.current
        line = self.rows.step(0, 0)
        return self.rows.lines[line].session_id if self.rows.lines else None

    def changed(self) -> None:
        """Draw again after the rows or marks have changed."""
        self.virtual_size = Size(self.size.width, len(self.rows.lines))
        self.refresh()
        self._look_ahead()

    def _look_ahead(self) -> None:
        if not self.rows.is_whole and self.scroll_offset.y + self.size.height + _AHEAD > len(self.rows.lines):
            self.post_message(self.NearEnd())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for the next page in time."""
        super().watch_scroll_y(old_value, new_value)
        self._look_ahead()

    def on_resize(self) -> None:
        """Fill what has become visible."""
        self.changed()

    # --- keys and mouse -------------------------------------------------------------------------------

    def action_step(self, by: int) -> None:
        """Move the cursor by sessions."""
        before = self.rows.line_of(self.cursor)
        if before is None:
            return
        line = self.rows.step(before, by)
        if line == before and by == 1:
            self.post_message(self.LeftDownwards())
        self._cursor = self.rows.lines[line].session_id
        above = max(0, line - 1)  # the day's name, if the line is the day's first
        self.scroll_to_region(Region(0, above, 1, line - above + 1), animate=False, force=True)
        self.refresh()

    def action_page(self, by: int) -> None:
        """Move the cursor by a screenful."""
        self.action_step(by * max(1, self.size.height - 2))

    def _post(
        self, kind: type[SessionList.Selected | SessionList.RenameWanted | SessionList.DeleteWanted]
    ) -> None:
        if (session_id := self.cursor) is not None:
            self.post_message(kind(session_id))

    def action_open(self) -> None:
        """Open the session under the cursor."""
        self._post(SessionList.Selected)

    def action_want_rename(self) -> None:
        """Ask for a new title."""
        self._post(SessionList.RenameWanted)

    def action_want_delete(self) -> None:
        """Ask to put it into the bin."""
        self._post(SessionList.DeleteWanted)

    def action_want_new(self) -> None:
        """Ask for a new session."""
        self.post_message(SessionList.NewWanted())

    def action_filter(self) -> None:
        """Go to the field that filters."""
        self.screen.query_one("#session-filter").focus()

    def on_click(self, event: events.Click) -> None:
        """Open the session that was clicked."""
        number = event.y + self.scroll_offset.y
        if number < len(self.rows.lines) and (session_id := self.rows.lines[number].session_id):
            self._cursor = session_id
            self.action_open()

    # --- drawing --------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Draw one line of the list."""
        width = self.scrollable_content_region.width
        number = y + self.scroll_offset.y
        if not self.rows.lines:
            style = self.get_component_rich_style("sessions--hint")
            return _line(cut(self.hint, width) if y == 0 else "", width, style)
        if number >= len(self.rows.lines):
            return Strip.blank(width, self.get_component_rich_style("sessions--row"))
        line = self.rows.lines[number]
        if line.session_id is None:
            return _line(cut(line.text, width), width, self.get_component_rich_style("sessions--day"))
        return self._session_line(visible_line(line.text), line.session_id, width)

    def _session_line(self, title: str, session_id: str, width: int) -> Strip:
        is_cursor = self.has_focus and session_id == self.cursor
        is_current = session_id == self.current
        name = "cursor" if is_cursor else "current" if is_current else "row"
        style = self.get_component_rich_style(f"sessions--{name}")
        mark = _STREAMING if session_id in self.streaming else _UNREAD if session_id in self.unread else " "
        text = ("▌" if is_current else " ") + cut(title, max(0, width - 4))
        gap = " " * max(0, width - cell_len(text) - 2)
        marked = style + Style(color=self.get_component_rich_style("sessions--mark").color)
        strip = Strip([Segment(text + gap, style), Segment(mark + " ", marked)])
        return strip.crop(0, width)


def _line(text: str, width: int, style: Style) -> Strip:
    return Strip([Segment(text, style)]).extend_cell_length(width, style).crop(0, width)


class SessionList(Vertical):
    """A field that filters titles, and the sessions.

    Args:
        load: reads a page of sessions.
        look: begins a search of messages; ``None`` for titles only.
    """

    DEFAULT_CSS = """
    SessionList > #session-filter {
        height: 1;
        border: none;
        padding: 0 1;
        background: $background;
        color: $foreground;
    }
    SessionList > #session-filter:focus { background: $panel; }
    SessionList.-searching > SessionRowsView { height: auto; min-height: 1; max-height: 40%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear_filter", "Clear", show=False, id="sessions_clear_filter")
    ]
    BORDER_TITLE = "Sessions"

    @dataclass
    class Selected(Message):
        """The person wants to open a session."""

        session_id: str

    @dataclass
    class RenameWanted(Message):
        """The person wants to give a session another title."""

        session_id: str

    @dataclass
    class DeleteWanted(Message):
        """The person wants to put a session into the bin."""

        session_id: str

    class NewWanted(Message):
        """The person wants a new session."""

    def __init__(self, load: Load, look: Look | None = None, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._load = load
        self._view = SessionRowsView()
        self._field = Input(placeholder="/ search", id="session-filter", select_on_focus=False)
        self._hits = SearchHits(look or (lambda _: None))
        self._delay: Timer | None = None
        self._is_loading = False

    def compose(self) -> ComposeResult:
        """The field above the rows."""
        yield self._field
        yield self._view
        yield self._hits

    @property
    def focusable(self) -> bool:
        """The rows take the keys."""
        return self._view.focusable

    def focus(self, scroll_visible: bool = True) -> SessionList:
        """Give the keys to the rows."""
        self._view.focus(scroll_visible)
        return self

    def search(self, text: str) -> None:
        """Let the person type what to search for, beginning with ``text`` or what stands there."""
        self._field.value = text or self._field.value
        self._field.cursor_position = len(self._field.value)
        self._field.focus()

    def focus_hits(self) -> None:
        """Give the keys to what was found in messages, if there is any."""
        if self._hits.display:
            self._hits.focus()

    # --- what others tell -----------------------------------------------------------------------------

    def reload(self) -> None:
        """Read the first page anew."""
        self.run_worker(self._read_first(), group="sessions", exclusive=True)

    def put(self, session: Session) -> None:
        """Show a session that is new or has changed at its place."""
        wanted = self._field.value.strip().lower()
        if wanted and wanted not in session.title.lower():
            self._view.rows.remove(session.id)
        else:
            self._view.rows.put(session)
        self._show()

    def drop(self, session_id: str) -> None:
        """Take a session out of the list."""
        self._view.rows.remove(session_id)
        self._show()

    def mark(self, session_id: str, *, streaming: bool | None = None, unread: bool | None = None) -> None:
        """Set marks of a session; ``None`` leaves a mark as it is."""
        for marked, value in ((self._view.streaming, streaming), (self._view.unread, unread)):
            if value:
                marked.add(session_id)
            elif value is not None:
                marked.discard(session_id)
        self._view.refresh()

    def set_current(self, session_id: str | None) -> None:
        """Mark the session that is shown; ``None`` for one that does not exist yet."""
        self._view.current = session_id
        self._view.refresh()

    # --- pages ----------------------------------------------------------------------------------------

    async def _read_first(self) -> None:
        page = await self._load(PAGE, None, self._field.value.strip())
        self._is_loading = False
        self._view.rows.clear()
        self._view.rows.extend(page, is_last=len(page) < PAGE)
        self._view.scroll_to(y=0, animate=False)
        self._show()

    @on(SessionRowsView.NearEnd)
    def _near_end(self, event: SessionRowsView.NearEnd) -> None:
        event.stop()
        if not self._is_loading and self._view.rows.last is not None:
            self._is_loading = True
            self.run_worker(self._read_next(), group="sessions", exclusive=True)

    async def _read_next(self) -> None:
        try:
            page = await self._load(PAGE, self._view.rows.last, self._field.value.strip())
        finally:
            self._is_loading = False
        self._view.rows.extend(page, is_last=len(page) < PAGE)
        self._show()

    def _show(self) -> None:
        rows = self._view.rows
        self._view.hint = "No title fits." if self._field.value.strip() else "No sessions yet."
        more = "" if rows.is_whole else "+"
        self.border_subtitle = f"{len(rows):,}{more} sessions" if len(rows) != 1 else "1 session"
        self._view.changed()

    # --- the filter -----------------------------------------------------------------------------------

    @on(Input.Changed, "#session-filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._hits.find(event.value)
        self.set_class(self._hits.display, "-searching")
        if self._delay is not None:
            self._delay.stop()
        self._delay = self.set_timer(_FILTER_DELAY_S, self.reload)

    @on(Input.Submitted, "#session-filter")
    def _filter_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._leave_field()

    @on(SessionRowsView.LeftDownwards)
    @on(SearchHits.LeftUpwards)
    def _left(self, event: Message) -> None:
        event.stop()
        upwards = self._view if self._view.rows else self._field
        (upwards if isinstance(event, SearchHits.LeftUpwards) else self._hits).focus()

    def _leave_field(self) -> None:
        (self._hits if self._hits.display and not self._view.rows else self._view).focus()

    def on_key(self, event: events.Key) -> None:
        """Down leaves the field for the rows."""
        if event.key == "down" and self._field.has_focus:
            event.stop()
            self._leave_field()

    def action_clear_filter(self) -> None:
        """Show all sessions again and give the keys to the rows."""
        self._field.value = ""
        self._view.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape is for others where there is no filter to leave."""
        if action == "clear_filter":
            return self._field.has_focus or bool(self._field.value)
        return super().check_action(action, parameters)
