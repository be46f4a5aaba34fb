"""Clients that were written by others: OpenAI's SDK, curl, and anything that reads lines of data."""

import asyncio
import json
import shutil

import pytest
from openai import APIStatusError, AsyncOpenAI, AuthenticationError, BadRequestError, NotFoundError

from brim import AgentInterface, OverloadedError, ScriptedAgent, Usage
from brim.core.events import TextDelta
from brim.serve.keys import KeyFile
from tests.support.service import running

USAGE = Usage(input_tokens=30, cache_read_tokens=10, output_tokens=5, reasoning_tokens=2)


class Endless(AgentInterface):
    """Says something and goes on in silence."""

    def __init__(self, said):
        self.said = said

    async def process(self, context):
        raise NotImplementedError

    async def process_stream(self, context):
        yield TextDelta(self.said)
        await asyncio.Event().wait()


def _openai(service, key="none"):
    return AsyncOpenAI(base_url=f"{service.url}/v1", api_key=key, max_retries=0)


async def test_the_openai_sdk_talks_to_an_agent(tmp_path):
    agent = ScriptedAgent(["Hello ", "there.", USAGE])
    async with running(agent, tmp_path) as service, _openai(service) as client:
        answer = await client.chat.completions.create(
            model="any",
            temperature=0.2,
            max_completion_tokens=50,
            stop="END",
            messages=[
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
                {"role": "assistant", "content": "Yes?"},
                {"role": "user", "content": "Hello?"},
            ],
        )
        assert answer.choices[0].message.content == "Hello there."
        assert answer.choices[0].finish_reason == "stop"
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (40, 5)
        assert answer.usage.prompt_tokens_details.cached_tokens == 10
        asked = agent.contexts[-1]
        assert asked.input == "Hello?"
        assert [(m.role, m.content) for m in asked.conversation_history] == [
            ("system", "Be kind."),
            ("user", "Hi"),
            ("assistant", "Yes?"),
        ]
        assert (asked.parameters.temperature, asked.parameters.max_tokens) == (0.2, 50)
        assert asked.parameters.stop == ("END",)
        assert await service.manager.count_sessions() == 0


async def test_the_openai_sdk_reads_a_stream(tmp_path):
    async with (
        running(ScriptedAgent(["Hello ", "there.", USAGE]), tmp_path) as service,
        _openai(service) as client,
    ):
        stream = await client.chat.completions.create(
            model="any",
            messages=[{"role": "user", "content": "Hi"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello there."
        assert chunks[-1].usage.total_tokens == 45
        models = [model.id async for model in client.models.list()]
        assert models == ["agent:scripted"]


async def test_the_openai_sdk_is_told_what_went_wrong(tmp_path):
    keys = KeyFile(tmp_path / "keys.toml")
    key = keys.add("alice")
    agent = ScriptedAgent({"broken": [OverloadedError("Out of order.")], "": ["fine"]})
    async with running(agent, tmp_path, keys=keys) as service:
        async with _openai(service, "brim-wrong") as client:
            with pytest.raises(AuthenticationError, match="not known"):
                await client.chat.completions.create(
                    model="agent:scripted", messages=[{"role": "user", "content": "x"}]
                )
        async with _openai(service, key) as client:
            with pytest.raises(APIStatusError, match="Out of order") as caught:
                await client.chat.completions.create(
                    model="agent:scripted", messages=[{"role": "user", "content": "broken"}]
                )
            assert caught.value.status_code == 503
            with pytest.raises(BadRequestError, match="last message"):
                await client.chat.completions.create(
                    model="agent:scripted", messages=[{"role": "system", "content": "x"}]
                )
            with pytest.raises(BadRequestError, match="own tools"):
                await client.chat.completions.create(
                    model="agent:scripted",
                    messages=[{"role": "user", "content": "x"}],
                    tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}],
                )
            with pytest.raises(NotFoundError, match="no such model"):
                await client.chat.completions.create(
                    model="openai:gpt-4o", messages=[{"role": "user", "content": "x"}]
                )
            assert (await client.models.retrieve("agent:scripted")).owned_by == "agent"
            with pytest.raises(NotFoundError):
                await client.models.retrieve("openai:gpt-4o")
            with pytest.raises(BadRequestError, match="one answer"):
                await client.chat.completions.create(
                    model="agent:scripted", n=2, messages=[{"role": "user", "content": "x"}]
                )


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"functions": [{"name": "f"}]}, "own tools"),
        ({"response_format": {"type": "json_object"}}, "cannot be json_object"),
        ({"logprobs": True}, "no logprobs"),
        ({"modalities": ["text", "audio"]}, "only be text"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "no image_url"),
    ],
)
async def test_what_an_agent_cannot_do_is_not_passed_over(tmp_path, wish, sentence):
    asked = {"model": "m", "messages": [{"role": "user", "content": "x"}], **wish}
    async with running(ScriptedAgent("fine"), tmp_path) as service, service.client() as client:
        refused = await client.post("/v1/chat/completions", json=asked)
        assert refused.status_code == 400 and sentence in refused.json()["error"]["sentence"]


