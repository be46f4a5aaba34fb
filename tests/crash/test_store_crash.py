"""A process that writes or migrates is killed at random moments; what it had reported as stored is there."""

import asyncio
import shutil
import sqlite3
from contextlib import closing

import pytest

from brim.core.search import parse
from brim.core.store.migrate import APPLICATION_ID, migrations, newest_version
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Status
from tests.support.kills import KILLS, TIMEOUT_S, assert_whole, chance, killed

WRITES = """
import asyncio, json, sys, time
from pathlib import Path
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Message, Session, Status

def say(**facts):
    print(json.dumps({"at": time.monotonic(), **facts}), flush=True)

async def main(path, name):
    store = SQLiteStore(Path(path))
    await store.open()
    session = Session()
    await store.add_session(session)
    say(session=session.id)
    parent = None
    for turn in range(10_000):
        prompt = Message(role="user", content=f"prompt {name}x{turn}", session_id=session.id, parent_id=parent, tokens=2)
        await store.add_message(prompt)
        say(prompt=prompt.id, content=prompt.content)
        answer = Message(role="assistant", session_id=session.id, parent_id=prompt.id, status=Status.STREAMING, tokens=0)
        await store.add_message(answer)
        text = ""
        for piece in range(turn % 12):
            store.journal(answer.id, text=f"{piece} ")
            text += f"{piece} "
            await asyncio.sleep(0.02)
            say(answer=answer.id, text=(await store.message(answer.id)).content)
        await store.finish_message(answer.model_copy(update={"content": text, "status": Status.COMPLETE, "tokens": 40}))
        say(finished=answer.id, text=text)
        await store.update_session(session.id, title=f"after {turn}", tags=(f"t{turn}",))
        say(titled=session.id, number=turn)
        await store.index(0.01)
        parent = answer.id

asyncio.run(main(*sys.argv[1:]))
"""

MIGRATES = """
import asyncio, json, sys, time
from pathlib import Path
from brim.core.store.sqlite import SQLiteStore

async def main(path):
    store = SQLiteStore(Path(path))
    print(json.dumps({"at": time.monotonic()}), flush=True)
    await store.open()
    print(json.dumps({"at": time.monotonic()}), flush=True)
    await store.aclose()

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.timeout(TIMEOUT_S)
async def test_writes_killed_at_random_moments(tmp_path):
    seed = chance("writes")
    path = tmp_path / "brim.db"
    kept, titles, interrupted = {}, {}, 0
    for number in range(KILLS):
        said, was_killed = await killed(
            WRITES, str(path), f"n{number}", lines=seed.randrange(1, 90), wait_s=seed.random() * 0.03
        )
        assert was_killed
        assert_whole(path)
        store = SQLiteStore(path)
        recovered = await store.open()
        texts = {}
        for fact in said:
            if "prompt" in fact:
                kept[fact["prompt"]] = (fact["content"], {Status.COMPLETE})
            elif "finished" in fact:
                texts.pop(fact["finished"], None)
                kept[fact["finished"]] = (fact["text"], {Status.COMPLETE})
            elif "titled" in fact:
                titles[fact["titled"]] = fact["number"]
            elif "answer" in fact:
                texts[fact["answer"]] = fact["text"]
        for message_id, text in texts.items():
            message = await store.message(message_id)
            assert message.content.startswith(text)
            kept[message_id] = (message.content, {Status.COMPLETE, Status.INTERRUPTED})
        for message_id in recovered.interrupted_ids:
            assert (await store.message(message_id)).status is Status.INTERRUPTED
        interrupted += len(recovered.interrupted_ids)
        session = await store.session(said[0]["session"])
        shown = await store.transcript(session.id)
        assert session.window_tokens == sum(m.tokens for m in shown)
        assert not any(m.status is Status.STREAMING for m in shown)
        await store.aclose()
    await _all_is_there(path, kept, titles)
    print(f"{KILLS} kills, {len(kept)} messages reported as stored, {interrupted} answers interrupted")


async def _all_is_there(path, kept, titles):
    """Compare a data file with all that was ever reported of it, and look for each prompt."""
    store = SQLiteStore(path)
    await store.open()
    try:
        for message_id, (content, statuses) in kept.items():
            message = await store.message(message_id)
            assert message.content == content
            assert message.status in statuses
        for session_id, number in titles.items():
            session = await store.session(session_id)
            assert int(session.title.removeprefix("after ")) >= number
            assert session.tags == (f"t{session.title.removeprefix('after ')}",)
        while await store.index(1.0):
            pass
        for message_id, (content, _) in kept.items():
            if content.startswith("prompt"):
                found = await store.search(parse(content.split()[1]), limit=5)
                assert [hit.message_id for hit in found.hits] == [message_id]
    finally:
        await store.aclose()


def _old_file(path, sessions, pairs):
    """Make a data file as the first version left it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.executescript(migrations()[0][1])
        file.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        file.execute("PRAGMA user_version = 1")
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("BEGIN")
        for number in range(sessions):
            session_id, parent = f"s{number}", None
            file.execute(
                "INSERT INTO sessions (id, title, model, created_at, updated_at, messages) VALUES (?, ?, 'openai:x', ?, ?, ?)",
                (session_id, f"Title {number}", number, number, 2 * pairs),
            )
            for turn in range(2 * pairs):
                message_id = f"{session_id}-{turn}"
                file.execute(
                    "INSERT INTO messages (id, session_id, parent_id, role, status, created_at, chars, lines, tokens, "
                    "tokens_estimated, in_window, pinned, content) VALUES (?, ?, ?, ?, 'complete', ?, 400, 1, 10, 1, 1, 0, ?)",
                    (
                        message_id,
                        session_id,
                        parent,
                        "assistant" if turn % 2 else "user",
                        number * 1000 + turn,
                        f"{message_id} said " * 30,
                    ),
                )
                parent = message_id
            file.execute("UPDATE sessions SET head_id = ? WHERE id = ?", (parent, session_id))
        file.execute("COMMIT")


