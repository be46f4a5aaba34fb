"""What only PostgreSQL does: it goes away and comes back, others change its schema, and some may not do everything."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from brim.core.errors import NewerStoreError, SessionBusyError, StoreError, StoreUnreachableError
from brim.core.sessions import SessionManager
from brim.core.store.postgres import connections
from brim.core.store.urls import make_store
from brim.core.types import Message, Session, Status, new_id
from tests.support.agents import Gated
from tests.support.store_servers import PASSWORD, PostgresServer


@pytest.fixture(scope="module")
def own() -> Iterator[PostgresServer]:
    """A server that a test may stop; it runs again afterwards."""
    server = PostgresServer()
    yield server
    server.remove()


def made(url: str):
    return make_store(SecretStr(url), Path("unused"))


@pytest.fixture
async def open_at():
    """Open stores by URL."""
    stores = []

    async def opened(url: str):
        store = made(url)
        stores.append(store)
        await store.open()
        return store

    yield opened
    for store in stores:
        await store.aclose()


async def begun(store):
    session = Session()
    await store.add_session(session)
    answer = Message(role="assistant", session_id=session.id, status=Status.STREAMING, tokens=0)
    await store.add_message(answer)
    return answer


async def test_a_server_that_goes_away_and_comes_back_has_everything(own, open_at):
    store = await open_at(own.url("away", lease=20))
    answer = await begun(store)
    store.journal(answer.id, text="before ")
    async with asyncio.timeout(10):
        while (await store.message(answer.id)).content != "before ":
            await asyncio.sleep(0.01)
    await asyncio.to_thread(own.stop)
    try:
        for ask in (store.count_sessions(), store.add_session(Session()), store.search(parsed("x"), limit=1)):
            with pytest.raises(StoreUnreachableError) as caught:
                await ask
            assert PASSWORD not in f"{caught.value!r} {caught.value.__cause__!r}"
        store.journal(answer.id, text="while it was away ")
        finishing = asyncio.create_task(
            store.finish_message(
                answer.model_copy(update={"status": Status.COMPLETE, "content": "all of it", "tokens": 2})
            )
        )
        await asyncio.sleep(0)
        assert not finishing.done()
    finally:
        await asyncio.to_thread(own.start)
    await finishing
    assert (await store.message(answer.id)).content == "all of it"
    assert await store.count_sessions() == 1
    again = await begun(store)
    store.journal(again.id, text="after")
    async with asyncio.timeout(10):
        while (await store.message(again.id)).content != "after":
            await asyncio.sleep(0.01)


def parsed(text: str):
    from brim.core.search import parse

    return parse(text)


async def test_what_came_while_the_server_was_away_is_written_when_it_is_back(own, open_at):
    store = await open_at(own.url("journal", lease=20))
    answer = await begun(store)
    await asyncio.to_thread(own.stop)
    store.journal(answer.id, text="came meanwhile")
    await asyncio.to_thread(own.start)
    async with asyncio.timeout(20):
        while (await store.message(answer.id)).content != "came meanwhile":
            store.journal(answer.id, reasoning="")
            await asyncio.sleep(0.05)


async def test_a_server_that_is_silent_is_not_waited_for(own, open_at, monkeypatch):
    monkeypatch.setattr(connections, "ANSWER_S", 0.5)
    monkeypatch.setattr(connections, "WRITE_S", 0.5)
    store = await open_at(own.url("silent"))
    session, later = Session(), [Session(title="later") for _ in range(3)]
    await store.add_session(session)
    await store.session(session.id)

    own.freeze()
    try:
        asked = [asyncio.create_task(store.session(session.id)) for _ in range(3)]
        asked += [asyncio.create_task(store.add_session(each)) for each in later]
        async with asyncio.timeout(10):
            for each in asked:
                with pytest.raises(StoreUnreachableError, match="does not answer"):
                    await each
    finally:
        own.thaw()

    assert await store.list_sessions(limit=9) == [session]
    await store.add_session(later[0])
    assert await store.session(session.id) == session


async def test_a_commit_is_waited_for_on_a_server_that_is_silent(own, open_at, monkeypatch):
    monkeypatch.setattr(connections, "WRITE_S", 0.2)
    store = await open_at(own.url("commit"))
    session = Session()
    await store.add_session(session)

    def change(file) -> None:
        file.execute("UPDATE sessions SET title = 'kept' WHERE id = ?", (session.id,))
        own.freeze()

    written = asyncio.create_task(store._connections.write(change))
    try:
        await asyncio.sleep(1)
        assert not written.done()
    finally:
        own.thaw()
    await written
    assert (await store.session(session.id)).title == "kept"


async def test_what_takes_long_is_done_as_long_as_the_server_answers(postgres, open_at, monkeypatch):
    monkeypatch.setattr(connections, "WRITE_S", 2.5)
    store = await open_at(postgres.url(f"t_{new_id()}"))

    def long(file) -> str:
        for _ in range(8):
            file.execute("SELECT pg_sleep(0.5)")
        return "done"

    assert await store._connections.write(long) == "done"


async def test_many_that_open_an_empty_database_at_once_make_it_once(postgres, open_at):
    url = postgres.url(f"t_{new_id()}")
    stores = await asyncio.gather(*(open_at(url) for _ in range(5)))
    await stores[0].add_session(Session())
    assert [await store.count_sessions() for store in stores] == [1] * 5


async def test_a_database_that_a_newer_brim_changed_is_left_alone(postgres, open_at):
    schema = f"t_{new_id()}"
    store = await open_at(postgres.url(schema))
    with postgres.connected() as server:
        server.execute(f"INSERT INTO {schema}.schema_versions (version) VALUES (9999)")
    with pytest.raises(NewerStoreError, match="newer brim"):
        await store.add_session(Session())
    assert await store.count_sessions() == 0
    with pytest.raises(NewerStoreError, match="schema 9999"):
        await made(postgres.url(schema)).open()
    with postgres.connected() as server:
        server.execute(f"DELETE FROM {schema}.schema_versions WHERE version = 9999")


async def test_texts_that_a_database_could_not_keep_are_refused_at_the_start(postgres):
    with postgres.connected() as server:
        server.execute(
            "CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        )
    with pytest.raises(StoreError, match="does not keep its texts as UTF-8"):
        await made(postgres.url("x").replace("/brim?", "/ascii?")).open()


async def test_who_may_not_make_tables_is_told_so(postgres, open_at):
    with postgres.connected() as server:
        server.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    url = postgres.url("guests").partition("@")[2]
    with pytest.raises(StoreError, match="permission denied for database brim"):
        await made(f"postgresql://guest:guest@{url}").open()


async def test_a_search_that_is_given_up_ends_at_once(postgres, open_at):
    store = await open_at(postgres.url(f"t_{new_id()}"))
    began = threading.Event()

    def endless(file) -> None:
        began.set()
        file.execute("SELECT pg_sleep(60)")

    task = asyncio.create_task(store._connections.search(endless))
    await asyncio.to_thread(began.wait, 10)
    start = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await store.search(parsed("x"), limit=1)).hits == ()
    assert time.monotonic() - start < 10


async def test_two_services_take_turns_in_a_session(postgres):
    url = postgres.url(f"t_{new_id()}", lease=1)
    agent = Gated()
    async with SessionManager(agent, store=made(url)) as one, SessionManager(Gated(), store=made(url)) as two:
        session = await one.create()
        turn = await one.send(session.id, "first")
        with pytest.raises(SessionBusyError, match="Another brim is writing"):
            await two.send(session.id, "second")
        assert len(await two.transcript(session.id)) == 2
        await one.stop(session.id)
        assert (await turn.wait()).status is Status.STOPPED
        other = await two.send(session.id, "second")
        await two.stop(session.id)
        await other.wait()
        assert [m.content for m in await one.transcript(session.id) if m.role == "user"] == [
            "first",
            "second",
        ]
