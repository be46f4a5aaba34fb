import asyncio
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from brim import AgentInterface, ScriptedAgent, SessionManager, SessionNotFoundError, SQLiteStore
from brim.core.archive import Archive
from brim.core.attachments import attachment
from brim.core.errors import SessionBusyError
from brim.core.events import Done, TextDelta
from brim.core.store.urls import make_store
from tests.support.service import served
from tests.support.store_servers import RedisServer

STUCK = """
import asyncio
from brim import AgentInterface
from brim.core.errors import SessionBusyError
from brim.core.events import TextDelta

class Stuck(AgentInterface):
    async def process(self, context):
        raise NotImplementedError

    async def process_stream(self, context):
        yield TextDelta("so far")
        await asyncio.Event().wait()
"""


@pytest.fixture(scope="module")
def redis():
    server = RedisServer()
    yield server
    server.remove()


async def test_what_redis_lets_go_of_is_in_the_archive(redis, tmp_path):
    store = make_store(SecretStr(redis.url("archived", ttl=1)), tmp_path / "unused.db")
    kept = tmp_path / "archive.db"
    manager = SessionManager(ScriptedAgent(), store=store)
    await manager.open()
    archive = Archive(manager, SQLiteStore(kept))
    await archive.open()
    session = await manager.create(title="Gone soon", owner="alice")
    file = attachment("a.txt", b"the file", kind="text", media_type="text/plain")
    for text in ("one", "two"):
        files = [file] if text == "two" else []
        await (await manager.send(session.id, text, attachments=files)).wait()
    async with asyncio.timeout(20):
        while True:
            try:
                await manager.session(session.id)
            except SessionNotFoundError:
                break
            await asyncio.sleep(0.1)
    await archive.aclose()
    await manager.aclose()

    old = SQLiteStore(kept)
    await old.open()
    found = await old.session(session.id)
    assert (found.title, found.owner, found.messages) == ("Gone soon", "alice", 4)
    said = await old.transcript(session.id)
    assert [m.content for m in said][:3] == ["one", "one", "two"]
    assert await old.attachment_data([file.id]) == {file.id: b"the file"}
    await old.aclose()


async def test_what_changed_last_is_kept_when_the_archive_closes(tmp_path):
    manager = SessionManager(ScriptedAgent(), store=SQLiteStore(tmp_path / "a.db"))
    await manager.open()
    archive = Archive(manager, SQLiteStore(tmp_path / "b.db"))
    await archive.open()
    sessions = [await manager.create() for _ in range(20)]
    for session in sessions:
        await (await manager.send(session.id, "text")).wait()
    await archive.aclose()
    await manager.aclose()
    kept = SQLiteStore(tmp_path / "b.db")
    await kept.open()
    assert await kept.count_sessions() == 20
    for session in sessions:
        assert [m.content for m in await kept.transcript(session.id)] == ["text", "text"]
    await kept.aclose()


@asynccontextmanager
async def stuck_in_a_turn(folder, store):
    """Run a service with an archive in a process of its own until some of its answer is stored; gives it and the session."""
    (folder / "stuck_agent.py").write_text(STUCK)
    env = {
        "PYTHONPATH": str(folder),
        "BRIM_STORE": store,
        "BRIM_SERVE_ARCHIVE": f"sqlite:///{folder / 'kept.db'}",
    }
    async with served(folder, "--agent", "stuck_agent:Stuck", "--grace", "0", env=env) as service:
        asking = {"message": "Go"}
        async with service.client() as client, client.stream("POST", "/chat/stream", json=asking) as response:
            session_id = response.headers["x-session-id"]
            async with asyncio.timeout(10):
                while "so far" not in (await client.get(f"/sessions/{session_id}/messages")).text:
                    await asyncio.sleep(0.02)
        yield service, session_id


class Stuck(AgentInterface):
    """Says something, and ends when it may."""

    def __init__(self):
        self.has_begun, self.may_end = asyncio.Event(), asyncio.Event()

    async def process(self, context):
        raise NotImplementedError

    async def process_stream(self, context):
        yield TextDelta("so far")
        self.has_begun.set()
        await self.may_end.wait()
        yield Done()


