"""Editing an earlier prompt in the composer, while the draft that was there waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brim.tui.screens.chat import ChatScreen


def joined(*texts: str) -> str:
    """Return texts below each other, empty ones left out."""
    return "\n\n".join(text for text in texts if text.strip())


class Editing:
    """Which prompt the composer edits, and what was in the composer before."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._original = ""
        self._waiting = ""
        self.message_id: str | None = None
        """The prompt that is edited, ``None`` where the composer holds a draft."""

    def begin(self, message_id: str, text: str) -> None:
        """Put a prompt into the composer; the draft waits."""
        composer = self._screen.composer
        if self.message_id is None:
            self._waiting = composer.draft
        self.message_id, self._original = message_id, text
        composer.restore(text)
        composer.focus()
        self._screen.show_hints()

    def cancel(self) -> bool:
        """Put the draft back in place of the prompt; false where none was edited.

        What was changed of the prompt is found among the earlier prompts.
        """
        if self.message_id is None:
            return False
        composer, text = self._screen.composer, self._screen.composer.draft
        if text.strip() and text != self._original:
            composer.remember(text)
        self._end(self._waiting)
        return True

    def sent(self) -> None:
        """The prompt was asked: put the draft back, and behind it what has been typed since."""
        self._end(joined(self._waiting, self._screen.composer.draft))

    def _end(self, draft: str) -> None:
        self.leave()
        self._screen.composer.restore(draft)

    def leave(self) -> None:
        """Edit no longer; the composer will be filled with something else."""
        if self.message_id is not None:
            self.message_id, self._original, self._waiting = None, "", ""
            self._screen.show_hints()

    def draft_of(self, text: str) -> str:
        """Return what has to be stored while the composer holds ``text``: nothing typed is ever lost."""
        if self.message_id is None:
            return text
        return joined(self._waiting, "" if text == self._original else text)
