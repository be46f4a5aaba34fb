"""A second store that keeps what is said in a first one, for when that one lets go of it.

Stores may let sessions go after a while; the archive keeps them. What is said enters it when its turn ends, and what
a killed process has left as soon as it is marked as interrupted; names, tags and what leaves the window do not.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from brim.core.errors import SessionNotFoundError, StoreError
from brim.core.events import StoreChanged, TurnFailed, TurnFinished
from brim.core.hub import Subscription
from brim.core.sessions import SessionManager
from brim.core.store.protocol import Conversation, SessionStore, TakenAs
from brim.core.types import Session, SessionFilter, Shelf, Status, now

_log = logging.getLogger(__name__)

_RETRY_S = 5.0
_PAGE = 200
_BACK = timedelta(days=7)
"""How far back it is looked at the beginning for what the archive lacks."""


class Archive:
    """Copies sessions after each of their turns.

    Args:
        manager: whose sessions are kept.
        store: where they are kept; the archive opens and closes it.
    """

    def __init__(self, manager: SessionManager, store: SessionStore) -> None:
        self._manager = manager
        self._store = store
        self._changed: dict[str, None] = {}
        self._left: dict[str, None] = {}
        """Sessions that another process was answering in, and is not any more."""
        self._unfinished: set[str] = set()
        """Sessions with an answer that had no end when they were copied."""
        self._answering: frozenset[str] = frozenset()
        self._is_caught_up = False
        self._wake = asyncio.Event()
        self._subscription: Subscription | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Open the store and begin, with what it lacks of the last days. Raises `StoreError`."""
        await self._store.open()
        self._subscription = self._manager.subscribe()
        self._wake.set()
        self._tasks = [
            asyncio.create_task(self._listen(self._subscription)),
            asyncio.create_task(self._copy()),
        ]

    async def aclose(self) -> None:
        """Keep what has changed since, and close the store; the manager must still be open."""
        if self._subscription is not None:
            self._subscription.close()  # what waits in it is still heard
            listening, copying = self._tasks
            copying.cancel()
            await asyncio.gather(listening, copying, return_exceptions=True)
        try:
            await self._keep_all()
        except StoreError as error:
            _log.error("the archive lacks %d sessions: %s", len(self._changed), error.sentence)
        finally:
            await self._store.aclose()

    async def _listen(self, subscription: Subscription) -> None:
        async for batch in subscription.batches():
            for event in batch:
                match event:
                    case TurnFinished(session_id=session_id) | TurnFailed(session_id=session_id):
                        self._changed[session_id] = None
                    case StoreChanged(answering_elsewhere=answering):
                        self._left |= dict.fromkeys(self._answering - answering)
                        self._answering = answering
                        ended = self._unfinished - answering - self._manager.running()
                        self._changed |= dict.fromkeys(ended)
                    case _:
                        continue
                self._wake.set()

    async def _copy(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                if not self._is_caught_up:
                    await self._catch_up()
                await self._look_at_those_left()
                await self._keep_all()
            except StoreError as error:
                _log.error("the archive cannot be written: %s", error.sentence)
                await asyncio.sleep(_RETRY_S)
                self._wake.set()

    async def _catch_up(self) -> None:
        """Find what was said while nobody copied: a process was killed before it could."""
        for shelf in (Shelf.OPEN, Shelf.ARCHIVE):
            only, last = SessionFilter(shelf=shelf, after=now() - _BACK), None
            while page := await self._manager.list_sessions(limit=_PAGE, after=last, only=only):
                for session in page:
                    if await self._lacks(session):
                        self._changed[session.id] = None
                last = page[-1]
        self._is_caught_up = True

    async def _lacks(self, session: Session) -> bool:
        try:
            return (await self._store.session(session.id)).messages < session.messages
        except SessionNotFoundError:
            return session.messages > 0

    async def _look_at_those_left(self) -> None:
        """Find what was interrupted elsewhere; what ended there is kept by whoever wrote it."""
        for session_id in list(self._left):
            try:
                latest = await self._manager.tail(session_id, limit=1)
            except SessionNotFoundError:
                latest = []
            if latest and latest[0].status is Status.INTERRUPTED:
                self._changed[session_id] = None
            self._left.pop(session_id, None)

    async def _keep_all(self) -> None:
        for session_id in list(self._changed):
            await self._keep(session_id)

    async def _keep(self, session_id: str) -> None:
        """Copy a session; it counts as changed until that has been done."""
        self._unfinished.discard(session_id)
        try:
            session = await self._manager.session(session_id)
            messages = await self._manager.library.with_files(await self._manager.branches.tree(session_id))
        except SessionNotFoundError:
            _log.error("a session was gone before it was archived", extra={"session_id": session_id})
        else:
            # One that is being written comes whole when its turn ends.
            ended = [message for message in messages if message.status is not Status.STREAMING]
            [taken] = await self._store.import_sessions([Conversation(session, ended)])
            if taken.outcome is TakenAs.REFUSED:
                _log.error("a session cannot be archived: %s", taken.why, extra={"session_id": session_id})
            if len(ended) < len(messages):
                self._unfinished.add(session_id)
        self._changed.pop(session_id, None)
