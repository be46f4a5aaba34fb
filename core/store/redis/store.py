"""Sessions on a Redis server, each for as long as something happens in it, for services that keep no history."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import partial

from brim.core.errors import StoreError
from brim.core.store.indexer import Indexer
from brim.core.store.journal import Journal
from brim.core.store.leased import LeasedStore, seconds_of
from brim.core.store.protocol import Recovered
from brim.core.store.redis.connections import RedisConnections
from brim.core.store.sqlite import erase_whole
from brim.core.store.urls import StoreUrl
from brim.core.types import new_id


class RedisStore(LeasedStore):
    """A `SessionStore` on a Redis server, of which each store has a copy in memory.

    A session ends an hour after the last change in it, or as long after it as the URL says. A call that returns has
    reached the server; whether it has reached a disk is decided by the server's settings.

    Args:
        url: the server; its options are ``ttl`` and ``lease``, in seconds, and ``prefix``, which all keys begin with.

    Raises:
        SettingsError: one of these options is wrong.
    """

    def __init__(self, url: StoreUrl) -> None:
        store = new_id()
        self._server = RedisConnections(url, store)
        super().__init__(self._server, store, seconds_of(url))

    async def open(self) -> Recovered:
        """Connect, and mark answers whose writer is gone."""
        try:
            await self._server.open()
            self._journal = Journal(self._server)
            self._indexer = Indexer(self._server)
            self._begin_renewing(await self._server.uptime_s())
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
        return await self._server.foreign_version()

    async def erase(self, session_ids: Iterable[str]) -> int:
        """Delete sessions for good."""
        return await self._server.write(partial(erase_whole, tuple(session_ids)))
