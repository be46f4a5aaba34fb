"""`brim serve` as a process: how it begins, what it refuses, and how it ends."""

import asyncio
import signal

import httpx2
import pytest

from brim.serve.keys import KeyFile
from tests.support.service import events_of, refused, served

SLOW = """
import asyncio
from brim import AgentInterface
from brim.core.events import Done, TextDelta

class Slow(AgentInterface):
    async def process(self, context):
        raise NotImplementedError

    async def process_stream(self, context):
        for number in range(1000):
            yield TextDelta(f"{number} ")
            await asyncio.sleep(0.02)
        yield Done()
"""


@pytest.fixture
def agents(tmp_path):
    (tmp_path / "slow_agent.py").write_text(SLOW)
    return {"PYTHONPATH": str(tmp_path)}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_who_follows_an_answer_is_told_that_it_was_interrupted(tmp_path, agents, number):
    options = ("--agent", "slow_agent:Slow", "--grace", "0.3")
    async with served(tmp_path, *options, env=agents) as service, service.client() as client:
        session = (await client.post("/sessions", json={})).json()["id"]
        async with client.stream("POST", f"/sessions/{session}/turns", json={"text": "Go"}) as response:
            events = []
            async for event in events_of(response):
                events.append(event)
                if event.name == "text_added" and len(events) < 9:
                    service.process.send_signal(number)
            assert events[-1].data["answer"]["status"] == "interrupted"
        said = "".join(event.data["text"] for event in events if event.name == "text_added")
        assert events[-1].data["answer"]["content"] == said
        async with asyncio.timeout(15):
            assert await service.process.wait() == (0 if number is signal.SIGTERM else 130)
    async with served(tmp_path, *options, env=agents) as service, service.client() as client:
        stored = (await client.get(f"/sessions/{session}/messages")).json()["messages"]
        assert (stored[-1]["status"], stored[-1]["content"]) == ("interrupted", said)


async def test_a_second_signal_takes_the_grace_away(tmp_path, agents):
    options = ("--agent", "slow_agent:Slow", "--grace", "600")
    async with served(tmp_path, *options, env=agents) as service, service.client() as client:
        session = (await client.post("/sessions", json={})).json()["id"]
        async with client.stream("POST", f"/sessions/{session}/turns", json={"text": "Go"}) as response:
            first = None
            async for event in events_of(response):
                if first is None:
                    first = event
                    service.process.send_signal(signal.SIGTERM)
                    async with asyncio.timeout(10):
                        while await _listens(service.url):
                            await asyncio.sleep(0.05)
                    service.process.send_signal(signal.SIGTERM)
            assert event.data["answer"]["status"] == "interrupted"
        async with asyncio.timeout(15):
            assert await service.process.wait() == 0


async def _listens(url):
    try:
        async with httpx2.AsyncClient() as client:
            await client.get(f"{url}/health")
    except httpx2.ConnectError:
        return False
    return True


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "99999", "BRIM_SERVE_PORT"),
        ("GRACE_S", "inf", "BRIM_SERVE_GRACE_S"),
        ("GRACE_S", "nan", "BRIM_SERVE_GRACE_S"),
        ("ORIGINS", "https://a.example", "BRIM_SERVE_ORIGINS is no list"),
        ("CARE", "maybe", "BRIM_SERVE_CARE"),
        ("LIMITS_URL", "memcached://x", "BRIM_SERVE_LIMITS_URL"),
        ("LIMITS_URL", "redis://:s3cret@host:port/x", "BRIM_SERVE_LIMITS_URL"),
        ("ARCHIVE", "ftp://s3cret@host/x", "BRIM_SERVE_ARCHIVE"),
        ("SENTRY_DSN", "s3cret", "DSN"),
        ("HOST", "0.0.0.0", "no keys"),
    ],
)
async def test_a_variable_that_is_not_right_is_told_of_in_a_sentence(tmp_path, name, value, said):
    code, words = await refused(tmp_path, env={f"BRIM_SERVE_{name}": value})
    assert code == 2
    assert (
        said in words
        and "Traceback" not in words
        and "s3cret" not in words
        and "ended by an error" not in words
    )


async def test_an_empty_variable_is_as_good_as_none(tmp_path):
    empty = dict.fromkeys(
        ("HOST", "PORT", "ORIGINS", "METRICS_TOKEN", "SENTRY_DSN", "LIMITS_URL", "REQUESTS_PER_MINUTE"), ""
    )
    env = {f"BRIM_SERVE_{name}": value for name, value in empty.items()}
    async with served(tmp_path, "--model", "scripted:demo", env=env) as service, service.client() as client:
        assert (await client.get("/metrics")).status_code == 200


async def test_a_port_that_is_taken_and_settings_that_are_broken_are_told_of(tmp_path):
    async with served(tmp_path, "--model", "scripted:demo") as service:
        port = service.url.rpartition(":")[2]
        code, words = await refused(tmp_path, "--port", port)
        assert (code, "cannot listen" in words) == (2, True)
    (tmp_path / "config.toml").write_text("x = [")
    code, words = await refused(tmp_path)
    assert (code, "config.toml line 1" in words) == (2, True)


@pytest.mark.parametrize("is_named", [True, False])
async def test_a_service_whose_last_key_was_taken_away_does_not_start_open(tmp_path, is_named):
    keys = KeyFile(tmp_path / ("named.toml" if is_named else "service-keys.toml"))
    keys.add("zed")
    keys.remove("zed")
    env = {"BRIM_SERVE_KEYS": str(keys.path)} if is_named else {}
    code, words = await refused(tmp_path, env=env)
    assert code == 2 and f"There are no keys in {keys.path}" in words and "brim keys add" in words


async def test_a_named_file_of_keys_that_is_missing_opens_nothing(tmp_path):
    code, words = await refused(tmp_path, env={"BRIM_SERVE_KEYS": str(tmp_path / "not_mounted.toml")})
    assert code == 2 and "There are no keys in" in words and "not_mounted.toml" in words
