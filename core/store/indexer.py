"""Adds what was said to the words that search finds it by, a moment after it was written, a little at a time."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from brim.core.errors import StoreError
from brim.core.store import search_table
from brim.core.store.connection import Work, Worker

START_S = 5.0
"""How long after opening the file it begins with what waits there, in seconds."""

REST_S = 0.3
"""How long after a write it begins, in seconds."""

LOOK_S = 20.0
"""How often it looks for what others have left, in seconds."""

STRETCH_S = 0.05
"""How long it keeps the file from other writers at a stretch, in seconds; it rests as long in between."""


class Indexer:
    """Works while the store is open. What is not done by then waits in the file for the next one.

    Args:
        connections: the data.
        waits: tells whether anything is to be done.
        index: works for about so many seconds, and returns whether there is more.
    """

    def __init__(
        self,
        connections: Worker,
        *,
        waits: Work[bool] = search_table.waits,
        index: Callable[[float, sqlite3.Connection], bool] = search_table.index,
    ) -> None:
        self._connections = connections
        self._waits = waits
        self._index = index
        self._wake = asyncio.Event()
        self._put_off_until = 0.0
        self._task = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Say that messages were written or deleted."""
        self._wake.set()

    def put_off(self) -> None:
        """Say that many messages come one after another: the words wait until it has been still for a while."""
        self._put_off_until = time.monotonic() + REST_S
        self._wake.set()

    async def close(self) -> None:
        """Stop, after the stretch that is being done."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        await asyncio.sleep(START_S)
        while True:
            if (more_s := self._put_off_until - time.monotonic()) > 0:
                await asyncio.sleep(more_s)
                continue
            self._wake.clear()
            is_done = True
            with suppress(StoreError):  # another process keeps the file: the words wait
                is_done = not await self._stretch()
            if is_done:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), LOOK_S)
            await asyncio.sleep(REST_S if is_done else STRETCH_S)

    async def _stretch(self) -> bool:
        """Do some of what waits; returns whether there is more."""
        if not await self._connections.read(self._waits):
            return False
        return await self._connections.write(partial(self._index, STRETCH_S), is_synced=False)
