"""The service's own secrets by reference: read where they are, and told of without themselves."""

import asyncio
import json

import pytest

from brim import ScriptedAgent
from brim.core import references
from brim.core.references import References
from brim.core.store.sqlite import SQLiteStore
from tests.support.cli import brim
from tests.support.service import refused, running, served
from tests.support.store_servers import RedisServer


@pytest.fixture(scope="module")
def redis():
    server = RedisServer()
    yield server
    server.remove()


@pytest.fixture
def clock():
    """Read secrets again once this tells another time."""
    now = [0.0]
    references.use(References(lifetime_s=60, clock=lambda: now[0]))
    yield now
    references.use(References())


async def test_a_service_reads_all_that_it_needs_from_where_it_is(tmp_path, redis):
    kept, limits = tmp_path / "kept.db", redis.url("unused").partition("?")[0]
    (tmp_path / "limits").write_text(f"{limits}\n")
    (tmp_path / "token").write_text("t0ken\n")
    env = {
        "BRIM_STORE": "env:SESSIONS_ARE_AT",
        "SESSIONS_ARE_AT": redis.url("by_reference"),
        "BRIM_SERVE_ARCHIVE": "env:KEPT_AT",
        "KEPT_AT": f"sqlite:///{kept}",
        "BRIM_SERVE_LIMITS_URL": f"file:{tmp_path / 'limits'}",
        "BRIM_SERVE_METRICS_TOKEN": f"file:{tmp_path / 'token'}",
        "BRIM_SERVE_REQUESTS_PER_MINUTE": "2",
    }
    async with served(tmp_path, "--model", "scripted:echo", env=env) as service, service.client() as client:
        assert (await client.post("/chat/stream", json={"message": "Hi"})).status_code == 200
        assert [(await client.get("/sessions")).status_code for _ in range(2)] == [200, 429]
        assert (await client.get("/metrics")).status_code == 401
        headers = {"Authorization": "Bearer t0ken"}
        assert (await client.get("/metrics", headers=headers)).status_code == 200
        service.process.terminate()
        await service.process.wait()
    with redis.connected() as server:
        names = [name.decode() for name in server.scan_iter()]
    assert any(name.startswith("by_reference") for name in names)
    assert any(name.startswith("LIMITS") for name in names)
    archive = SQLiteStore(kept)
    await archive.open()
    assert await archive.count_sessions() == 1
    await archive.aclose()


async def test_a_token_that_is_changed_in_its_place_counts_without_a_restart(tmp_path, clock, caplog):
    place = tmp_path / "token"
    place.write_text("old")
    token = f"file:{place}"
    async with running(ScriptedAgent(), tmp_path, metrics_token=token) as service, service.client() as client:

        async def status(given):
            response = await client.get("/metrics", headers={"Authorization": f"Bearer {given}"})
            return response.status_code

        assert [await status("old"), await status("new"), await status(token)] == [200, 401, 401]
        place.write_text("new")
        clock[0] += 61
        assert [await status("old"), await status("new")] == [401, 200]
        place.unlink()
        clock[0] += 61
        assert await status("new") == 200
    references.use(References())
    async with running(ScriptedAgent(), tmp_path, metrics_token=token) as service, service.client() as client:
        away = await client.get("/metrics", headers={"Authorization": "Bearer new"})
        assert away.status_code == 503 and str(place) not in away.text
        assert int(away.headers["retry-after"]) > 0
        assert f"{token} cannot be read" in caplog.text


@pytest.mark.parametrize(
    ("variable", "holds"),
    [
        ("BRIM_SERVE_METRICS_TOKEN", None),
        ("BRIM_SERVE_SENTRY_DSN", None),
        ("BRIM_SERVE_LIMITS_URL", None),
        ("BRIM_SERVE_LIMITS_URL", "ftp://s3cret@host"),
        ("BRIM_SERVE_ARCHIVE", None),
        ("BRIM_SERVE_ARCHIVE", "ftp://s3cret@host"),
        ("BRIM_STORE", None),
        ("BRIM_STORE", "redis://s3cret@host:x/y"),
    ],
)
async def test_a_reference_that_leads_nowhere_is_named_and_what_it_holds_is_not(tmp_path, variable, holds):
    env = {variable: "env:WHERE_IT_IS"} | ({} if holds is None else {"WHERE_IT_IS": holds})
    code, said = await refused(tmp_path, env=env)
    assert code == 2
    assert "env:WHERE_IT_IS" in said and "s3cret" not in said and "Traceback" not in said


async def test_every_command_finds_a_store_by_its_reference(tmp_path):
    env = {"BRIM_HOME": str(tmp_path), "MINE": f"sqlite:///{tmp_path / 'mine.db'}"}
    store = ("--store", "env:MINE")
    asked = await asyncio.to_thread(brim, *store, "ask", "--model", "scripted:echo", "Hi", env=env)
    assert asked.returncode == 0, asked.stderr
    listed = await asyncio.to_thread(brim, *store, "sessions", "--json", env=env)
    assert [one["messages"] for one in json.loads(listed.stdout)] == [2]
    shown = await asyncio.to_thread(brim, "config", "show", env=env | {"BRIM_STORE": "env:MINE"})
    assert "env:MINE" in shown.stdout
    looked = await asyncio.to_thread(brim, "--store", "env:NOTHING", "sessions", env=env)
    assert looked.returncode == 2 and "env:NOTHING cannot be read" in looked.stderr
