"""Sessions in a PostgreSQL database, which many brims and services may use at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

from brim.core.errors import StoreError
from brim.core.search import Found, Hit, Query
from brim.core.store.connection import Work
from brim.core.store.indexer import Indexer
from brim.core.store.journal import Journal
from brim.core.store.leased import LeasedStore, seconds_of
from brim.core.store.postgres import search
from brim.core.store.postgres.connections import PostgresConnections
from brim.core.store.postgres.link import schema_of
from brim.core.store.postgres.schema import migrate
from brim.core.store.protocol import Recovered
from brim.core.store.urls import StoreUrl
from brim.core.types import new_id

T = TypeVar("T")

_FOREIGN = "SELECT coalesce(sum(writes), 0) FROM stores WHERE store <> ?"
_UPTIME = "SELECT extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8"
_SWEEP = "DELETE FROM stores WHERE seen_at < now() - INTERVAL '7 days'"
_HOLD = "SELECT 1 FROM sessions WHERE id = ? FOR UPDATE"
_HOLD_BY_MESSAGE = """
    SELECT 1 FROM sessions WHERE id = (SELECT session_id FROM messages WHERE id = ?) FOR UPDATE
"""


class PostgresStore(LeasedStore):
    """A `SessionStore` on a PostgreSQL server.

    An answer that another store of the same database was writing is marked as interrupted as soon as nothing was
    heard of that store for `LEASE_S`, or what the URL says.

    Args:
        url: the database. Besides the options of PostgreSQL's own library it may have ``schema``, where the tables
            are (``brim`` if not given), and ``lease``, in seconds.

    Raises:
        SettingsError: one of these options is wrong.
    """

    def __init__(self, url: StoreUrl) -> None:
        self._schema = schema_of(url)
        store = new_id()
        self._server = PostgresConnections(url, store)
        super().__init__(self._server, store, seconds_of(url))

    async def open(self) -> Recovered:
        """Create or migrate the tables, and mark answers whose writer is gone."""
        try:
            await self._server.open(partial(migrate, self._schema))
            await self._server.write(_sweep, is_synced=False)
            self._journal = Journal(self._server)
            self._indexer = Indexer(self._server, waits=search.waits, index=search.index)
            self._begin_renewing(await self._server.read(_uptime_s))
            interrupted = await self.recover()
        except BaseException:
            with suppress(StoreError):
                await self.aclose()
            raise
        return Recovered(interrupted)

    async def aclose(self) -> None:
        """Write what waits, give all leases back and close."""
        try:
            await self._give_back()
        finally:
            await self._server.close()

    async def foreign_version(self) -> int:
        """Return a number that changes whenever another store has written."""
        return await self._server.read(partial(_foreign, self._id))

    async def search(self, query: Query, *, limit: int, before: int | None = None) -> Found:
        """Return the best of the newest messages that fit."""
        return await self._server.search(partial(search.find, query, limit, before))

    async def hits(self, query: Query, numbers: Sequence[int]) -> list[Hit]:
        """Return the hits that `search` told the numbers of."""
        return await self._server.search(partial(search.hits, query, tuple(numbers)))

    async def index(self, budget_s: float) -> bool:
        """Make messages known to search; returns whether more wait."""
        return await self._server.write(partial(search.index, budget_s), is_synced=False)

    async def _change(self, session_id: str, work: Work[T], *, is_synced: bool = True) -> T:
        held = partial(_held, partial(self._hold, session_id), work)
        return await self._server.write(held, is_synced=is_synced)

    async def _change_of(self, message_id: str, work: Work[T], *, is_synced: bool = True) -> T:
        held = partial(_held, partial(_hold_by_message, message_id), work)
        return await self._server.write(held, is_synced=is_synced)

    def _hold(self, session_id: str, file: sqlite3.Connection) -> None:
        file.execute(_HOLD, (session_id,))


def _hold_by_message(message_id: str, file: sqlite3.Connection) -> None:
    file.execute(_HOLD_BY_MESSAGE, (message_id,))


def _held(hold: Work[None], work: Work[T], file: sqlite3.Connection) -> T:
    hold(file)
    return work(file)


def _sweep(file: sqlite3.Connection) -> None:
    file.execute(_SWEEP)


def _uptime_s(file: sqlite3.Connection) -> float:
    return float(file.execute(_UPTIME).fetchone()[0])


def _foreign(store: str, file: sqlite3.Connection) -> int:
    return int(file.execute(_FOREIGN, (store,)).fetchone()[0])
