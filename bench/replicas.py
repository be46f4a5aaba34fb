"""Three replicas on PostgreSQL, one of them killed every few seconds: is every message there that was acknowledged, once?

    uv run --group dev python bench/replicas.py     # a minute; BENCH_SECONDS=60 BENCH_SESSIONS=200

Clients hold sessions and ask again and again, at whichever replica answers. What a client was told is written down:
the prompt of a turn that began (its events came), and the answer of one that ended. At the end both are looked for in
the database. The longest time for which a session could not be asked is set beside the lease.
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

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.store_servers import PostgresServer

SECONDS = float(os.environ.get("BENCH_SECONDS", "60"))
SESSIONS = int(os.environ.get("BENCH_SESSIONS", "200"))
KILL_EVERY_S = 5.0
LEASE_S = 5.0
REPLICAS = 3


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
    locked_s: list[float] = field(default_factory=list)


async def client(number: int, replicas: list[Replica], told: Told, until: float) -> str:
    """Hold one session until the time is over; returns its id."""
    rng = random.Random(number)
    session = ""
    asked = 0
    locked_since: float | None = None
    async with httpx2.AsyncClient(timeout=30) as http:
        while time.monotonic() < until:
            url = rng.choice(replicas).url
            try:
                if not session:
                    session = (await http.post(f"{url}/sessions", json={})).json()["id"]
                text = f"question {number}.{asked}"
                async with http.stream(
                    "POST", f"{url}/sessions/{session}/turns", json={"text": text}
                ) as response:
                    if response.status_code == 409:
                        told.outcomes["busy"] += 1
                        locked_since = locked_since or time.monotonic()
                        await response.aread()
                        await asyncio.sleep(0.2)
                        continue
                    if response.status_code != 200:
                        told.outcomes[str(response.status_code)] += 1
                        await asyncio.sleep(0.2)
                        continue
                    if locked_since is not None:
                        told.locked_s.append(time.monotonic() - locked_since)
                        locked_since = None
                    asked += 1
                    await listen(response, session, told)
            except (httpx2.HTTPError, json.JSONDecodeError, KeyError):
                told.outcomes["cut"] += 1
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


async def killer(replicas: list[Replica], until: float) -> int:
    """Kill a replica every few seconds and start it again."""
    kills = 0
    while time.monotonic() + KILL_EVERY_S < until:
        await asyncio.sleep(KILL_EVERY_S)
        victim = random.choice(replicas)
        victim.kill()
        kills += 1
        await asyncio.to_thread(victim.start)
    return kills


async def main() -> None:
    """Run it and count."""
    server = PostgresServer()
    store = server.url("replicas", lease=int(LEASE_S))
    replicas: list[Replica] = []
    try:
        with tempfile.TemporaryDirectory() as home:
            replicas = [Replica(store, Path(home) / str(n)) for n in range(REPLICAS)]
            told = Told()
            until = time.monotonic() + SECONDS
            kills, *sessions = await asyncio.gather(
                killer(replicas, until), *(client(n, replicas, told, until) for n in range(SESSIONS))
            )
            await asyncio.sleep(LEASE_S + 2)
            await count(replicas[0].url, [each for each in sessions if each], told, kills)
    finally:
        for replica in replicas:
            replica.kill()
        server.remove()


async def count(url: str, sessions: list[str], told: Told, kills: int) -> None:
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
    print(f"{kills} kills in {SECONDS:g} s, {len(sessions)} sessions, outcomes {dict(told.outcomes)}")
    print(f"{len(told.prompts):,} turns that began, {len(lost)} not there exactly once with their prompt")
    print(f"{len(told.answers):,} answers that ended, {len(wrong)} not there as they were told")
    print(f"{streaming} answers still marked as being written")
    locked = max(told.locked_s, default=0.0)
    print(f"longest time a session could not be asked {locked:.1f} s (lease {LEASE_S:g} s)")


if __name__ == "__main__":
    asyncio.run(main())
