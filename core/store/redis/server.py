"""The data on a Redis server: a hash for each session, which ends by itself, and a log of what was changed lately.

Each change has a number, one higher than the change before. A document's hash knows the number of the last change
in it, and a change is refused whose maker had not seen that one. The log is kept for a minute: who was away for
longer reads everything again.
"""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from brim.core.errors import NewerStoreError, SettingsError, StoreError, StoreUnreachableError
from brim.core.store.migrate import newest_version
from brim.core.store.redis.replica import COMMON, Change
from brim.core.store.urls import StoreUrl

OWN_OPTIONS = ("prefix", "ttl", "lease")
"""The options in a URL that are known."""

TTL_S = 3600.0
"""How long a session is kept after the last change in it where the URL does not say, in seconds."""

PREFIX = "brim"
TIMEOUT_S = 5.0
_BATCH = 200

_PUSH = """
local prefix, ttl, documents = ARGV[1] .. ':', tonumber(ARGV[2]), cjson.decode(ARGV[3])
for _, document in ipairs(documents) do
    if (redis.call('HGET', prefix .. document.key, 'n') or '0') ~= document.seen then return {0, 0} end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local n = redis.call('INCR', prefix .. 'n')
local at = 6
for _, document in ipairs(documents) do
    local key = prefix .. document.key
    if document.is_gone then
        redis.call('DEL', key)
        redis.call('ZREM', prefix .. 'alive', document.key)
    else
        for _ = 1, document.kept do
            redis.call('HSET', key, ARGV[at], ARGV[at + 1])
            at = at + 2
        end
        for _ = 1, document.dropped do
            redis.call('HDEL', key, ARGV[at])
            at = at + 1
        end
        redis.call('HSET', key, 'n', n)
        if document.key ~= 'common' then
            redis.call('PEXPIRE', key, ttl)
            redis.call('ZADD', prefix .. 'alive', now + ttl, document.key)
        end
    end
end
redis.call('ZREMRANGEBYSCORE', prefix .. 'alive', '-inf', now)
redis.call('XADD', prefix .. 'log', 'MINID', now - 60000, '*',
    'n', n, 'by', ARGV[4], 'ends', now + ttl, 'changes', ARGV[5])
redis.call('PEXPIRE', prefix .. 'log', math.min(ttl, 60000))
return {n, now + ttl}
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the log says of one change."""

    number: int
    store: str
    ends_ms: int
    """When the sessions in it end if nothing else changes them, in milliseconds since 1970."""
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """All that the server has."""

    number: int
    log_id: str
    documents: Mapping[str, Mapping[str, bytes]]
    seen: Mapping[str, int]
    """The number of the last change in each document."""
    ends_ms: Mapping[str, int]


