"""Seats for turns that replicas share, on a Redis server.

A seat is free again when it is given back, or when its holder has not kept it for a while: it was killed, or does not
reach the server.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis.asyncio import Redis

KEPT_S = 10.0
"""How long a seat lasts that is not kept, in seconds."""

_PREFIX = "brim:seats:"
# A sorted set for each caller: the seats, each with the millisecond at which it is free again. The time is the server's.
_NOW = """
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now_ms)
"""
_SIT = """
local kept_ms = tonumber(ARGV[1])
for number = 3, #ARGV do redis.call('ZADD', KEYS[1], now_ms + kept_ms, ARGV[number]) end
redis.call('PEXPIRE', KEYS[1], kept_ms)
return 1
"""
_TAKE = f"{_NOW} if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end {_SIT}"
_KEEP = f"{_NOW} {_SIT}"


class Seats:
    """The seats of all callers. What goes wrong with the server is raised as its client does.

    Args:
        server: where they are counted.
    """

    def __init__(self, server: Redis) -> None:
        self._server = server
        self._take = server.register_script(_TAKE)
        self._keep = server.register_script(_KEEP)

    async def take(self, name: str, most: int, seat: str) -> bool:
        """Take a seat for a caller; returns false where ``most`` are taken."""
        return bool(await self._take([_PREFIX + name], [round(KEPT_S * 1000), most, seat]))

    async def keep(self, name: str, seats: Collection[str]) -> None:
        """Keep seats for another while; those that the server has lost are taken again."""
        await self._keep([_PREFIX + name], [round(KEPT_S * 1000), "", *seats])

    async def give_back(self, name: str, seats: Collection[str]) -> None:
        """Give seats back."""
        await self._server.zrem(_PREFIX + name, *seats)
