"""The connections to one PostgreSQL server: one writes, one reads, one searches, each in a thread of its own.

A connection that broke is made anew with the next work. Work that had not come to its commit is then done again,
since nothing of it was kept.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import psycopg

from brim.core.errors import StoreError, StoreUnreachableError
from brim.core.store.connection import Work
from brim.core.store.postgres.link import CONNECT_TIMEOUT_S, Link, server_errors, silent
from brim.core.store.postgres.schema import check_version
from brim.core.store.urls import StoreUrl

T = TypeVar("T")

TRIES = 4
"""How often work is begun at most that was in the way of other work."""

ANSWER_S = 15.0
"""How long the server may be silent while something is read, in seconds."""

WRITE_S = 30.0
"""The same while something is written, where one statement may take longer. A commit is waited for, for nobody could
say whether it was kept."""

_IN_THE_WAY = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
_BEGIN_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_BEGIN_WRITE = """
    BEGIN; SET LOCAL synchronous_commit = {synced};
    INSERT INTO stores AS known (store, writes, seen_at) VALUES ('{store}', 1, clock_timestamp())
    ON CONFLICT (store) DO UPDATE SET writes = known.writes + 1, seen_at = excluded.seen_at;
    SELECT max(version) FROM schema_versions
"""


class _Line:
    """One connection and its thread.

    Args:
        url: the server and its database.
        patience_s: how long the server may be silent before the connection is given up, in seconds; ``None`` for any
            time.
    """

    def __init__(self, url: StoreUrl, patience_s: float | None = None) -> None:
        self._url = url
        self._patience_s = patience_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="brim-postgres")
        self.link: Link | None = None
        self._is_closed = False
        self._waiting = 0
        self._watch: asyncio.TimerHandle | None = None
        self._began_at: float | None = None
        self._silent_at = 0.0

    async def run(self, job: Callable[[Link], T], *, is_waited_for: bool = False) -> T:
        """Do a job in the thread, for which a silent server ``is_waited_for`` if need be. Raises `StoreError`."""
        if self._is_closed:
            raise StoreError("The connection to the database is closed.")
        loop = asyncio.get_running_loop()
        if self._patience_s is None or is_waited_for:
            return await loop.run_in_executor(self._thread, partial(self._do, job))
        self._waiting += 1
        if self._watch is None:
            self._watch = loop.call_later(self._patience_s, self._look, loop, self._patience_s)
        try:
            return await loop.run_in_executor(self._thread, partial(self._do_in_time, job, time.monotonic()))
        finally:
            self._waiting -= 1

    def _look(self, loop: asyncio.AbstractEventLoop, patience_s: float) -> None:
        """Give the connection up if the server has been silent for too long."""
        self._watch = None
        began_at, link = self._began_at, self.link
        left_s = patience_s
        if began_at is not None and link is not None and not link.is_committing:
            left_s += max(began_at, link.heard_at) - time.monotonic()
            if left_s <= 0:
                self._silent_at = time.monotonic()
                link.cut()
        if self._waiting:
            self._watch = loop.call_later(left_s if left_s > 0 else patience_s, self._look, loop, patience_s)

    def _do_in_time(self, job: Callable[[Link], T], asked_at: float) -> T:
        self._began_at = time.monotonic()
        try:
            if asked_at < self._silent_at:  # it waited behind one that waited in vain
                with server_errors(self._url):
                    raise silent()
            return self._do(job)
        except StoreUnreachableError:
            if time.monotonic() - self._began_at > CONNECT_TIMEOUT_S / 2:
                self._silent_at = time.monotonic()
            raise
        finally:
            self._began_at = None

    def _do(self, job: Callable[[Link], T]) -> T:
        with server_errors(self._url):
            is_new = self.link is None
            for tried in range(1, TRIES + 1):
                link = self._linked()
                try:
                    return job(link)
                except _IN_THE_WAY:
                    if tried == TRIES:
                        raise
                except (psycopg.OperationalError, psycopg.InterfaceError):
                    if not link.server.closed:
                        raise
                    self.link = None
                    if link.is_cut:
                        raise silent() from None
                    if is_new or link.is_committing:
                        raise
                    is_new = True
        raise AssertionError("the last try returns or raises")

    def _linked(self) -> Link:
        if self.link is None or self.link.server.closed:
            self.link = Link(self._url)
        return self.link

    async def close(self) -> None:
        """Finish what was asked for, and disconnect."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._watch is not None:
            self._watch.cancel()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown(wait=False)

    def _disconnect(self) -> None:
        link, self.link = self.link, None
        if link is not None:
            link.server.close()


class PostgresConnections:
    """Does work with the tables as `brim.core.store.connection.Connections` does.

    Args:
        url: the server and its database.
        store: the mark of the store that writes, of hexadecimal digits.
    """

    def __init__(self, url: StoreUrl, store: str) -> None:
        self._store = store
        self._writer, self._reader, self._searcher = _Line(url, WRITE_S), _Line(url, ANSWER_S), _Line(url)

    async def open(self, prepare: Callable[[Link], None]) -> None:
        """Connect, and ``prepare`` the tables."""
        await self._writer.run(prepare, is_waited_for=True)

    async def close(self) -> None:
        """Finish what was asked for, and disconnect."""
        for line in (self._reader, self._searcher, self._writer):
            await line.close()

    async def write(self, work: Work[T], *, is_synced: bool = True) -> T:
        """Do ``work`` in one transaction: all of it is kept, or nothing. It may be done more than once.

        Args:
            work: what to do.
            is_synced: whether the server's disk itself has it on return; else only the server has.
        """
        begin = _BEGIN_WRITE.format(synced="on" if is_synced else "off", store=self._store)
        return await self._writer.run(partial(_in_transaction, work, begin))

    async def read(self, work: Work[T]) -> T:
        """Do ``work``, which only reads; all its queries see one moment of the data."""
        return await self._reader.run(partial(_in_snapshot, work))

    async def search(self, work: Work[T]) -> T:
        """Do ``work`` as `read` does, beside what is read. A caller that is cancelled stops it."""
        try:
            return await self._searcher.run(partial(_in_snapshot, work))
        except asyncio.CancelledError:
            if (link := self._searcher.link) is not None:
                await asyncio.get_running_loop().run_in_executor(None, link.interrupt)
            raise


def _in_transaction(work: Work[T], begin: str, link: Link) -> T:
    link.is_committing = False
    try:
        version = link.begin(begin)
        check_version(version)
        result = work(link.file)
        link.is_committing = True
        link.server.execute("COMMIT")
    except BaseException as error:
        _roll_back(link)
        if _is_attachment_that_went(error):
            raise psycopg.errors.SerializationFailure from error
        raise
    return result


def _in_snapshot(work: Work[T], link: Link) -> T:
    link.is_committing = False
    try:
        link.server.execute(_BEGIN_READ)
        return work(link.file)
    finally:
        _roll_back(link)


def _roll_back(link: Link) -> None:
    """End a transaction whose changes, if any, are not to be kept."""
    if not link.server.closed and link.server.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
        link.server.execute("ROLLBACK")


def _is_attachment_that_went(error: BaseException) -> bool:
    """Whether another store let go of the last use of an attachment at the moment when this one used it."""
    cause = error.__cause__
    return (
        isinstance(error, sqlite3.IntegrityError)
        and isinstance(cause, psycopg.errors.ForeignKeyViolation)
        and cause.diag.table_name == "attachment_uses"
    )
