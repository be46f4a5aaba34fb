"""Where a person writes: a text area that sends, recalls, completes and never loses a draft."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from brim.tui.actions import BY_ID
from brim.tui.pasted import Pasted, typed
from brim.tui.recall import Recall
from brim.tui.slash import complete
from brim.tui.widgets.slash_list import SlashList

PLACEHOLDER = "Write a message, or / for commands"


class Composer(TextArea):
    """A multi-line field. What it holds is `draft`; its owner decides what sending means."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(BY_ID["send"].keys, "send", "Send", id="send", show=False),
        Binding(BY_ID["newline"].keys, "newline", "New line", id="newline", show=False),
        Binding(BY_ID["complete"].keys, "complete", "Complete", id="complete", show=False),
        Binding("pageup", "scroll_transcript(-1)", "Scroll up", id="scroll_up", show=False),
        Binding("pagedown", "scroll_transcript(1)", "Scroll down", id="scroll_down", show=False),
        Binding("escape", "close_list", "Close the list", id="close_list", show=False),
    ]

    class Submitted(Message):
        """The person wants ``text`` sent. The composer is empty already; `restore` puts it back."""

        def __init__(self, composer: Composer, text: str) -> None:
            super().__init__()
            self.composer = composer
            self.text = text

        @property
        def control(self) -> Composer:
            """The composer."""
            return self.composer

    class QueueWanted(Message):
        """The person wants the waiting prompts back, to go on writing them."""

    class ScrollWanted(Message):
        """The person wants the transcript moved by a page, up for -1 and down for 1."""

        def __init__(self, pages: int) -> None:
            super().__init__()
            self.pages = pages

    def __init__(self, *, id: str | None = None, commands: SlashList | None = None) -> None:  # noqa: A002
        super().__init__(id=id, placeholder=PLACEHOLDER, highlight_cursor_line=False, compact=True)
        self.cursor_blink = False
        self.match_cursor_bracket = False
        self.queue_waits = False
        """Whether prompts wait that `QueueWanted` could bring back."""
        self._commands = commands
        self._pasted = Pasted()
        self._recall = Recall()

    # --- what it holds --------------------------------------------------------------------------------

    @property
    def draft(self) -> str:
        """All that would be sent, long pastes included."""
        return self._pasted.whole(self.text)

    @property
    def can_undo(self) -> bool:
        """Whether a change of the text can be taken back."""
        return bool(self.history._undo_stack)

    def restore(self, text: str) -> None:
        """Put ``text`` in place of what is there, the cursor at its end."""
        self._pasted.clear()
        self._recall.leave()
        self._put(text)

    def put_back(self, text: str) -> None:
        """Put a text that could not be sent, or was taken back, in front of what has been typed since."""
        self.restore("\n\n".join(part for part in (text, self.draft) if part.strip()))

    def fill_recall(self, prompts: list[str]) -> None:
        """Take earlier prompts, newest first."""
        self._recall.fill(prompts)

    def remember(self, text: str) -> None:
        """Keep a text among the earlier prompts, as the newest."""
        self._recall.sent(text)

    def _put(self, text: str) -> None:
        self.load_text(self._pasted.mark(typed(text)))
        self.move_cursor(self.document.end)

    # --- sending and completing -----------------------------------------------------------------------

    def action_send(self) -> None:
        """Send what is there; with the list of commands open, take the command first."""
        self._catch_up()
        if self._commands is not None and (chosen := self._commands.chosen) is not None:
            typed_name = self.text[1:].lower()
            if typed_name != chosen.slash:
                self._accept()
                if chosen.argument:
                    return
        text = self.draft
        if not text.strip():
            return
        self._pasted.clear()
        self._put(self._recall.sent(text))
        self.post_message(self.Submitted(self, text))

    def action_newline(self) -> None:
        """Break the line."""
        self._replace_via_keyboard("\n", *self.selection)

    def action_complete(self) -> None:
        """Take the command that the list shows."""
        self._catch_up()
        self._accept()

    def action_close_list(self) -> None:
        """Put the list of commands away."""
        if self._commands is not None:
            self._commands.offer([])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave Tab and Esc to others while no list of commands is open."""
        if action in ("complete", "close_list"):
            return self._commands is not None and self._commands.chosen is not None
        return super().check_action(action, parameters)

    def take(self, slash: str) -> None:
        """Put a command's name in place of the one that is being typed."""
        action = next(action for action in complete(f"/{slash}") if action.slash == slash)
        self.load_text(f"/{slash}{' ' if action.argument else ''}")
        self.move_cursor(self.document.end)

    def _accept(self) -> None:
        if self._commands is not None and (chosen := self._commands.chosen) is not None:
            self.take(chosen.slash)
            self._commands.offer([])

    def on_text_area_changed(self) -> None:
        """Offer commands while one is being typed."""
        self._offer()

    def _catch_up(self) -> None:
        """Offer what fits the text of now: a key right behind fast typing comes before the list has changed."""
        if self._commands is not None and self._commands.chosen is not None:
            self._offer()

    def _offer(self) -> None:
        if self._commands is not None:
            lone_line = self.document.line_count == 1
            self._commands.offer(complete(self.document.get_line(0)) if lone_line else [])

    # --- keys and pastes ------------------------------------------------------------------------------

    def action_cursor_up(self, select: bool = False) -> None:
        """Move up; on the first line go back in the earlier prompts, from an empty field take the queue."""
        if self._commands is not None and self._commands.chosen is not None:
            self._commands.move(-1)
        elif select or not self._is_first_line:
            super().action_cursor_up(select)
        elif self.queue_waits and not self.text:
            self.post_message(self.QueueWanted())
        elif (text := self._recall.older(self.draft)) is not None:
            self._put(text)
            self.move_cursor((0, 0))
        else:
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """Move down; on the last line come forward again in the earlier prompts."""
        if self._commands is not None and self._commands.chosen is not None:
            self._commands.move(1)
        elif select or not self._is_last_line:
            super().action_cursor_down(select)
        elif self._recall.is_walking and (text := self._recall.newer(self.draft)) is not None:
            self._put(text)
        else:
            super().action_cursor_down(select)

    @property
    def _is_first_line(self) -> bool:
        return self.navigator.is_first_wrapped_line(self.cursor_location)

    @property
    def _is_last_line(self) -> bool:
        return self.navigator.is_last_wrapped_line(self.cursor_location)

    def action_scroll_transcript(self, pages: int) -> None:
        """Ask for the transcript to be moved."""
        self.post_message(self.ScrollWanted(pages))

    async def _on_key(self, event: events.Key) -> None:
        """Carry out the bindings of this widget here, in line with the characters.

        Left to the app, a binding would be carried out when the app comes by: an Enter right behind fast
        typing would send only the characters that have been inserted by then.
        """
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            if await self.app.run_action(binding.action, self):
                event.stop()
                event.prevent_default()
                return
        await super()._on_key(event)

    async def written(self) -> None:
        """Wait until the keys pressed so far have been written. Not for the composer's own handlers."""
        done = asyncio.Event()
        if self.is_running and self.call_later(done.set):
            await done.wait()

    async def _on_paste(self, event: events.Paste) -> None:
        """Insert what was pasted, without control characters; long text is kept aside behind a mark."""
        event.prevent_default()
        event.stop()
        if result := self._replace_via_keyboard(self._pasted.mark(typed(event.text)), *self.selection):
            self.move_cursor(result.end_location)
            self.focus()

    def action_paste(self) -> None:
        """Insert what was copied inside the app."""
        text = self._pasted.mark(typed(self.app.clipboard))
        if result := self._replace_via_keyboard(text, *self.selection):
            self.move_cursor(result.end_location)
