"""What Ctrl+Z takes back: the deletion of a session or a cleanup, whichever is newer, or else a change of the draft."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brim.core.types import CleanupReceipt
    from brim.tui.screens.chat import ChatScreen

DELETED_S = 30.0
"""How long the deletion of a session can be undone by the key, in seconds."""


class Undo:
    """Keeps what can be taken back, and says whether the key means any of it.

    A cleanup can be taken back as long as its receipt stands in the transcript.
    """

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._deleted: list[tuple[float, tuple[str, ...]]] = []
        self._cleaned_at = 0.0

    def deleted(self, *session_ids: str) -> None:
        """Sessions were put into the bin, all at once."""
        self._deleted.append((monotonic(), session_ids))

    def cleaned(self, receipt: CleanupReceipt) -> None:
        """Messages have left the window of the session shown."""
        self._cleaned_at = 0.0 if receipt.undone else monotonic()

    def opened(self) -> None:
        """Another session is shown: nobody has seen its cleanups happen."""
        self._cleaned_at = 0.0

    @property
    def session_ids(self) -> tuple[str, ...]:
        """The sessions that the key brings back, none where it means something else."""
        if not self._deleted or monotonic() - self._deleted[-1][0] >= DELETED_S:
            return ()
        at, session_ids = self._deleted[-1]
        return session_ids if at > self._cleaned_at or not self._cleanup else ()

    def forget_sessions(self) -> None:
        """The sessions deleted last are back, or gone for good."""
        self._deleted.pop()

    @property
    def message_id(self) -> str | None:
        """The message that keeps the receipt of the cleanup that the key undoes, ``None`` where it means something else."""
        return self._cleanup if not self.session_ids and not self._is_for_the_draft() else None

    @property
    def has_any(self) -> bool:
        """Whether the key is for this and not for the draft."""
        return bool(self.session_ids) or self.message_id is not None

    @property
    def _cleanup(self) -> str | None:
        return self._screen.transcript.latest_cleanup

    def _is_for_the_draft(self) -> bool:
        """Whether there is a change of the draft that the person rather means."""
        composer = self._screen.composer
        if not composer.has_focus or not composer.can_undo:
            return False
        return bool(composer.text) or self._screen.drafts.changed_at > self._cleaned_at
