"""What only Redis does: sessions that end by themselves, a server that goes away, a log that is short."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from brim.core.errors import (
    NewerStoreError,
    SessionBusyError,
    SessionNotFoundError,
    SettingsError,
    StoreError,
    StoreUnreachableError,
)
from brim.core.sessions import SessionManager
from brim.core.store.urls import make_store
from brim.core.types import Message, Session, Status, new_id
from tests.support.agents import Gated, Plain
from tests.support.store_servers import PASSWORD, RedisServer


@pytest.fixture(scope="module")
def own() -> Iterator[RedisServer]:
    """A server that a test may stop; it runs again afterwards."""
    server = RedisServer()
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


async def said(store, text, session=None):
    """Keep a message, in a new session unless one is given."""
    if session is None:
        session = Session()
        await store.add_session(session)
    head = (await store.session(session.id)).head_id
    await store.add_message(Message(role="user", content=text, session_id=session.id, parent_id=head))
    return session


async def test_a_session_ends_when_nothing_happens_in_it(redis, open_at):
    prefix = new_id()
    one, two = await open_at(redis.url(prefix, ttl=2)), await open_at(redis.url(prefix, ttl=2))
    left, kept = await said(one, "left alone"), await said(one, "kept up")
    assert await two.count_sessions() == 2
    async with asyncio.timeout(20):
        while await two.count_sessions() == 2:
            await said(two, "again", kept)
            await asyncio.sleep(0.2)
    for store in (one, two):
        assert [session.id for session in await store.list_sessions(limit=9)] == [kept.id]
        with pytest.raises(SessionNotFoundError):
            await store.session(left.id)
    with redis.connected() as client:
        assert client.exists(f"{prefix}:s{kept.id}") and not client.exists(f"{prefix}:s{left.id}")
    async with asyncio.timeout(20):
        while await one.count_sessions():
            await asyncio.sleep(0.2)
    with redis.connected() as client:
        while kinds := {key.split(b":")[1] for key in client.keys(f"{prefix}:*")} - {
            b"n",
            b"schema",
            b"alive",
        }:
            assert kinds == {b"log"}  # as short as the sessions at most
            await asyncio.sleep(0.1)
    assert await (await open_at(redis.url(prefix))).list_sessions(limit=9) == []


async def test_an_hour_is_what_a_session_has_if_nothing_else_is_said(redis, open_at):
    prefix = new_id()
    session = await said(await open_at(redis.url(prefix)), "x")
    with redis.connected() as client:
        assert 3590 < client.ttl(f"{prefix}:s{session.id}") <= 3600


async def test_texts_are_compressed(redis, open_at):
    prefix = new_id()
    session = await said(await open_at(redis.url(prefix)), "the same again " * 10_000)
    with redis.connected() as client:
        assert client.memory_usage(f"{prefix}:s{session.id}", samples=0) < 10_000


async def test_a_server_that_goes_away_and_comes_back_has_everything(own, open_at):
    prefix = new_id()
    store = await open_at(own.url(prefix, lease=20))
    session = await said(store, "before")
    answer = Message(
        role="assistant",
        session_id=session.id,
        parent_id=(await store.session(session.id)).head_id,
        status=Status.STREAMING,
    )
    await store.add_message(answer)
    await asyncio.to_thread(own.stop)
    try:
        for ask in (store.count_sessions(), store.add_session(Session())):
            with pytest.raises(StoreUnreachableError) as caught:
                await ask
            assert PASSWORD not in f"{caught.value!r} {caught.value.__cause__!r}"
        finishing = asyncio.create_task(
            store.finish_message(answer.model_copy(update={"status": Status.COMPLETE, "content": "all"}))
        )
        await asyncio.sleep(0)
    finally:
        await asyncio.to_thread(own.start)
    await finishing
    assert [m.content for m in await store.transcript(session.id)] == ["before", "all"]
    other = await open_at(own.url(prefix))
    assert [m.content for m in await other.transcript(session.id)] == ["before", "all"]


async def test_who_was_away_longer_than_the_log_reads_everything_again(redis, open_at):
    prefix = new_id()
    one, two = await open_at(redis.url(prefix)), await open_at(redis.url(prefix))
    session = await said(one, "first")
    assert len(await two.transcript(session.id)) == 1
    await said(one, "second", session)
    with redis.connected() as client:
        client.delete(f"{prefix}:log")
    before = await two.foreign_version()
    assert [m.content for m in await two.transcript(session.id)] == ["first", "second"]
    await said(two, "third", session)
    assert [m.content for m in await one.transcript(session.id)] == ["first", "second", "third"]
    assert await two.foreign_version() >= before


async def test_an_erased_session_can_come_again(redis, open_at):
    prefix = new_id()
    one, two = await open_at(redis.url(prefix)), await open_at(redis.url(prefix))
    session = await said(one, "first")
    await two.erase([session.id])
    with pytest.raises(SessionNotFoundError):
        await one.session(session.id)
    await one.add_session(session)
    await said(one, "anew", session)
    assert [m.content for m in await two.transcript(session.id)] == ["anew"]


async def test_what_a_newer_brim_wrote_is_left_alone(redis):
    prefix = new_id()
    with redis.connected() as client:
        client.set(f"{prefix}:schema", 9999)
    with pytest.raises(NewerStoreError, match="schema 9999"):
        await made(redis.url(prefix)).open()


async def test_a_wrong_password_is_not_told(redis):
    url = redis.url("x").replace(":s3cr3t", ":wr0ng")
    with pytest.raises(StoreError, match="cannot be used") as caught:
        await made(url).open()
    told = f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert "wr0ng" not in told and PASSWORD not in told


@pytest.mark.parametrize(
    ("rest", "sentence"),
    [("/0?ttl=0", "ttl"), ("/0?ttl=x", "ttl"), ("/first", "by its number"), ("/0?tls=1", "none of prefix")],
)
def test_wrong_options_are_refused_in_a_sentence(rest, sentence):
    with pytest.raises(SettingsError, match=sentence):
        made(f"redis://127.0.0.1:1{rest}")


async def test_two_services_take_turns_in_a_session(redis):
    url = redis.url(new_id(), lease=1)
    async with (
        SessionManager(Gated(), store=made(url)) as one,
        SessionManager(Plain(), store=made(url)) as two,
    ):
        session = await one.create()
        turn = await one.send(session.id, "first")
        with pytest.raises(SessionBusyError, match="Another brim is writing"):
            await two.send(session.id, "second")
        await one.stop(session.id)
        await turn.wait()
        answer = await (await two.send(session.id, "second")).wait()
        assert answer.status is Status.COMPLETE
        assert [m.content for m in await one.transcript(session.id) if m.role == "user"] == [
            "first",
            "second",
        ]


async def test_an_answer_that_ended_long_before_its_server_came_back_is_whole(own):
    prefix = new_id()
    agent = Gated()
    one = SessionManager(agent, store=made(own.url(prefix, lease=1)))
    two = SessionManager(Plain(), store=made(own.url(prefix, lease=1)))
    await one.open()
    await two.open()
    try:
        session = await one.create()
        turn = await one.send(session.id, "a")
        agent.say("a", "all of ", "it")
        async with asyncio.timeout(10):
            while (one.live(session.id) or Message(role="assistant")).content != "all of it":
                await asyncio.sleep(0.01)
        await asyncio.to_thread(own.stop)
        try:
            agent.end("a")
            assert (await turn.wait()).failure.kind == "store"
        finally:
            await asyncio.to_thread(own.start)
        one.neighbours.watch()
        async with asyncio.timeout(20):
            while (await two.tail(session.id, limit=1))[0].status is Status.STREAMING:
                await asyncio.sleep(0.05)
        answer = (await two.tail(session.id, limit=1))[0]
        assert (answer.status, answer.content) == (Status.COMPLETE, "all of it")
        assert (await (await two.send(session.id, "c")).wait()).status is Status.COMPLETE
    finally:
        await one.aclose()
        await two.aclose()
