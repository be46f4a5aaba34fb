"""Several stores on the same data: who writes in a session, what becomes of a writer that dies, and nothing is lost."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from brim.core.errors import BusyElsewhereError, SessionNotFoundError, StoreError
from brim.core.types import Message, Session, Status
from brim.core.usage import Usage

WRITER = """
import asyncio, sys
from pathlib import Path
from pydantic import SecretStr
from brim.core.store.urls import make_store
from brim.core.types import Message, Session, Status

async def main():
    store = make_store(SecretStr(sys.argv[1]), Path("unused"))
    await store.open()
    session = Session()
    await store.add_session(session)
    prompt = Message(role="user", content="q", tokens=10, session_id=session.id)
    await store.add_message(prompt)
    answer = Message(
        role="assistant", session_id=session.id, parent_id=prompt.id, status=Status.STREAMING, tokens=0, model="m"
    )
    await store.add_message(answer)
    store.journal(answer.id, text="what had ")
    store.journal(answer.id, text="come")
    while (await store.message(answer.id)).content != "what had come":
        await asyncio.sleep(0.01)
    print(session.id, answer.id, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def killed_in_the_middle(url):
    """Let a process begin an answer and kill it; returns the ids of the session and the answer."""
    with subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True) as process:
        said = process.stdout.readline()
        process.kill()
    return said.split()


async def begun(store, session_id=None, parent_id=None):
    """Begin an answer, in a new session unless one is named."""
    if session_id is None:
        session = Session()
        await store.add_session(session)
        session_id = session.id
    answer = Message(
        role="assistant", session_id=session_id, parent_id=parent_id, status=Status.STREAMING, tokens=0
    )
    await store.add_message(answer)
    return answer


def ended(answer, text="all of it"):
    usage = Usage(input_tokens=3, output_tokens=4)
    return answer.model_copy(
        update={"status": Status.COMPLETE, "content": text, "tokens": 4, "usage": usage, "model": "m"}
    )


async def taken(store, session_id):
    """Take a lease as soon as it can be had."""
    async with asyncio.timeout(20):
        while not await store.lease(session_id):
            await asyncio.sleep(0.05)


async def test_a_session_has_one_writer(opened):
    one, two = await opened(), await opened()
    session = Session()
    await one.add_session(session)
    assert await one.lease(session.id) and await one.lease(session.id)
    assert not await two.lease(session.id)
    await two.release(session.id)
    assert not await two.lease(session.id)
    await one.release(session.id)
    assert await two.lease(session.id) and not await one.lease(session.id)
    with pytest.raises(SessionNotFoundError):
        await one.lease("unknown")


async def test_an_answer_takes_the_lease_and_gives_it_back(opened):
    one, two = await opened(), await opened()
    answer = await begun(one)
    assert not await two.lease(answer.session_id)
    assert await two.answering_elsewhere() == {answer.session_id}
    assert await one.answering_elsewhere() == frozenset()
    with pytest.raises(BusyElsewhereError):
        await begun(two, answer.session_id, answer.id)
    assert len(await two.tree(answer.session_id)) == 1
    assert await two.recover() == ()
    await one.finish_message(ended(answer))
    assert await two.answering_elsewhere() == frozenset()
    following = await begun(two, answer.session_id, answer.id)
    assert await one.answering_elsewhere() == {following.session_id}


async def test_what_others_write_is_noticed(opened):
    one, two = await opened(), await opened()
    before = await one.foreign_version()
    await one.add_session(Session())
    assert await one.foreign_version() == before
    await two.add_session(Session())
    assert await one.foreign_version() != before


async def test_an_answer_can_be_asked_to_stop_by_others_while_it_is_written(opened):
    one, two = await opened(), await opened()
    first, other = await begun(one), await begun(one)
    assert await one.asked_to_stop() == await two.asked_to_stop() == frozenset()
    assert await two.ask_to_stop(first.session_id)
    assert await one.asked_to_stop() == {first.session_id}
    assert await two.asked_to_stop() == frozenset()
    assert not await one.ask_to_stop(other.session_id)
    await one.finish_message(ended(first))
    assert await one.asked_to_stop() == frozenset()
    assert not await two.ask_to_stop(first.session_id)
    again = await begun(two, first.session_id, first.id)
    assert await two.asked_to_stop() == frozenset()
    assert await one.ask_to_stop(again.session_id)
    assert await two.asked_to_stop() == {again.session_id}


async def test_what_a_killed_writer_was_asked_does_not_stop_the_next_one(url, opened):
    session_id, answer_id = killed_in_the_middle(url)
    store = await opened()
    await store.ask_to_stop(session_id)
    await taken(store, session_id)
    await begun(store, session_id, answer_id)
    assert await store.asked_to_stop() == frozenset()


