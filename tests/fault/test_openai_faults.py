"""What becomes of everything that a server of chat completions can do wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import SecretStr

from brim.core import errors
from brim.core.agent import AgentInterface
from brim.core.events import Done, ReasoningDelta, StreamEvent, TextDelta, UsageReported, Waiting
from brim.core.types import AgentConfig, AgentContext, Message
from brim.core.usage import Usage
from brim.providers.openai import OpenAIAgent, OpenAIServer
from tests.support.ports import unanswered_port
from tests.support.scripted_server import (
    CUT,
    STALL,
    Reply,
    Request,
    ScriptedServer,
    chat,
    chat_chunk,
    refusal,
)

KEY = "sk-test-0123456789abcdef"
QUESTION = AgentContext(input="Why?")


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


@pytest.fixture
async def agent(server: ScriptedServer) -> AsyncIterator[OpenAIAgent]:
    agent = make(server)
    yield agent
    await agent.aclose()


def make(server: ScriptedServer, **config: Any) -> OpenAIAgent:
    defaults = {"model": "gpt-9", "api_key": SecretStr(KEY), "base_url": server.openai_url, "max_retries": 0}
    return OpenAIAgent(AgentConfig(**defaults | config))


async def run(agent: AgentInterface, into: list[StreamEvent] | None = None) -> list[StreamEvent]:
    events = [] if into is None else into
    async for event in agent.process_stream(QUESTION):
        events.append(event)
    return events


def text_of(events: list[StreamEvent]) -> str:
    return "".join(str(event) for event in events)


async def failure(agent: AgentInterface) -> tuple[errors.AgentError, str]:
    """Return the error that ends the answer and the text that came before it."""
    events: list[StreamEvent] = []
    with pytest.raises(errors.AgentError) as caught:
        await run(agent, events)
    assert KEY not in str(caught.value)
    assert caught.value.sentence.endswith(".")
    return caught.value, text_of(events)


async def test_an_answer_with_reasoning_usage_and_the_reason_for_its_end(
    server: ScriptedServer, agent: OpenAIAgent
) -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
    thinking = [chat_chunk({"reasoning_content": "Hm"}), chat_chunk({"reasoning": "m."})]
    server.play(chat("Be", "cause.", finish="length", usage=usage, before=thinking))
    assert await run(agent) == [
        ReasoningDelta("Hm"),
        ReasoningDelta("m."),
        TextDelta("Be"),
        TextDelta("cause."),
        UsageReported(Usage(input_tokens=40, cache_read_tokens=60, output_tokens=20, reasoning_tokens=5)),
        Done(finish_reason="length", model="scripted-1"),
    ]


async def test_what_is_sent(server: ScriptedServer) -> None:
    agent = make(server, temperature=0.5, max_tokens=99, system_prompt="Unused.")
    history = [
        Message(role="system", content="Be brief."),
        Message(role="user", content="One?"),
        Message(role="assistant", content=""),
        Message(role="user", content="Two?"),
    ]
    await agent.process(AgentContext(input="Three?", conversation_history=history))
    await agent.aclose()
    (request,) = server.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body == {
        "model": "gpt-9",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "One?\n\nTwo?\n\nThree?"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "max_tokens": 99,
    }


async def test_a_whole_answer_with_its_counts(server: ScriptedServer, agent: OpenAIAgent) -> None:
    server.play(chat("Be", "cause.", usage={"prompt_tokens": 7, "completion_tokens": 2}))
    answer = await agent.process(QUESTION)
    assert answer.output == "Because."
    assert answer.metadata == {
        "tokens": 9,
        "prompt_tokens": 7,
        "completion_tokens": 2,
        "finish_reason": "stop",
        "model": "scripted-1",
    }


async def test_a_refused_key(server: ScriptedServer, agent: OpenAIAgent) -> None:
    said = f"Incorrect API key provided: {KEY}. Yours begins with sk-other-987654."
    server.play(refusal(401, {"error": {"message": said, "code": "invalid_api_key"}}))
    error, _ = await failure(agent)
    assert isinstance(error, errors.AuthenticationError)
    assert "sk-" not in str(error)
    assert "OPENAI_API_KEY" in error.hint
    assert error.status == 401


async def test_a_key_that_comes_back_in_an_answer_is_taken_out_of_it(
    server: ScriptedServer, agent: OpenAIAgent
) -> None:
    thought = chat_chunk({"reasoning_content": f"I was sent {KEY}."})
    server.play(chat("Your key is ", KEY[:9], f"{KEY[9:]} in", "deed. s", before=[thought]))
    events = await run(agent)
    assert text_of(events) == "Your key is [key] indeed. s"
    assert KEY not in repr(events)


async def test_a_key_that_looks_like_no_key_is_taken_out_of_what_is_quoted(server: ScriptedServer) -> None:
    agent = make(server, api_key=SecretStr("hunter22"))
    server.play(refusal(401, {"error": "unknown token hunter22"}))
    error, _ = await failure(agent)
    assert "hunter22" not in str(error)
    await agent.aclose()


async def test_a_missing_key_needs_no_request() -> None:
    agent = OpenAIAgent(AgentConfig(model="gpt-9"))
    with pytest.raises(errors.AuthenticationError, match="OPENAI_API_KEY"):
        await run(agent)


@pytest.mark.parametrize(
    ("headers", "seconds"), [({"retry-after": "20"}, 20), ({"retry-after-ms": "1500"}, 1.5), ({}, None)]
)
async def test_too_many_requests_with_the_wait_that_is_asked_for(
    server: ScriptedServer, agent: OpenAIAgent, headers: dict[str, str], seconds: float | None
) -> None:
    server.play(refusal(429, {"error": {"message": "Slow down", "type": "requests"}}, headers))
    error, _ = await failure(agent)
    assert isinstance(error, errors.RateLimitError)
    assert error.retry_after_s == seconds
    assert error.retryable


async def test_a_used_up_quota_is_not_tried_again(server: ScriptedServer) -> None:
    agent = make(server, max_retries=3)
    server.play(refusal(429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}))
    error, _ = await failure(agent)
    assert isinstance(error, errors.RateLimitError)
    assert not error.retryable
    assert len(server.requests) == 1
    await agent.aclose()


@pytest.mark.parametrize("status", [500, 502, 503, 529])
async def test_a_broken_or_overloaded_server(server: ScriptedServer, agent: OpenAIAgent, status: int) -> None:
    server.play(Reply(status, [b"<html>gateway</html>"], content_type="text/html"))
    error, _ = await failure(agent)
    assert isinstance(error, errors.OverloadedError)
    assert error.retryable
    assert str(status) in error.sentence


async def test_a_failed_request_is_tried_again_and_says_so(server: ScriptedServer) -> None:
    agent = make(server, max_retries=1)
    server.play(refusal(503, {"error": {"message": "busy"}}, {"retry-after-ms": "1"}), chat("Now."))
    first, *rest = await run(agent)
    assert isinstance(first, Waiting)
    assert "busy" in first.reason
    assert text_of(rest) == "Now."
    await agent.aclose()


async def test_a_long_wait_is_left_to_the_person(server: ScriptedServer) -> None:
    agent = make(server, max_retries=3)
    server.play(refusal(429, {"error": "later"}, {"retry-after": "3600"}))
    error, _ = await failure(agent)
    assert error.retry_after_s == 3600
    assert len(server.requests) == 1
    await agent.aclose()


async def test_an_answer_that_has_begun_is_not_asked_for_again(server: ScriptedServer) -> None:
    agent = make(server, max_retries=3)
    server.play(Reply(steps=[chat_chunk({"content": "Beca"}), CUT]))
    error, text = await failure(agent)
    assert text == "Beca"
    assert isinstance(error, errors.ConnectionFailedError)
    assert "cut" in error.sentence
    assert "kept" in error.sentence
    assert len(server.requests) == 1
    await agent.aclose()


async def test_a_stall_before_and_within_an_answer(server: ScriptedServer) -> None:
    agent = make(server, timeout_s=1, max_retries=3)
    server.play(Reply(steps=[STALL]), Reply(steps=[chat_chunk({"content": "Beca"}), STALL]))
    error, text = await failure(agent)
    assert (type(error), text) == (errors.RequestTimeoutError, "")
    assert "1 s" in error.sentence
    error, text = await failure(agent)
    assert (type(error), text) == (errors.RequestTimeoutError, "Beca")
    assert "kept" in error.sentence
    await agent.aclose()


async def test_nobody_at_the_address() -> None:
    with unanswered_port() as port:
        agent = OpenAIAgent(
            AgentConfig(
                model="gpt-9", api_key=SecretStr(KEY), base_url=f"http://127.0.0.1:{port}/v1", max_retries=0
            )
        )
        error, _ = await failure(agent)
        assert isinstance(error, errors.ConnectionFailedError)
        assert f"127.0.0.1:{port}" in error.sentence
        await agent.aclose()


async def test_a_stream_that_ends_without_an_end(server: ScriptedServer, agent: OpenAIAgent) -> None:
    server.play(chat("Beca", finish=None))
    error, text = await failure(agent)
    assert (type(error), text) == (errors.ConnectionFailedError, "Beca")


async def test_a_connection_cut_after_the_end_spoils_nothing(
    server: ScriptedServer, agent: OpenAIAgent
) -> None:
    server.play(Reply(steps=[chat_chunk({"content": "Because."}), chat_chunk({}, "stop"), CUT]))
    events = await run(agent)
    assert text_of(events) == "Because."
    assert events[-1] == Done(finish_reason="stop", model="scripted-1")


@pytest.mark.parametrize(
    "rubbish", [b"data: {broken\n\n", b"data: \xff\xfe\n\n", b'data: {"choices": [{"delta"\n\n']
)
async def test_rubbish_in_the_stream(server: ScriptedServer, agent: OpenAIAgent, rubbish: bytes) -> None:
    server.play(Reply(steps=[chat_chunk({"content": "Beca"}), rubbish]))
    error, text = await failure(agent)
    assert (type(error), text) == (errors.BadResponseError, "Beca")


async def test_what_is_not_understood_is_passed_over(server: ScriptedServer, agent: OpenAIAgent) -> None:
    odd: list[Any] = [
        b"data: null\n\n",
        b"data: [1]\n\n",
        b": a comment\n\n",
        chat_chunk(None, choices=None),
        chat_chunk(None, choices=["?"]),
        chat_chunk({"content": None, "tool_calls": [{"index": 0}]}),
        chat_chunk({"content": 5}),
        chat_chunk(None, usage={"prompt_tokens": "many"}),
    ]
    server.play(chat("Because.", before=odd))
    assert text_of(await run(agent)) == "Because."


async def test_a_page_instead_of_an_answer(server: ScriptedServer, agent: OpenAIAgent) -> None:
    server.play(Reply(steps=[b"<!doctype html><title>Hi</title>"], content_type="text/html"))
    error, _ = await failure(agent)
    assert isinstance(error, errors.BadResponseError)
    assert "base URL" in error.hint


async def test_an_error_inside_the_stream(server: ScriptedServer, agent: OpenAIAgent) -> None:
    broken = {"error": {"message": "upstream died", "code": 502}}
    server.play(Reply(steps=[chat_chunk({"content": "Beca"}), chat_chunk(None, **broken)]))
    error, text = await failure(agent)
    assert (type(error), text, error.status) == (errors.OverloadedError, "Beca", 502)
    assert "upstream died" in error.sentence


async def test_characters_split_between_packets(server: ScriptedServer, agent: OpenAIAgent) -> None:
    said = "Grüße, 世界 👩‍🚀!"
    whole = chat_chunk({"content": said})
    server.play(
        Reply(steps=[*(bytes([byte]) for byte in whole), chat_chunk({}, "stop"), b"data: [DONE]\n\n"])
    )
    assert text_of(await run(agent)) == said


async def test_no_usage_is_reported_as_none(server: ScriptedServer, agent: OpenAIAgent) -> None:
    server.play(chat("Because.", usage={"prompt_tokens": 0, "completion_tokens": 0}))
    assert not any(isinstance(event, UsageReported) for event in await run(agent))


async def test_a_server_without_any_usage(server: ScriptedServer, agent: OpenAIAgent) -> None:
    server.play(chat("Because.", before=[chat_chunk({"content": ""}, usage=None)]))
    assert not any(isinstance(event, UsageReported) for event in await run(agent))


async def test_usage_that_grows_with_every_chunk(server: ScriptedServer, agent: OpenAIAgent) -> None:
    def counted(text: str, output: int, finish: str | None = None) -> bytes:
        usage = {"prompt_tokens": 9, "completion_tokens": output, "total_tokens": 9 + output}
        return chat_chunk({"content": text}, finish, usage=usage)

    steps = [counted("Be", 1), counted("cause.", 2), counted("", 2, "stop"), b"data: [DONE]\n\n"]
    server.play(Reply(steps=steps))
    assert await run(agent) == [
        TextDelta("Be"),
        UsageReported(Usage(input_tokens=9, output_tokens=1)),
        TextDelta("cause."),
        UsageReported(Usage(input_tokens=9, output_tokens=2)),
        Done(finish_reason="stop", model="scripted-1"),
    ]


USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}


@pytest.mark.parametrize(
    "last",
    [
        chat_chunk({}, "stop", x_groq={"id": "r1", "usage": USAGE | {"queue_time": 0.1}}),
        chat_chunk(
            None, choices=[{"index": 0, "delta": {}, "finish_reason": "stop", "usage": USAGE}], usage=None
        ),
        chat_chunk({}, "stop", usage=USAGE | {"cost": 0.0002, "is_byok": False}),
    ],
    ids=["groq", "kimi", "openrouter"],
)
async def test_usage_at_another_place(server: ScriptedServer, agent: OpenAIAgent, last: bytes) -> None:
    server.play(Reply(steps=[chat_chunk({"content": "Because."}), last, b"data: [DONE]\n\n"]))
    assert UsageReported(Usage(input_tokens=9, output_tokens=2)) in await run(agent)


LLAMA = {"default_generation_settings": {"n_ctx": 2048}}


async def test_other_servers_are_not_asked_to_count(server: ScriptedServer, agent: OpenAIAgent) -> None:
    assert await agent.count_tokens([Message(role="user", content="Why?")]) is None
    assert server.requests == []


@pytest.mark.parametrize(
    "answered",
    [
        refusal(404, {"error": "no such path"}),
        refusal(200, {"error": "unexpected endpoint"}),
        refusal(200, {"input_tokens": "many"}),
        refusal(200, [1]),
        Reply(200, [b"<html>"], content_type="text/html"),
        Reply(200, [CUT]),
    ],
)
async def test_a_server_that_does_not_count_after_all(
    server: ScriptedServer, agent: OpenAIAgent, answered: Reply
) -> None:
    server.pages["/props"] = LLAMA
    server.play(answered)
    assert await agent.count_tokens([Message(role="user", content="Why?")]) is None
    assert text_of(await run(agent)) == "Hello."


async def test_reports_of_reading_that_cannot_be(server: ScriptedServer, agent: OpenAIAgent) -> None:
    odd = [
        chat_chunk({"content": None}, prompt_progress=progress)
        for progress in (None, 5, {}, {"total": "x", "processed": 1}, {"total": 10, "processed": 9000})
    ]
    server.play(
        chat("Because.", before=[*odd, chat_chunk({}, prompt_progress={"total": 900, "processed": -1})])
    )
    waits = [event for event in await run(agent) if isinstance(event, Waiting)]
    assert waits == [Waiting("reading 0 of 900 tokens")]


@pytest.mark.parametrize(
    "said",
    [
        refusal(400, {"error": {"message": "Unrecognized request argument: stream_options"}}),
        # Mistral, and what is built with FastAPI.
        refusal(
            422,
            {
                "detail": [
                    {
                        "type": "extra_forbidden",
                        "loc": ["body", "stream_options"],
                        "msg": "Extra inputs are not permitted",
                    }
                ]
            },
        ),
        refusal(400, "unknown field include_usage"),
    ],
    ids=["openai", "fastapi", "text"],
)
async def test_a_server_that_refuses_to_be_asked_for_usage_is_asked_once(
    server: ScriptedServer, agent: OpenAIAgent, said: Reply
) -> None:
    def strict(request: Request) -> Reply:
        return said if "stream_options" in request.body else chat("Because.")

    server.default = strict
    assert text_of(await run(agent)) == "Because."
    assert text_of(await run(agent)) == "Because."
    assert ["stream_options" in request.body for request in server.requests] == [True, False, False]


async def test_a_bad_request_about_something_else_is_not_repeated(
    server: ScriptedServer, agent: OpenAIAgent
) -> None:
    server.play(refusal(400, {"detail": "[/foo] temperature \x1b[31m too hot"}))
    error, _ = await failure(agent)
    assert isinstance(error, errors.BadRequestError)
    assert "[/foo]" in error.sentence
    assert "\x1b" not in error.sentence
    assert len(server.requests) == 1


async def test_a_long_error_is_quoted_shortly(server: ScriptedServer, agent: OpenAIAgent) -> None:
    server.play(refusal(400, {"error": {"message": "no " * 5000}}))
    error, _ = await failure(agent)
    assert len(error.sentence) < 400


async def test_an_unknown_model(server: ScriptedServer, agent: OpenAIAgent) -> None:
    server.play(refusal(404, {"error": {"message": "The model gpt-9 does not exist"}}))
    error, _ = await failure(agent)
    assert isinstance(error, errors.BadRequestError)
    assert "gpt-9" in error.sentence


async def test_a_withheld_answer_and_one_withheld_halfway(server: ScriptedServer, agent: OpenAIAgent) -> None:
    server.play(chat(finish="content_filter"), chat("Beca", finish="content_filter"))
    error, _ = await failure(agent)
    assert isinstance(error, errors.RefusedError)
    events = await run(agent)
    assert text_of(events) == "Beca"
    assert events[-1] == Done(finish_reason="content_filter", model="scripted-1")


async def test_stopping_closes_the_connection(server: ScriptedServer, agent: OpenAIAgent) -> None:
    server.play(Reply(steps=[chat_chunk({"content": "Beca"}), STALL]))
    async with aclosing(agent.process_stream(QUESTION)) as events:
        assert await anext(events) == TextDelta("Beca")
    await server.client_gone()


async def test_cancelling_closes_the_connection(server: ScriptedServer, agent: OpenAIAgent) -> None:
    server.play(Reply(steps=[chat_chunk({"content": "Beca"}), STALL]))
    came = asyncio.Event()

    async def read() -> None:
        async for _ in agent.process_stream(QUESTION):
            came.set()

    task = asyncio.create_task(read())
    await came.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.client_gone()


async def test_agents_of_one_server_share_its_connections(server: ScriptedServer) -> None:
    shared = OpenAIServer(server.openai_url, SecretStr(KEY))
    for model in ("one", "two"):
        agent = OpenAIAgent(AgentConfig(model=model), shared)
        await run(agent)
        await agent.aclose()
    assert server.connections == 1
    await shared.aclose()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_neither_the_key_nor_the_prompt_follows_a_redirect(
    server: ScriptedServer, agent: OpenAIAgent, status: int
) -> None:
    async with ScriptedServer() as other:
        server.play(Reply(status, headers={"Location": f"{other.openai_url}/chat/completions"}))
        error, _ = await failure(agent)
        assert isinstance(error, errors.BadRequestError)
        assert f"sends requests on to another address: “{other.openai_url}" in error.sentence
        assert not error.retryable
        assert not other.connections


async def test_a_server_without_tls_is_told_from_one_that_is_away(server: ScriptedServer) -> None:
    def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as plain:
        agent = make(server, base_url="https://{}:{}/v1".format(*plain.sockets[0].getsockname()))
        error, _ = await failure(agent)
        await agent.aclose()
    assert "it speaks http://, not https://" in error.sentence
