"""What goes wrong around the store: full disks, crashes, twins, strange text, other brims on the same file."""

import asyncio
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from decimal import Decimal

import pytest

from brim.core.errors import NewerStoreError, SessionNotFoundError, StoreError
from brim.core.store.connection import Connections
from brim.core.store.journal import FLUSH_S
from brim.core.store.migrate import migrate
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import (
    CleanupReceipt,
    Failure,
    Message,
    PromptParts,
    QueuedPrompt,
    Session,
    SessionFilter,
    Status,
    Summary,
    ToolCall,
    now,
)
from brim.core.usage import Usage


@pytest.fixture
def path(tmp_path):
    return tmp_path / "brim.db"


@pytest.fixture
async def store(path):
    store = SQLiteStore(path)
    await store.open()
    yield store
    await store.aclose()


async def asked(store, **fields):
    """Keep a session with an answer that is being written."""
    session = Session()
    await store.add_session(session)
    answer = Message(
        role="assistant", session_id=session.id, status=Status.STREAMING, tokens=0, content="", **fields
    )
    await store.add_message(answer)
    return session, answer


def outside(path):
    """Another program's connection to the data file."""
    return closing(sqlite3.connect(path, isolation_level=None, timeout=10))


async def until_stored(store, answer, text):
    async with asyncio.timeout(10):
        while (await store.message(answer.id)).content != text:
            await asyncio.sleep(0.01)


# --- answers ------------------------------------------------------------------------------------------------------


async def test_an_answer_that_ends_twice_is_one_turn(store):
    _, answer = await asked(store)
    ended = answer.model_copy(
        update={
            "status": Status.COMPLETE,
            "usage": Usage(input_tokens=5, output_tokens=5),
            "cost_usd": Decimal("0.1"),
        }
    )
    await store.finish_message(ended)
    again = await store.finish_message(ended.model_copy(update={"content": "more"}))
    assert (again.turns, again.tokens, again.cost_usd, again.priced_turns) == (1, 10, Decimal("0.1"), 1)
    assert [spent.turns for spent in await store.spending()] == [1]
    assert (await store.message(answer.id)).content == "more"


async def test_what_is_journalled_after_the_end_is_dropped(store, path):
    _, answer = await asked(store)
    await store.finish_message(answer.model_copy(update={"status": Status.COMPLETE, "content": "hi"}))
    store.journal(answer.id, text="late")
    store.journal("no such answer", text="x")
    await asyncio.sleep(2 * FLUSH_S)
    await store.aclose()
    with outside(path) as file:
        assert file.execute("SELECT count(*) FROM journal").fetchone() == (0,)


async def test_pieces_of_two_writers_of_one_answer_are_all_kept(store, path):
    """The sequence goes on where it stands on disk, not where this process believes it to be."""
    _, answer = await asked(store)
    other = SQLiteStore(path)
    await other.open()
    store.journal(answer.id, text="one ")
    await until_stored(store, answer, "one ")
    other.journal(answer.id, text="two ")
    await until_stored(store, answer, "one two ")
    store.journal(answer.id, text="three")
    await until_stored(store, answer, "one two three")
    await other.aclose()


# --- the journal when the disk fails ------------------------------------------------------------------------------


async def test_a_journal_that_could_not_be_written_says_so_once_and_goes_on(store, path):
    _, answer = await asked(store)
    with outside(path) as file:
        file.execute("ALTER TABLE journal RENAME TO elsewhere")
        store.journal(answer.id, text="one ")
        failures = 0
        async with asyncio.timeout(10):
            while not failures:
                await asyncio.sleep(0.02)
                try:
                    store.journal(answer.id, reasoning=".")
                except StoreError:
                    failures += 1
        file.execute("ALTER TABLE elsewhere RENAME TO journal")
    store.journal(answer.id, text="two ")
    await until_stored(store, answer, "one two ")


async def test_a_journal_tries_again_without_being_asked(store, path):
    _, answer = await asked(store)
    with outside(path) as file:
        file.execute("ALTER TABLE journal RENAME TO elsewhere")
        store.journal(answer.id, text="one")
        await asyncio.sleep(2 * FLUSH_S)
        file.execute("ALTER TABLE elsewhere RENAME TO journal")
    await until_stored(store, answer, "one")


async def test_a_failure_that_is_none_of_sqlites_does_not_end_the_journal_unseen(store):
    _, answer = await asked(store)
    store.journal(answer.id, text="a", tool_call=object())  # what no ToolCall is cannot be written
    with pytest.raises(StoreError, match="cannot be written"):
        async with asyncio.timeout(10):
            while True:
                await asyncio.sleep(0.02)
                store.journal(answer.id, reasoning="")
    store.journal(answer.id, text="b")
    with pytest.raises(StoreError):
        async with asyncio.timeout(10):
            while True:
                await asyncio.sleep(0.02)
                store.journal(answer.id, reasoning="")
    await store.finish_message(answer.model_copy(update={"status": Status.COMPLETE, "content": "abc"}))


