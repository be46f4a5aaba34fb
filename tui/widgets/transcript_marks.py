"""What a person can do in the transcript about the window: pin, leave out, bring back, unfold a receipt, undo it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.message import Message

from brim.tui.behind import work_behind
from brim.tui.widgets.message_receipt import FOLD, LISTED
from brim.tui.widgets.message_view import MessageView
from brim.tui.widgets.transcript_keys import TranscriptKeys, key

if TYPE_CHECKING:
    from brim.core.types import CleanupReceipt
    from brim.core.types import Message as ChatMessage


class TranscriptMarks(TranscriptKeys):
    """Keys for what the model sees of the messages, and receipts that list what left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("p", "pin", "Pin"),
        key("x", "leave_out", "Leave out of the window"),
        key("u", "undo_cleanup", "Undo the cleanup"),
    ]

    class MarkWanted(Message, namespace="transcript"):
        """The person wants something done to the message ``message_id``; ``wish`` names the command."""

        def __init__(self, wish: str, message_id: str) -> None:
            super().__init__()
            self.wish = wish
            self.message_id = message_id

    def action_pin(self) -> None:
        """Keep the chosen message in the window, or let it go."""
        self._want(lambda message: "unpin_message" if message.pinned else "pin_message")

    def action_leave_out(self) -> None:
        """Take the chosen message out of the window, or bring it back."""
        self._want(lambda message: "leave_out_message" if message.in_window else "bring_back_message")

    def action_undo_cleanup(self) -> None:
        """Undo the cleanup whose receipt stands at the chosen message, else the last one."""
        chosen = self._chosen_view()
        receipt = chosen[1].message.receipt if chosen is not None else None
        if chosen is not None and receipt is not None and not receipt.undone:
            self.post_message(self.MarkWanted("undo_cleanup_of", chosen[1].message.id))
        elif (latest := self.column.model.latest_cleanup) is not None:
            self.post_message(self.MarkWanted("undo_cleanup_of", latest))

    def _want(self, wish: Callable[[ChatMessage], str]) -> None:
        chosen = self._chosen_view()
        if chosen is not None:
            message = chosen[1].message
            self.post_message(self.MarkWanted(wish(message), message.id))

    # --- receipts ---------------------------------------------------------------------------------

    def _changed(self, entry: int) -> None:
        """Lay out a message that is seen again, and read what its receipt lists."""
        super()._changed(entry)
        if (view := self.column.model.views.get(entry)) is not None:
            self._read_left(view)

    def _read_left(self, view: MessageView) -> None:
        """Read the messages that an unfolded receipt lists."""
        if FOLD in view.unfolded and view.receipt.left is None and view.message.receipt is not None:
            work_behind(self, partial(self._show_left, view, view.message.receipt), group="texts")

    async def _show_left(self, view: MessageView, receipt: CleanupReceipt) -> None:
        from brim.core.errors import BrimError

        model = self.column.model
        if model.source is None:
            return
        ids = [*receipt.left_ids, *receipt.shortened_ids][:LISTED]
        try:
            view.receipt.left = await model.source.messages_by_id(ids)
        except BrimError as error:
            self.post_message(self.Troubled(error.sentence))
            return
        view.refresh()
        self._sync(repaint=True)