class Server:
    """One connection to the server. The methods raise redis' errors; `server_errors` makes sentences of them.

    Args:
        url: the server.
        store: the mark of the store that writes.
    """

    def __init__(self, url: StoreUrl, store: str) -> None:
        options = dict(url.options)
        if options.keys() - set(OWN_OPTIONS):
            raise SettingsError(f"The store's URL has an option that is none of {', '.join(OWN_OPTIONS)}.")
        if not url.path.isdecimal():
            raise SettingsError("The store's URL must name a database of Redis by its number.")
        self._ttl_ms = int(_ttl_of(options.get("ttl", "")) * 1000)
        self._prefix = options.get("prefix", PREFIX)
        self._store = store
        self._client: Any = redis.Redis(
            host=url.host or "localhost",
            port=url.port or 6379,
            db=int(url.path),
            username=url.user or None,
            password=url.password.get_secret_value() or None,
            ssl=url.is_encrypted,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),  # a change that may have been kept must not be made again
        )
        self._push = self._client.register_script(_PUSH)

    def close(self) -> None:
        """Disconnect."""
        self._client.close()

    def prepare(self) -> None:
        """Note the version of the rows. Raises `NewerStoreError` where a newer brim has written them."""
        self.check_version()
        self._client.set(f"{self._prefix}:schema", newest_version())

    def check_version(self) -> None:
        """Raise `NewerStoreError` where a newer brim has written."""
        newest = newest_version()
        found = int(self._client.get(f"{self._prefix}:schema") or 0)
        if found > newest:
            raise NewerStoreError(
                f"A newer brim has written to the Redis server (schema {found}, this one knows {newest}).",
                hint="Update this brim, and start it again.",
            )

    def skew_s(self) -> float:
        """Return how many seconds the server's clock is ahead of this machine's."""
        seconds, micros = self._client.time()
        return float(seconds + micros / 1_000_000 - time.time())

    def uptime_s(self) -> float:
        """Return for how long the server has run, in seconds; 0 for those who may not ask."""
        try:
            return float(self._client.info("server")["uptime_in_seconds"])
        except redis.ResponseError:
            return 0.0

    def whole(self) -> Whole:
        """Read everything. Changes that come meanwhile are in the log behind ``number``."""
        with self._client.pipeline(transaction=True) as asked:
            asked.get(f"{self._prefix}:n")
            asked.xrevrange(f"{self._prefix}:log", count=1)
            asked.zrange(f"{self._prefix}:alive", 0, -1, withscores=True)
            number, last, alive = asked.execute()
        ends = {document.decode(): int(score) for document, score in alive}
        names = [COMMON, *ends]
        documents: dict[str, Mapping[bytes, bytes]] = {}
        for start in range(0, len(names), _BATCH):
            some = names[start : start + _BATCH]
            with self._client.pipeline(transaction=False) as asked:
                for name in some:
                    asked.hgetall(f"{self._prefix}:{name}")
                documents |= {name: found for name, found in zip(some, asked.execute(), strict=True) if found}
        return Whole(
            int(number or 0),
            last[0][0].decode() if last else "0-0",
            {
                name: {place.decode(): value for place, value in found.items() if place != b"n"}
                for name, found in documents.items()
            },
            {name: int(found[b"n"]) for name, found in documents.items()},
            ends,
        )

    def since(self, log_id: str) -> tuple[int, str, list[Entry]]:
        """Return the number of the last change, and what the log has behind a place, with the place after it."""
        with self._client.pipeline(transaction=True) as asked:
            asked.get(f"{self._prefix}:n")
            asked.xrange(f"{self._prefix}:log", min=f"({log_id}")
            number, found = asked.execute()
        last = found[-1][0].decode() if found else log_id
        return int(number or 0), last, [_entry(values) for _, values in found]

    def push(self, changes: Sequence[Change], seen: Mapping[str, int]) -> tuple[int, int]:
        """Keep changes at once; returns their number and when their sessions end, in milliseconds since 1970.

        The number is 0, and nothing was kept, if a document has changes that ``seen`` does not know.
        """
        documents, values = [], []
        for change in changes:
            documents.append(
                {
                    "key": change.document,
                    "seen": str(seen.get(change.document, 0)),
                    "is_gone": change.is_gone,
                    "kept": len(change.kept),
                    "dropped": len(change.dropped),
                }
            )
            if not change.is_gone:
                values += [part for item in change.kept.items() for part in item]
                values += change.dropped
        number, ends = self._push(
            args=[self._prefix, self._ttl_ms, json.dumps(documents), self._store, _written(changes), *values]
        )
        return int(number), int(ends)


def _written(changes: Sequence[Change]) -> str:
    return json.dumps(
        [
            {
                "document": change.document,
                "is_gone": change.is_gone,
                "kept": {place: b64encode(value).decode() for place, value in change.kept.items()},
                "dropped": change.dropped,
            }
            for change in changes
        ]
    )


def _entry(values: Mapping[bytes, bytes]) -> Entry:
    changes = tuple(
        Change(
            each["document"],
            each["is_gone"],
            {place: b64decode(value) for place, value in each["kept"].items()},
            each["dropped"],
        )
        for each in json.loads(values[b"changes"])
    )
    return Entry(int(values[b"n"]), values[b"by"].decode(), int(values[b"ends"]), changes)


def _ttl_of(text: str) -> float:
    try:
        seconds = float(text or TTL_S)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 10**9:
        raise SettingsError("The ttl in the store's URL must be a number of seconds, 1 or more.")
    return seconds


@contextmanager
def server_errors(url: StoreUrl) -> Iterator[None]:
    """Turn what redis raises into `StoreError`, with a sentence that holds no password."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
        raise StoreUnreachableError(
            f"The Redis server at {url.place} cannot be used: {_said(error, url)}.",
            hint="Does it run, and may you reach it?",
        ) from None
    except redis.RedisError as error:
        raise StoreError(f"The data at {url.place} cannot be used: {_said(error, url)}.") from None


def _said(error: Exception, url: StoreUrl) -> str:
    said = (
        str(error).strip().splitlines()[0].removesuffix(".") if str(error).strip() else type(error).__name__
    )
    password = url.password.get_secret_value()
    return said.replace(password, "***") if password else said
