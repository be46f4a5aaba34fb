"""Other brims on the same data: what they change is seen here within a second or two, and what they want stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from brim.core.errors import StoreError
from brim.core.events import StoreChanged, TurnEvent
from brim.core.store.protocol import SessionStore

LOOK_S = 1.0
"""How often other brims' changes are looked for, in seconds. A look that finds none reads one number."""


class Neighbours:
    """Publishes `StoreChanged` when another brim wrote; `SessionManager.neighbours` gives it.

    Args:
        store: the shared data.
        publish: tells the watchers.
        stop: stops the answer in a session.
        settle: stores the ends of answers that could not be stored before; returns whether there were any.
        look_s: seconds between two looks.
    """

    def __init__(
        self,
        store: SessionStore,
        publish: Callable[[TurnEvent], None],
        *,
        stop: Callable[[str], Awaitable[None]],
        settle: Callable[[], Awaitable[bool]],
        look_s: float = LOOK_S,
    ) -> None:
        self._store = store
        self._publish = publish
        self._stop = stop
        self._settle = settle
        self._look_s = look_s
        self._task: asyncio.Task[None] | None = None
        self._answering: frozenset[str] = frozenset()

    def watch(self) -> None:
        """Begin to look, until `aclose`."""
        if self._task is None:
            self._task = asyncio.create_task(self._look())

    async def aclose(self) -> None:
        """Stop looking."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _look(self) -> None:
        """Look again and again. A data file that cannot be read now is looked at the next time."""
        seen: int | None = None
        while True:
            try:
                seen = await self._look_once(seen)
            except StoreError:
                seen = None
            await asyncio.sleep(self._look_s)

    async def _look_once(self, seen: int | None) -> int:
        for session_id in await self._store.asked_to_stop():
            await self._stop(session_id)
        # Who was answering may have been killed, which changes nothing in the file. An answer of ours may have ended
        # while the server was away, so that its end is not there.
        interrupted = await self._store.recover() if self._answering or seen is None else ()
        is_settled = await self._settle()
        version = await self._store.foreign_version()
        is_changed = bool(version != seen or interrupted or is_settled)
        # Whoever was answering may also have been found dead by a turn of ours.
        if is_changed or self._answering:
            answering = await self._store.answering_elsewhere()
            is_news = is_changed and (seen is not None or interrupted or is_settled)
            if is_news or answering != self._answering:
                self._answering = answering
                self._publish(StoreChanged(answering_elsewhere=answering))
        return version
