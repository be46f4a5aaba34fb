"""The pane on the left: all sessions, newest first, read and drawn by page; while one searches, messages below."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

from brim.tui.behind import work_behind
from brim.tui.widgets import session_rows_view
from brim.tui.widgets.lines import Line
from brim.tui.widgets.search_hits import Look, SearchHits
from brim.tui.widgets.session_rows_view import SessionRowsView

if TYPE_CHECKING:
    from brim.core.types import Session

Load = Callable[[int, "Session | None", str], Awaitable["list[Session]"]]
"""Reads a page: at most so many sessions, after that one, of those that fit what is typed."""
Fits = Callable[["Session", str], bool]
"""Whether a session is among those that fit what is typed."""
Count = Callable[[], Awaitable["int | None"]]
"""Tells how many sessions there are where nothing is typed, ``None`` where that is not known."""

PAGE = 50
"""How many sessions are read at once."""

_FILTER_DELAY_S = 0.04


def _has_title(session: Session, text: str) -> bool:
    return text.lower() in session.title.lower()


async def _uncounted() -> int | None:
    return None


class SessionList(Vertical):
    """A field that filters titles, and the sessions.

    Args:
        load: reads a page of sessions.
        look: begins a search of messages; ``None`` for titles only.
        fits: tells of a session that is new or has changed whether it is listed.
        count: counts all sessions; without it, or while one types, only those read so far are known.
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

    Selected: TypeAlias = session_rows_view.Selected
    RenameWanted: TypeAlias = session_rows_view.RenameWanted
    VerbWanted: TypeAlias = session_rows_view.VerbWanted
    NewWanted: TypeAlias = session_rows_view.NewWanted

    class Troubled(Message):
        """The sessions cannot be read."""

        def __init__(self, sentence: str) -> None:
            super().__init__()
            self.sentence = sentence

    def __init__(
        self,
        load: Load,
        look: Look | None = None,
        *,
        fits: Fits = _has_title,
        count: Count = _uncounted,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(id=id)
        self._load = load
        self._fits = fits
        self._count = count
        self._total: int | None = None
        self._view = SessionRowsView()
        self._field = Line(placeholder="/ search", id="session-filter", select_on_focus=False)
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
        self._run(self._read_first, "sessions")

    async def read_again(self) -> None:
        """Read what is loaded anew, as far as it has been looked at; what is seen stays where it is."""
        rows, text = self._view.rows, self._field.value.strip()
        wanted = [self._view.cursor, *self._view.chosen]
        seen = self._view.scroll_offset.y + self._view.size.height
        line = max([seen, *(rows.line_of(session_id) or 0 for session_id in wanted)])
        limit = PAGE + sum(1 for each in rows.lines[: line + 1] if each.session_id)
        page = await self._load(limit, None, text)
        if text == self._field.value.strip():
            self.workers.cancel_group(self, "sessions")
            self._is_loading = False
            self._view.replace(page, is_last=len(page) < limit)
            self._show()
            self._count_anew()

    def put(self, session: Session) -> None:
        """Show a session that is new or has changed at its place."""
        was_listed = session.id in self._view.rows
        is_listed = self._fits(session, self._field.value.strip())
        if is_listed:
            self._view.rows.put(session)
        else:
            self._view.rows.remove(session.id)
        self._show()
        if not (was_listed and is_listed):
            self._count_anew()

    def drop(self, session_id: str) -> None:
        """Take a session out of the list."""
        self._view.rows.remove(session_id)
        self._show()
        self._count_anew()

    def mark(self, session_id: str, *, streaming: bool | None = None, unread: bool | None = None) -> None:
        """Set marks of a session; ``None`` leaves a mark as it is."""
        for marked, value in ((self._view.streaming, streaming), (self._view.unread, unread)):
            if value:
                marked.add(session_id)
            elif value is not None:
                marked.discard(session_id)
        self._view.refresh()

    def set_elsewhere(self, session_ids: frozenset[str]) -> None:
        """Mark the sessions that other brims answer in, and no others."""
        self._view.elsewhere = session_ids
        self._view.refresh()

    @property
    def chosen(self) -> tuple[str, ...]:
        """The ids of the sessions that keys act on: those chosen, else the one under the cursor."""
        return self._view.targets

    def choose_none(self) -> None:
        """Let go of what is chosen."""
        self._view.choose_none()

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
        self._count_anew()

    @on(SessionRowsView.NearEnd)
    def _near_end(self, event: SessionRowsView.NearEnd) -> None:
        event.stop()
        if not self._is_loading and self._view.rows.last is not None:
            self._is_loading = True
            self._run(self._read_next, "sessions")

    async def _read_next(self) -> None:
        try:
            page = await self._load(PAGE, self._view.rows.last, self._field.value.strip())
        finally:
            self._is_loading = False
        self._view.rows.extend(page, is_last=len(page) < PAGE)
        self._show()

    def _show(self) -> None:
        rows = self._view.rows
        self._view.hint = "Nothing fits." if self._field.value.strip() else "No sessions yet."
        self._view.chosen.intersection_update(rows.ids)
        self._show_count()
        self._view.changed()

    @on(SessionRowsView.ChoiceChanged)
    def _show_count(self) -> None:
        rows = self._view.rows
        if self._view.chosen:
            self.border_subtitle = f"{len(self._view.chosen):,} chosen · Esc none"
            return
        total = self._total if not self._field.value.strip() else None
        if rows.is_whole or total is None:
            total, more = len(rows), "" if rows.is_whole else "+"
        else:
            total, more = max(total, len(rows)), ""
        self.border_subtitle = f"{total:,}{more} sessions" if total != 1 else "1 session"

    def _count_anew(self) -> None:
        """Count those that have not been read, if there are any."""
        if not self._view.rows.is_whole:
            self._run(self._count_all, "count")

    async def _count_all(self) -> None:
        self._total = await self._count()
        self._show_count()

    def _run(self, read: Callable[[], Awaitable[None]], group: str) -> None:
        """Read in place of what the group is reading; what cannot be read is said, and the list stays as it is."""
        work_behind(self, partial(self._told, read), group=group, exclusive=True)

    async def _told(self, read: Callable[[], Awaitable[None]]) -> None:
        from brim.core.errors import BrimError

        try:
            await read()
        except BrimError as error:
            self.post_message(self.Troubled(error.sentence))

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