async def test_closing_waits_for_what_is_being_written(path):
    store = SQLiteStore(path)
    await store.open()
    _, answer = await asked(store)
    store.journal(answer.id, text="all of it")
    with outside(path) as file:
        file.execute("BEGIN IMMEDIATE")
        await asyncio.sleep(2 * FLUSH_S)  # the flush runs, and waits for the other program
        closing_task = asyncio.create_task(store.aclose())
        await asyncio.sleep(0.05)
        file.execute("COMMIT")
        await closing_task
        assert file.execute("SELECT text FROM journal").fetchall() == [("all of it",)]


async def test_nothing_is_journalled_into_a_closed_store(path):
    store = SQLiteStore(path)
    await store.open()
    await store.aclose()
    with pytest.raises(StoreError, match="closed"):
        store.journal("x", text="y")
    with pytest.raises(StoreError, match="closed"):
        await store.count_sessions()
    with pytest.raises(StoreError, match="closed"):
        await store.add_session(Session())


async def test_text_survives_an_end_that_could_not_be_written(store, path):
    _, answer = await asked(store)
    store.journal(answer.id, text="so far")
    with outside(path) as file:
        file.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON messages BEGIN SELECT raise(ABORT, 'no room'); END"
        )
        with pytest.raises(StoreError, match="no room"):
            await store.finish_message(
                answer.model_copy(update={"status": Status.COMPLETE, "content": "so far"})
            )
        file.execute("DROP TRIGGER full")
    await until_stored(store, answer, "so far")


# --- opening and closing ------------------------------------------------------------------------------------------


async def test_closing_what_was_never_opened(path):
    store = SQLiteStore(path)
    await store.aclose()
    assert not path.exists()
    await store.open()
    await store.aclose()
    await store.aclose()


async def test_a_failed_opening_leaves_nothing_held(path):
    migrate(path)
    with outside(path) as file:
        file.execute("ALTER TABLE messages RENAME COLUMN writer TO scribe")
    store = SQLiteStore(path)
    with pytest.raises(StoreError, match="writer"):
        await store.open()
    assert list(path.with_name("brim.db.writers").iterdir()) == []
    await store.aclose()
    with outside(path) as file:
        file.execute("ALTER TABLE messages RENAME COLUMN scribe TO writer")
    await store.open()
    assert await store.count_sessions() == 0
    await store.aclose()


async def test_a_newer_brim_may_change_the_file_meanwhile(store, path):
    session = Session()
    await store.add_session(session)
    with outside(path) as file:
        file.execute("PRAGMA user_version = 999")
    with pytest.raises(NewerStoreError, match="newer brim has changed"):
        await store.update_session(session.id, title="x")
    with outside(path) as file:
        assert file.execute("SELECT title FROM sessions").fetchone() == ("",)


# --- what the disk has --------------------------------------------------------------------------------------------


async def test_prompts_and_answers_survive_a_power_cut_and_references_are_enforced(path):
    migrate(path)
    file = Connections(path)
    await file.open()

    def setting(name):
        return lambda connection: connection.execute(f"PRAGMA {name}").fetchone()[0]

    assert await file.write(setting("synchronous")) == 2  # FULL
    assert await file.write(setting("synchronous"), is_synced=False) == 1  # NORMAL
    assert await file.write(setting("foreign_keys")) == 1
    assert await file.read(setting("query_only")) == 1
    await file.close()


async def test_ids_are_unique_and_parents_are_there(store):
    session, other = Session(), Session()
    for each in (session, other):
        await store.add_session(each)
    root = Message(role="user", session_id=session.id)
    await store.add_message(root)
    wrong = (
        root,
        Message(role="user", id=root.id, session_id=other.id),
        Message(role="user", session_id=session.id, parent_id="none"),
        Message(role="user", session_id=other.id, parent_id=root.id),
        Message(role="user", id="itself", session_id=session.id, parent_id="itself"),
    )
    for message in wrong:
        with pytest.raises(StoreError):
            await store.add_message(message)
    assert (await store.session(session.id)).messages == 1
    assert (await store.session(other.id)).messages == 0


async def test_a_stalled_event_loop_keeps_nobody_else_waiting(store, path):
    """A write is one piece of work in a thread: it does not stay open while the loop does something else."""
    session = Session()
    await store.add_session(session)
    writing = asyncio.create_task(store.add_message(Message(role="user", session_id=session.id)))
    await asyncio.sleep(0)
    time.sleep(0.3)  # the loop is busy, wherever the write has got to
    with closing(sqlite3.connect(path, isolation_level=None, timeout=20)) as file:
        file.execute("BEGIN IMMEDIATE")
        file.execute("ROLLBACK")
    await writing


