"""The transcript: all messages of a session, of which only what is near the view is known by text.

Opening, scrolling and streaming cost the same for ten messages and for ten thousand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

from textual.actions import SkipAction

from brim.tui.behind import work_behind
from brim.tui.pacing import Pacer
from brim.tui.widgets.transcript_branches import TranscriptBranches, View
from brim.tui.widgets.transcript_column import MOVE_BUDGET_S
from brim.tui.widgets.transcript_files import TranscriptFiles
from brim.tui.widgets.transcript_find import Hit
from brim.tui.widgets.transcript_finding import TranscriptFinding
from brim.tui.widgets.transcript_inks import TranscriptInks
from brim.tui.widgets.transcript_model import Place, TranscriptModel, TranscriptSource

if TYPE_CHECKING:
    from brim.core.types import CleanupReceipt, Message, OutlineRow, ToolCall

DEFAULT_HINT = (
    "What would you like to know?",
    "",
    "Write below and press Enter.",
    "Ctrl+J begins a new line.",
)


class Transcript(TranscriptFinding, TranscriptBranches, TranscriptFiles, can_focus=True):
    """Shows a session's messages and lets the person read, fold, select, copy and find.

    Args:
        hint: lines that are shown while there is no message.
        id: the widget's id in the DOM.
        classes: its CSS classes.
    """

    DEFAULT_CSS = """
    Transcript {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
    }
    """

    def __init__(
        self,
        *,
        hint: Sequence[str] = DEFAULT_HINT,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
    ) -> None:
        super().__init__(hint, id=id, classes=classes)
        self._pacer = Pacer(self._call_draw)
        self._shows = 0

    # --- a session --------------------------------------------------------------------------------

    async def show(
        self,
        source: TranscriptSource,
        total: int,
        messages: Sequence[Message],
        place: Place | None = None,
    ) -> None:
        """Show a session of ``total`` messages, of which ``messages`` are the last.

        A running answer is given as far as it has come, with status ``streaming``. The other texts and the
        outline are read from ``source`` when they are needed. ``place`` is where to be, `None` the end.
        """
        self._shows += 1
        show = self._shows
        await asyncio.to_thread(_load_renderer)
        if show == self._shows:
            self._begin_anew(TranscriptModel(source, total, messages), place)

    def show_path(
        self,
        source: TranscriptSource,
        path: Sequence[OutlineRow],
        tail: Sequence[Message],
        near: Sequence[Message],
        view: View,
    ) -> None:
        """Show the whole path of the session that is shown anew, at once.

        Args:
            source: gives other texts.
            path: all its messages, without texts.
            tail: the last ones.
            near: those around the place.
            view: where to be, and what is chosen.
        """
        self._shows += 1
        model = TranscriptModel(source, len(path), tail)
        siblings = self.column.model.siblings
        model.set_outline(path)
        entries = {row.id: entry for entry, row in enumerate(path)}
        model.put([entries[message.id] for message in near if message.id in entries], near)
        model.set_siblings(siblings)
        self._begin_anew(model, view.place)
        self.current = view.chosen if view.chosen is not None and view.chosen < model.count else None

    def clear(self) -> None:
        """Show a session without messages."""
        self._shows += 1
        self._begin_anew(TranscriptModel(), None)

    def _begin_anew(self, model: TranscriptModel, place: Place | None) -> None:
        self._pacer.stop()
        self._stop_chores()
        self.workers.cancel_group(self, "finding")
        self.workers.cancel_group(self, "estimates")
        self.workers.cancel_group(self, "texts")
        self.workers.cancel_group(self, "marks")
        self._fetcher = None
        self.finder, self._target, self.current = None, None, None
        self.selector.clear()
        self.column.show(model, place)
        self._sync(repaint=True)

    def place(self) -> Place:
        """Return where the view is, to come back to."""
        return self.column.place()

    @property
    def following(self) -> bool:
        """Whether the end is in view and kept there."""
        return self.column.viewport.following

    @property
    def has_selection(self) -> bool:
        """Whether text is selected."""
        return self.selector.has_text

    @property
    def message_count(self) -> int:
        """How many messages the session has."""
        return self.column.model.count

    # --- a turn -----------------------------------------------------------------------------------

    def begin(self, prompt: Message, answer: Message) -> None:
        """Show a prompt and the answer that begins. After a prompt already shown, the answer replaces
        what stood there."""
        column, model = self.column, self.column.model
        entry = model.entry_of(prompt.id)
        if entry is None:
            column.append(model.append(prompt))
        elif entry + 1 < model.count:
            column.truncate(entry + 1)
            self.selector.clear()
            if self.finder is not None:
                self.finder.truncate(entry + 1)
        column.append(model.append(answer))
        self._sync(repaint=True)

    def rewind(self, message_id: str | None) -> bool:
        """Take away all that comes after a message (``None``: everything), where a branch begins.

        Returns whether the message is known.
        """
        model = self.column.model
        entry = -1 if message_id is None else model.entry_of(message_id)
        if entry is None:
            return False
        if entry + 1 < model.count:
            self.column.truncate(entry + 1)
            self.column.viewport.follow()
            self.selector.clear()
            self.current = None
            if self.finder is not None:
                self.finder.truncate(entry + 1)
            self._sync(repaint=True)
        return True

    def take(self, messages: Sequence[Message]) -> bool:
        """Show the last messages as another brim has written them: what changed, and what is new at the end.

        Returns whether they go on from what is shown; where they do not, nothing is done.
        """
        model = self.column.model
        known = [model.entry_of(message.id) for message in messages]
        last = model.ids[model.count - 1] if model.count else ""
        new = next((at + 1 for at, message in enumerate(messages) if message.id == last), 0)
        if (model.count and not new) or None in known[:new] or any(at is not None for at in known[new:]):
            return False
        for message, entry in zip(messages, known, strict=True):
            if entry is None:
                self.column.append(model.append(message))
            elif entry in model.messages:
                self._take_one(entry, message)
        model.set_marks(messages)
        self._sync(repaint=True)
        return True

    def _take_one(self, entry: int, message: Message) -> None:
        view = self.column.model.view(entry)
        if view is None or (view.message == message and view.content == message.content):
            return
        if message.status == "streaming" and message.content.startswith(view.content):
            self.add_text(message.id, message.content[len(view.content) :])
        else:
            self.settle(message)

    def add_text(self, message_id: str, text: str) -> None:
        """Add text at the end of an answer; it is on the screen a moment later."""
        entry = self.column.model.live.get(message_id)
        view = self.column.model.view(entry) if entry is not None else None
        if view is not None:
            view.add_text(text)
            self._pacer.wake()

    def add_reasoning(self, message_id: str, text: str) -> None:
        """Add reasoning at the end of an answer's reasoning."""
        entry = self.column.model.live.get(message_id)
        view = self.column.model.view(entry) if entry is not None else None
        if view is not None:
            view.add_reasoning(text)
            self._pacer.wake()

    def set_tool_call(self, message_id: str, call: ToolCall) -> None:
        """Show a tool call of an answer, in place of the one with the same id."""
        entry = self.column.model.live.get(message_id)
        view = self.column.model.view(entry) if entry is not None else None
        if view is not None:
            view.set_tool_call(call)
            self._pacer.wake()

    def set_waiting(self, message_id: str, reason: str) -> None:
        """Say what an answer waits for; empty when it does not wait."""
        entry = self.column.model.live.get(message_id)
        view = self.column.model.view(entry) if entry is not None else None
        if view is not None and view.set_waiting(reason):
            self._pacer.wake()

    def settle(self, message: Message) -> None:
        """Show an answer as it is at its end: complete, stopped or failed."""
        entry = self.column.model.settle(message)
        if entry is None:
            return
        if self.finder is not None:
            self.finder.look(entry, message.content)
            self._tell_find()
        if not self.column.model.live:
            self._pacer.stop()
        if entry in self.column.viewport.visible():
            self.column.measure_one(entry)
        self._sync(repaint=True)

    def set_receipt(self, message_id: str, receipt: CleanupReceipt) -> None:
        """Show a cleanup, or that one is undone, and dim what the model no longer sees."""
        model = self.column.model
        touched = model.set_receipt(message_id, receipt)
        self._sync(repaint=True)
        entry = model.entry_of(message_id)
        if entry is not None and (view := model.views.get(entry)) is not None:
            self._read_left(view)
        if touched and model.source is not None:
            work_behind(self, partial(self._reread_marks, model, touched), group="marks")

    async def _reread_marks(self, model: TranscriptModel, ids: Sequence[str]) -> None:
        """Read again what a cleanup did to messages: some may have been brought back before or since."""
        from brim.core.errors import BrimError

        if model.source is None:
            return
        try:
            messages = await model.source.messages_by_id(ids)
        except BrimError as error:
            self.post_message(self.Troubled(error.sentence))
            return
        if model is self.column.model:
            model.set_marks(messages)
            self._sync(repaint=True)

    def set_message(self, message: Message) -> None:
        """Show a message's marks as they are now, and whether the model sees it."""
        self.column.model.set_marks([message])
        self._sync(repaint=True)

    @property
    def latest_cleanup(self) -> str | None:
        """The message that keeps the receipt of the last cleanup that is not undone."""
        return self.column.model.latest_cleanup

    @property
    def chosen_message(self) -> Message | None:
        """The message that the keys speak of: the chosen one, else the last that is seen."""
        entry = self._chosen()
        return self.column.model.messages.get(entry) if entry is not None else None

    async def go_to_message(self, message_id: str) -> None:
        """Bring a message into view and choose it."""
        model = self.column.model
        if not model.has_outline and model.entry_of(message_id) is None:
            self._fetch()
            if self._fetcher is not None:
                await self._fetcher.wait()
        entry = model.entry_of(message_id)
        if entry is None or model is not self.column.model:
            return
        self.current, self._target = entry, Hit(entry, 0)
        if not self.column.measure_one(entry, MOVE_BUDGET_S):
            self.column.go_to(entry, 0)
        self._sync(repaint=True)

    def set_queue(self, texts: Sequence[str]) -> None:
        """Show the prompts that wait, after the last message."""
        self.column.set_queue(texts)
        self._sync(repaint=True)

    # --- painting what grows ----------------------------------------------------------------------

    def _call_draw(self) -> None:
        self.call_next(self._draw)

    def _draw(self) -> None:
        """Lay out what the running answers gained, and paint the lines that changed."""
        if not self.is_mounted:
            return
        column = self.column
        before = column.viewport.top
        for entry in column.model.live.values():
            view = column.model.views.get(entry)
            if view is None or not view.is_stale:
                continue
            if entry not in column.viewport.visible():
                column.grow_unseen(entry, view)
                continue
            column.measure_one(entry, MOVE_BUDGET_S)
            if column.viewport.top == before:
                self.repaint_from(column.viewport.row_of(entry, view.changed_row))
        self._sync()
        self.call_after_refresh(self._pacer.painted)

    def on_unmount(self) -> None:
        """Leave no timer behind."""
        self._pacer.stop()

    def action_dismiss(self) -> None:
        """Clear the selection, else the search, else the choice of a message; else leave the key to others."""
        if self.clear_selection() or self.clear_find():
            return
        if self.current is None:
            raise SkipAction()
        self.current = None
        self.refresh(self.size.region)


@cache
def _load_renderer() -> None:
    """Import what rendering needs, so that the first message does not wait for it in the event loop."""
    from brim.tui.render.document import MarkdownDocument

    inks = TranscriptInks.from_variables({}, dark=True)
    MarkdownDocument("```python\nNone\n```").lines(40, inks.markdown)
