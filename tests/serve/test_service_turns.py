import asyncio

import pytest

from brim import AgentContext, AgentInterface, AgentResponse, RateLimitError, ScriptedAgent, Status
from brim.core.events import Done, TextDelta
from brim.providers.scripted import Reasoning, Tool
from brim.serve.keys import KeyFile
from tests.support.service import events_of, running

SCRIPT = [
    Reasoning("thinking "),
    "first ",
    Tool("search", "{}", "found"),
    Tool("search", "{}", "again"),
    "second ",
    "third",
]


class Gated(AgentInterface):
    """Says a word each time the gate is opened."""

    def __init__(self):
        self.words: asyncio.Queue[str] = asyncio.Queue()

    async def process(self, context: AgentContext) -> AgentResponse:
        raise NotImplementedError

    async def process_stream(self, context):
        while word := await self.words.get():
            yield TextDelta(word)
        yield Done()


async def _session(client):
    return (await client.post("/sessions", json={})).json()["id"]


def _joined(events):
    """Put together what a client would show."""
    text = "".join(e.data["text"] for e in events if e.name == "text_added")
    reasoning = "".join(e.data["text"] for e in events if e.name == "reasoning_added")
    calls = [
        (e.data["call"]["id"], e.data["call"]["result"]) for e in events if e.name == "tool_call_changed"
    ]
    return text, reasoning, calls


async def test_a_turn_comes_as_the_events_of_the_core(tmp_path):
    async with running(ScriptedAgent(SCRIPT), tmp_path) as service, service.client() as client:
        session = await _session(client)
        async with client.stream("POST", f"/sessions/{session}/turns", json={"text": "Go"}) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            events = [event async for event in events_of(response)]
        text, reasoning, calls = _joined(events)
        assert (text, reasoning) == ("first second third", "thinking ")
        assert [result for _, result in calls][-1] == "again"
        assert events[-1].name == "turn_finished"
        answer = events[-1].data["answer"]
        assert (answer["status"], answer["content"]) == ("complete", text)
        stored = await service.manager.transcript(session)
        assert stored[-1].content == text


async def test_a_broken_stream_goes_on_anywhere_without_loss_or_doubles(tmp_path):
    """Break off after each event in turn, and go on from its id."""
    async with running(ScriptedAgent(SCRIPT), tmp_path) as service, service.client() as client:
        session = await _session(client)
        async with client.stream("POST", f"/sessions/{session}/turns", json={"text": "Go"}) as response:
            whole = [event async for event in events_of(response)]
        final = {call["id"]: call["result"] for call in whole[-1].data["answer"]["tool_calls"]}
        for number, event in enumerate(whole[:-1]):
            headers = {"Last-Event-ID": event.id}
            async with client.stream("GET", f"/sessions/{session}/events", headers=headers) as response:
                rest = [event async for event in events_of(response)]
            text, reasoning, calls = _joined([*whole[: number + 1], *rest])
            assert (text, reasoning) == ("first second third", "thinking ")
            assert dict(calls) == final and len(set(calls)) == len(calls)
        over = await client.get(f"/sessions/{session}/events", headers={"Last-Event-ID": whole[-1].id})
        assert over.status_code == 204


async def test_a_client_that_goes_away_does_not_end_the_turn_and_finds_it_again(tmp_path):
    agent = Gated()
    async with running(agent, tmp_path) as service, service.client() as client:
        session = await _session(client)
        await agent.words.put("one ")
        first = []
        async with client.stream("POST", f"/sessions/{session}/turns", json={"text": "Go"}) as response:
            async for event in events_of(response):
                first.append(event)
                if event.name == "text_added":
                    break
        await agent.words.put("two ")
        await asyncio.sleep(0)
        assert session in service.manager.running()
        headers = {"Last-Event-ID": first[-1].id}
        async with client.stream("GET", f"/sessions/{session}/events", headers=headers) as response:
            await agent.words.put("three")
            await agent.words.put("")
            rest = [event async for event in events_of(response)]
        assert _joined([*first, *rest])[0] == "one two three"
        assert rest[-1].data["answer"]["content"] == "one two three"


async def test_a_turn_of_another_process_is_followed_from_the_store(tmp_path):
    agent = Gated()
    async with (
        running(agent, tmp_path) as writer,
        running(ScriptedAgent(), tmp_path) as reader,
        writer.client() as near,
        reader.client() as far,
    ):
        session = await _session(near)
        await agent.words.put("one ")
        turn = asyncio.create_task(
            near.post(f"/sessions/{session}/turns", json={"text": "Go", "stream": False})
        )
        async with asyncio.timeout(10):
            while session not in writer.manager.running():
                await asyncio.sleep(0.01)
        busy = await far.post(f"/sessions/{session}/turns", json={"text": "me too"})
        assert busy.status_code == 409 and "answer" in busy.json()["error"]["sentence"]
        async with far.stream("GET", f"/sessions/{session}/events") as response:
            await agent.words.put("two")
            await agent.words.put("")
            events = [event async for event in events_of(response)]
        assert _joined(events)[0] == "one two"
        assert events[-1].name == "turn_finished"
        assert (await turn).json()["content"] == "one two"


