"""What the model sees: every message with its weight and state, and how the window filled turn by turn."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events, getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from brim.core.errors import BrimError
from brim.core.events import (
    BranchShown,
    ContextChanged,
    MessageChanged,
    SessionDeleted,
    TurnFailed,
    TurnFinished,
    TurnStarted,
    WindowCleaned,
)
from brim.core.timeline import timeline
from brim.tui.behind import work_behind
from brim.tui.context_table import ContextTable, Order, State
from brim.tui.gauges import forecast, headline, short
from brim.tui.widgets.context_list import ContextList
from brim.tui.widgets.meter_rows import bar_content, level_color
from brim.tui.widgets.timeline_view import TimelineView

if TYPE_CHECKING:
    from brim.core.context import ContextUsage
    from brim.core.hub import Subscription
    from brim.core.sessions import SessionManager
    from brim.tui.commands import Commands

_AGAIN_S = 0.05
"""Events that come together are answered by one reading, so many seconds after the first."""
_RELOADING = (TurnStarted, TurnFinished, TurnFailed, WindowCleaned, BranchShown)
_LOW, _TALL = 30, 50
_HINTS = "P pin · X leave out · B bring back · S sort · Enter read · C clean up · U undo · Esc close"
_SHORT_HINTS = "P pin · X leave out · B back · S sort · Enter read · Esc close"


def _key(keys: str, action: str, label: str) -> Binding:
    return Binding(keys, action, label, show=False, id=f"context.{action}")


class ContextScreen(ModalScreen[str | None]):
    """Returns the message that the person wants to read, or ``None``.

    Args:
        manager: gives the rows and tells of changes.
        session_id: the session.
        commands: carries out what is done to a message.
    """

    CSS_PATH = "context.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        _key("escape,q,f7", "close", "Close"),
        _key("p", "pin", "Pin, or let go"),
        _key("x,o,delete", "leave_out", "Leave out"),
        _key("b", "bring_back", "Bring back"),
        _key("s", "sort", "Sort"),
        _key("c,f8", "clean_up", "Clean up"),
        _key("u,ctrl+z", "undo", "Undo the last cleanup"),
        _key("e", "edit_summary", "Edit the summary"),
        _key("left", "back", "Earlier turns"),
        _key("right", "on", "Later turns"),
    ]

    rows = getters.query_one(ContextList)
    chart = getters.query_one(TimelineView)
    box = getters.query_one("#context-box", Vertical)

    def __init__(self, manager: SessionManager, session_id: str, commands: Commands) -> None:
        super().__init__()
        self._manager = manager
        self._session_id = session_id
        self._commands = commands
        self._usage: ContextUsage | None = None
        self._watched: Subscription | None = None
        self._is_due = False
        self._is_reading = False

    def compose(self) -> ComposeResult:
        """The gauge, the timeline and the table."""
        with Vertical(id="context-box") as box:
            box.border_title = "What the model sees"
            yield Static(id="gauge", markup=False)
            yield TimelineView()
            yield Static(id="heading", markup=False)
            yield ContextList()

    # --- reading --------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Read the rows and watch for changes."""
        self._watched = self._manager.subscribe(self._session_id)
        work_behind(self, partial(self._watch, self._watched), group="watch")
        work_behind(self, self._read, group="read", exclusive=True)
        self.rows.focus()

    def on_unmount(self) -> None:
        """Stop watching."""
        if self._watched is not None:
            self._watched.close()

    async def _watch(self, subscription: Subscription) -> None:
        async for batch in subscription.batches():
            for event in batch:
                if isinstance(event, MessageChanged):
                    if self.rows.table.put(event.message):
                        self.rows.refresh()
                        self._show_sums()
                    if self._is_reading:
                        self._read_soon()
                elif isinstance(event, ContextChanged):
                    self._usage = event.usage
                    self._show_sums()
                elif isinstance(event, SessionDeleted):
                    self.dismiss(None)
                    return
                elif isinstance(event, _RELOADING):
                    self._read_soon()

    def _read_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self.set_timer(_AGAIN_S, self._read_again)

    def _read_again(self) -> None:
        self._is_due = False
        work_behind(self, self._read, group="read", exclusive=True)

    async def _read(self) -> None:
        self._is_reading = True
        try:
            rows = await self._manager.context_rows(self._session_id)
            usage = await self._manager.context_usage(self._session_id)
        except BrimError as error:
            self._commands.tell(error)
            self.dismiss(None)
            return
        table, columns = await asyncio.to_thread(
            lambda order: (ContextTable(rows, order), timeline(rows)), self.rows.table.order
        )
        self._is_reading = False
        self._usage = usage
        self.rows.show(table, usage.limit_tokens)
        self.chart.show(columns, int(usage.cleanup_share * usage.limit_tokens))
        self._show_sums()

    # --- showing --------------------------------------------------------------------------------------

    @on(events.Resize)
    def _fit(self) -> None:
        height = self.app.size.height
        self.set_class(height < _LOW, "-low")
        self.chart.styles.height = 6 if height < _LOW else 9 if height < _TALL else 14
        self.call_after_refresh(self._show_sums)

    def _show_sums(self) -> None:
        if not self.is_mounted:
            return
        table = self.rows.table
        self.query_one("#gauge", Static).update(Content("\n").join(self._gauge_lines()))
        self.query_one("#heading", Static).update(
            Content.styled(ContextList.heading(self.rows.scrollable_content_region.width), "$dim")
        )
        count = len(table.rows)
        self.box.border_subtitle = _HINTS if self.app.size.width >= len(_HINTS) + 4 else _SHORT_HINTS
        self.box.border_title = (
            f"What the model sees · {table.seen:,} of {count:,} message{'' if count == 1 else 's'}"
            f" · {table.order.value}"
        )

    def _gauge_lines(self) -> Iterator[Content]:
        usage, width = self._usage, max(1, self.rows.size.width)
        if usage is None:
            yield Content("")
            yield Content("")
            return
        yield bar_content(usage, width)
        used, share = headline(usage)
        words = [("bold", used), (f"bold {level_color(usage.level)}", share)]
        parts = (
            ("system", usage.system_tokens),
            ("summary", usage.summary_tokens),
            ("pinned", usage.pinned_tokens),
            ("history", usage.history_tokens),
            ("reply reserve", usage.reply_reserve_tokens),
            ("free", usage.free_tokens),
        )
        words += [("$dim", ", ".join(filter(None, forecast(usage))))]
        words += [("$dim", "window learnt from the provider")] if usage.window_learnt else []
        words += [("$dim", f"{name} {short(tokens)}") for name, tokens in parts if tokens or name == "free"]
        line = Content("")
        for style, text in words:
            joined = line + Content(" · " if line and text else "") + Content.styled(text, style)
            if joined.cell_length > width:
                break
            line = joined
        yield line

    # --- doing ----------------------------------------------------------------------------------------

    def _do(self, wish: str) -> None:
        if (message_id := self.rows.cursor) is not None:
            self._commands.run(wish, message_id)

    def action_pin(self) -> None:
        """Pin the message under the cursor, or let it go."""
        row = self.rows.cursor_row
        self._do("unpin_message" if row is not None and row.pinned else "pin_message")

    def action_leave_out(self) -> None:
        """Leave the message out, or bring one back that was."""
        self._do("bring_back_message" if self.rows.state is State.LEFT_OUT else "leave_out_message")

    def action_bring_back(self) -> None:
        """Bring the message back, whatever took it out."""
        self._do("bring_back_message")

    def action_sort(self) -> None:
        """Sort by size, or as it was said."""
        self.rows.sort(Order.TALK if self.rows.table.order is Order.SIZE else Order.SIZE)
        self._show_sums()

    def action_clean_up(self) -> None:
        """Show what a cleanup would do."""
        self._commands.run("cleanup")

    def action_undo(self) -> None:
        """Undo the last cleanup."""
        self._commands.run("cleanup", "undo")

    def action_edit_summary(self) -> None:
        """Edit the summary in the window."""
        self._commands.run("summary")

    def action_back(self) -> None:
        """Show earlier turns."""
        self.chart.go(0.5)

    def action_on(self) -> None:
        """Show later turns."""
        self.chart.go(-0.5)

    @on(ContextList.Chosen)
    def _chosen(self, event: ContextList.Chosen) -> None:
        self.dismiss(event.message_id)

    def action_close(self) -> None:
        """Go back to the chat."""
        self.dismiss(None)
