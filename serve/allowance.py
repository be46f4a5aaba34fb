"""How much a caller may ask for: requests a minute, tokens a day, turns at once."""

from __future__ import annotations

import time
from collections import Counter

from limits import RateLimitItemPerDay, RateLimitItemPerMinute
from limits.aio.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter
from limits.storage import storage_from_string

from brim.serve.faults import RefusedCallError
from brim.serve.keys import ServiceKey
from brim.serve.options import ServeOptions

_BUSY_RETRY_S = 2.0


class Allowance:
    """Counts what callers do. Requests and tokens are counted where the options say, turns in this process.

    Args:
        options: limits for keys that have none of their own.
    """

    def __init__(self, options: ServeOptions) -> None:
        self._options = options
        storage = storage_from_string(options.limits_url)
        self._requests = MovingWindowRateLimiter(storage)
        self._tokens = FixedWindowRateLimiter(storage)
        self._turns: Counter[str] = Counter()

    async def request(self, name: str, key: ServiceKey | None) -> None:
        """Count a request. Raises `RefusedCallError` (429) when there were too many within a minute."""
        limit = (key and key.requests_per_minute) or self._options.requests_per_minute
        if limit is None:
            return
        item = RateLimitItemPerMinute(limit)
        if not await self._requests.hit(item, "requests", name):
            stats = await self._requests.get_window_stats(item, "requests", name)
            raise RefusedCallError(
                429,
                f"That was more than {limit} requests within a minute.",
                kind="rate_limit",
                retry_after_s=max(1.0, stats.reset_time - time.time()),
            )

    async def begin_turn(self, name: str, key: ServiceKey | None) -> None:
        """Take a place for a turn, which `end_turn` gives back. Raises `RefusedCallError` (429)."""
        most = (key and key.concurrent_turns) or self._options.concurrent_turns
        if most is not None and self._turns[name] >= most:
            raise RefusedCallError(
                429,
                f"{most} turns are running already.",
                hint="Wait until one has ended.",
                kind="rate_limit",
                retry_after_s=_BUSY_RETRY_S,
            )
        a_day = (key and key.tokens_per_day) or self._options.tokens_per_day
        if a_day is not None:
            item = RateLimitItemPerDay(a_day)
            stats = await self._tokens.get_window_stats(item, "tokens", name)
            if stats.remaining <= 0:
                raise RefusedCallError(
                    429,
                    f"Today's {a_day:,} tokens are used up.",
                    kind="token_limit",
                    retry_after_s=max(1.0, stats.reset_time - time.time()),
                )
        self._turns[name] += 1

    async def end_turn(self, name: str, key: ServiceKey | None, tokens: int) -> None:
        """Give the place of a turn back and count what it took."""
        self._turns[name] -= 1
        a_day = (key and key.tokens_per_day) or self._options.tokens_per_day
        if a_day is not None and tokens > 0:
            item = RateLimitItemPerDay(a_day)
            left = (await self._tokens.get_window_stats(item, "tokens", name)).remaining
            # What goes over the limit is not counted by `hit`, so what is left is used up instead.
            if left > 0:
                await self._tokens.hit(item, "tokens", name, cost=min(tokens, left))
