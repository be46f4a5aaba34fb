import asyncio

import pytest
from pydantic import SecretStr

from brim import ScriptedAgent, SessionManager, SessionNotFoundError, SQLiteStore
from brim.core.archive import Archive
from brim.core.attachments import attachment
from brim.core.store.urls import make_store
from tests.support.store_servers import RedisServer


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
