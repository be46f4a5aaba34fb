"""Turns at once, counted over replicas that share a Redis server."""

import asyncio

import pytest

from brim import AgentContext, AgentInterface, AgentResponse
from brim.core.events import Done, TextDelta
from brim.serve.keys import KeyFile
from brim.serve.seats import KEPT_S
from tests.support.service import running, served
from tests.support.store_servers import RedisServer

STUCK = """
import asyncio
from brim import AgentInterface
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


@pytest.fixture
def url(redis):
    yield redis.url("unused").partition("?")[0]
    with redis.connected() as client:
        client.flushdb()


class Gated(AgentInterface):
    """Says a word and ends when it is let."""

    def __init__(self):
        self.gates: list[asyncio.Event] = []

    async def process(self, context: AgentContext) -> AgentResponse:
        raise NotImplementedError

    async def process_stream(self, context):
        self.gates.append(gate := asyncio.Event())
        yield TextDelta("word")
        await gate.wait()
        yield Done()


async def begun(client):
    """Ask in a new session and go away as soon as it is answered; returns the status."""
    async with client.stream("POST", "/chat/stream", json={"message": "Go"}) as response:
        async for line in response.aiter_lines():
            if "word" in line or "so far" in line or response.status_code != 200:
                break
        return response.status_code


async def seats(redis, name, number):
    """Wait until so many seats of a caller are taken on the server."""
    with redis.connected() as client:
        async with asyncio.timeout(20):
            while client.zcard(f"brim:seats:{name}") != number:
                await asyncio.sleep(0.02)


async def test_turns_are_counted_over_all_replicas_for_each_key(tmp_path, redis, url):
    keys = KeyFile(tmp_path / "keys.toml")
    alice, bob = keys.add("alice", concurrent_turns=2), keys.add("bob", concurrent_turns=2)
    one_agent, two_agent = Gated(), Gated()
    async with (
        running(one_agent, tmp_path, keys=keys, limits_url=url) as one,
        running(two_agent, tmp_path, keys=keys, limits_url=url) as two,
        one.client(alice) as first,
        two.client(alice) as second,
        two.client(bob) as other,
    ):
        assert [await begun(client) for client in (first, second)] == [200, 200]
        refused = await second.post("/chat/stream", json={"message": "Go"})
        assert refused.status_code == 429 and "2 turns are running already" in refused.text
        assert int(refused.headers["retry-after"]) > 0
        asked = {"model": "agent:Gated", "messages": [{"role": "user", "content": "x"}]}
        assert (await first.post("/v1/chat/completions", json=asked)).status_code == 429
        assert await begun(other) == 200
        one_agent.gates[0].set()
        await seats(redis, "alice", 1)
        assert await begun(second) == 200
        assert await begun(first) == 429
        for gate in two_agent.gates:
            gate.set()
        await seats(redis, "alice", 0)
        assert [await begun(client) for client in (first, second, first)] == [200, 200, 429]


@pytest.mark.slow
async def test_the_places_of_a_killed_replica_come_free_by_themselves(tmp_path, url):
    (tmp_path / "stuck_agent.py").write_text(STUCK)
    env = {
        "PYTHONPATH": str(tmp_path),
        "BRIM_SERVE_LIMITS_URL": url,
        "BRIM_SERVE_CONCURRENT_TURNS": "1",
    }
    async with (
        running(Gated(), tmp_path, limits_url=url, concurrent_turns=1) as left,
        left.client() as client,
    ):
        async with served(tmp_path, "--agent", "stuck_agent:Stuck", env=env) as killed:
            async with killed.client() as near:
                assert await begun(near) == 200
            # As long as it runs it keeps its place.
            until = asyncio.get_running_loop().time() + KEPT_S * 1.5
            while asyncio.get_running_loop().time() < until:
                assert await begun(client) == 429
                await asyncio.sleep(0.5)
            killed.process.kill()
            await killed.process.wait()
        assert await begun(client) == 429
        async with asyncio.timeout(KEPT_S + 5):
            while await begun(client) != 200:
                await asyncio.sleep(0.2)


async def test_turns_are_counted_in_each_replica_while_the_server_is_away_and_told_of_when_it_is_back(
    tmp_path, redis, url
):
    options = {"limits_url": url, "concurrent_turns": 1}
    agent = Gated()
    async with (
        running(agent, tmp_path, **options) as one,
        running(Gated(), tmp_path, **options) as two,
        one.client() as first,
        two.client() as second,
    ):
        redis.stop()
        try:
            assert [await begun(first), await begun(first)] == [200, 429]
        finally:
            redis.start()
        await seats(redis, "", 1)
        assert await begun(second) == 429
        agent.gates[0].set()
        await seats(redis, "", 0)
        assert await begun(second) == 200
