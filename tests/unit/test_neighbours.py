"""Two brims on one data file: each sees what the other does, and neither is in the other's way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from brim.core.errors import BrimError
from brim.core.events import StoreChanged
from brim.core.neighbours import Neighbours
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Message, Session, Status
from tests.support.agents import Plain


async def until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_true():
            await asyncio.sleep(0.01)


async def never(session_id):
    raise AssertionError(f"nobody wants the answer in {session_id} stopped")


async def nothing_left():
    return False


async def test_what_another_brim_writes_is_told_and_what_we_write_is_not(tmp_path):
    path = tmp_path / "n.db"
    ours, theirs = SQLiteStore(path), SQLiteStore(path)
    await ours.open()
    await theirs.open()
    told: list[StoreChanged] = []
    looks = 0

    async def counted():
        nonlocal looks
        looks += 1
        return False

    async def looked():
        """Wait for a look that begins now to be over."""
        before = looks
        await until(lambda: looks > before + 1)

    looking = Neighbours(ours, told.append, stop=never, settle=counted, look_s=0.02)
    try:
        looking.watch()
        await looked()
        for number in range(3):
            await ours.add_session(Session(title=f"ours {number}"))
        await looked()
        assert told == []
        session = Session(title="theirs")
        await theirs.add_session(session)
        await until(lambda: told[-1:] == [StoreChanged()])
        answer = Message(role="assistant", session_id=session.id, status=Status.STREAMING)
        await theirs.add_message(answer)
        await until(lambda: told[-1] == StoreChanged(answering_elsewhere=frozenset({session.id})))
    finally:
        await looking.aclose()
        await theirs.aclose()
        await ours.aclose()


async def test_an_answer_whose_brim_is_gone_is_found_while_we_run(tmp_path):
    path = tmp_path / "n.db"
    ours, theirs = SQLiteStore(path), SQLiteStore(path)
    await ours.open()
    await theirs.open()
    told: list[StoreChanged] = []
    looking = Neighbours(ours, told.append, stop=never, settle=nothing_left, look_s=0.02)
    try:
        session = Session(title="theirs")
        await theirs.add_session(session)
        answer = Message(role="assistant", session_id=session.id, status=Status.STREAMING)
        await theirs.add_message(answer)
        theirs.journal(answer.id, text="half an ans")
        looking.watch()
        await until(lambda: bool(told) and told[-1].answering_elsewhere == {session.id})
        await theirs.aclose()  # its lock is given back and its answer is not finished, as after a kill
        await until(lambda: told[-1].answering_elsewhere == frozenset())
        found = await ours.message(answer.id)
        assert (found.status, found.content) == (Status.INTERRUPTED, "half an ans")
    finally:
        await looking.aclose()
        await ours.aclose()


async def test_a_session_that_is_being_answered_elsewhere_takes_no_prompt(tmp_path):
    path = tmp_path / "n.db"
    theirs = SQLiteStore(path)
    async with SessionManager(Plain(), store=SQLiteStore(path)) as manager:
        session = await manager.create()
        await theirs.open()
        answer = Message(role="assistant", session_id=session.id, status=Status.STREAMING)
        await theirs.add_message(answer)
        with pytest.raises(BrimError, match="Another brim"):
            await manager.send(session.id, "me too")
        assert [m.role for m in await manager.transcript(session.id)] == ["assistant"]
        await theirs.finish_message(answer.model_copy(update={"status": Status.COMPLETE, "content": "done"}))
        await (await manager.send(session.id, "now")).wait()
        assert [m.content for m in await manager.transcript(session.id)] == ["done", "now", "An answer."]
        await theirs.aclose()
