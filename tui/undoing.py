"""What Ctrl+Z takes back: what was done to whole sessions or a cleanup, whichever is newer, or a change of the draft."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brim.core.library import Changeable
    from brim.core.types import CleanupReceipt, Session
    from brim.tui.screens.chat import ChatScreen

ORGANISED_S = 30.0
"""How long what was done to whole sessions can be undone by the key, in seconds."""


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to sessions, all at once."""

    field: Changeable
    before: tuple[Session, ...]
    """The sessions as they were."""
    at: float
    """When, by the monotonic clock."""


class Undo:
    """Keeps what can be taken back, and says whether the key means any of it.

    A cleanup can be taken back as long as its receipt stands in the transcript.
    """

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._changes: list[Change] = []
        self._cleaned_at = 0.0

    def organised(self, field: Changeable, before: Sequence[Session]) -> None:
        """A field of sessions was changed; ``before`` are the sessions as they were."""
        self._changes.append(Change(field, tuple(before), monotonic()))

    def cleaned(self, receipt: CleanupReceipt) -> None:
        """Messages have left the window of the session shown."""
        self._cleaned_at = 0.0 if receipt.undone else monotonic()

    def opened(self) -> None:
        """Another session is shown: nobody has seen its cleanups happen."""
        self._cleaned_at = 0.0

    @property
    def change(self) -> Change | None:
        """What was done to sessions that the key undoes, ``None`` where it means something else."""
        if not self._changes or monotonic() - self._changes[-1].at >= ORGANISED_S:
            return None
        change = self._changes[-1]
        is_newest = change.at > self._cleaned_at or not self._cleanup
        return change if is_newest and not self._is_typed_since(change) else None

    def forget_change(self) -> None:
        """What was done last to sessions is undone, or can no longer be."""
        self._changes.pop()

    @property
    def message_id(self) -> str | None:
        """The message that keeps the receipt of the cleanup that the key undoes, ``None`` where it means something else."""
        return self._cleanup if self.change is None and not self._is_for_the_draft() else None

    @property
    def has_any(self) -> bool:
        """Whether the key is for this and not for the draft."""
        return self.change is not None or self.message_id is not None

    @property
    def _cleanup(self) -> str | None:
        return self._screen.transcript.latest_cleanup

    def _is_typed_since(self, change: Change) -> bool:
        """Whether the draft was changed since, and the person rather means that; a deletion comes before it."""
        composer = self._screen.composer
        is_typing = composer.has_focus and composer.can_undo and self._screen.drafts.changed_at > change.at
        return is_typing and change.field != "deleted_at"

    def _is_for_the_draft(self) -> bool:
        """Whether there is a change of the draft that the person rather means."""
        composer = self._screen.composer
        if not composer.has_focus or not composer.can_undo:
            return False
        return bool(composer.text) or self._screen.drafts.changed_at > self._cleaned_at


def as_before(sessions: Sequence[Session]) -> str:
    """Say which sessions are again as they were."""
    if len(sessions) == 1:
        return f"Undone: “{sessions[0].display_title}” is as it was before."
    return f"Undone: {len(sessions):,} sessions are as they were before."