async def test_a_second_request_meanwhile_is_told_so(tmp_path):
    agent = Gated()
    async with running(agent, tmp_path) as service, service.client() as client:
        session = await _session(client)
        first = asyncio.create_task(
            client.post(f"/sessions/{session}/turns", json={"text": "a", "stream": False})
        )
        async with asyncio.timeout(10):
            while session not in service.manager.running():
                await asyncio.sleep(0.01)
        second = await client.post(f"/sessions/{session}/turns", json={"text": "b"})
        assert second.status_code == 409
        await agent.words.put("")
        await first
        assert [m.content for m in await service.manager.transcript(session)] == ["a", ""]


async def test_a_turn_can_be_stopped(tmp_path):
    agent = Gated()
    async with running(agent, tmp_path) as service, service.client() as client:
        session = await _session(client)
        await agent.words.put("so far")
        async with client.stream("POST", f"/sessions/{session}/turns", json={"text": "Go"}) as response:
            events = []
            async for event in events_of(response):
                events.append(event)
                if event.name == "text_added":
                    assert (await client.post(f"/sessions/{session}/stop")).status_code == 204
        assert events[-1].data["answer"]["status"] == "stopped"
        assert events[-1].data["answer"]["content"] == "so far"
        assert (await client.post(f"/sessions/{session}/stop")).status_code == 204


async def test_a_failure_is_an_event_with_a_sentence(tmp_path):
    agent = ScriptedAgent(["half ", RateLimitError("Too many requests.", retry_after_s=3)])
    async with running(agent, tmp_path) as service, service.client() as client:
        session = await _session(client)
        async with client.stream("POST", f"/sessions/{session}/turns", json={"text": "Go"}) as response:
            events = [event async for event in events_of(response)]
        assert events[-1].name == "turn_failed"
        failure = events[-1].data["answer"]["failure"]
        assert (failure["sentence"], failure["retry_after_s"]) == ("Too many requests.", 3)
        assert events[-1].data["answer"]["content"] == "half "


async def test_what_runs_at_the_end_gets_its_grace_and_is_interrupted_then(tmp_path):
    agent = Gated()
    async with running(agent, tmp_path, grace_s=0.2) as service, service.client() as client:
        session = await _session(client)
        await agent.words.put("so far")
        async with client.stream("POST", f"/sessions/{session}/turns", json={"text": "Go"}) as response:
            async for event in events_of(response):
                if event.name == "text_added":
                    break
    async with running(ScriptedAgent(), tmp_path) as service:
        last = (await service.manager.transcript(session))[-1]
        assert (last.status, last.content) == (Status.INTERRUPTED, "so far")


@pytest.mark.parametrize("wrong", ["", "x", "a:b:c:", "x" * 100, "../../etc:0:0:", "abc:1:2:9"])
async def test_an_event_id_that_is_none_is_refused(tmp_path, wrong):
    async with running(ScriptedAgent(), tmp_path) as service, service.client() as client:
        session = await _session(client)
        headers = {"Last-Event-ID": wrong} if wrong else {}
        response = await client.get(f"/sessions/{session}/events", headers=headers)
        assert response.status_code == (422 if wrong else 204)


async def test_limits_are_answered_with_when_to_come_again(tmp_path):
    keys = KeyFile(tmp_path / "keys.toml")
    quick = keys.add("quick", requests_per_minute=3)
    poor = keys.add("poor", tokens_per_day=10)
    single = keys.add("single", concurrent_turns=1)
    agent = Gated()
    async with running(agent, tmp_path, keys=keys) as service:
        async with service.client(quick) as client:
            got = [await client.get("/sessions") for _ in range(4)]
            assert [each.status_code for each in got] == [200, 200, 200, 429]
            assert 1 <= int(got[-1].headers["retry-after"]) <= 60
        async with service.client(single) as client:
            sessions = [await _session(client) for _ in range(2)]
            first = asyncio.create_task(
                client.post(f"/sessions/{sessions[0]}/turns", json={"text": "a", "stream": False})
            )
            async with asyncio.timeout(10):
                while sessions[0] not in service.manager.running():
                    await asyncio.sleep(0.01)
            assert (
                await client.post(f"/sessions/{sessions[1]}/turns", json={"text": "b"})
            ).status_code == 429
            await agent.words.put("")
            await first
        async with service.client(poor) as client:
            session = await _session(client)
            for word in ("many words that take all the tokens there are for a day ", ""):
                await agent.words.put(word)
            used = await client.post(f"/sessions/{session}/turns", json={"text": "a", "stream": False})
            assert used.json()["status"] == "complete"
            refused = await client.post(f"/sessions/{session}/turns", json={"text": "b"})
            assert refused.status_code == 429 and "tokens" in refused.json()["error"]["sentence"]