async def test_what_nobody_counted_is_estimated_and_used_up(tmp_path):
    keys = KeyFile(tmp_path / "keys.toml")
    key = keys.add("alice", tokens_per_day=30)
    said = "word " * 50
    async with running(ScriptedAgent(said), tmp_path, keys=keys) as service, service.client(key) as client:
        asked = {"model": "agent:scripted", "messages": [{"role": "user", "content": "x"}]}
        answer = await client.post("/v1/chat/completions", json=asked)
        assert answer.json()["usage"]["completion_tokens"] > 30
        assert (await client.post("/v1/chat/completions", json=asked)).status_code == 429
        counted = (await client.get("/metrics")).text
        assert 'agent_turns_total{model="agent:scripted",status="complete"} 1.0' in counted


async def test_what_a_client_that_goes_away_was_told_is_used_up(tmp_path):
    keys = KeyFile(tmp_path / "keys.toml")
    key = keys.add("alice", tokens_per_day=30)
    async with (
        running(Endless("word " * 60), tmp_path, keys=keys) as service,
        service.client(key) as client,
    ):
        asked = {"model": "agent:Endless", "messages": [{"role": "user", "content": "x"}]}
        async with client.stream("POST", "/v1/chat/completions", json={**asked, "stream": True}) as response:
            async for line in response.aiter_lines():
                if "word" in line:
                    break
        async with asyncio.timeout(10):
            while 'status="stopped"} 1.0' not in (await client.get("/metrics")).text:
                await asyncio.sleep(0.05)
        assert (await client.post("/v1/chat/completions", json=asked)).status_code == 429


async def test_chat_stream_sends_lines_of_data_and_goes_on_with_its_session(tmp_path):
    agent = ScriptedAgent(["one\ntwo", "\n\nthree"])
    async with running(agent, tmp_path) as service, service.client() as client:
        first = await client.post("/chat/stream", params={"message": "Hi"})
        assert first.headers["content-type"].startswith("text/event-stream")
        events = first.text.split("\n\n")
        said = [
            "\n".join(line.removeprefix("data: ") for line in e.split("\n"))
            for e in events
            if e.startswith("data")
        ]
        assert "".join(said) == "one\ntwo\n\nthree"
        assert "event: done" in first.text
        session = first.headers["x-session-id"]
        again = await client.post("/chat/stream", json={"message": "More", "session_id": session})
        assert again.headers["x-session-id"] == session
        assert [m.content for m in agent.contexts[-1].conversation_history] == ["Hi", "one\ntwo\n\nthree"]


async def test_chat_stream_says_failures_in_words(tmp_path):
    agent = ScriptedAgent([OverloadedError("Out of order.")])
    async with running(agent, tmp_path) as service, service.client() as client:
        response = await client.post("/chat/stream", json={"message": "Hi"})
        assert "event: error\ndata: Out of order.\n\n" in response.text


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_reads_a_turn(tmp_path):
    async with running(ScriptedAgent("Hello."), tmp_path) as service, service.client() as client:
        session = (await client.post("/sessions", json={})).json()["id"]
        curl = await asyncio.create_subprocess_exec(
            "curl", "-sN", "-d", json.dumps({"text": "Hi"}), "-H", "Content-Type: application/json",
            f"{service.url}/sessions/{session}/turns",
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said, _ = await curl.communicate()
        assert curl.returncode == 0
        assert b"event: text_added" in said and said.rstrip().split(b"\n")[-2] == b"event: turn_finished"
