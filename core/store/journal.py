"""The journal: what comes of streaming answers, written a moment after it came, as rows that are only added."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from brim.core.errors import StoreError
from brim.core.store import queries
from brim.core.store.connection import Worker
from brim.core.store.rows import calls_to_json, storable
from brim.core.types import ToolCall

FLUSH_S = 0.15
"""How long text may wait, in seconds. With the time that a commit takes it stays within 250 ms."""

RETRY_S = 1.0
"""How long a write that failed waits before it is tried again, in seconds, if nothing is added before."""


@dataclass(slots=True)
class _Piece:
    """What has come of one answer since the last write."""

    texts: list[str] = field(default_factory=list)
    reasonings: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)

    def extend(self, later: _Piece) -> None:
        self.texts += later.texts
        self.reasonings += later.reasonings
        self.calls += later.calls


class Journal:
    """Takes in pieces of answers without waiting, and writes them behind.

    A piece that could not be written is kept and tried again. The failure is raised once: to whoever adds
    next, or on closing.
    """

    def __init__(self, connections: Worker) -> None:
        self._connections = connections
        self._waiting: dict[str, _Piece] = {}
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._failure: StoreError | None = None
        self._task = asyncio.create_task(self._run())

    def add(self, message_id: str, text: str, reasoning: str, call: ToolCall | None) -> None:
        """Take in a piece of an answer. Raises `StoreError` if an earlier piece could not be written."""
        if self._task.done():
            raise StoreError("The data file is closed.")
        piece = self._waiting.setdefault(message_id, _Piece())
        if text:
            piece.texts.append(text)
        if reasoning:
            piece.reasonings.append(reasoning)
        if call is not None:
            piece.calls.append(call)
        self._wake.set()
        self._raise_failure()

    def forget(self, message_id: str) -> None:
        """Drop what waits for an answer that has been written whole."""
        self._waiting.pop(message_id, None)

    async def close(self) -> None:
        """Write what waits and end. Raises `StoreError` if that fails."""
        self._closing.set()
        self._wake.set()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._flush()
        self._raise_failure()

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    async def _run(self) -> None:
        while not self._closing.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), RETRY_S if self._waiting else None)
            self._wake.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), FLUSH_S)
            await self._flush()

    async def _flush(self) -> None:
        pieces, self._waiting = self._waiting, {}
        if not pieces:
            self._failure = None  # what could not be written has been written whole
            return
        try:
            await self._connections.write(partial(_append, pieces), is_synced=False)
        except Exception as error:  # whatever it is, the text is kept and the next one who adds hears of it
            self._failure = (
                error
                if isinstance(error, StoreError)
                else StoreError(f"What came of an answer cannot be written: {error!r}.")
            )
            for message_id, piece in self._waiting.items():
                pieces.setdefault(message_id, _Piece()).extend(piece)
            self._waiting = pieces
        else:
            self._failure = None


def _append(pieces: dict[str, _Piece], file: sqlite3.Connection) -> None:
    """Write pieces of answers that have not ended meanwhile."""
    for message_id, piece in pieces.items():
        values = {
            "id": message_id,
            "text": storable("".join(piece.texts)),
            "reasoning": storable("".join(piece.reasonings)),
            "calls": calls_to_json(tuple(piece.calls)),
        }
        file.execute(queries.APPEND_TO_JOURNAL, values)
