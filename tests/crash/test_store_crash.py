"""A process that writes is killed at random moments; what it had reported as stored is there."""

import asyncio
import json
import random
import sqlite3
import sys
from contextlib import closing

import pytest

from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Status

WRITES = """
import asyncio, json, sys, time
from pathlib import Path
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Message, Session, Status

def say(**facts):
    print(json.dumps({"at": time.monotonic(), **facts}), flush=True)

async def main(path):
    store = SQLiteStore(Path(path))
    await store.open()
    session = Session()
    await store.add_session(session)
    parent = None
    for turn in range(10_000):
        prompt = Message(role="user", content=f"prompt {turn}", session_id=session.id, parent_id=parent, tokens=2)
        await store.add_message(prompt)
        say(prompt=prompt.id)
        answer = Message(role="assistant", session_id=session.id, parent_id=prompt.id, status=Status.STREAMING, tokens=0)
        await store.add_message(answer)
        text = ""
        for piece in range(40):
            store.journal(answer.id, text=f"{piece} ")
            text += f"{piece} "
            say(answer=answer.id, text=text)
            await asyncio.sleep(0.01)
        await store.finish_message(answer.model_copy(update={"content": text, "status": Status.COMPLETE, "tokens": 40}))
        say(finished=answer.id)
        parent = answer.id

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.slow
async def test_killed_at_random_moments(tmp_path):
    seed = random.Random(7)
    path = tmp_path / "brim.db"
    for _ in range(8):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITES, str(path), stdout=asyncio.subprocess.PIPE
        )
        said = [json.loads(await process.stdout.readline())]
        said += [json.loads(await process.stdout.readline()) for _ in range(seed.randrange(5, 90))]
        process.kill()
        rest, _ = await process.communicate()
        said += [json.loads(line) for line in rest.splitlines() if line.endswith(b"}")]

        with closing(sqlite3.connect(path)) as file:
            assert file.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        store = SQLiteStore(path)
        recovered = await store.open()
        end = said[-1]["at"]
        texts = {}
        for fact in said:
            if "prompt" in fact:
                assert (await store.message(fact["prompt"])).content.startswith("prompt")
            if "answer" in fact and fact["at"] < end - 0.25:
                texts[fact["answer"]] = fact["text"]
            if "finished" in fact:
                assert (await store.message(fact["finished"])).status is Status.COMPLETE
        for message_id, text in texts.items():
            assert (await store.message(message_id)).content.startswith(text)
        for message_id in recovered.interrupted_ids:
            assert (await store.message(message_id)).status is Status.INTERRUPTED
        session = (await store.list_sessions(limit=1))[0]
        path_of_session = await store.transcript(session.id)
        assert session.window_tokens == sum(m.tokens for m in path_of_session)
        assert not any(m.status is Status.STREAMING for m in path_of_session)
        await store.aclose()
