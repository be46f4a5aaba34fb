"""What leaves the window for an answer is told to those who follow the answer."""

import asyncio
from dataclasses import replace

from brim.core.events import Done, TextDelta
from tests.support.agents import Counting
from tests.support.service import events_of, running


class Held(Counting):
    """Answers in a few words, and says the last one when it is let; it writes no summaries."""

    def __init__(self) -> None:
        super().__init__(window=2_000)
        self.gate = asyncio.Event()
        self.gate.set()

    async def process_stream(self, context):
        if not context.input.startswith("q"):  # a summary is wanted
            yield Done()
            return
        yield TextDelta("one ")
        await self.gate.wait()
        yield TextDelta("two")
        yield Done()


async def _cleaned_turn(service, client, session):
    """Ask until messages leave the window for an answer; returns the events of that turn."""
    async with asyncio.timeout(50):
        while True:
            async with client.stream(
                "POST", f"/sessions/{session}/turns", json={"text": "q" * 900}
            ) as response:
                events = [event async for event in events_of(response)]
            receipt = (await service.manager.tail(session, limit=1))[0].receipt
            if receipt is not None and not receipt.after_answer:
                return events, receipt


async def _cleaned_and_held(service, client, session, agent):
    """Ask until messages leave the window for an answer; returns the request, whose answer is held."""
    body = {"text": "q" * 900, "stream": False}
    async with asyncio.timeout(50):
        while True:
            agent.gate.clear()
            asked = asyncio.create_task(client.post(f"/sessions/{session}/turns", json=body))
            while (live := service.manager.live(session)) is None or not live.content:
                await asyncio.sleep(0.01)
            if (await service.manager.messages_by_id([live.id]))[0].receipt is not None:
                return asked
            agent.gate.set()
            await asked


def _told(events):
    return [event.data for event in events if event.name == "window_cleaned"]


def _text(events):
    return "".join(event.data["text"] for event in events if event.name == "text_added")


async def _session(client):
    return (await client.post("/sessions", json={})).json()["id"]


async def _followed(client, session, last_id=None):
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with client.stream("GET", f"/sessions/{session}/events", headers=headers) as response:
        return [event async for event in events_of(response)]


async def test_a_cleanup_is_told_before_the_text_once_wherever_the_stream_breaks_off(tmp_path):
    async with (
        running(Held(), tmp_path) as service,
        running(Held(), tmp_path) as other,
        service.client() as client,
        other.client() as far,
    ):
        session = await _session(client)
        events, receipt = await _cleaned_turn(service, client, session)
        [cleaned] = _told(events)
        answer = events[-1].data["answer"]
        assert cleaned["message_id"] == answer["id"]
        assert cleaned["receipt"] == receipt.model_dump(mode="json")
        names = [event.name for event in events]
        assert names.index("window_cleaned") < names.index("text_added")
        assert _told(await _followed(client, session, f"{answer['id']}:0:0:")) == [cleaned]
        for number, event in enumerate(events[:-1]):
            for reader in (client, far):
                whole = [*events[: number + 1], *await _followed(reader, session, event.id)]
                assert (_told(whole), _text(whole)) == ([cleaned], "one two")


async def test_who_comes_while_the_answer_is_written_is_told_of_the_cleanup_first(tmp_path):
    agent = Held()
    async with (
        running(agent, tmp_path) as service,
        running(Held(), tmp_path) as other,
        service.client() as client,
        other.client() as far,
    ):
        session = await _session(client)
        asked = await _cleaned_and_held(service, client, session, agent)
        for reader in (client, far):
            async with reader.stream("GET", f"/sessions/{session}/events") as response:
                first = await anext(events_of(response))
            assert first.name == "window_cleaned"
            rest = asyncio.create_task(_followed(reader, session, first.id))
            if reader is far:
                agent.gate.set()
                assert (_told(await rest), _text(await rest)) == ([], "one two")
            else:
                near = rest
        assert (_told(await near), _text(await near)) == ([], "one two")
        assert (await asked).json()["status"] == "complete"


async def test_who_comes_later_is_told_why_there_is_no_summary(tmp_path):
    agent = Held()
    async with running(agent, tmp_path) as service, service.client() as client:
        in_force = service.manager.in_force
        in_force.take(replace(in_force.now, summary_model="same"))
        session = await _session(client)
        asked = await _cleaned_and_held(service, client, session, agent)
        async with client.stream("GET", f"/sessions/{session}/events") as response:
            events = events_of(response)
            assert [(await anext(events)).name for _ in range(2)] == ["summary_skipped", "window_cleaned"]
        agent.gate.set()
        assert (await asked).json()["status"] == "complete"
