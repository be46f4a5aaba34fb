"""The lines of the list of sessions: what keys and the mouse do there, and how a session is drawn."""

from __future__ import annotations

from dataclasses import dataclass
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
from brim.tui.session_rows import SessionRows
from brim.tui.widgets.header import cut
from brim.tui.widgets.lines import in_turn

if TYPE_CHECKING:
    from brim.core.types import Session

AHEAD = 20
"""How many lines before the end of what is loaded the next page is asked for."""

_STREAMING, _ELSEWHERE, _UNREAD = "⟳", "⇄", "●"
_PINNED, _CHOSEN = "◆ ", "✓ "


@dataclass
class Selected(Message, namespace="session_list"):
    """The person wants to open a session."""

    session_id: str


@dataclass
class RenameWanted(Message, namespace="session_list"):
    """The person wants to give a session another title."""

    session_id: str


@dataclass
class VerbWanted(Message, namespace="session_list"):
    """The person wants something done to sessions; ``verb`` names the command."""

    verb: str
    session_ids: tuple[str, ...]


class NewWanted(Message, namespace="session_list"):
    """The person wants a new session."""


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
        Binding("space", "choose", "Choose", show=False, id="sessions_choose"),
        Binding("escape", "choose_none", "Choose none", show=False, id="sessions_choose_none"),
        Binding("p", "want('pin_sessions')", "Pin", show=False, id="sessions_pin"),
        Binding("a", "want('archive_sessions')", "Archive", show=False, id="sessions_archive"),
        Binding("t", "want('tag_sessions')", "Tags", show=False, id="sessions_tag"),
        Binding("x", "want('export_sessions')", "Export", show=False, id="sessions_export"),
        Binding("delete,d", "want('delete_sessions')", "Delete", show=False, id="sessions_delete"),
        Binding("slash", "filter", "Search titles", show=False, id="sessions_filter"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "sessions--day",
        "sessions--row",
        "sessions--cursor",
        "sessions--current",
        "sessions--mark",
        "sessions--tag",
        "sessions--hint",
    }
    DEFAULT_CSS = """
    SessionRowsView {
        overflow-x: hidden;
        height: 1fr;
        background: $background;
        scrollbar-size-vertical: 1;
    }
    SessionRowsView > .sessions--day { color: $dim; text-style: bold; background: $background; }
    SessionRowsView > .sessions--row { color: $foreground; background: $background; }
    SessionRowsView > .sessions--current { color: $primary; text-style: bold; background: $background; }
    SessionRowsView > .sessions--cursor { color: $foreground; background: $panel; }
    SessionRowsView > .sessions--mark { color: $accent; }
    SessionRowsView > .sessions--tag { color: $dim; }
    SessionRowsView > .sessions--hint { color: $dim; background: $background; }
    """

    class NearEnd(Message):
        """The reader comes to the end of what is loaded."""

    class LeftDownwards(Message):
        """The cursor was moved down from the last session."""

    class ChoiceChanged(Message):
        """Other sessions are chosen than before."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = SessionRows()
        self.current: str | None = None
        self.streaming: set[str] = set()
        self.unread: set[str] = set()
        self.elsewhere: frozenset[str] = frozenset()
        """The sessions that other brims answer in."""
        self.chosen: set[str] = set()
        """The sessions that keys act on together."""
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

    @property
    def targets(self) -> tuple[str, ...]:
        """The ids of the sessions that keys act on: those chosen, in their order, else the one under the cursor."""
        chosen = tuple(session_id for session_id in self.rows.ids if session_id in self.chosen)
        return chosen or ((self.cursor,) if self.cursor else ())

    def changed(self) -> None:
        """Draw again after the rows or marks have changed."""
        self.virtual_size = Size(self.size.width, len(self.rows.lines))
        self.refresh()
        self._look_ahead()

    def _look_ahead(self) -> None:
        if not self.rows.is_whole and self.scroll_offset.y + self.size.height + AHEAD > len(self.rows.lines):
            self.post_message(self.NearEnd())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for the next page in time."""
        super().watch_scroll_y(old_value, new_value)
        self._look_ahead()

    def on_resize(self) -> None:
        """Fill what has become visible."""
        self.changed()

    def replace(self, page: list[Session], *, is_last: bool) -> None:
        """Show these sessions in place of all, with the same session at the top of the view as before."""
        y = self.scroll_offset.y
        kept = next(
            (
                (line.session_id, at - y)
                for at, line in enumerate(self.rows.lines)
                if at >= y and line.session_id
            ),
            None,
        )
        if page and (before := self.rows.line_of(self.cursor)) is not None:
            following = self.rows.lines[self.rows.step(before, 1)].session_id
        else:
            following = None
        cursor = self.cursor
        self.rows.clear()
        self.rows.extend(page, is_last=is_last)
        if cursor and self.rows.line_of(cursor) is None:
            self._cursor = following
        self.changed()
        if kept is not None and y > 0 and (line := self.rows.line_of(kept[0])) is not None:
            self.scroll_to(y=line - kept[1], animate=False, force=True)

    # --- keys and mouse -------------------------------------------------------------------------------

    async def _on_key(self, event: events.Key) -> None:
        await in_turn(self, event)

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

    def action_open(self) -> None:
        """Open the session under the cursor."""
        if (session_id := self.cursor) is not None:
            self.post_message(Selected(session_id))

    def action_want_rename(self) -> None:
        """Ask for a new title."""
        if (session_id := self.cursor) is not None:
            self.post_message(RenameWanted(session_id))

    def action_want(self, verb: str) -> None:
        """Ask for something to be done to the sessions chosen, or the one under the cursor."""
        if targets := self.targets:
            self.post_message(VerbWanted(verb, targets))

    def action_want_new(self) -> None:
        """Ask for a new session."""
        self.post_message(NewWanted())

    def action_filter(self) -> None:
        """Go to the field that filters."""
        self.screen.set_focus(self.screen.query_one("#session-filter"))

    def action_choose(self) -> None:
        """Choose the session under the cursor, or no longer, and go on to the next."""
        if (session_id := self.cursor) is not None:
            self._choose(session_id)
            if self.rows.ids[-1] != session_id:
                self.action_step(1)

    def action_choose_none(self) -> None:
        """Choose no session."""
        self.choose_none()

    def choose_none(self) -> None:
        """Let go of what is chosen."""
        self.chosen.clear()
        self.post_message(self.ChoiceChanged())
        self.refresh()

    def _choose(self, session_id: str) -> None:
        self.chosen ^= {session_id}
        self.post_message(self.ChoiceChanged())
        self.refresh()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape is for others where nothing is chosen."""
        if action == "choose_none":
            return bool(self.chosen)
        return super().check_action(action, parameters)

    def on_click(self, event: events.Click) -> None:
        """Open the session that was clicked; with Ctrl or Shift choose it."""
        number = event.y + self.scroll_offset.y
        if number < len(self.rows.lines) and (session_id := self.rows.lines[number].session_id):
            self._cursor = session_id
            if event.ctrl or event.shift:
                self._choose(session_id)
            else:
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
        if line.session is None:
            return _line(cut(line.text, width), width, self.get_component_rich_style("sessions--day"))
        return self._session_line(line.session, width)

    def _session_line(self, session: Session, width: int) -> Strip:
        is_cursor = self.has_focus and session.id == self.cursor
        is_current = session.id == self.current
        name = "cursor" if is_cursor else "current" if is_current else "row"
        style = self.get_component_rich_style(f"sessions--{name}")
        marked = style + Style(color=self.get_component_rich_style("sessions--mark").color)
        label = _CHOSEN if session.id in self.chosen else _PINNED if session.pinned else ""
        title = cut(visible_line(session.display_title), max(0, width - 4 - len(label)))
        room = width - 4 - len(label) - cell_len(title)
        tags = _tags(session.tags, room)
        dim = style + Style(color=self.get_component_rich_style("sessions--tag").color, bold=False)
        segments = [
            Segment("▌" if is_current else " ", style),
            Segment(label, marked),
            Segment(title, style),
            Segment(tags, dim),
            Segment(" " * max(0, room - cell_len(tags) + 1), style),
            Segment(self._mark(session.id) + " ", marked),
        ]
        return Strip([segment for segment in segments if segment.text]).crop(0, width)

    def _mark(self, session_id: str) -> str:
        if session_id in self.streaming:
            return _STREAMING
        if session_id in self.elsewhere:
            return _ELSEWHERE
        return _UNREAD if session_id in self.unread else " "


def _tags(tags: tuple[str, ...], room: int) -> str:
    """Return as many tags as there is room for, with a blank before each."""
    shown = ""
    for tag in tags:
        longer = f"{shown} #{visible_line(tag)}"
        if cell_len(longer) > room:
            break
        shown = longer
    return shown


def _line(text: str, width: int, style: Style) -> Strip:
    return Strip([Segment(text, style)]).extend_cell_length(width, style).crop(0, width)
