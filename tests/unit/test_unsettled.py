"""The end of an answer that could not be stored is stored as soon as that is possible."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Status
from tests.support.agents import Gated

_FULL = """
    CREATE TRIGGER full BEFORE UPDATE ON messages WHEN new.status <> 'streaming'
    BEGIN SELECT raise(ABORT, 'no room'); END
"""


def outside(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(statement)


@pytest.mark.parametrize("by", ["the look around", "the next prompt", "the end"])
async def test_an_end_that_found_no_room_is_stored_when_there_is_some(tmp_path: Path, by: str) -> None:
    path = tmp_path / "brim.db"
    agent = Gated()
    manager = SessionManager(agent, store=SQLiteStore(path))
    await manager.open()
    try:
        session = await manager.create()
        turn = await manager.send(session.id, "one")
        agent.say("one", "all of ", "it")
        outside(path, _FULL)
        agent.end("one")
        ended = await turn.wait()
        assert ended.failure is not None and ended.failure.kind == "store"
        assert (await manager.tail(session.id, limit=1))[0].status is Status.STREAMING
        outside(path, "DROP TRIGGER full")
        match by:
            case "the look around":
                manager.neighbours.watch()
                async with asyncio.timeout(10):
                    while (await manager.tail(session.id, limit=1))[0].status is Status.STREAMING:
                        await asyncio.sleep(0.02)
            case "the next prompt":
                agent.say("two", "more")
                agent.end("two")
                await (await manager.send(session.id, "two")).wait()
    finally:
        await manager.aclose()
    again = SessionManager(agent, store=SQLiteStore(path))
    found = await again.open()
    try:
        assert not found.interrupted_ids
        answer = (await again.transcript(session.id))[1]
        assert (answer.status, answer.content) == (Status.COMPLETE, "all of it")
        assert (await again.session(session.id)).turns == (2 if by == "the next prompt" else 1)
    finally:
        await again.aclose()
