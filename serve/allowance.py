"""How much a caller may ask for: requests a minute, tokens a day, turns at once.

Where they are counted on a server and that one is away, they are counted in this process until it is back: nobody is
turned away for it, and no limit is open.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from limits import RateLimitItemPerDay, RateLimitItemPerMinute
from limits.aio.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter
from limits.errors import StorageError
from limits.storage import storage_from_string

from brim.core.errors import SettingsError
from brim.serve.faults import RefusedCallError
from brim.serve.keys import ServiceKey
from brim.serve.options import ServeOptions
from brim.serve.seats import KEPT_S, Seats

_log = logging.getLogger(__name__)

_BUSY_RETRY_S = 2.0
_PATIENCE_S = 1.0
"""How long the server of the counts has to answer, in seconds."""
_AWAY_S = 5.0
"""How long it is left alone when it did not, in seconds."""
_KEEP_S = KEPT_S / 3
"""How often it is told which turns still run, in seconds."""

T = TypeVar("T")


class Counts:
    """Requests, tokens and turns, counted in one place. In this process turns need no counting here.

    Args:
        url: of a Redis server; empty for this process.

    Raises:
        SettingsError: the package is missing, or something in the URL is wrong.
    """

    def __init__(self, url: str = "") -> None:
        self._pool: Any = None
        self._seats: Seats | None = None
        if url:
            try:
                from redis.asyncio import ConnectionPool, Redis

                self._pool = ConnectionPool.from_url(
                    url, socket_timeout=_PATIENCE_S, socket_connect_timeout=_PATIENCE_S
                )
            except ImportError:
                raise SettingsError(
                    "Limits on a server need the package redis, which is not installed.",
                    hint="pip install 'brim[redis]'.",
                ) from None
            except ValueError:
                raise SettingsError(
                    "BRIM_SERVE_LIMITS_URL is not right.", hint="It looks like redis://HOST:6379/0."
                ) from None
            self._seats = Seats(Redis(connection_pool=self._pool))
            storage = storage_from_string(
                f"async+{url}", implementation="redispy", wrap_exceptions=True, connection_pool=self._pool
            )
        else:
            storage = storage_from_string("async+memory://")
        self._requests = MovingWindowRateLimiter(storage)
        self._tokens = FixedWindowRateLimiter(storage)

    async def aclose(self) -> None:
        """Disconnect."""
        if self._pool is not None:
            await self._pool.aclose()

    async def request(self, name: str, limit: int) -> float | None:
        """Count a request; returns ``None``, or if it is one too many within a minute, the seconds until the next."""
        item = RateLimitItemPerMinute(limit)
        if await self._requests.hit(item, "requests", name):
            return None
        stats = await self._requests.get_window_stats(item, "requests", name)
        return max(1.0, stats.reset_time - time.time())

    async def tokens_left(self, name: str, limit: int) -> tuple[int, float]:
        """Return how many tokens are left, and the seconds until there are all of them again."""
        stats = await self._tokens.get_window_stats(RateLimitItemPerDay(limit), "tokens", name)
        return max(0, stats.remaining), max(1.0, stats.reset_time - time.time())

    async def take_tokens(self, name: str, limit: int, tokens: int) -> None:
        """Count tokens, as far as there are any."""
        left, _ = await self.tokens_left(name, limit)
        # What goes over the limit is not counted by `hit`, so what is left is used up instead.
        if left > 0:
            await self._tokens.hit(RateLimitItemPerDay(limit), "tokens", name, cost=min(tokens, left))

    async def take_seat(self, name: str, most: int, seat: str) -> bool:
        """Take a seat for a turn; returns false where ``most`` are taken."""
        async with self._of_seats() as seats:
            return seats is None or await seats.take(name, most, seat)

    async def keep_seats(self, name: str, held: Collection[str]) -> None:
        """Keep the seats of turns that still run."""
        async with self._of_seats() as seats:
            if seats is not None:
                await seats.keep(name, held)

    async def give_back(self, name: str, held: Collection[str]) -> None:
        """Give the seats of turns that have ended back."""
        async with self._of_seats() as seats:
            if seats is not None:
                await seats.give_back(name, held)

    @asynccontextmanager
    async def _of_seats(self) -> AsyncIterator[Seats | None]:
        """Give the seats, and raise what their server's client does as `StorageError`."""
        if self._seats is None:
            yield None
            return
        from redis.exceptions import RedisError

        try:
            yield self._seats
        except RedisError as error:
            raise StorageError(error) from error


