"""The OpenAPI document is true: every answer of every route has a status, a type and a body that stand in it."""

import asyncio
import re

import httpx2
import pytest
from jsonschema import Draft202012Validator

from brim import AgentContext, AgentInterface, AgentResponse, OverloadedError, ScriptedAgent
from brim.core.events import Done, TextDelta
from brim.providers.scripted import Reasoning, Tool
from brim.serve.keys import KeyFile
from tests.support.service import events_of, running
from tests.support.store_servers import RedisServer

JSON = "application/json"


class Witness:
    """Holds answers against the document."""

    def __init__(self, document):
        self._document = document
        self._paths = {
            re.compile(re.sub(r"\{\w+\}", "[^/]+", path)): (path, routes)
            for path, routes in document["paths"].items()
        }
        self.seen = set()

    def schema(self, reference):
        return {"$ref": reference, "components": self._document["components"]}

    async def look(self, response):
        await response.aread()
        path, routes = next(
            found for pattern, found in self._paths.items() if pattern.fullmatch(response.request.url.path)
        )
        method, status = response.request.method.lower(), str(response.status_code)
        self.seen.add((method, path, status))
        said = routes[method]["responses"]
        assert status in said, f"{method} {path} answers {status}, which the document does not know"
        for name in said[status].get("headers", {}):
            assert name in response.headers
        kind = response.headers.get("content-type", "").partition(";")[0]
        described = said[status].get("content", {})
        if not described:
            assert not response.content
            return
        assert kind in described, f"{method} {path} {status} is {kind}"
        if kind == JSON:
            schema = {**described[kind]["schema"], "components": self._document["components"]}
            Draft202012Validator(schema).validate(response.json())


@pytest.fixture
def keys(tmp_path):
    return KeyFile(tmp_path / "keys.toml")


async def witnessed(service, key=""):
    client, witness = service.client(key), Witness(await _document(service))
    client.event_hooks = {"response": [witness.look]}
    return client, witness


SCRIPT = [Reasoning("hm "), "one ", Tool("search", "{}", "found"), "two"]


async def test_what_succeeds_and_what_is_refused_stands_in_the_document(tmp_path, keys):
    alice, few = keys.add("alice"), keys.add("few", requests_per_minute=1)
    agent = ScriptedAgent({"broken": [OverloadedError("Out of order.")], "": SCRIPT})
    async with running(agent, tmp_path, keys=keys, max_body_bytes=10_000) as service:
        client, witness = await witnessed(service, alice)
        async with client:
            paths = (
                "/health",
                "/readiness",
                "/metrics",
                "/v1/models",
                "/v1/models/agent:scripted",
                "/sessions",
            )
            for path in paths:
                assert (await client.get(path)).status_code == 200
            session = (await client.post("/sessions", json={"title": "t"})).json()["id"]
            here = f"/sessions/{session}"
            turn = await client.post(f"{here}/turns", json={"text": "a"})
            assert turn.status_code == 200
            await client.post(f"{here}/turns", json={"text": "a", "stream": False})
            await client.post(f"{here}/turns", json={"text": "broken", "stream": False})
            last = re.findall(r"^id: (.+)$", turn.text, re.M)
            assert (await client.get(f"{here}/events", headers={"Last-Event-ID": last[0]})).status_code == 200
            assert (await client.get(f"{here}/events")).status_code == 204
            assert (await client.get(f"{here}/events", headers={"Last-Event-ID": "?"})).status_code == 422
            assert (await client.get(here)).status_code == 200
            assert (await client.get(f"{here}/messages")).status_code == 200
            for kind in ("md", "json", "txt", "html"):
                assert (await client.get(f"{here}/export?format={kind}")).status_code == 200
            assert (await client.patch(here, json={"title": "u"})).status_code == 200
            assert (await client.post("/chat/stream", json={"message": "a"})).status_code == 200
            asked = {"model": "agent:scripted", "messages": [{"role": "user", "content": "a"}]}
            for more in ({}, {"stream": True}):
                assert (await client.post("/v1/chat/completions", json={**asked, **more})).status_code == 200
            broken = {**asked, "messages": [{"role": "user", "content": "broken"}]}
            assert (await client.post("/v1/chat/completions", json=broken)).status_code == 503
            assert (await client.post("/v1/chat/completions", json={**asked, "n": 2})).status_code == 400
            for method, path, body in (
                ("POST", "/sessions", {"title": 1}),
                ("PATCH", here, {"title": 1}),
                ("GET", "/sessions?limit=0", None),
                ("GET", f"{here}/messages?limit=0", None),
                ("GET", f"{here}/export?format=x", None),
                ("POST", f"{here}/turns", {}),
                ("POST", "/chat/stream", {}),
                ("POST", "/v1/chat/completions", {}),
            ):
                assert (await client.request(method, path, json=body)).status_code == 422
            for method, path in (
                ("GET", "/sessions/none"), ("PATCH", "/sessions/none"), ("DELETE", "/sessions/none"),
                ("GET", "/sessions/none/messages"), ("GET", "/sessions/none/export"),
                ("GET", "/sessions/none/events"), ("POST", "/sessions/none/stop"), ("GET", "/sessions?after=none"),
            ):  # fmt: skip
                body = {} if method == "PATCH" else None
                assert (await client.request(method, path, json=body)).status_code == 404
            assert (await client.post("/sessions", json={"title": "x" * 20_000})).status_code == 413
            assert (await client.post(f"{here}/turns", content=b"\xff")).status_code in (400, 422)
            assert (await client.post(f"{here}/stop")).status_code == 204
            client.headers["Authorization"] = "Bearer nobody's"
            for path in ("/sessions", here, "/v1/models"):
                assert (await client.get(path)).status_code == 401
            client.headers["Authorization"] = f"Bearer {few}"
            codes = [(await client.get("/sessions")).status_code for _ in range(2)]
            assert codes == [200, 429]
            client.headers["Authorization"] = f"Bearer {alice}"
            assert (await client.delete(here)).status_code == 204
        routes = {
            (method, path) for path, found in (await _document(service))["paths"].items() for method in found
        }
        assert routes == {(method, path) for method, path, _ in witness.seen}