LONG_TEXT = """
import asyncio, os, signal, sys
from pathlib import Path
from brim.core.store.journal import FLUSH_S
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Message, PromptParts, Session, SessionFilter, Status

async def main(path):
    store = SQLiteStore(Path(path))
    await store.open()
    for name in ("asked", "kept"):
        await store.add_session(Session(id=name))
        prompt = Message(id=f"{name} prompt", role="user", content="?", tokens=9, session_id=name)
        await store.add_message(prompt)
        answer = Message(
            id=name, session_id=name, parent_id=prompt.id, role="assistant", model="openai:x",
            status=Status.STREAMING, tokens=0,
        )
        await store.add_message(answer)
    await store.foresee("asked", PromptParts(system_tokens=1, history_tokens=9))
    store.journal("asked", text="word " * 2_000)
    async with asyncio.timeout(10):
        while not (await store.message("asked")).content:
            await asyncio.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main(sys.argv[1]))
"""


async def test_an_answer_cut_by_a_crash_weighs_and_counts(path):
    run = subprocess.run([sys.executable, "-c", LONG_TEXT, str(path)], timeout=30, check=False)
    assert run.returncode == -9
    store = SQLiteStore(path)
    recovered = await store.open()
    assert set(recovered.interrupted_ids) == {"asked", "kept"}
    found = await store.message("asked")
    assert found.status is Status.INTERRUPTED
    assert found.tokens_estimated
    assert 1_500 < found.tokens < 3_000
    assert found.usage.estimated
    assert found.usage.input_tokens == 10
    assert found.cost_usd is None
    session = await store.session("asked")
    assert session.window_tokens == found.tokens + 9
    assert (session.turns, session.priced_turns) == (1, 0)
    assert session.tokens == found.usage.total_tokens
    assert [(spent.model, spent.turns, spent.priced_turns) for spent in await store.spending()] == [
        ("openai:x", 1, 0)
    ]
    never_sent = await store.message("kept")
    assert (never_sent.status, never_sent.tokens, never_sent.usage) == (Status.INTERRUPTED, 0, None)
    assert (await store.session("kept")).turns == 0
    await store.aclose()


# --- strange text -------------------------------------------------------------------------------------------------

BAD = "a\ud800b"


async def test_text_that_utf8_cannot_hold_is_storable_wherever_it_stands(store):
    session = Session(title=BAD, model=BAD, system_prompt=BAD, draft=BAD, queued=(QueuedPrompt(text=BAD),))
    await store.add_session(session)
    await store.update_session(session.id, title=BAD, model=BAD, system_prompt=BAD)
    answer = Message(role="assistant", session_id=session.id, status=Status.STREAMING)
    await store.add_message(answer)
    call = ToolCall.model_construct(id=BAD, name=BAD, arguments=BAD, result=BAD, is_error=False, at=0)
    store.journal(answer.id, text=BAD, reasoning=BAD, tool_call=call)
    await until_stored(store, answer, "a?b")
    assert (await store.message(answer.id)).tool_calls[0].result == "a?b"
    summary = Summary.model_construct(
        text=BAD, tokens=1, replaced_tokens=2, model=BAD, cost_usd=Decimal("0.5"), edited=False
    )
    receipt = CleanupReceipt.model_construct(
        before_tokens=1,
        after_tokens=1,
        left_ids=(BAD,),
        kept=1,
        pinned=0,
        reached_target=True,
        summary=summary,
    )
    await store.foresee(answer.id, PromptParts())
    await store.clean(session.id, answer.id, receipt)
    await store.finish_message(
        answer.model_copy(
            update={
                "status": Status.FAILED,
                "content": BAD,
                "model": BAD,
                "finish_reason": BAD,
                "tool_calls": (call,),
                "failure": Failure.model_construct(
                    kind=BAD, sentence=BAD, hint="", retryable=False, retry_after_s=None
                ),
                "usage": Usage(output_tokens=1),
            }
        )
    )
    kept = await store.message(answer.id)
    assert (kept.model, kept.finish_reason, kept.failure.sentence) == ("a?b", "a?b", "a?b")
    assert (kept.tool_calls[0].name, kept.receipt.summary.text) == ("a?b", "a?b")
    assert kept.receipt.summary.cost_usd == Decimal("0.5")
    found = await store.session(session.id)
    assert (found.title, found.queued[0].text, found.draft) == ("a?b", "a?b", "a?b")
    assert [spent.model for spent in await store.spending()] == ["a?b"]