async def test_a_store_that_closes_leaves_nothing_locked(opened):
    one, two = await opened(), await opened()
    answer = await begun(one)
    one.journal(answer.id, text="so far")
    await one.aclose()
    assert await two.lease(answer.session_id)
    kept = await two.message(answer.id)
    assert (kept.status, kept.content) == (Status.INTERRUPTED, "so far")


async def test_a_writer_that_is_killed_loses_nothing_and_locks_nothing(url, opened):
    store = await opened()
    session_id, answer_id = await asyncio.to_thread(killed_in_the_middle, url)
    await taken(store, session_id)
    kept = await store.message(answer_id)
    assert (kept.status, kept.content) == (Status.INTERRUPTED, "what had come")
    session = await store.session(session_id)
    assert (session.messages, session.turns, session.priced_turns) == (2, 1, 0)
    assert session.window_tokens == 10 + (kept.tokens or 0)
    following = await begun(store, session_id, answer_id)
    await store.finish_message(ended(following))
    assert await store.recover() == ()


async def test_what_a_killed_writer_wrote_is_found_by_looking(url, opened):
    store = await opened()
    session_id, answer_id = await asyncio.to_thread(killed_in_the_middle, url)
    async with asyncio.timeout(20):
        while (found := await store.recover()) == ():
            await asyncio.sleep(0.05)
    assert found == (answer_id,)
    assert await store.answering_elsewhere() == frozenset()
    assert (await store.session(session_id)).turns == 1


async def test_turns_of_two_stores_in_one_session_follow_each_other(opened):
    stores = [await opened(), await opened()]
    session = Session()
    await stores[0].add_session(session)

    async def talk(store, name):
        for number in range(6):
            await taken(store, session.id)
            head = (await store.session(session.id)).head_id
            prompt = Message(
                role="user", content=f"{name} {number}", tokens=5, session_id=session.id, parent_id=head
            )
            await store.add_message(prompt)
            await store.finish_message(ended(await begun(store, session.id, prompt.id)))

    await asyncio.gather(*(talk(store, name) for store, name in zip(stores, "ab", strict=True)))
    path = await stores[0].transcript(session.id)
    assert len(path) == 24
    assert [m.role for m in path] == ["user", "assistant"] * 12
    for name in "ab":
        own = [m.content for m in path if m.content.startswith(f"{name} ")]
        assert own == [f"{name} {number}" for number in range(6)]
    kept = await stores[1].session(session.id)
    assert (kept.turns, kept.messages, kept.tokens, kept.window_tokens) == (12, 24, 84, 12 * 9)
    (day,) = await stores[1].spending()
    assert (day.turns, day.usage.input_tokens, day.usage.output_tokens) == (12, 36, 48)


async def test_many_writes_at_once_are_all_kept(opened):
    stores = [await opened(), await opened(), await opened()]
    sessions = [Session() for _ in range(4)]
    for session in sessions:
        await stores[0].add_session(session)

    async def write(store, session):
        for _ in range(5):
            await store.add_message(Message(role="user", content="x", tokens=7, session_id=session.id))
            await store.spend(session.id, "m", Usage(input_tokens=2), None)

    await asyncio.gather(*(write(store, session) for store in stores for session in sessions))
    for session in sessions:
        kept = await stores[1].session(session.id)
        assert (kept.messages, kept.tokens, len(await stores[1].tree(session.id))) == (15, 30, 15)
    (day,) = await stores[2].spending()
    assert day.usage.input_tokens == 120


@pytest.mark.parametrize("kind", ["postgres"])
async def test_a_writer_that_lost_its_lease_writes_nothing_more(postgres, url, opened):
    """One whose lease ran out while it stood still; in a file no lease runs out."""
    one, two = await opened(), await opened()
    answer = await begun(one)
    one.journal(answer.id, text="before ")
    async with asyncio.timeout(10):
        while (await two.message(answer.id)).content != "before ":
            await asyncio.sleep(0.01)
    with postgres.connected() as server:
        schema = url.partition("schema=")[2].partition("&")[0]
        server.execute(f"UPDATE {schema}.leases SET expires_at = expires_at - 3600")
    assert await two.lease(answer.session_id)
    following = await begun(two, answer.session_id, answer.id)
    one.journal(answer.id, text="after")
    with pytest.raises(StoreError, match="taken for interrupted"):
        await one.finish_message(ended(answer, "before and after"))
    assert not await one.lease(answer.session_id)
    kept = await two.message(answer.id)
    assert (kept.status, kept.content) == (Status.INTERRUPTED, "before ")
    await two.finish_message(ended(following))
    assert [m.status for m in await one.transcript(answer.session_id)] == [
        Status.INTERRUPTED,
        Status.COMPLETE,
    ]
