"""Finding messages in a data file: what is written is found, what is gone is not, and old files are caught up."""

import asyncio
import sqlite3
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brim.core.folding import fold
from brim.core.search import parse
from brim.core.searching import Search
from brim.core.store import search_table
from brim.core.store.migrate import APPLICATION_ID, migrate, migrations
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Message, Session, now

THEN = datetime(2025, 6, 15, 12, tzinfo=UTC)


@asynccontextmanager
async def opened(path):
    store = SQLiteStore(path)
    await store.open()
    try:
        yield store
    finally:
        await store.aclose()


@pytest.fixture
async def store(tmp_path):
    async with opened(tmp_path / "brim.db") as store:
        yield store


async def talk(store, *texts, title="Talk", **fields):
    """Keep a session with these messages; returns it and them."""
    session = Session(title=title)
    await store.add_session(session)
    messages = []
    for text in texts:
        message = Message(
            **{
                "session_id": session.id,
                "role": "user",
                "content": text,
                "parent_id": messages[-1].id if messages else None,
                **fields,
            }
        )
        await store.add_message(message)
        messages.append(message)
    return session, messages


async def found(store, text, limit=100, **how):
    return [hit.message_id for hit in await Search(store).look(text, **how).more(limit)]


async def indexed(store):
    while await store.index(1.0):
        pass


def in_parts(path):
    """Return how many messages each part of the words has."""
    with closing(sqlite3.connect(path)) as file:
        parts = [part for (part,) in file.execute("SELECT part FROM search_parts")]
        match = "SELECT count(*) FROM search_{0} WHERE search_{0} MATCH 'marks : (user OR assistant)'"
        return {part: file.execute(match.format(part)).fetchone()[0] for part in parts}


async def test_what_is_deleted_is_not_found_and_its_words_go_with_it(tmp_path, store):
    session, (message,) = await talk(store, "a needle")
    other, _ = await talk(store, "another needle")
    await indexed(store)
    await store.update_session(session.id, deleted_at=now())
    assert message.id not in await found(store, "needle")
    await store.update_session(session.id, deleted_at=None)
    assert message.id in await found(store, "needle")
    await store.erase([session.id, other.id])
    assert await found(store, "needle") == []
    assert in_parts(tmp_path / "brim.db") == {0: 0}
    _, again = await talk(store, "no such thing")  # its row has a number that was used before
    await indexed(store)
    assert await found(store, "needle") == []
    assert await found(store, "thing") == [again[0].id]


async def test_each_part_has_words_of_its_own(tmp_path):
    path = tmp_path / "brim.db"
    migrate(path)
    with closing(sqlite3.connect(path)) as file:
        file.execute("INSERT INTO sessions (id, title, created_at, updated_at) VALUES ('s', 'Far', 0, 0)")
        for number in range(40):
            row = (number * search_table.PART // 8 + 1, f"m{number}", number * 1_000_000, f"number {number}")
            file.execute(
                "INSERT INTO messages (rowid, id, session_id, role, status, created_at, chars, lines, "
                "tokens_estimated, in_window, pinned, content) VALUES (?, ?, 's', 'user', 'complete', ?, 3, 1, 0, 1, 0, ?)",
                row,
            )
        file.commit()
    async with opened(path) as store:
        await indexed(store)
        assert in_parts(path) == dict.fromkeys(range(5), 8)
        assert await found(store, "17") == ["m17"]
        assert sorted(await found(store, "number")) == sorted(f"m{number}" for number in range(40))
        page = await store.search(parse("number"), limit=3, before=search_table.PART * 2)
        assert {hit.message_id for hit in page.hits} <= {f"m{number}" for number in range(16)}
        await store.erase(["s"])
    assert in_parts(path) == dict.fromkeys(range(5), 0)


async def test_a_search_that_is_given_up_ends_at_once(store):
    await talk(store, "needle")

    def endless(file):
        file.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
        ).fetchone()

    task = asyncio.create_task(store._connections.search(endless))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(await asyncio.wait_for(found(store, "needle"), 5)) == 1


