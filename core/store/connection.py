"""The threads that work on a data file: one writes, one reads, one searches, and the event loop waits for none.

Work is handed over as whole functions. A transaction is one of them, so it is as short as its statements, and
a caller that is cancelled in the middle leaves nothing half done.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Generic, Protocol, TypeVar, cast

import aiosqlite

from brim.core.errors import NewerStoreError, StoreError
from brim.core.store.migrate import BUSY_TIMEOUT_S, create_in_memory, newest_version

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
"""What is done with the file, in the thread of the connection."""


class Worker(Protocol):
    """Gets work done in threads of its own, as `Connections` does."""

    async def write(self, work: Work[T], *, is_synced: bool = True) -> T:
        """Do ``work`` in one transaction: all of it is kept, or nothing."""
        ...

    async def read(self, work: Work[T]) -> T:
        """Do ``work``, which only reads; all its queries see one moment of the data."""
        ...

    async def search(self, work: Work[T]) -> T:
        """Do ``work`` as `read` does, beside what is read. A caller that is cancelled stops it."""
        ...


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn what SQLite raises into `StoreError`."""
    try:
        yield
    except sqlite3.Error as error:
        hint = {
            sqlite3.SQLITE_BUSY: "Another program keeps it locked.",
            sqlite3.SQLITE_FULL: "Is the disk full?",
            sqlite3.SQLITE_READONLY: "May you write to its folder?",
        }.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, "")
        raise StoreError(f"The data file cannot be used: {error}.", hint=hint) from error


class _Connection(aiosqlite.Connection):
    """A connection that runs whole functions in its thread."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        # A program that ends without closing must end all the same.
        self._thread.daemon = True

    async def run(self, work: Work[T]) -> T:
        return cast("T", await self._execute(work, self._conn))  # type: ignore[no-untyped-call]  # not annotated there


class _Interruptible(Generic[T]):
    """Work that may be given up while it is done."""

    def __init__(self, work: Work[T]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._file: sqlite3.Connection | None = None
        self._is_given_up = False

    def __call__(self, file: sqlite3.Connection) -> T:
        with self._lock:
            if self._is_given_up:
                raise sqlite3.OperationalError("given up")
            self._file = file
        try:
            return self._work(file)
        finally:
            with self._lock:
                self._file = None

    def give_up(self) -> None:
        """Let the query that runs end now, and none begin."""
        with self._lock:
            self._is_given_up = True
            if self._file is not None:
                self._file.interrupt()


class Connections:
    """The writer, the reader and the searcher of one data file.

    Args:
        path: the file, which has the newest schema already; ``None`` keeps everything in memory, where one
            connection does all of it.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._writer: _Connection | None = None
        self._reader: _Connection | None = None
        self._searcher: _Connection | None = None
        self._opening_searcher = asyncio.Lock()

    async def open(self) -> None:
        """Connect."""
        with store_errors():
            writer = _Connection(partial(_connect, self._path, is_reader=False))
            await writer
            self._writer = writer
            if self._path is None:
                await writer.run(create_in_memory)
                self._reader = writer
            else:
                reader = _Connection(partial(_connect, self._path, is_reader=True))
                await reader
                self._reader = reader

    async def close(self) -> None:
        """Finish what was asked for, and disconnect."""
        writer, reader, searcher = self._writer, self._reader, self._searcher
        self._writer = self._reader = self._searcher = None
        with store_errors():
            try:
                for other in (reader, searcher):
                    if other is not None and other is not writer:
                        await other.close()
            finally:
                if writer is not None:
                    await writer.close()

    async def write(self, work: Work[T], *, is_synced: bool = True) -> T:
        """Do ``work`` in one transaction: all of it is kept, or nothing.

        Args:
            work: what to do.
            is_synced: whether the disk itself has it on return, which a power cut does not undo; else only
                the system has, which outlives the process.
        """
        if self._writer is None:
            raise StoreError("The data file is closed.")
        with store_errors():
            return await self._writer.run(partial(_in_transaction, work, is_synced))

    async def foreign_version(self) -> int:
        """Return a number that changes with every commit but those of `write`."""
        if self._writer is None:
            raise StoreError("The data file is closed.")
        with store_errors():
            return await self._writer.run(_data_version)

    async def read(self, work: Work[T]) -> T:
        """Do ``work``, which only reads; all its queries see one moment of the file."""
        if self._reader is None:
            raise StoreError("The data file is closed.")
        with store_errors():
            return await self._reader.run(partial(_in_snapshot, work))

    async def search(self, work: Work[T]) -> T:
        """Do ``work`` as `read` does, beside what is read. A caller that is cancelled stops it."""
        with store_errors():
            searcher = await self._connected_searcher()
            job = _Interruptible(work)
            try:
                return await searcher.run(partial(_in_snapshot, job))
            except asyncio.CancelledError:
                job.give_up()
                raise

    async def _connected_searcher(self) -> _Connection:
        async with self._opening_searcher:
            if self._writer is None:
                raise StoreError("The data file is closed.")
            if self._searcher is None and self._path is None:
                self._searcher = self._writer
            elif self._searcher is None:
                searcher = _Connection(partial(_connect, self._path, is_reader=True))
                await searcher
                self._searcher = searcher
            return self._searcher


def _connect(path: Path | None, *, is_reader: bool) -> sqlite3.Connection:
    file = sqlite3.connect(":memory:" if path is None else path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        file.row_factory = sqlite3.Row
        file.execute("PRAGMA foreign_keys = ON")
        if not file.execute("PRAGMA foreign_keys").fetchone()[0]:
            raise StoreError("This Python's SQLite cannot enforce foreign keys, which brim relies on.")
        if is_reader:
            file.execute("PRAGMA query_only = ON")
    except BaseException:
        file.close()
        raise
    return file


def _in_transaction(work: Work[T], is_synced: bool, file: sqlite3.Connection) -> T:
    file.execute(f"PRAGMA synchronous = {'FULL' if is_synced else 'NORMAL'}")
    file.execute("BEGIN IMMEDIATE")
    try:
        version, newest = file.execute("PRAGMA user_version").fetchone()[0], newest_version()
        if version > newest:
            raise NewerStoreError(
                f"A newer brim has changed the data file (schema {version}, this one knows {newest}).",
                hint="Quit this brim and start it again.",
            )
        result = work(file)
        file.execute("COMMIT")
    except BaseException:
        if file.in_transaction:
            file.execute("ROLLBACK")
        raise
    return result


def _data_version(file: sqlite3.Connection) -> int:
    return int(file.execute("PRAGMA data_version").fetchone()[0])


def _in_snapshot(work: Work[T], file: sqlite3.Connection) -> T:
    file.execute("BEGIN")
    try:
        return work(file)
    finally:
        if file.in_transaction:
            file.execute("COMMIT")
