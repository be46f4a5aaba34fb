"""A data file of the first schema, brought to the newest with everything that it held."""

import json
import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest

from brim.core.errors import StoreError
from brim.core.store.migrate import APPLICATION_ID, migrate, migrations
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import CleanupReceipt, Status
from brim.core.usage import Usage

NOON = 1_790_000_000_000_000
RECEIPT = CleanupReceipt(
    before_tokens=9, after_tokens=5, left_ids=("q1",), kept=1, pinned=0, reached_target=True
)


def usage(count):
    return json.dumps(
        {
            "input_tokens": count,
            "cache_read_tokens": 1,
            "cache_write_tokens": 2,
            "output_tokens": 3,
            "reasoning_tokens": 1,
            "estimated": False,
        }
    )


@pytest.fixture
def path(tmp_path):
    """A file as the first version left it, with what it let in besides."""
    path = tmp_path / "brim.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.executescript(migrations()[0][1])
        file.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        file.execute("PRAGMA user_version = 1")
        for session_id, title, head, deleted in (
            ("a", "ÄRGER", "a2", None),
            ("b", "Other", "b1", None),
            ("c", "Gone", None, NOON),
        ):
            file.execute(
                "INSERT INTO sessions (id, title, model, created_at, updated_at, head_id, messages, window_tokens, "
                "deleted_at, draft) VALUES (?, ?, 'openai:x', ?, ?, ?, 4, 12345, ?, 'draft')",
                (session_id, title, NOON, NOON, head, deleted),
            )

        def add(message_id, session_id, parent_id, **fields):
            values = {
                "id": message_id,
                "session_id": session_id,
                "parent_id": parent_id,
                "role": "user",
                "status": "complete",
                "created_at": NOON,
                "chars": 3,
                "lines": 1,
                "tokens": 10,
                "tokens_estimated": 1,
                "in_window": 1,
                "pinned": 0,
                "content": "é" * 200,
                **fields,
            }
            names = ", ".join(values)
            file.execute(
                f"INSERT INTO messages ({names}) VALUES ({', '.join(':' + name for name in values)})", values
            )

        add("q1", "a", None, in_window=0)
        add(
            "a1",
            "a",
            "q1",
            role="assistant",
            model="openai:x",
            usage=usage(100),
            cost=75_000,
            receipt=RECEIPT.model_dump_json(),
            pinned=1,
        )
        add("q2", "a", "a1")
        add("a2", "a", "q2", role="assistant", model="openai:x", usage=usage(10**18), tokens=10**18)
        add("q1", "a", None, content="twin")
        add("b0", "b", "q1")  # a parent of another session
        add("b1", "b", "missing", role="assistant", status="streaming", tokens=0, content="")
        file.execute("INSERT INTO journal VALUES ('b1', 1, 'so far', '', '[]')")
        file.execute("INSERT INTO journal VALUES ('a1', 1, 'orphan', '', '[]')")
    return path


async def test_everything_is_still_there(path):
    store = SQLiteStore(path)
    recovered = await store.open()
    assert recovered.backup == str(path.with_name("brim.db.v1.backup"))
    assert recovered.interrupted_ids == ("b1",)
    messages = await store.transcript("a")
    assert [(m.id, m.parent_id, m.in_window, m.pinned) for m in messages] == [
        ("q1", None, False, False),
        ("a1", "q1", True, True),
        ("q2", "a1", True, False),
        ("a2", "q2", True, False),
    ]
    answer = messages[1]
    assert answer.usage == Usage(
        input_tokens=100, cache_read_tokens=1, cache_write_tokens=2, output_tokens=3, reasoning_tokens=1
    )
    assert (answer.cost_usd, answer.receipt) == (Decimal("0.000000075"), RECEIPT)
    assert (answer.content, answer.left_out, answer.shortened_chars, answer.prompt_parts) == (
        "é" * 200,
        False,
        None,
        None,
    )
    assert [row.opening for row in await store.context_rows("a")] == ["é" * 120] * 4
    cut = await store.message("b1")
    assert (cut.status, cut.content, cut.parent_id) == (Status.INTERRUPTED, "so far", None)
    assert (await store.message("b0")).parent_id is None
    session = await store.session("a")
    assert (session.pinned_tokens, session.window_tokens) == (10, 10 + 10 + 10**12)
    assert (session.draft, session.title, session.messages) == ("draft", "ÄRGER", 4)
    assert await store.count_sessions() == 2
    await store.aclose()
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("SELECT id FROM sessions WHERE title_key = 'ärger'").fetchall() == [("a",)]
        assert file.execute("SELECT id, content FROM messages WHERE id LIKE 'q1-%'").fetchone()[1] == "twin"
        assert file.execute("SELECT count(*) FROM messages").fetchone() == (7,)


async def test_what_was_spent_is_counted_once(path):
    store = SQLiteStore(path)
    for _ in range(2):
        await store.open()
        spent = [row for row in await store.spending() if row.model == "openai:x"]
        assert [(row.turns, row.priced_turns, row.cost_usd) for row in spent] == [
            (2, 1, Decimal("0.000000075"))
        ]
        assert spent[0].usage.input_tokens == 100 + 10**12
        assert spent[0].usage.output_tokens == 6
        assert not spent[0].usage.estimated
        assert await store.predictions() == []
        await store.aclose()


def test_the_file_is_sound_and_its_copy_is_as_it_was(path):
    backup = migrate(path)
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert file.execute("PRAGMA foreign_key_check").fetchall() == []
        assert file.execute("PRAGMA user_version").fetchone()[0] == migrations()[-1][0]
        tables = {row[0] for row in file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        assert not any(name.endswith("_before") for name in tables)
    with closing(sqlite3.connect(backup)) as copy:
        assert copy.execute("PRAGMA user_version").fetchone()[0] == 1
        assert copy.execute("SELECT count(*) FROM messages").fetchone() == (7,)


def test_a_new_file_and_a_migrated_one_have_the_same_schema(path, tmp_path):
    migrate(path)
    migrate(tmp_path / "new.db")
    schemas = []
    for each in (path, tmp_path / "new.db"):
        with closing(sqlite3.connect(each)) as file:
            schemas.append(
                sorted(file.execute("SELECT type, name, sql FROM sqlite_schema").fetchall(), key=str)
            )
    assert schemas[0] == schemas[1]


def test_a_migration_that_fails_leaves_the_file_as_it_was(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("CREATE TABLE spending (in_the_way)")
    with pytest.raises(StoreError, match="spending"):
        migrate(path)
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA user_version").fetchone()[0] == 1
        assert file.execute("SELECT count(*) FROM messages").fetchone() == (7,)
        assert file.execute("SELECT count(*) FROM journal").fetchone() == (2,)
