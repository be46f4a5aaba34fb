"""What becomes of chat completions when the service is told to end while they are written."""

import asyncio
import json
import logging

import httpx2
import pytest

from brim import AgentContext, AgentInterface, AgentResponse
from brim.core.events import Done, TextDelta
from tests.support.service import running


class Gated(AgentInterface):
    """Says what it is given to say, and tells how many are listening."""

    def __init__(self, *words: str) -> None:
        self.first = words
        self.asked = 0
        self.gate = asyncio.Event()

    async def process(self, context: AgentContext) -> AgentResponse:
        raise NotImplementedError

    async def process_stream(self, context):
        for word in self.first:
            yield TextDelta(word)
        self.asked += 1
        await self.gate.wait()
        yield TextDelta("the end")
        yield Done()


def _asked(client, *, stream):
    body = {"model": "any", "stream": stream, "messages": [{"role": "user", "content": "x"}]}
    return asyncio.create_task(client.post("/v1/chat/completions", json=body))


async def _both(service, client, agent):
    """Ask for a whole answer and a streamed one, and tell the service to end once both are being written."""
    tasks = [_asked(client, stream=stream) for stream in (False, True)]
    async with asyncio.timeout(30):
        while agent.asked < len(tasks):
            await asyncio.sleep(0.01)
        service.server.should_exit = True
        while await _listens(service.url):
            await asyncio.sleep(0.01)
    return tasks


async def _listens(url):
    try:
        async with httpx2.AsyncClient() as client:
            await client.get(f"{url}/health")
    except httpx2.TransportError:
        return False
    return True


def _lines(response):
    return [block.removeprefix("data: ") for block in response.text.split("\n\n") if block]


async def test_completions_end_within_the_grace_of_an_ending_service(tmp_path):
    agent = Gated("half, ")
    async with running(agent, tmp_path, grace_s=600) as service, service.client() as client:
        tasks = await _both(service, client, agent)
        agent.gate.set()
        async with asyncio.timeout(30):
            whole, streamed = await asyncio.gather(*tasks)
        assert whole.json()["choices"][0]["message"]["content"] == "half, the end"
        assert _lines(streamed)[-1] == "[DONE]" and "the end" in streamed.text


@pytest.mark.parametrize("words", [("half, ",), ()])
async def test_completions_that_outlast_the_grace_are_told_so(tmp_path, caplog, words):
    caplog.set_level(logging.INFO, "brim")
    agent = Gated(*words)
    async with running(agent, tmp_path, grace_s=0.2) as service, service.client() as client:
        tasks = await _both(service, client, agent)
        async with asyncio.timeout(30):
            whole, streamed = await asyncio.gather(*tasks)
        refused = [whole] if words else [whole, streamed]
        for response in refused:
            assert (response.status_code, response.headers["retry-after"]) == (503, "1")
            assert response.json()["error"]["type"] == "ending"
            assert "interrupted" in response.json()["error"]["sentence"]
        if words:
            assert streamed.status_code == 200
            told = json.loads(_lines(streamed)[-1])["error"]
            assert (told["type"], "interrupted" in told["sentence"]) == ("ending", True)
    ended = [record for record in caplog.records if record.message == "turn ended"]
    assert [record.status for record in ended] == ["interrupted", "interrupted"]


async def test_a_second_signal_takes_the_grace_of_completions_away_too(tmp_path):
    agent = Gated("half, ")
    async with running(agent, tmp_path, grace_s=600) as service, service.client() as client:
        tasks = await _both(service, client, agent)
        service.server.handle_exit(15, None)
        async with asyncio.timeout(30):
            whole, streamed = await asyncio.gather(*tasks)
        assert (whole.status_code, "error" in json.loads(_lines(streamed)[-1])) == (503, True)
