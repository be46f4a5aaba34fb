"""The files of prompts in the transcript: small pictures of images, and a key to look at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.message import Message

from brim.tui.widgets.message_files import FILE
from brim.tui.widgets.transcript_keys import key
from brim.tui.widgets.transcript_marks import TranscriptMarks

if TYPE_CHECKING:
    from brim.core.types import Message as ChatMessage
    from brim.tui.thumbnails import Thumbnail

_MOST_KEPT = 300


class TranscriptFiles(TranscriptMarks):
    """Asks for the pictures of what is near the view, each once."""

    BINDINGS: ClassVar[list[BindingType]] = [key("o", "open_file", "Look at the files")]

    class PicturesWanted(Message, namespace="transcript"):
        """Small pictures of the images of ``message`` are wanted; see `TranscriptFiles.set_pictures`."""

        def __init__(self, message: ChatMessage) -> None:
            super().__init__()
            self.message = message

    class FileWanted(Message, namespace="transcript"):
        """The person wants to see a file of the message ``message_id``."""

        def __init__(self, message_id: str, file_id: str) -> None:
            super().__init__()
            self.message_id = message_id
            self.file_id = file_id

    _pictures: dict[str, Thumbnail]
    _asked: set[str]

    def on_mount(self) -> None:
        """Begin without pictures."""
        self._pictures, self._asked = {}, set()

    def set_pictures(self, pictures: Mapping[str, Thumbnail]) -> None:
        """Show pictures, by the ids of their attachments."""
        self._pictures |= pictures
        self._asked.difference_update(pictures)
        while len(self._pictures) > _MOST_KEPT:
            del self._pictures[next(iter(self._pictures))]
        self._sync()

    def _fetch(self) -> None:
        super()._fetch()
        given = [entry for entry in list(self.column.model.views) if self._give(entry)]
        for entry in given:
            self._changed(entry)

    def _give(self, entry: int) -> bool:
        """Give a message the pictures that are here, and ask for the others; returns whether it has new ones."""
        view = self.column.model.views[entry]
        absent = [
            one.id for one in view.message.attachments if one.kind == "image" and one.id not in view.pictures
        ]
        if not absent:
            return False
        here = {file_id: self._pictures[file_id] for file_id in absent if file_id in self._pictures}
        if len(here) < len(absent) and not self._asked.issuperset(set(absent) - set(here)):
            self._asked.update(absent)
            self.post_message(self.PicturesWanted(view.message))
        view.pictures |= here
        if here:
            view.refresh()
        return bool(here)

    def action_open_file(self) -> None:
        """Look at the first file of the chosen message, else of the last one seen that has any."""
        chosen = self._chosen()
        seen = [chosen] if self.current is not None else list(reversed(self.column.viewport.visible()))
        for entry in seen:
            view = self.column.model.view(entry) if entry is not None else None
            if view is not None and view.message.attachments:
                self.post_message(self.FileWanted(view.message.id, view.message.attachments[0].id))
                return

    def _press(self, x: int, y: int) -> None:
        seen = self.column.seen()
        if 0 <= y < len(seen):
            entry, number = seen[y]
            view = self.column.model.views.get(entry)
            found = view.section_at(number) if view is not None else None
            if view is not None and found is not None and found[0].key.startswith(FILE):
                self.post_message(self.FileWanted(view.message.id, found[0].key.removeprefix(FILE)))
                return
        super()._press(x, y)
