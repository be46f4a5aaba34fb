"""Three replicas on PostgreSQL, one of them killed every few seconds: is every message there that was acknowledged, once?

    uv run --group dev python bench/replicas.py     # a minute; BENCH_SECONDS=60 BENCH_SESSIONS=200

Clients hold sessions and ask again and again, at whichever replica answers. What a client was told is written down:
the prompt of a turn that began (its events came), and the answer of one that ended. At the end both are looked for in
the database.

How long sessions are locked is looked at from both sides. The rows of the leases are read ten times a second: one that
ran out had a holder that was killed, and until then nobody else was let in. A refusal must have a lease that explains
it: one that another holds when the request comes in, by the clock that the database and the clients share. What a
client waits besides is the machine's: requests that are answered late, those that a kill cuts off, and the pause
between two.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.store_servers import PASSWORD, PostgresServer

SECONDS = float(os.environ.get("BENCH_SECONDS", "60"))
SESSIONS = int(os.environ.get("BENCH_SESSIONS", "200"))
KILL_EVERY_S = 5.0
LEASE_S = 5.0
REPLICAS = 3
LOOK_S = 0.1
SCHEMA = "replicas"


class Replica:
    """One process of the service, started again when it was killed."""

    def __init__(self, store: str, home: Path) -> None:
        self._environment = {
            **os.environ,
            "BRIM_STORE": store,
            "BRIM_HOME": str(home),
            "BRIM_SERVE_GRACE_S": "1",
        }
        self.url = ""
        self.start()

    def start(self) -> None:
        """Start it and wait until it listens."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "brim", "serve", "--port", "0", "--model", "scripted:demo"],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.url = re.search(r"http://\S+", self.process.stdout.readline()).group(0)

    def kill(self) -> None:
        """Kill it at once."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


@dataclass
class Told:
    """What the clients were told."""

    prompts: dict[str, str] = field(default_factory=dict)
    """Message id → session id, of answers that began."""
    answers: dict[str, str] = field(default_factory=dict)
    """Message id → text, of answers that ended."""
    outcomes: Counter[str] = field(default_factory=Counter)
    refusals: list[tuple[str, float, float]] = field(default_factory=list)
    """Session id, when the request was sent, and when it was refused, in seconds since 1970."""
    waited_s: list[float] = field(default_factory=list)
    """From a request that was refused to the beginning of the next answer, with no request cut off in between."""


@dataclass
class Lease:
    """The right of one store to write in a session, as it was seen. Moments are in seconds since 1970."""

    store: str
    since: float
    """When it was not there yet."""
    until: float = 0.0
    """When it was there last, or was there no more."""
    expires_at: float = 0.0

    @property
    def ran_out(self) -> bool:
        """Whether it was not given back."""
        return self.until > self.expires_at

    def explains(self, sent_at: float, refused_at: float) -> bool:
        """Whether it held while a request was on its way."""
        return self.since < refused_at and sent_at < min(self.until, self.expires_at)


@dataclass
class Seen:
    """What was seen in the database."""

    leases: dict[tuple[str, int], Lease] = field(default_factory=dict)
    """Session id and fence → the lease."""
    written_at: dict[str, float] = field(default_factory=dict)
    """Store → when it wrote last: one whose replica was killed, just before that."""


async def client(number: int, replicas: list[Replica], told: Told, until: float) -> str:
    """Hold one session until the time is over; returns its id."""
    rng = random.Random(number)
    session = ""
    asked = 0
    refused_since: float | None = None
    async with httpx2.AsyncClient(timeout=30) as http:
        while time.monotonic() < until:
            url = rng.choice(replicas).url
            sent_at = time.time()
            try:
                if not session:
                    session = (await http.post(f"{url}/sessions", json={})).json()["id"]
                text = f"question {number}.{asked}"
                async with http.stream(
                    "POST", f"{url}/sessions/{session}/turns", json={"text": text}
                ) as response:
                    if response.status_code == 409:
                        told.outcomes["busy"] += 1
                        told.refusals.append((session, sent_at, time.time()))
                        refused_since = refused_since or sent_at
                        await response.aread()
                        await asyncio.sleep(0.2)
                        continue
                    if response.status_code != 200:
                        told.outcomes[str(response.status_code)] += 1
                        await asyncio.sleep(0.2)
                        continue
                    if refused_since is not None:
                        told.waited_s.append(time.time() - refused_since)
                        refused_since = None
                    asked += 1
                    await listen(response, session, told)
            except httpx2.ConnectError:
                told.outcomes["nobody there"] += 1
                await asyncio.sleep(0.1)
            except (httpx2.HTTPError, json.JSONDecodeError, KeyError):
                told.outcomes["cut"] += 1
                refused_since = None  # a turn may have begun, with a lease of its own
                await asyncio.sleep(0.1)
    return session


async def listen(response: httpx2.Response, session: str, told: Told) -> None:
    """Write down what a stream tells."""
    name = ""
    async for line in response.aiter_lines():
        if line.startswith("id: "):
            told.prompts[line[4:].partition(":")[0]] = session
        elif line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: ") and name == "turn_finished":
            answer = json.loads(line[6:])["answer"]
            told.answers[answer["id"]] = answer["content"]
            told.outcomes["finished"] += 1


async def killer(replicas: list[Replica], until: float) -> list[float]:
    """Kill a replica every few seconds and start it again; returns when, in seconds since 1970."""
    kills: list[float] = []
    while time.monotonic() + KILL_EVERY_S < until:
        await asyncio.sleep(KILL_EVERY_S)
        victim = random.choice(replicas)
        victim.kill()
        kills.append(time.time())
        await asyncio.to_thread(victim.start)
    return kills


async def look(server: PostgresServer, seen: Seen) -> None:
    """Write down the leases as they are in the database, again and again."""
    link = await psycopg.AsyncConnection.connect(
        host="127.0.0.1", port=server.port, user="brim", password=PASSWORD, dbname="brim", autocommit=True
    )
    before, held = 0.0, set[tuple[str, int]]()
    async with link:
        while True:
            found = await link.execute(f"SELECT session_id, fence, store, expires_at FROM {SCHEMA}.leases")
            now = time.time()  # the database has the same clock
            held, gone = set(), held
            for session, fence, store, expires_at in await found.fetchall():
                held.add((session, fence))
                seen.leases.setdefault((session, fence), Lease(store, since=before)).expires_at = expires_at
            for each in held | gone:
                seen.leases[each].until = now
            before = now
            found = await link.execute(
                f"SELECT store, extract(epoch FROM seen_at)::double precision FROM {SCHEMA}.stores"
            )
            seen.written_at |= dict(await found.fetchall())
            await asyncio.sleep(LOOK_S)


async def main() -> None:
    """Run it and count."""
    server = PostgresServer()
    store = server.url(SCHEMA, lease=int(LEASE_S))
    replicas: list[Replica] = []
    try:
        with tempfile.TemporaryDirectory() as home:
            replicas = [Replica(store, Path(home) / str(n)) for n in range(REPLICAS)]
            told = Told()
            seen = Seen()
            until = time.monotonic() + SECONDS
            watcher = asyncio.create_task(look(server, seen))
            kills, *sessions = await asyncio.gather(
                killer(replicas, until), *(client(n, replicas, told, until) for n in range(SESSIONS))
            )
            await asyncio.sleep(LEASE_S + 2)
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
            print(f"{len(kills)} kills in {SECONDS:g} s, {SESSIONS} sessions, outcomes {dict(told.outcomes)}")
            await count(replicas[0].url, [each for each in sessions if each], told)
            locks(seen, kills, told)
    finally:
        for replica in replicas:
            replica.kill()
        server.remove()


async def count(url: str, sessions: list[str], told: Told) -> None:
    """Compare what was told with what is there."""
    found: Counter[str] = Counter()
    texts: dict[str, str] = {}
    streaming = 0
    async with httpx2.AsyncClient(timeout=60) as http:
        for session in sessions:
            before = None
            while True:
                query = {"limit": 200, **({"before": before} if before else {})}
                page = (await http.get(f"{url}/sessions/{session}/messages", params=query)).json()
                for message in page["messages"]:
                    found[message["id"]] += 1
                    texts[message["id"]] = message["content"]
                    streaming += message["status"] == "streaming"
                    if message["role"] == "assistant":
                        found[f"prompt of {message['id']}"] += message["parent_id"] is not None
                before = page["before"]
                if before is None:
                    break
    lost = [each for each in told.prompts if found[each] != 1 or found[f"prompt of {each}"] != 1]
    wrong = [each for each, text in told.answers.items() if texts.get(each) != text]
    print(f"{len(told.prompts):,} turns that began, {len(lost)} not there exactly once with their prompt")
    print(f"{len(told.answers):,} answers that ended, {len(wrong)} not there as they were told")
    print(f"{streaming} answers still marked as being written")


def locks(seen: Seen, kills: list[float], told: Told) -> None:
    """Say how long sessions were locked: by the leases themselves, and as clients saw it."""
    killed_at = {
        store: min((kill for kill in kills if kill > written_at - LOOK_S), default=None)
        for store, written_at in seen.written_at.items()
    }
    ran_out = [lease for lease in seen.leases.values() if lease.ran_out]
    outlived = [
        lease.expires_at - death for lease in ran_out if (death := killed_at.get(lease.store)) is not None
    ]
    of_session: dict[str, list[Lease]] = {}
    for (session, _), lease in seen.leases.items():
        of_session.setdefault(session, []).append(lease)
    unexplained = [
        refusal
        for refusal in told.refusals
        if not any(lease.explains(*refusal[1:]) for lease in of_session.get(refusal[0], ()))
    ]
    took_s = max((refused_at - sent_at for _, sent_at, refused_at in told.refusals), default=0.0)
    print(
        f"{len(outlived)} leases ran out, at most {max(outlived, default=0.0):.1f} s after their holder was killed "
        f"(lease {LEASE_S:g} s), and {len(ran_out) - len(outlived)} of holders that lived"
    )
    print(f"{len(told.refusals):,} refusals, {len(unexplained)} without a lease that another held")
    print(
        f"longest wait of a client, from a refusal to its next answer {max(told.waited_s, default=0.0):.1f} s; "
        f"longest request that was refused {took_s:.1f} s"
    )


if __name__ == "__main__":
    asyncio.run(main())