async def test_names_that_utf8_cannot_hold_are_the_names_of_nothing(store):
    for look in (store.find_session, store.session, store.message):
        with pytest.raises(SessionNotFoundError) as error:
            await look("\udcff")
        error.value.sentence.encode()
    assert await store.tail("\udcff", limit=3) == []
    assert await store.messages_by_id(["\udcff"]) == []
    assert await store.list_sessions(limit=3, only=SessionFilter(title="\udcff")) == []
    assert (await store.model_facts("\udcff")).window_tokens is None


async def test_the_title_filter_ignores_case_in_every_script(store):
    for title in ("ÄRGER mit Straßen", "ПРИВЕТ", "plain"):
        await store.add_session(Session(title=title))
    for text, title in (
        ("ärger", "ÄRGER mit Straßen"),
        ("STRASSEN", "ÄRGER mit Straßen"),
        ("привет", "ПРИВЕТ"),
        ("PLAIN", "plain"),
    ):
        assert [
            session.title for session in await store.list_sessions(limit=9, only=SessionFilter(title=text))
        ] == [title]
    session = (await store.list_sessions(limit=1, only=SessionFilter(title="plain")))[0]
    await store.update_session(session.id, title="ÉTÉ")
    assert len(await store.list_sessions(limit=9, only=SessionFilter(title="été"))) == 1
    assert await store.list_sessions(limit=9, only=SessionFilter(title="plain")) == []


# --- prompts and counts -------------------------------------------------------------------------------------------


async def prompts_of(store, texts):
    session, parent = Session(), None
    await store.add_session(session)
    for text in texts:
        message = Message(role="user", content=text, session_id=session.id, parent_id=parent)
        await store.add_message(message)
        parent = message.id
    return session


async def test_prompts_reach_behind_repeats_and_leave_out_deleted_sessions(store):
    await prompts_of(store, [f"p{number}" for number in range(10)] + ["go on"] * 50)
    gone = await prompts_of(store, ["secret"])
    await store.update_session(gone.id, deleted_at=now())
    assert await store.prompts(limit=5) == ["go on", "p9", "p8", "p7", "p6"]


async def test_the_number_of_sessions_is_kept_by_whoever_changes_it(store, path):
    sessions = [await prompts_of(store, []) for _ in range(4)]
    await store.add_session(Session(deleted_at=now()))
    await store.update_session(sessions[0].id, deleted_at=now())
    await store.update_session(sessions[0].id, deleted_at=now())
    await store.update_session(sessions[1].id, deleted_at=now())
    await store.update_session(sessions[1].id, deleted_at=None)
    with outside(path) as file:
        file.execute("DELETE FROM sessions WHERE id = ?", (sessions[2].id,))
        file.execute("DELETE FROM sessions WHERE id = ?", (sessions[0].id,))
    assert await store.count_sessions() == len(await store.list_sessions(limit=99)) == 2


async def test_reading_while_answers_end_never_shows_half_of_one(store):
    """The row and its journal are read at one moment: text that was seen does not go away."""
    session, answer = await asked(store)
    seen = []

    async def read():
        while True:
            seen.append((await store.tail(session.id, limit=1))[0])

    async def more_seen():
        """Wait until each reader has begun and ended another read."""
        enough = len(seen) + 6
        async with asyncio.timeout(10):
            while len(seen) < enough:
                await asyncio.sleep(0)

    for _ in range(8):
        store.journal(answer.id, text="so far")
        await until_stored(store, answer, "so far")
        readers = [asyncio.create_task(read()) for _ in range(3)]
        await more_seen()
        await store.finish_message(answer.model_copy(update={"status": Status.COMPLETE, "content": "so far"}))
        await more_seen()
        for reader in readers:
            reader.cancel()
        await asyncio.wait(readers)
        assert {m.content for m in seen} == {"so far"}
        answer = Message(
            role="assistant", session_id=session.id, parent_id=answer.id, status=Status.STREAMING
        )
        await store.add_message(answer)


async def test_rows_become_messages_without_holding_up_the_loop(store, path):
    session = Session()
    await store.add_session(session)
    with outside(path) as file:
        file.execute("BEGIN")
        parent = None
        for number in range(16_000):
            file.execute(
                "INSERT INTO messages (id, session_id, parent_id, role, status, created_at, chars, lines, tokens, "
                "tokens_estimated, in_window, pinned, content) VALUES (?, ?, ?, 'user', 'complete', 0, 1, 1, 1, 1, 1, "
                "0, 'x')",
                (f"m{number}", session.id, parent),
            )
            parent = f"m{number}"
        file.execute("UPDATE sessions SET head_id = ?", (parent,))
        file.execute("COMMIT")
    for read in (store.window, store.outline, store.context_rows):
        turns = 0
        reading = asyncio.create_task(read(session.id))
        while not reading.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert len(reading.result()) == 16_000
        assert turns >= 4, f"the loop had {turns} turns"