async def test_the_data_of_each_event_stands_in_the_document(tmp_path):
    async with running(ScriptedAgent(SCRIPT), tmp_path) as service, service.client() as client:
        witness = Witness(await _document(service))
        session = (await client.post("/sessions", json={})).json()["id"]
        async with client.stream("POST", f"/sessions/{session}/turns", json={"text": "a"}) as response:
            events = [event async for event in events_of(response)]
        assert {"text_added", "reasoning_added", "tool_call_changed", "turn_finished"} <= {
            event.name for event in events
        }
        for event in events:
            schema = witness.schema(f"#/components/schemas/Event_{event.name}")
            Draft202012Validator(schema).validate(event.data)


class Waiting(AgentInterface):
    """Answers when it is let."""

    def __init__(self):
        self.gate = asyncio.Event()

    async def process(self, context: AgentContext) -> AgentResponse:
        raise NotImplementedError

    async def process_stream(self, context):
        yield TextDelta("a")
        await self.gate.wait()
        yield Done()


async def test_a_busy_session_and_a_store_that_is_away_stand_in_the_document(tmp_path):
    agent, server = Waiting(), RedisServer()
    try:
        async with running(agent, tmp_path, store=server.url("t")) as service:
            client, _ = await witnessed(service)
            async with client:
                session = (await client.post("/sessions", json={})).json()["id"]
                here, body = f"/sessions/{session}", {"text": "a", "stream": False}
                first = asyncio.create_task(client.post(f"{here}/turns", json=body))
                async with asyncio.timeout(10):
                    while session not in service.manager.running():
                        await asyncio.sleep(0.01)
                assert (await client.post(f"{here}/turns", json=body)).status_code == 409
                agent.gate.set()
                await first
                server.stop()
                for path in ("/sessions", "/readiness", here, f"{here}/events", f"{here}/export"):
                    assert (await client.get(path)).status_code == 503
                for path in ("/sessions", f"{here}/turns", f"{here}/stop"):
                    assert (
                        await client.post(path, json={"text": "a"} if "turns" in path else {})
                    ).status_code == 503
                server.start()
    finally:
        server.remove()


async def _document(service):
    async with httpx2.AsyncClient() as client:
        return (await client.get(f"{service.url}/openapi.json")).json()
