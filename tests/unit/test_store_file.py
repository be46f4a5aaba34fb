"""The data file: made private, migrated after a copy, refused when it is not ours; costs that do not grow."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest

from brim.core.errors import NewerStoreError, StoreError
from brim.core.store import queries
from brim.core.store.migrate import migrations
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Message, Session, SessionFilter, Shelf, Status


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


async def test_files_are_for_the_owner_only(tmp_path):
    path = tmp_path / "data" / "brim.db"
    before = os.umask(0)
    try:
        store = SQLiteStore(path)
        await store.open()
        await store.add_session(Session())
        for file in path.parent.rglob("*"):
            assert mode(file) == (0o700 if file.is_dir() else 0o600), file.name
        assert mode(path.parent) == 0o700
        assert path.with_name("brim.db-wal").exists()
    finally:
        os.umask(before)
        await store.aclose()


async def test_the_newest_schema_stands_in_the_file(tmp_path):
    store = SQLiteStore(tmp_path / "brim.db")
    await store.open()
    await store.aclose()
    with closing(sqlite3.connect(tmp_path / "brim.db")) as file:
        assert file.execute("PRAGMA user_version").fetchone()[0] == migrations()[-1][0]
        assert file.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert file.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


async def test_a_newer_file_is_refused_and_not_touched(tmp_path):
    path = tmp_path / "brim.db"
    store = SQLiteStore(path)
    await store.open()
    await store.aclose()
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 999")
    content = path.read_bytes()
    with pytest.raises(NewerStoreError, match="newer brim"):
        await SQLiteStore(path).open()
    assert path.read_bytes() == content


async def test_a_file_that_is_no_database_is_refused_and_not_touched(tmp_path):
    path = tmp_path / "brim.db"
    path.write_text("Dear diary, " * 1_000)
    with pytest.raises(StoreError, match="cannot be used as brim's data file"):
        await SQLiteStore(path).open()
    assert path.read_text().startswith("Dear diary")


async def test_another_programs_database_is_refused(tmp_path):
    path = tmp_path / "brim.db"
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE bookmarks (url)")
    with pytest.raises(StoreError, match="another program"):
        await SQLiteStore(path).open()


async def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be opened"):
        await SQLiteStore(tmp_path / "file" / "brim.db").open()


MAKE_SESSIONS = """
import asyncio, sys
from pathlib import Path
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Message, Session

async def main(path, count):
    store = SQLiteStore(Path(path))
    await store.open()
    shared = Session(id="shared")
    try:
        await store.add_session(shared)
    except Exception as error:
        assert "UNIQUE" in str(error), error
    for _ in range(count):
        session = Session()
        await store.add_session(session)
        await store.add_message(Message(role="user", content="x", tokens=3, session_id=session.id))
        await store.add_message(Message(role="user", content="x", tokens=3, session_id="shared"))
    await store.aclose()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


async def test_many_processes_make_and_fill_one_file_at_once(tmp_path):
    path = tmp_path / "brim.db"
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", MAKE_SESSIONS, str(path), "25", stderr=asyncio.subprocess.PIPE
        )
        for _ in range(4)
    ]
    for process in processes:
        _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
    store = SQLiteStore(path)
    await store.open()
    assert await store.count_sessions() == 101
    assert (await store.session("shared")).messages == 100
    await store.aclose()


async def test_an_answer_whose_writer_is_gone_is_interrupted_and_one_still_being_written_is_not(tmp_path):
    path = tmp_path / "brim.db"
    living, gone = SQLiteStore(path), SQLiteStore(path)
    answers = {}
    for name, store in (("living", living), ("gone", gone)):
        await store.open()
        session = Session()
        await store.add_session(session)
        answers[name] = Message(role="assistant", session_id=session.id, status=Status.STREAMING, tokens=0)
        await store.add_message(answers[name])
        store.journal(answers[name].id, text=f"so far {name}")
    await gone.aclose()  # without finishing its answer, as after a crash

    third = SQLiteStore(path)
    recovered = await third.open()
    assert recovered.interrupted_ids == (answers["gone"].id,)
    found = await third.message(answers["gone"].id)
    assert (found.status, found.content) == (Status.INTERRUPTED, "so far gone")
    assert (await third.message(answers["living"].id)).status is Status.STREAMING
    assert (await interrupted_at_next_start(path)) == ()
    await third.aclose()
    await living.aclose()


async def interrupted_at_next_start(path):
    store = SQLiteStore(path)
    recovered = await store.open()
    await store.aclose()
    return recovered.interrupted_ids


