"""Replicas that answer in the same sessions, killed one after the other: nothing acknowledged is lost or there twice."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from brim.core.types import Session, Status

REPLICA = """
import asyncio, random, sys
from pathlib import Path
from pydantic import SecretStr
from brim.core.agent import AgentInterface
from brim.core.errors import BrimError
from brim.core.events import Done, TextDelta, UsageReported
from brim.core.sessions import SessionManager
from brim.core.store.urls import make_store
from brim.core.types import AgentResponse
from brim.core.usage import Usage

class Slow(AgentInterface):
    async def process(self, context):
        return AgentResponse(output="unused")

    async def process_stream(self, context):
        for number in range(5):
            yield TextDelta(f"{number} ")
            await asyncio.sleep(0.02)
        yield UsageReported(Usage(input_tokens=2, output_tokens=5))
        yield Done()

def say(*words):
    sys.stdout.write(" ".join(words) + "\\n")
    sys.stdout.flush()

asking = set()

async def talk(manager, name, sessions, lane):
    for number in range(100_000):
        text = f"{name}-{lane}-{number}"
        session = random.choice(sessions)
        if session in asking:  # nothing waits in a queue here
            await asyncio.sleep(0.01)
            continue
        asking.add(session)
        try:
            turn = await manager.send(session, text)
        except BrimError:
            asking.discard(session)
            await asyncio.sleep(0.01)
            continue
        say("asked", session, text)
        answer = await turn.wait()
        asking.discard(session)
        if answer is not None and answer.status == "complete":
            say("answered", session, answer.id)

async def main():
    url, name, *sessions = sys.argv[1:]
    async with SessionManager(Slow(), store=make_store(SecretStr(url), Path("unused"))) as manager:
        await asyncio.gather(*(talk(manager, name, sessions, lane) for lane in range(4)))

asyncio.run(main())
"""


class Replica:
    """A process that asks and answers until it is killed, and what it has said was acknowledged."""

    count = 0

    def __init__(self, url: str, sessions: list[str], folder: Path) -> None:
        Replica.count += 1
        self._errors = folder / "errors"
        self._said = folder / f"said{Replica.count}"
        with self._said.open("wb") as out, self._errors.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-c", REPLICA, url, f"r{Replica.count}", *sessions],
                stdout=out,
                stderr=errors,
            )

    def has_said(self, word: str) -> bool:
        return word in self._said.read_text()

    def kill(self) -> list[list[str]]:
        """Kill it; returns what it had said, without a line that it did not end."""
        assert self._process.poll() is None, self._errors.read_text()
        self._process.kill()
        self._process.wait()
        return [
            line.split() for line in self._said.read_text().splitlines(keepends=True) if line.endswith("\n")
        ]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgres", "redis"])
async def test_nothing_acknowledged_is_lost_or_there_twice(url, opened, tmp_path):
    store = await opened()
    sessions = [Session(model="m") for _ in range(12)]
    for session in sessions:
        await store.add_session(session)
    ids = [session.id for session in sessions]
    replicas = [Replica(url, ids, tmp_path) for _ in range(3)]
    said: list[list[str]] = []
    for number in range(6):
        async with asyncio.timeout(30):
            while not all(replica.has_said("answered") for replica in replicas):
                assert (tmp_path / "errors").read_text() == ""
                await asyncio.sleep(0.05)
        said += await asyncio.to_thread(replicas[number % 3].kill)
        replicas[number % 3] = Replica(url, ids, tmp_path)
    for replica in replicas:
        said += await asyncio.to_thread(replica.kill)

    died = time.monotonic()
    for session in sessions:
        async with asyncio.timeout(20):
            while not await store.lease(session.id):
                await asyncio.sleep(0.02)
        await store.release(session.id)
    assert time.monotonic() - died < 10  # the lease is a second long, and 12 sessions are looked at
    assert (tmp_path / "errors").read_text() == ""

    kept: Counter[str] = Counter()
    for session in sessions:
        path = await store.transcript(session.id)
        tree = await store.tree(session.id)
        assert {m.id for m in path} == {m.id for m in tree}
        assert _is_in_turn(path)
        kept.update(m.content for m in tree if m.role == "user")
        by_id = {m.id: m for m in tree}
        for word, where, what in said:
            if word == "answered" and where == session.id:
                assert (by_id[what].status, by_id[what].content) == (Status.COMPLETE, "0 1 2 3 4 ")
        assert not any(m.status is Status.STREAMING for m in tree)
        now = await store.session(session.id)
        complete = [m for m in tree if m.status is Status.COMPLETE and m.role == "assistant"]
        assert now.messages == len(tree) and now.turns >= len(complete)
    asked = [what for word, _, what in said if word == "asked"]
    assert asked and set(asked) <= set(kept) and set(kept.values()) == {1}


def _is_in_turn(path) -> bool:
    """Whether no two answers follow each other: a prompt may have none, where its replica died in between."""
    return all(not (a.role == b.role == "assistant") for a, b in pairwise(path))
