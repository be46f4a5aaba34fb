"""Ten brims write to one data file at once while another reads it, and every message is accounted for."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Message, Session, Status
from tests.support.kills import assert_whole

WRITERS = 10
SLOWEST_S = 30.0
"""How long one write may wait for its turn among the others, in seconds, far below where SQLite gives up."""

WRITES = """
import asyncio, json, sys, time
from pathlib import Path
from brim.core.agent import AgentInterface, OneAgent
from brim.core.errors import BrimError, SessionBusyError
from brim.core.events import Done, TextDelta
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore

class Answers(AgentInterface):
    async def process(self, context):
        raise NotImplementedError

    async def process_stream(self, context):
        for word in context.input.split():
            yield TextDelta(word + " ")
            await asyncio.sleep(0.005)
        yield Done()

async def main(path, name, seconds, shared):
    kept, refused, slowest = {}, [], 0.0

    async def timed(work):
        nonlocal slowest
        began = time.monotonic()
        try:
            return await work
        finally:
            slowest = max(slowest, time.monotonic() - began)

    async with SessionManager(OneAgent(Answers()), store=SQLiteStore(Path(path))) as manager:
        print("ready", flush=True)
        sys.stdin.readline()
        end = time.monotonic() + float(seconds)
        number = 0
        while time.monotonic() < end:
            if number % 7 == 0:
                session = await timed(manager.create(title=f"{name} {number}"))
            target = shared if number % 3 == 2 else session.id
            prompt = f"{name} asks {number}"
            try:
                turn = await timed(manager.send(target, prompt))
            except BrimError as error:
                assert target == shared and isinstance(error, SessionBusyError), error
                refused.append(error.sentence)
            else:
                answer = await turn.wait()
                kept[prompt] = [target, answer.id, answer.parent_id, answer.content]
            if number % 5 == 0:
                await timed(manager.library.tag([session.id], add=[name]))
            number += 1
    print(json.dumps({"kept": kept, "refused": len(refused), "slowest_s": slowest}), flush=True)

asyncio.run(main(*sys.argv[1:]))
"""

READS = """
import asyncio, json, sys, time
from pathlib import Path
from brim.core.search import parse
from brim.core.store.sqlite import SQLiteStore

async def main(path, name, seconds, shared):
    store = SQLiteStore(Path(path))
    await store.open()
    print("ready", flush=True)
    sys.stdin.readline()
    end = time.monotonic() + float(seconds)
    reads, slowest, most = 0, 0.0, 0
    while time.monotonic() < end:
        began = time.monotonic()
        sessions = await store.list_sessions(limit=20)
        shown = await store.transcript(shared)
        await store.search(parse("asks"), limit=20)
        slowest = max(slowest, time.monotonic() - began)
        assert all(message.session_id == shared for message in shown)
        assert len(sessions) >= min(most, 20)
        reads, most = reads + 1, max(most, len(sessions))
    await store.aclose()
    print(json.dumps({"reads": reads, "slowest_s": slowest}), flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def _together(path: Path, seconds: float, shared: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Run the writers and the reader at the same time; returns what each of them tells at its end."""
    pipe = asyncio.subprocess.PIPE
    programs = [(WRITES, f"w{number}") for number in range(WRITERS)] + [(READS, "reader")]
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program,
            str(path),
            name,
            str(seconds),
            shared,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            limit=1 << 26,
        )
        for program, name in programs
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    ended = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    for process, (_, said) in zip(processes, ended, strict=True):
        assert (process.returncode, said) == (0, b""), said.decode()
    *written, read = (json.loads(told) for told, _ in ended)
    return written, read


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seconds", [4.0, pytest.param(60.0, marks=pytest.mark.slow)])
async def test_ten_writers_at_once(tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "brim.db"
    shared = Session(title="Shared")
    store = SQLiteStore(path)
    await store.open()
    await store.add_session(shared)
    written, read = await _together(path, seconds, shared.id)

    assert_whole(path)
    there = {session.id: session for session in await store.list_sessions(limit=1_000_000)}
    messages: dict[str, Message] = {}
    for session in there.values():
        tree = await store.tree(session.id)
        assert session.messages == len(tree)
        messages |= {message.id: message for message in tree}
    await store.aclose()

    asked = {message.content: message for message in messages.values() if message.role == "user"}
    for told in written:
        for prompt, (session_id, answer_id, prompt_id, content) in told["kept"].items():
            answer = messages[answer_id]
            assert (answer.session_id, answer.parent_id) == (session_id, prompt_id)
            assert (answer.content, answer.status) == (content, Status.COMPLETE)
            assert content.strip() == prompt
            assert asked[prompt].id == prompt_id
    turns = sum(len(told["kept"]) for told in written)
    assert len(messages) == len(asked) * 2 == turns * 2
    for name, told in enumerate(written):
        own = {session_id for session_id, *_ in told["kept"].values()} - {shared.id}
        assert any(f"w{name}" in there[session_id].tags for session_id in own)
    slowest_s = max(told["slowest_s"] for told in written)
    in_shared = sum(message.session_id == shared.id for message in messages.values())
    print(
        f"{WRITERS} writers, {seconds:.0f} s: {len(messages):,} messages in {len(there):,} sessions, all there "
        f"({in_shared:,} of them in the shared one, {sum(told['refused'] for told in written):,} times refused); "
        f"slowest write {slowest_s:.2f} s; {read['reads']:,} reads, slowest {read['slowest_s']:.2f} s; "
        f"load {os.getloadavg()[0]:.1f}"
    )
    assert slowest_s < SLOWEST_S
