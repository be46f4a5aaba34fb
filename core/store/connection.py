"""One reader and one writer on a data file, and the journal that is written behind the stream."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiosqlite

from brim.core.errors import StoreError
from brim.core.store.migrate import BUSY_TIMEOUT_S, migrations
from brim.core.store.rows import storable
from brim.core.types import ToolCall

FLUSH_S = 0.15
"""How long journalled text may wait, in seconds. With the time that a commit takes it stays within 250 ms."""


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn what SQLite raises into `StoreError`."""
    try:
        yield
    except sqlite3.OperationalError as error:
        hint = "Is the disk full?" if "full" in str(error) else ""
        raise StoreError(f"The data file cannot be used: {error}.", hint=hint) from error
    except sqlite3.Error as error:
        raise StoreError(f"The data file cannot be used: {error}.") from error


class Connection:
    """The connections to one data file; ``None`` as path is a store in memory, with one connection for both."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Connect. The file has the newest schema already; memory gets it here."""
        self._writer = await self._connect()
        if self._path is None:
            for _, script in migrations():
                await self._writer.executescript(script)
            self._reader = self._writer
        else:
            self._reader = await self._connect()
            await self._reader.execute("PRAGMA query_only = ON")

    async def _connect(self) -> aiosqlite.Connection:
        target = ":memory:" if self._path is None else self._path
        opening = aiosqlite.connect(target, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        # A program that ends without closing must end all the same.
        opening._thread.daemon = True
        connection = await opening
        connection.row_factory = sqlite3.Row
        await connection.execute("PRAGMA foreign_keys = ON")
        await connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    async def close(self) -> None:
        """Disconnect."""
        if self._reader is not self._writer:
            await self._reader.close()
        await self._writer.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        """Write in one short transaction; all of it is kept, or nothing."""
        with store_errors():
            async with self._turn:
                try:
                    await self._writer.execute("BEGIN IMMEDIATE")
                    yield self._writer
                except BaseException:
                    await self._writer.rollback()
                    raise
                await self._writer.commit()

    async def rows(self, sql: str, values: Iterable[Any] | dict[str, Any] = ()) -> list[sqlite3.Row]:
        """Read all rows of a query."""
        with store_errors():
            return list(await self._reader.execute_fetchall(sql, values))


@dataclass(slots=True)
class _Waiting:
    texts: list[str] = field(default_factory=list)
    reasonings: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)


class Journal:
    """Writes what comes of streaming answers, a moment after it came, as rows that are only ever added.

    A failure to write is raised to the next one who adds.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: dict[str, _Waiting] = {}
        self._seq: defaultdict[str, int] = defaultdict(int)
        self._wake = asyncio.Event()
        self._failure: StoreError | None = None
        self._task = asyncio.create_task(self._run())

    def add(self, message_id: str, text: str, reasoning: str, call: ToolCall | None) -> None:
        """Take in a piece of an answer. Raises `StoreError` if an earlier piece could not be written."""
        if self._failure is not None:
            raise self._failure
        waiting = self._waiting.setdefault(message_id, _Waiting())
        if text:
            waiting.texts.append(text)
        if reasoning:
            waiting.reasonings.append(reasoning)
        if call is not None:
            waiting.calls.append(call)
        self._wake.set()

    def forget(self, message_id: str) -> None:
        """Drop what waits for an answer that is being written whole."""
        self._waiting.pop(message_id, None)
        self._seq.pop(message_id, None)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(FLUSH_S)
            try:
                await self.flush()
            except StoreError as error:
                self._failure = error
                return

    async def flush(self) -> None:
        """Write all that waits."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        rows = []
        for message_id, piece in waiting.items():
            self._seq[message_id] += 1
            calls = json.dumps([call.model_dump() for call in piece.calls]) if piece.calls else "[]"
            text, reasoning = storable("".join(piece.texts)), storable("".join(piece.reasonings))
            rows.append((message_id, self._seq[message_id], text, reasoning, calls))
        async with self._connection.transaction() as file:
            await file.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", rows)

    async def close(self) -> None:
        """Write what waits and end."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.flush()