async def test_the_words_of_an_older_file_are_added_in_the_background(tmp_path):
    path = tmp_path / "brim.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.create_function("casefold", 1, str.casefold, deterministic=True)
        for number, script in migrations():
            if number < 4:
                file.executescript(script)
        file.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        file.execute("PRAGMA user_version = 3")
        file.execute("INSERT INTO sessions (id, title, created_at, updated_at) VALUES ('s', 'Old', 0, 0)")
        for number in range(700):
            status = "streaming" if number == 5 else "complete"
            file.execute(
                "INSERT INTO messages (id, session_id, role, status, created_at, chars, lines, tokens_estimated, "
                "in_window, pinned, content) VALUES (?, 's', 'user', ?, 0, 3, 1, 0, 1, 0, ?)",
                (f"m{number}", status, f"needle {number}"),
            )
    async with opened(path) as store:
        new = Message(session_id="s", role="user", content="a new needle")
        await store.add_message(new)
        results = Search(store).look("needle")
        assert [hit.message_id for hit in await results.more(2000)] == [new.id]
        assert results.unindexed == 700
        await indexed(store)
        ids = await found(store, "needle", limit=2000)
        assert sorted(ids) == sorted([new.id, *(f"m{number}" for number in range(700))])
    assert in_parts(path) == {0: 701}


async def test_messages_are_known_to_search_a_moment_after_they_were_written(tmp_path):
    path = tmp_path / "brim.db"
    async with opened(path) as store:
        await talk(store, "needle")
        async with asyncio.timeout(20):
            while await store._connections.read(search_table.waits):
                await asyncio.sleep(0.05)
    assert in_parts(path) == {0: 1}


async def test_the_words_stay_with_their_messages_when_the_file_is_packed(tmp_path):
    path = tmp_path / "brim.db"
    async with opened(path) as store:
        gone, _ = await talk(store, "first", "second")
        _, (kept,) = await talk(store, "needle")
        await indexed(store)
        await store.erase([gone.id])
    with closing(sqlite3.connect(path)) as file:
        file.execute("VACUUM")
    async with opened(path) as store:
        assert await found(store, "needle") == [kept.id]


async def test_begun_anew_all_is_found_again(store):
    _, (message,) = await talk(store, "needle")
    await indexed(store)
    await store._connections.write(search_table.begin_anew)
    assert await found(store, "needle") == []
    await indexed(store)
    assert await found(store, "needle") == [message.id]


def test_the_file_can_be_written_without_pythons_help(tmp_path):
    """What notes the words that wait are triggers of plain SQL."""
    path = tmp_path / "brim.db"
    migrate(path)
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA foreign_keys = ON")
        file.execute("INSERT INTO sessions (id, title, created_at, updated_at) VALUES ('s', 'Old', 0, 0)")
        file.execute(
            "INSERT INTO messages (id, session_id, role, status, created_at, chars, lines, tokens_estimated, "
            "in_window, pinned, content) VALUES ('m', 's', 'user', 'complete', 0, 3, 1, 0, 1, 0, 'x')"
        )
        assert file.execute("SELECT number FROM search_waiting").fetchall() == [(1,)]
        file.execute("DELETE FROM sessions")
        assert file.execute("SELECT count(*) FROM search_waiting").fetchone() == (0,)
        assert file.execute("SELECT count(*) FROM search_gone").fetchone() == (0,)


WORDS = [
    "foo",
    "Foo_bar",
    "std::vec",
    "東京",
    "京",
    "naïve",
    "a",
    "c++",
    "ﬁx",
    "ガ",
    "re\u0301sume\u0301",
    "\x00",
]


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    texts=st.lists(
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join), min_size=1, max_size=6
    ),
    query=st.one_of(
        st.lists(st.sampled_from([*WORDS, '"', "-", "*", "(", "NOT", "AND", "^"]), max_size=4).map(" ".join),
        st.text(max_size=12),
    ),
)
async def test_the_words_in_the_file_and_the_texts_say_the_same(tmp_path_factory, texts, query):
    """A look through the index finds what a comparison with each text finds."""
    looked_for = parse(query)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as file:
        file.row_factory = sqlite3.Row
        file.create_function("casefold", 1, str.casefold, deterministic=True)
        for _, script in migrations():
            file.executescript(script)
        file.execute("INSERT INTO sessions (id, title, created_at, updated_at) VALUES ('s', '', 0, 0)")
        for number, text in enumerate(texts):
            file.execute(
                "INSERT INTO messages (id, session_id, role, status, created_at, chars, lines, tokens_estimated, "
                "in_window, pinned, content) VALUES (?, 's', 'user', 'complete', 0, 3, 1, 0, 1, 0, ?)",
                (str(number), text),
            )
        while search_table.index(5.0, file):
            pass
        hits = search_table.find(looked_for, 100, None, file).hits
        expected = {
            str(number)
            for number, text in enumerate(texts)
            if all(term.pattern.search(fold(text)) for term in looked_for.terms)
            and not looked_for.excludes(fold(text))
        }
        if not looked_for.is_empty and not looked_for.has_filters:
            assert {hit.message_id for hit in hits} == expected
