"""Where a person writes: a text area that sends, recalls, completes and never loses a draft."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, work
from textual.binding import Binding, BindingType
from textual.message import Message

from brim.tui.actions import BY_ID
from brim.tui.mentioning import Folders, Offer
from brim.tui.pasted import Pasted, as_mentions, marks, may_be_files, typed
from brim.tui.recall import Recall
from brim.tui.slash import complete
from brim.tui.widgets.file_list import FileList
from brim.tui.widgets.lines import Lines
from brim.tui.widgets.slash_list import SlashList

if TYPE_CHECKING:
    from brim.core.mentions import Typed

_DISK_S = 0.5
"""How long a paste waits to hear whether it names files."""
PLACEHOLDER = "Write a message, / for commands, @ for files"


class Composer(Lines):
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

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002
        commands: SlashList | None = None,
        files: FileList | None = None,
        folder: Path | None = None,
    ) -> None:
        super().__init__(id=id, placeholder=PLACEHOLDER, highlight_cursor_line=False, compact=True)
        self.cursor_blink = False
        self.match_cursor_bracket = False
        self.queue_waits = False
        """Whether prompts wait that `QueueWanted` could bring back."""
        self._commands = commands
        self._files = files
        self._folders = Folders(folder or Path.cwd())
        self._wanted: Typed | None = None
        """The mention whose folder is being read."""
        self._put_away: tuple[int, int] | None = None
        """Where the mention stands whose list was closed: its line and its column."""
        self._pasted = Pasted()
        self._recall = Recall()

    # --- what it holds --------------------------------------------------------------------------------

    @property
    def draft(self) -> str:
        """All that would be sent, long pastes included."""
        return self._pasted.whole(self.text)

    @property
    def folder(self) -> Path:
        """Where the names of files are seen from."""
        return self._folders.working

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

    def apart(self, text: str) -> tuple[str, str, str] | None:
        """Return the largest paste in a draft, between what stands before and behind it; ``None`` without one."""
        return self._pasted.apart(text)

    def fill_recall(self, prompts: list[str]) -> None:
        """Take earlier prompts, newest first."""
        self._recall.fill(prompts)

    def remember(self, text: str) -> None:
        """Keep a text among the earlier prompts, as the newest."""
        self._recall.sent(text)

    def _put(self, text: str) -> None:
        self.load_text(self._pasted.fold(typed(text)))
        self.move_cursor(self.document.end)

    # --- sending and completing -----------------------------------------------------------------------

    def action_send(self) -> None:
        """Send what is there; with a list open, take what is chosen first."""
        self._catch_up()
        if self._is_choosing_file:
            self._accept()
            return
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
        """Take what the list shows."""
        self._catch_up()
        self._accept()

    def action_close_list(self) -> None:
        """Put the list away; that of files until another mention is typed."""
        if self._files is not None and (mention := self._mention()) is not None:
            self._put_away = self.cursor_location[0], mention.start
        for each in (self._commands, self._files):
            if each is not None:
                each.offer([])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave Tab and Esc to others while no list is open."""
        if action in ("complete", "close_list"):
            return self._open_list is not None
        return super().check_action(action, parameters)

    def take(self, slash: str) -> None:
        """Put a command's name in place of the one that is being typed."""
        action = next(action for action in complete(f"/{slash}") if action.slash == slash)
        self.load_text(f"/{slash}{' ' if action.argument else ''}")
        self.move_cursor(self.document.end)

    def take_file(self, offer: Offer) -> None:
        """Put a file's name in place of the one that is being typed; a folder's can be typed on."""
        from brim.core.mentions import mention_of

        mention = self._mention()
        if mention is None:
            return
        row, column = self.cursor_location
        text = mention_of(offer.path, is_open=offer.is_folder)
        if not offer.is_folder and not self.document.get_line(row)[column:].startswith(" "):
            text += " "
        end = self.replace(text, (row, mention.start), (row, column), maintain_selection_offset=False)
        self.move_cursor(end.end_location)

    def _accept(self) -> None:
        if self._commands is not None and (chosen := self._commands.chosen) is not None:
            self.take(chosen.slash)
            self._commands.offer([])
        elif self._files is not None and (file := self._files.chosen) is not None:
            self.take_file(file)
            self._files.offer([])

    @property
    def _open_list(self) -> SlashList | FileList | None:
        lists = (self._commands, self._files)
        return next((each for each in lists if each is not None and each.chosen is not None), None)

    @property
    def is_mentioning(self) -> bool:
        """Whether the cursor stands behind a mention that may be typed on."""
        return self._mention() is not None

    @property
    def _is_choosing_file(self) -> bool:
        """Whether a file is offered that has not been typed to its end."""
        chosen = self._files.chosen if self._files is not None else None
        mention = self._mention() if chosen is not None else None
        return chosen is not None and mention is not None and chosen.name != mention.beginning

    def on_text_area_changed(self) -> None:
        """Offer commands while one is being typed, and files behind an ``@``."""
        self._offer()

    def on_text_area_selection_changed(self) -> None:
        """Put the list of files away when the cursor leaves the mention."""
        if self._files is not None and self._files.chosen is not None:
            self._offer_files()

    def _catch_up(self) -> None:
        """Offer what fits the text of now: a key right behind fast typing comes before the list has changed."""
        if self._open_list is not None:
            self._offer()

    def _offer(self) -> None:
        if self._commands is not None:
            lone_line = self.document.line_count == 1
            self._commands.offer(complete(self.document.get_line(0)) if lone_line else [])
        self._offer_files()

    def _offer_files(self) -> None:
        if self._files is None:
            return
        mention = self._mention()
        if mention is None or self._put_away == (self.cursor_location[0], mention.start):
            self._files.offer([])
            return
        self._put_away = None
        self._files.offer(self._folders.offers(mention))
        if not self._folders.knows(mention):
            self._wanted = mention
            self._look()

    @work(group="files", exclusive=True)
    async def _look(self) -> None:
        if self._wanted is not None:
            await self._folders.read(self._wanted)
            self._offer_files()

    def _mention(self) -> Typed | None:
        """Return the mention of a file that the cursor stands behind."""
        row, column = self.cursor_location
        line = self.document.get_line(row)
        if "@" not in line or not self.selection.is_empty:
            return None
        from brim.core.mentions import being_typed

        return being_typed(line, column)

    # --- keys and pastes ------------------------------------------------------------------------------

    def action_delete_left(self) -> None:
        """Delete the character before the cursor; the mark of a paste goes as one."""
        if not self._delete_mark(at_end=True):
            super().action_delete_left()

    def action_delete_right(self) -> None:
        """Delete the character behind the cursor; the mark of a paste goes as one."""
        if not self._delete_mark(at_end=False):
            super().action_delete_right()

    def _delete_mark(self, *, at_end: bool) -> bool:
        """Delete the mark that the cursor stands behind, or before; return whether there was one."""
        row, column = self.cursor_location
        if not self.selection.is_empty:
            return False
        for start, end in marks(self.document.get_line(row)):
            if column == (end if at_end else start):
                self._delete_via_keyboard((row, start), (row, end))
                return True
        return False

    def action_cursor_up(self, select: bool = False) -> None:
        """Move up; on the first line go back in the earlier prompts, from an empty field take the queue."""
        if (offers := self._open_list) is not None:
            offers.move(-1)
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
        if (offers := self._open_list) is not None:
            offers.move(1)
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

    async def written(self) -> None:
        """Wait until the keys pressed so far have been written. Not for the composer's own handlers."""
        done = asyncio.Event()
        if self.is_running and self.call_later(done.set):
            await done.wait()

    async def _on_paste(self, event: events.Paste) -> None:
        """Insert what was pasted, without control characters; long text is kept aside behind a mark.

        A paste that consists of files' names, as of files dropped on the terminal, becomes mentions of them.
        """
        event.prevent_default()
        event.stop()
        text = await self._dropped(event.text) or self._pasted.mark(typed(event.text))
        if result := self._replace_via_keyboard(text, *self.selection):
            self.move_cursor(result.end_location)
            self.focus()

    async def _dropped(self, text: str) -> str:
        """Return a paste of files' names as mentions, empty where it is something else or the disk is slow."""
        if self._files is None or not may_be_files(text):
            return ""
        try:
            async with asyncio.timeout(_DISK_S):
                mentions = await asyncio.to_thread(as_mentions, text, self._folders.working)
        except TimeoutError:
            return ""
        row, column = min(self.selection)
        before = self.document.get_line(row)[:column]
        return f" {mentions}" if mentions and before and not before[-1].isspace() else mentions

    def action_paste(self) -> None:
        """Insert what was copied inside the app."""
        text = self._pasted.mark(typed(self.app.clipboard))
        if result := self._replace_via_keyboard(text, *self.selection):
            self.move_cursor(result.end_location)