def _said(path):
    """Return what all messages of a data file of any version say."""
    with closing(sqlite3.connect(path)) as file:
        return sorted(file.execute("SELECT session_id, id, parent_id, role, content FROM messages"))


def _version(path):
    with closing(sqlite3.connect(path)) as file:
        return file.execute("PRAGMA user_version").fetchone()[0]


@pytest.mark.timeout(TIMEOUT_S)
async def test_migrations_killed_at_random_moments(tmp_path):
    seed = chance("migrations")
    old, path = tmp_path / "old" / "brim.db", tmp_path / "new" / "brim.db"
    old.parent.mkdir()
    await asyncio.to_thread(_old_file, old, 150, 40)
    said = await asyncio.to_thread(_said, old)

    def begin_anew():
        shutil.rmtree(path.parent, ignore_errors=True)
        path.parent.mkdir()
        shutil.copy(old, path)

    begin_anew()
    (begins, ends), _ = await killed(MIGRATES, str(path), lines=1, wait_s=60)
    longest_s = 1.1 * (ends["at"] - begins["at"])
    assert _version(path) == newest_version()
    begin_anew()
    cut, stopped_at, done = 0, set(), 0
    while cut < KILLS:
        _, was_killed = await killed(MIGRATES, str(path), lines=1, wait_s=seed.random() * longest_s)
        cut += was_killed
        assert_whole(path)
        version = _version(path)
        stopped_at.add(version)
        assert _said(path) == said
        if version < newest_version():
            continue
        store = SQLiteStore(path)
        await store.open()
        assert [m.id for m in await store.transcript("s7")] == [f"s7-{turn}" for turn in range(80)]
        await store.aclose()
        backups = list(path.parent.glob("*.backup"))
        for backup in backups:
            assert_whole(backup)
            assert _said(backup) == said
        assert path.with_name("brim.db.v1.backup") in backups
        done += 1
        begin_anew()
    assert stopped_at - {newest_version()}
    print(
        f"{cut} kills, {len(said)} messages; versions found after a kill: {sorted(stopped_at)}; whole {done} times"
    )