async def two_messages_in(file, session_id):
    """Return what an archive holds of a session, once that is a question and its answer."""
    store = SQLiteStore(file)
    await store.open()
    try:
        async with asyncio.timeout(30):
            while True:
                try:
                    said = await store.transcript(session_id)
                except SessionNotFoundError:
                    said = []
                if len(said) == 2:
                    return said
                await asyncio.sleep(0.05)
    finally:
        await store.aclose()


async def interrupted_in(file, session_id):
    """See that an archive holds the answer that was interrupted."""
    said = await two_messages_in(file, session_id)
    assert [(m.content, m.status) for m in said] == [("Go", "complete"), ("so far", "interrupted")]


async def test_what_a_stopped_service_interrupts_is_archived_before_it_ends(redis, tmp_path):
    async with stuck_in_a_turn(tmp_path, redis.url("stopped")) as (service, session_id):
        service.process.terminate()
        assert await service.process.wait() == 0
    await interrupted_in(tmp_path / "kept.db", session_id)


async def test_what_a_killed_replica_was_writing_is_archived_by_another(redis, tmp_path):
    url = redis.url("killed", lease=2)
    manager = SessionManager(ScriptedAgent(), store=make_store(SecretStr(url), tmp_path / "unused.db"))
    await manager.open()
    archive = Archive(manager, SQLiteStore(tmp_path / "of_the_other.db"))
    await archive.open()
    with manager.subscribe() as watcher:
        manager.neighbours.watch()
        async with stuck_in_a_turn(tmp_path, url) as (service, session_id):
            async with asyncio.timeout(10):
                async for batch in watcher.batches():
                    if any(session_id in getattr(event, "answering_elsewhere", ()) for event in batch):
                        break
            service.process.kill()
            await service.process.wait()
    await interrupted_in(tmp_path / "of_the_other.db", session_id)
    await archive.aclose()
    await manager.aclose()


async def test_what_is_found_interrupted_on_the_way_to_another_session_is_archived(redis, tmp_path):
    url = redis.url("on_the_way", lease=2)
    manager = SessionManager(ScriptedAgent(), store=make_store(SecretStr(url), tmp_path / "unused.db"))
    await manager.open()
    archive = Archive(manager, SQLiteStore(tmp_path / "of_the_other.db"))
    await archive.open()
    with manager.subscribe() as watcher:
        manager.neighbours.watch()
        async with stuck_in_a_turn(tmp_path, url) as (service, session_id):
            async with (
                service.client() as client,
                client.stream("POST", "/chat/stream", json={"message": "Go"}) as response,
            ):
                other_id = response.headers["x-session-id"]
                async with asyncio.timeout(10):
                    async for batch in watcher.batches():
                        both = {session_id, other_id}
                        if any(both <= getattr(event, "answering_elsewhere", set()) for event in batch):
                            break
            service.process.kill()
            await service.process.wait()
    async with asyncio.timeout(20):
        while True:
            try:
                await (await manager.send(other_id, "Again", alone=True)).wait()
            except SessionBusyError:
                await asyncio.sleep(0.001)
            else:
                break
    await interrupted_in(tmp_path / "of_the_other.db", session_id)
    await archive.aclose()
    await manager.aclose()


async def test_what_the_only_replica_left_when_it_was_killed_is_archived_when_it_is_back(redis, tmp_path):
    url = redis.url("alone", lease=1)
    async with stuck_in_a_turn(tmp_path, url) as (service, session_id):
        service.process.kill()
        await service.process.wait()
    async with stuck_in_a_turn(tmp_path, url):
        await interrupted_in(tmp_path / "kept.db", session_id)


async def test_an_answer_whose_end_is_stored_later_is_archived_then(redis, tmp_path):
    store = make_store(SecretStr(redis.url("later", lease=1)), tmp_path / "unused.db")
    agent = Stuck()
    manager = SessionManager(agent, store=store)
    await manager.open()
    manager.neighbours.watch()
    archive = Archive(manager, SQLiteStore(tmp_path / "kept.db"))
    await archive.open()
    session = await manager.create()
    turn = await manager.send(session.id, "Go")
    await agent.has_begun.wait()
    redis.stop()
    try:
        agent.may_end.set()
        assert (await turn.wait()).failure.kind == "store"
    finally:
        redis.start()
    said = await two_messages_in(tmp_path / "kept.db", session.id)
    assert (said[-1].content, said[-1].status) == ("so far", "complete")
    await archive.aclose()
    await manager.aclose()
