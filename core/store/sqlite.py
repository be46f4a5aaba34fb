"""Sessions in one SQLite file, which several brims may use at once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from brim.core.errors import BusyElsewhereError, StoreError
from brim.core.store import message_table, search_table, session_table
from brim.core.store.connection import Connections
from brim.core.store.indexer import Indexer
from brim.core.store.journal import Journal
from brim.core.store.migrate import alone, migrate
from brim.core.store.protocol import Recovered
from brim.core.store.rows import storable
from brim.core.store.tables import TableStore
from brim.core.store.turn_locks import TurnLocks
from brim.core.store.writers import Writer
from brim.core.types import Message, QueuedPrompt, Session, Status

_ERASE_SOME = """
    DELETE FROM messages WHERE rowid IN (
        SELECT rowid FROM messages INDEXED BY messages_of_session WHERE session_id = ? ORDER BY rowid DESC LIMIT 500
    )
"""


class SQLiteStore(TableStore):
    """A `SessionStore` on a file.

    Args:
        path: the data file, made on opening if it is missing; ``None`` keeps everything in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file = Connections(path)
        self._writer: Writer | None = None
        self._locks = None if path is None else TurnLocks(path.with_name(path.name + ".turns"))
        super().__init__(self._file)

    async def open(self) -> Recovered:
        """Create or migrate the file, and mark answers whose writer is gone."""
        backup: Path | None = None
        try:
            if self._path is not None:
                backup, self._writer = await asyncio.to_thread(_prepare, self._path)
            await self._file.open()
            self._journal = Journal(self._file)
            self._indexer = Indexer(self._file)
            interrupted = await self.recover()
        except BaseException:
            await self.aclose()
            raise
        return Recovered(interrupted, None if backup is None else str(backup))

    async def aclose(self) -> None:
        """Write what waits and close."""
        writer, self._writer = self._writer, None
        try:
            await self._end_work()
        finally:
            try:
                await self._file.close()
            finally:
                if self._locks is not None:
                    self._locks.release_all()
                if writer is not None:
                    writer.release()

    async def recover(self) -> tuple[str, ...]:
        """Mark answers whose writer is gone as interrupted."""
        writer = self._writer
        if writer is None or not await self._file.read(partial(message_table.gone_writers, writer.is_gone)):
            return ()
        return tuple(await self._file.write(partial(message_table.interrupt, writer.is_gone)))

    async def foreign_version(self) -> int:
        """Return a number that changes whenever another process has written."""
        return await self._file.foreign_version()

    async def answering_elsewhere(self) -> frozenset[str]:
        """Return the ids of the sessions in which other processes are writing answers."""
        if self._writer is None:
            return frozenset()
        return await self._file.read(partial(message_table.streaming_elsewhere, self._writer.token))

    async def erase(self, session_ids: Iterable[str]) -> int:
        """Delete sessions for good, and the words of their messages."""
        return await self._file.write(partial(erase_whole, tuple(session_ids)))

    async def lease(self, session_id: str) -> bool:
        """Take the right to write an answer in a session, or keep it."""
        await self._file.read(partial(session_table.get, session_id))
        if self._locks is None:
            return True
        try:
            if not await asyncio.to_thread(self._locks.take, session_id):
                return False
        except OSError as error:
            raise StoreError(f"{self._path} has no locks: {error.strerror or error}.") from error
        if session_id in await self.answering_elsewhere():
            await self.recover()
            if session_id in await self.answering_elsewhere():
                await self.release(session_id)
                return False
        return True

    async def release(self, session_id: str) -> None:
        """Give the right to write an answer in a session back."""
        if self._locks is not None:
            await asyncio.to_thread(self._locks.release, session_id)

    async def ask_to_stop(self, session_id: str) -> bool:
        """Ask the process that has the lease on a session to stop its answer."""
        if self._locks is None:
            return False
        try:
            return await asyncio.to_thread(self._locks.ask_to_stop, session_id)
        except OSError as error:
            raise StoreError(f"{self._path} has no locks: {error.strerror or error}.") from error

    async def asked_to_stop(self) -> frozenset[str]:
        """Return the ids of the sessions whose answers this store is asked to stop."""
        return frozenset() if self._locks is None else self._locks.asked_to_stop()

    async def add_message(self, message: Message, *, taken: QueuedPrompt | None = None) -> Session:
        """Keep a message and make it its session's head; an answer that is being written needs the lease."""
        if message.status is Status.STREAMING and not await self.lease(message.session_id):
            raise BusyElsewhereError(
                "Another brim is writing an answer in this session.", hint="Wait until it is done."
            )
        return await super().add_message(message, taken=taken)

    async def finish_message(self, message: Message) -> Session:
        """Write an answer as it is at its end, count it, and give the lease back."""
        session = await super().finish_message(message)
        await self.release(session.id)
        return session

    @property
    def _mark(self) -> str | None:
        return None if self._writer is None else self._writer.token


def erase_whole(session_ids: tuple[str, ...], file: sqlite3.Connection) -> int:
    """Delete sessions with the words of their messages; the newest messages before those that they answer, since SQLite follows no chain of 1,000."""
    for session_id in session_ids:
        while file.execute(_ERASE_SOME, (storable(session_id),)).rowcount:
            pass
    erased = session_table.erase(session_ids, file)
    search_table.forget(file)
    return erased


def _prepare(path: Path) -> tuple[Path | None, Writer]:
    backup = migrate(path)
    try:
        with alone(path):
            writer = Writer(path.with_name(path.name + ".writers"))
            writer.sweep()
            return backup, writer
    except OSError as error:
        raise StoreError(f"{path.parent} cannot be written: {error.strerror or error}.") from error
