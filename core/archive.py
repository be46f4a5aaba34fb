"""A second store that keeps what is said in a first one, for when that one lets go of it.

Stores may let sessions go after a while; the archive keeps them. What is said enters it when its turn ends; names,
tags and what leaves the window do not.
"""

from __future__ import annotations

import asyncio
import logging

from brim.core.errors import SessionNotFoundError, StoreError
from brim.core.events import TurnFailed, TurnFinished
from brim.core.hub import Subscription
from brim.core.sessions import SessionManager
from brim.core.store.protocol import Conversation, SessionStore, TakenAs
from brim.core.types import Status

_log = logging.getLogger(__name__)

_RETRY_S = 5.0


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
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Open the store and begin. Raises `StoreError`."""
        await self._store.open()
        self._tasks = [
            asyncio.create_task(self._listen(self._manager.subscribe())),
            asyncio.create_task(self._copy()),
        ]

    async def aclose(self) -> None:
        """Keep what has changed since, and close the store; the manager must still be open."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            for session_id in list(self._changed):
                await self._keep(session_id)
        except StoreError as error:
            _log.error("the archive lacks %d sessions: %s", len(self._changed), error.sentence)
        finally:
            await self._store.aclose()

    async def _listen(self, subscription: Subscription) -> None:
        with subscription:
            async for batch in subscription.batches():
                for event in batch:
                    if isinstance(event, TurnFinished | TurnFailed):
                        self._changed[event.session_id] = None
                        self._wake.set()

    async def _copy(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                for session_id in list(self._changed):
                    await self._keep(session_id)
            except StoreError as error:
                _log.error("the archive cannot be written: %s", error.sentence)
                await asyncio.sleep(_RETRY_S)
                self._wake.set()

    async def _keep(self, session_id: str) -> None:
        """Copy a session; it counts as changed until that has been done."""
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
        self._changed.pop(session_id, None)
