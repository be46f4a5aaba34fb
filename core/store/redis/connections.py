"""Gets work done with a copy of the data in memory, in one thread: brings it up to date before, and pushes after."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import redis

from brim.core.errors import StoreError
from brim.core.store.connection import Work, store_errors
from brim.core.store.redis.replica import COMMON, Change, Replica
from brim.core.store.redis.server import Server, server_errors
from brim.core.store.urls import StoreUrl

T = TypeVar("T")

TRIES = 200
"""How often a write is begun at most that others were faster than."""

_PAUSE_S = 0.002


class _Overtaken(Exception):  # noqa: N818 - it is no error, and nobody outside sees it
    """Another store has changed the same meanwhile."""


class RedisConnections:
    """Does work as `brim.core.store.connection.Connections` does.

    Args:
        url: the server.
        store: the mark of the store that writes.
    """

    def __init__(self, url: StoreUrl, store: str) -> None:
        self._url = url
        self._store = store
        self._server = Server(url, store)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="brim-redis")
        self._is_closed = False
        self._replica: Replica | None = None
        self._number = 0
        self._log_id = "0-0"
        self._seen: dict[str, int] = {}
        self._ends_ms: dict[str, int] = {}
        self._foreign = 0

    async def open(self) -> None:
        """Connect, and read everything."""
        await self._run(self._prepare)

    async def close(self) -> None:
        """Finish what was asked for, and disconnect."""
        if not self._is_closed:
            self._is_closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
            self._thread.shutdown(wait=False)

    async def write(self, work: Work[T], *, is_synced: bool = True) -> T:
        """Do ``work`` at once: all of it is kept, or nothing. It may be done more than once.

        What Redis' own settings make of it decides how much of it a power cut leaves.
        """
        del is_synced
        return await self._run(partial(self._write, work))

    async def read(self, work: Work[T]) -> T:
        """Do ``work``, which only reads; all its queries see one moment of the data."""
        return await self._run(partial(self._read, work))

    async def search(self, work: Work[T]) -> T:
        """Do ``work`` as `read` does."""
        return await self.read(work)

    async def uptime_s(self) -> float:
        """Return for how long the server has run, in seconds; 0 where it does not say so."""
        return await self._run(self._server.uptime_s)

    async def foreign_version(self) -> int:
        """Return a number that changes whenever another store has written."""
        return await self._run(self._foreign_version)

    async def _run(self, job: Callable[[], T]) -> T:
        if self._is_closed:
            raise StoreError("The connection to the Redis server is closed.")
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(self._do, job))

    def _do(self, job: Callable[[], T]) -> T:
        with server_errors(self._url), store_errors():
            return job()

    def _prepare(self) -> None:
        self._server.prepare()
        self._read_all()

    def _disconnect(self) -> None:
        self._server.close()
        self._forget_all()

    def _write(self, work: Work[T]) -> T:
        for tried in range(TRIES):
            replica = self._up_to_date()
            try:
                with replica.transaction() as file:
                    result = work(file)
                    changes = replica.changes()
                    if changes and not self._push(changes):
                        raise _Overtaken
                    return result
            except _Overtaken:
                pass
            except redis.RedisError:
                self._forget_all()  # nobody knows whether it was kept
                raise
            time.sleep(random.random() * _PAUSE_S * min(tried + 1, 10))  # noqa: S311 - so that two do not meet again
        raise StoreError("Too many others write to the Redis server.", hint="Try it again.")

    def _forget_all(self) -> None:
        replica, self._replica = self._replica, None
        if replica is not None:
            replica.file.close()
            self._foreign += 1

    def _read(self, work: Work[T]) -> T:
        with self._up_to_date().transaction() as file:
            return work(file)

    def _foreign_version(self) -> int:
        self._up_to_date()
        return self._foreign

    def _push(self, changes: list[Change]) -> bool:
        number, ends_ms = self._server.push(changes, self._seen)
        if number:
            for change in changes:
                self._note(change, number, ends_ms)
        return bool(number)

    def _note(self, change: Change, number: int, ends_ms: int) -> None:
        """Note the last change of a document."""
        if change.is_gone:
            self._seen.pop(change.document, None)
            self._ends_ms.pop(change.document, None)
        else:
            self._seen[change.document] = number
            if change.document != COMMON:
                self._ends_ms[change.document] = ends_ms

    def _up_to_date(self) -> Replica:
        """Return the copy with all that others have changed, and without what has ended."""
        replica = self._replica
        if replica is None:
            return self._read_all()
        try:
            number, log_id, entries = self._server.since(self._log_id)
        except redis.ConnectionError:  # the one that was there may have ended long ago
            number, log_id, entries = self._server.since(self._log_id)
        if number != self._number + len(entries):
            return self._read_all()
        try:
            for entry in entries:
                self._foreign += entry.store != self._store
                for change in entry.changes:
                    if entry.number > self._seen.get(change.document, 0) and entry.store != self._store:
                        replica.take_in([change])
                        self._note(change, entry.number, entry.ends_ms)
        except sqlite3.Error:
            return self._read_all()
        self._number, self._log_id = number, log_id
        now_ms = replica.now_s() * 1000
        for document in [name for name, ends_ms in self._ends_ms.items() if ends_ms <= now_ms]:
            replica.take_in([Change(document, is_gone=True)])
            self._note(Change(document, is_gone=True), 0, 0)
        return replica

    def _read_all(self) -> Replica:
        self._forget_all()
        whole = self._server.whole()
        replica = Replica(self._server.skew_s())
        for document, kept in whole.documents.items():
            replica.take_in([Change(document, kept=dict(kept))])
        self._number, self._log_id = whole.number, whole.log_id
        self._seen, self._ends_ms = dict(whole.seen), dict(whole.ends_ms)
        self._replica = replica
        return replica