def plan(file, sql, values):
    return [row[3] for row in file.execute("EXPLAIN QUERY PLAN " + sql, values)]


async def test_costs_do_not_grow_with_what_is_stored(tmp_path):
    """No query of the screen may scan a table or sort what an index has in order."""
    path = tmp_path / "brim.db"
    store = SQLiteStore(path)
    await store.open()
    await store.aclose()
    after = {"after_pinned": 0, "after_at": 1, "after_id": "a", "limit": 5}
    cases = {
        f"list {only}": (queries.list_sessions(only, is_continued=True), {**after, "title": "x"})
        for only in (
            SessionFilter(),
            SessionFilter(title="x"),
            SessionFilter(pinned_first=True),
            SessionFilter(shelf=Shelf.ARCHIVE),
        )
    }
    cases |= {
        "first": (queries.list_sessions(SessionFilter(pinned_first=True), is_continued=False), {"limit": 5}),
        "newest": (queries.NEWEST_SESSION, {}),
        "count": (queries.COUNT_SESSIONS, {}),
        "start": (queries.SESSIONS_BY_START, {"start": "a", "end": "b", "limit": 5}),
        "streaming": (queries.STREAMING_WRITERS, {}),
        "prompts": (queries.PROMPTS, {}),
        "tail": (queries.TAIL_BACK, {"session": "a", "limit": 5}),
        "before": (queries.TAIL_BEFORE_BACK, {"before": "a", "limit": 5}),
        "outline": (queries.OUTLINE_BACK, {"session": "a"}),
        "window": (queries.WINDOW_BACK, {"session": "a"}),
        "transcript": (queries.TRANSCRIPT_BACK, {"session": "a"}),
        "context": (queries.CONTEXT_BACK, {"session": "a"}),
        "weights": (queries.WEIGHTS_BACK, {"session": "a"}),
        "path": (queries.PATH_BACK, {"session": "a"}),
        "message": (queries.MESSAGE, ("a",)),
        "foreseen": (queries.FORESEEN, (5,)),
        "spending": (queries.SPENDING, ("2027-01-01",)),
        "journal": (queries.APPEND_TO_JOURNAL, {"id": "a", "text": "", "reasoning": "", "calls": "[]"}),
    }
    with closing(sqlite3.connect(path)) as file:
        for name, (sql, values) in cases.items():
            for step in plan(file, sql, values):
                assert (
                    not step.startswith("SCAN")
                    or "USING" in step
                    or step.startswith("SCAN (subquery")
                    or step in ("SCAN path", "SCAN CONSTANT ROW", "SCAN session_count")
                ), (name, step)
            assert name == "newest" or not any("TEMP B-TREE" in step for step in plan(file, sql, values)), (
                name
            )
        for name in ("outline", "weights", "path"):
            for step in plan(file, *cases[name]):
                assert "messages" not in step or "COVERING INDEX messages_path" in step, (name, step)


async def test_the_journal_only_ever_grows_by_what_came(tmp_path):
    path = tmp_path / "brim.db"
    store = SQLiteStore(path)
    await store.open()
    session = Session()
    await store.add_session(session)
    answer = Message(role="assistant", session_id=session.id, status=Status.STREAMING)
    await store.add_message(answer)
    for number in range(3):
        store.journal(answer.id, text=f"piece {number} ")
        async with asyncio.timeout(10):
            while not (await store.message(answer.id)).content.endswith(f"piece {number} "):
                await asyncio.sleep(0)
    with closing(sqlite3.connect(path)) as file:
        rows = [row[0] for row in file.execute("SELECT text FROM journal ORDER BY seq")]
        assert rows == ["piece 0 ", "piece 1 ", "piece 2 "]
        assert file.execute("SELECT content FROM messages WHERE id = ?", (answer.id,)).fetchone()[0] == ""
    await store.aclose()


async def test_a_write_that_is_cancelled_leaves_the_store_usable(tmp_path):
    store = SQLiteStore(tmp_path / "brim.db")
    await store.open()
    kept = 0
    for ticks in range(12):
        task = asyncio.create_task(store.add_session(Session()))
        for _ in range(ticks):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait({task})
        kept += sum(not each.cancelled() for each in done)
        await store.add_session(Session())
    assert 12 + kept <= await store.count_sessions() <= 24
    await store.aclose()


def test_a_program_that_forgets_to_close_ends_all_the_same(tmp_path):
    program = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom brim.core.store.sqlite import SQLiteStore\n"
        "asyncio.run(SQLiteStore(Path(sys.argv[1])).open())"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "brim.db")], check=True, timeout=30)
