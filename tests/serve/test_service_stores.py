"""Replicas on every kind of store: stopping, a writer that dies, and a server that goes away and comes back."""

import asyncio

import pytest

from brim import AgentContext, AgentInterface, AgentResponse, ScriptedAgent
from brim.core.events import Done, TextDelta
from brim.core.types import new_id
from tests.support.service import events_of, running
from tests.support.store_servers import PostgresServer, RedisServer


@pytest.fixture(scope="module")
def postgres():
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def redis():
    server = RedisServer()
    yield server
    server.remove()


@pytest.fixture(params=["postgres", "redis"])
def server(request):
    return request.getfixturevalue(request.param)


class Gated(AgentInterface):
    """Says a word each time one is put."""

    def __init__(self):
        self.words: asyncio.Queue[str] = asyncio.Queue()

    async def process(self, context: AgentContext) -> AgentResponse:
        raise NotImplementedError

    async def process_stream(self, context):
        while word := await self.words.get():
            yield TextDelta(word)
        yield Done()


async def begun(client, agent, word):
    """Begin a turn in a new session; returns the session and the task that reads the events, the first one come."""
    session = (await client.post("/sessions", json={})).json()["id"]
    events, has_begun = [], asyncio.Event()

    async def read():
        async with client.stream("POST", f"/sessions/{session}/turns", json={"text": "Go"}) as response:
            async for event in events_of(response):
                events.append(event)
                if event.name == "text_added":
                    has_begun.set()
        return events

    reading = asyncio.create_task(read())
    await agent.words.put(word)
    async with asyncio.timeout(10):
        await has_begun.wait()
    return session, reading


@pytest.mark.parametrize("kind", ["sqlite", "postgres", "redis"])
async def test_an_answer_is_stopped_by_way_of_any_replica(tmp_path, request, kind):
    store = None if kind == "sqlite" else request.getfixturevalue(kind).url(f"t_{new_id()}", lease=4)
    agent = Gated()
    async with (
        running(agent, tmp_path, store=store) as writer,
        running(ScriptedAgent(), tmp_path, store=store) as other,
        writer.client() as near,
        other.client() as far,
    ):
        session, reading = await begun(near, agent, "so far")
        assert (await far.post(f"/sessions/{session}/stop")).status_code == 204
        stored = (await far.get(f"/sessions/{session}/messages")).json()["messages"][-1]
        assert (stored["status"], stored["content"]) == ("stopped", "so far")
        async with asyncio.timeout(10):
            assert (await reading)[-1].data["answer"]["status"] == "stopped"


@pytest.mark.parametrize("kind", ["sqlite", "postgres", "redis"])
async def test_a_second_request_by_way_of_another_replica_is_told_so_and_taken_afterwards(
    tmp_path, request, kind
):
    store = None if kind == "sqlite" else request.getfixturevalue(kind).url(f"t_{new_id()}", lease=4)
    agent = Gated()
    async with (
        running(agent, tmp_path, store=store) as writer,
        running(ScriptedAgent(), tmp_path, store=store) as other,
        writer.client() as near,
        other.client() as far,
    ):
        session, reading = await begun(near, agent, "so far")
        for path, body in (
            (f"/sessions/{session}/turns", {"text": "Me too"}),
            ("/chat/stream", {"message": "Me too", "session_id": session}),
        ):
            busy = await far.post(path, json=body)
            assert busy.status_code == 409
            assert "is writing an answer in this session" in busy.json()["error"]["sentence"]
        await agent.words.put("")
        async with asyncio.timeout(20):
            assert (await reading)[-1].data["answer"]["content"] == "so far"
        asked = {"text": "And now?", "stream": False}
        assert (await far.post(f"/sessions/{session}/turns", json=asked)).json()["status"] == "complete"
        stored = (await near.get(f"/sessions/{session}/messages")).json()["messages"]
        assert [message["content"] for message in stored if message["role"] == "user"] == ["Go", "And now?"]


async def ready(client):
    async with asyncio.timeout(20):
        while (await client.get("/readiness")).status_code != 200:
            await asyncio.sleep(0.05)


async def test_a_server_that_goes_away_loses_nothing_of_a_turn_and_is_found_again(tmp_path, server):
    agent, store = Gated(), server.url(f"t_{new_id()}", lease=20)
    async with running(agent, tmp_path, store=store) as service, service.client() as client:
        session, reading = await begun(client, agent, "before, ")
        server.stop()
        try:
            await agent.words.put("meanwhile, ")
            assert (await client.get("/health")).status_code == 200
            unready = await client.get("/readiness")
            assert unready.status_code == 503 and unready.json()["checks"]["agent"] == "ok"
            assert unready.json()["checks"]["store"] != "ok" and "127.0.0.1" not in unready.text
            for method, path, body in (
                ("GET", "/sessions", None),
                ("POST", "/sessions", {}),
                ("GET", f"/sessions/{session}/messages", None),
                ("POST", f"/sessions/{session}/turns", {"text": "x"}),
                ("POST", "/chat/stream", {"message": "x"}),
            ):
                away = await client.request(method, path, json=body)
                assert (away.status_code, away.json()["error"]["type"]) == (503, "store")
                assert int(away.headers["retry-after"]) > 0 and "127.0.0.1" not in away.text
        finally:
            server.start()
        await ready(client)
        for word in ("after", ""):
            await agent.words.put(word)
        async with asyncio.timeout(20):
            answer = (await reading)[-1].data["answer"]
        assert (answer["status"], answer["content"]) == ("complete", "before, meanwhile, after")
        stored = (await client.get(f"/sessions/{session}/messages")).json()["messages"]
        assert [m["content"] for m in stored] == ["Go", "before, meanwhile, after"]


async def test_an_answer_whose_end_could_not_be_stored_is_whole_once_the_server_is_back(tmp_path, server):
    agent, store = Gated(), server.url(f"t_{new_id()}", lease=1)
    async with running(agent, tmp_path, store=store) as service, service.client() as client:
        session, reading = await begun(client, agent, "so far")
        server.stop()
        try:
            await agent.words.put("")
            async with asyncio.timeout(20):
                last = (await reading)[-1]
            assert last.name == "turn_failed"
            assert last.data["answer"]["failure"]["kind"] == "store"
            assert "127.0.0.1" not in last.data["answer"]["failure"]["sentence"]
        finally:
            server.start()
        await ready(client)
        async with asyncio.timeout(20):
            async with client.stream("GET", f"/sessions/{session}/events") as response:
                followed = [event async for event in events_of(response)]
        assert not followed or followed[-1].data["answer"]["status"] == "complete"
        stored = (await client.get(f"/sessions/{session}/messages")).json()["messages"][-1]
        assert (stored["status"], stored["content"]) == ("complete", "so far")


async def test_limits_hold_while_the_server_that_counts_them_is_away(tmp_path, redis, caplog):
    url = redis.url("unused").partition("?")[0]
    options = {"limits_url": f"async+{url}", "requests_per_minute": 3}
    async with (
        running(ScriptedAgent(), tmp_path, **options) as one,
        running(ScriptedAgent(), tmp_path, **options) as two,
        one.client() as first,
        two.client() as second,
    ):
        got = [(await client.get("/sessions")).status_code for client in (first, second, first, second)]
        assert got == [200, 200, 200, 429]
        redis.stop()
        try:
            got = [(await first.get("/sessions")).status_code for _ in range(4)]
            assert got == [200, 200, 200, 429]
            assert [r for r in caplog.messages if "server is away" in r] == [
                "limits are counted in this process: their server is away"
            ]
        finally:
            redis.start()