class Allowance:
    """Counts what callers do, where the options say.

    Args:
        options: limits for keys that have none of their own.

    Raises:
        SettingsError: the server cannot be used, for want of its package or because of its URL.
    """

    def __init__(self, options: ServeOptions) -> None:
        self._options = options
        self._here = Counts()
        self._shared: Counts | None = None
        if options.limits_url is not None:
            self._shared = Counts(options.limits_url.get_secret_value())
        self._away_until = 0.0
        self._is_away = False
        self._turns: Counter[str] = Counter()
        self._held: dict[str, list[str]] = {}
        self._holding = asyncio.Lock()
        self._keeping: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        """Disconnect."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._shared is not None:
            await self._shared.aclose()

    async def request(self, name: str, key: ServiceKey | None) -> None:
        """Count a request. Raises `RefusedCallError` (429) when there were too many within a minute."""
        limit = (key and key.requests_per_minute) or self._options.requests_per_minute
        if limit is None:
            return
        retry_after_s = await self._counted(lambda counts: counts.request(name, limit))
        if retry_after_s is not None:
            raise RefusedCallError(
                429,
                f"That was more than {limit} requests within a minute.",
                kind="rate_limit",
                retry_after_s=retry_after_s,
            )

    async def begin_turn(self, name: str, key: ServiceKey | None) -> None:
        """Take a place for a turn, which `end_turn` gives back. Raises `RefusedCallError` (429)."""
        most = (key and key.concurrent_turns) or self._options.concurrent_turns
        if most is not None and self._turns[name] >= most:
            raise _too_many_turns(most)
        self._turns[name] += 1
        try:
            if most is not None:
                await self._sit(name, most)
            await self._check_tokens(name, key)
        except BaseException:
            await self._leave(name)
            raise

    async def end_turn(self, name: str, key: ServiceKey | None, tokens: int) -> None:
        """Give the place of a turn back and count what it took."""
        await self._leave(name)
        a_day = (key and key.tokens_per_day) or self._options.tokens_per_day
        if a_day is not None and tokens > 0:
            await self._counted(lambda counts: counts.take_tokens(name, a_day, tokens))

    async def _sit(self, name: str, most: int) -> None:
        """Take a seat where replicas share them. Raises `RefusedCallError`."""
        if self._shared is None:
            return
        seat = secrets.token_hex(8)
        if not await self._counted(lambda counts: counts.take_seat(name, most, seat)):
            raise _too_many_turns(most)
        self._held.setdefault(name, []).append(seat)
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep())

    async def _leave(self, name: str) -> None:
        """Count a turn less, and give the seat back that nobody sits on any more."""
        self._turns[name] -= 1
        held = self._held.get(name, [])
        left, held[self._turns[name] :] = held[self._turns[name] :], []
        if not held:
            self._held.pop(name, None)
        if left:
            async with self._holding:
                await self._counted(lambda counts: counts.give_back(name, left))

    async def _keep(self) -> None:
        """Keep the seats of the turns that run, again and again; those taken while the server was away with them."""
        while True:
            await asyncio.sleep(_KEEP_S)
            for name in list(self._held):
                async with self._holding:  # a seat that is being given back is not kept
                    await self._keep_those_of(name)

    async def _keep_those_of(self, name: str) -> None:
        if held := tuple(self._held.get(name, ())):
            await self._counted(lambda counts: counts.keep_seats(name, held))

    async def _check_tokens(self, name: str, key: ServiceKey | None) -> None:
        a_day = (key and key.tokens_per_day) or self._options.tokens_per_day
        if a_day is None:
            return
        left, retry_after_s = await self._counted(lambda counts: counts.tokens_left(name, a_day))
        if left <= 0:
            raise RefusedCallError(
                429,
                f"Today's {a_day:,} tokens are used up.",
                kind="token_limit",
                retry_after_s=retry_after_s,
            )

    async def _counted(self, ask: Callable[[Counts], Awaitable[T]]) -> T:
        """Ask the shared counts, or those of this process while they are away or where there are none."""
        if self._shared is None or time.monotonic() < self._away_until:
            return await ask(self._here)
        try:
            found = await ask(self._shared)
        except StorageError as error:
            self._away_until = time.monotonic() + _AWAY_S
            if not self._is_away:
                self._is_away = True
                _log.warning(
                    "limits are counted in this process: their server is away",
                    extra={"error": type(error.storage_error).__name__},
                )
            return await ask(self._here)
        if self._is_away:
            self._is_away = False
            _log.warning("limits are counted on their server again")
        return found


def _too_many_turns(most: int) -> RefusedCallError:
    return RefusedCallError(
        429,
        f"{most} turns are running already.",
        hint="Wait until one has ended.",
        kind="rate_limit",
        retry_after_s=_BUSY_RETRY_S,
    )
