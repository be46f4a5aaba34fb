"""Answers that have ended and whose end could not be stored: it is stored as soon as the data can be written again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from brim.core.store.protocol import SessionStore
from brim.core.types import Message, Session, Status


class Unsettled:
    """Keeps the ends of answers that are not on disk, one for each session.

    Args:
        store: where the answers are, still marked as being written.
        settle: stores the end of an answer.
    """

    def __init__(self, store: SessionStore, settle: Callable[[Session, Message], Awaitable[Message]]) -> None:
        self._store = store
        self._settle = settle
        self._left: dict[str, tuple[Session, Message]] = {}

    def add(self, session: Session, answer: Message) -> None:
        """Keep an answer as it ended."""
        self._left[session.id] = (session, answer)

    async def retry(self, session_id: str | None = None) -> bool:
        """Store what is left, of one session or of all; returns whether anything was stored.

        Raises:
            StoreError: something cannot be stored yet.
        """
        is_stored = False
        for each in [session_id] if session_id is not None else list(self._left):
            if each not in self._left:
                continue
            session, answer = self._left[each]
            # Another store may have taken it for interrupted meanwhile.
            if (await self._store.message(answer.id)).status is Status.STREAMING:
                await self._settle(session, answer)
                is_stored = True
            self._left.pop(each, None)
        return is_stored
