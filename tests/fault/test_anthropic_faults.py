"""What becomes of everything that a server of Anthropic's messages can do wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import SecretStr

from brim.core import errors
from brim.core.events import Done, ReasoningDelta, StreamEvent, TextDelta, UsageReported, Waiting
from brim.core.types import AgentConfig, AgentContext, Message
from brim.core.usage import Usage
from brim.providers.anthropic import AnthropicAgent
from tests.support.scripted_server import (
    CUT,
    STALL,
    Reply,
    ScriptedServer,
    message_delta,
    message_end,
    message_start,
    messages,
    refusal,
    sse,
)

KEY = "sk-ant-test-0123456789abcdef"
QUESTION = AgentContext(input="Why?")


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


@pytest.fixture
async def agent(server: ScriptedServer) -> AsyncIterator[AnthropicAgent]:
    agent = make(server)
    yield agent
    await agent.aclose()


def make(server: ScriptedServer, **config: Any) -> AnthropicAgent:
    defaults = {"model": "claude-9", "api_key": SecretStr(KEY), "base_url": server.url, "max_retries": 0}
    return AnthropicAgent(AgentConfig(**defaults | config))


def error_body(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


async def run(agent: AnthropicAgent, into: list[StreamEvent] | None = None) -> list[StreamEvent]:
    events = [] if into is None else into
    async for event in agent.process_stream(QUESTION):
        events.append(event)
    return events


def text_of(events: list[StreamEvent]) -> str:
    return "".join(str(event) for event in events)


async def failure(agent: AnthropicAgent) -> tuple[errors.AgentError, str]:
    """Return the error that ends the answer and the text that came before it."""
    events: list[StreamEvent] = []
    with pytest.raises(errors.AgentError) as caught:
        await run(agent, events)
    assert KEY not in str(caught.value)
    assert caught.value.sentence.endswith(".")
    return caught.value, text_of(events)


async def test_an_answer_with_thinking_and_cumulative_usage(
    server: ScriptedServer, agent: AnthropicAgent
) -> None:
    start = message_start(
        input_tokens=10, cache_read_input_tokens=80, cache_creation_input_tokens=5, output_tokens=1
    )
    steps = [start, message_delta("thinking", "Hmm."), message_delta("text", "Because.")]
    server.play(Reply(steps=[*steps, *message_end("max_tokens", output_tokens=30)]))
    assert await run(agent) == [
        ReasoningDelta("Hmm."),
        TextDelta("Because."),
        UsageReported(Usage(input_tokens=10, cache_read_tokens=80, cache_write_tokens=5, output_tokens=30)),
        Done(finish_reason="max_tokens", model="scripted-1"),
    ]


async def test_what_is_sent(server: ScriptedServer) -> None:
    agent = make(server, system_prompt="Be brief.", temperature=0.3, max_tokens=77)
    history = [
        Message(role="assistant", content="Left over."),
        Message(role="user", content="One?"),
        Message(role="assistant", content=" \n"),
    ]
    server.play(messages("Yes."))
    await agent.process(AgentContext(input="Two?", conversation_history=history))
    await agent.aclose()
    (request,) = server.requests
    assert request.path == "/v1/messages"
    assert request.headers["x-api-key"] == KEY
    sent = request.body["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    assert sent[1]["content"] == "Left over."
    assert sent[2]["content"] == "One?\n\nTwo?"
    assert request.body["system"] == "Be brief."
    assert request.body["temperature"] == 0.3
    assert request.body["max_tokens"] == 77


async def test_there_is_always_a_limit(server: ScriptedServer, agent: AnthropicAgent) -> None:
    server.play(messages("Yes."))
    await run(agent)
    assert server.requests[0].body["max_tokens"] > 0
    assert "temperature" not in server.requests[0].body
    assert "system" not in server.requests[0].body


async def test_a_missing_key_needs_no_request() -> None:
    agent = AnthropicAgent(AgentConfig(model="claude-9"))
    with pytest.raises(errors.AuthenticationError, match="ANTHROPIC_API_KEY"):
        await run(agent)


@pytest.mark.parametrize(
    ("status", "kind", "error_class"),
    [
        (400, "invalid_request_error", errors.BadRequestError),
        (401, "authentication_error", errors.AuthenticationError),
        (402, "billing_error", errors.RateLimitError),
        (403, "permission_error", errors.AuthenticationError),
        (404, "not_found_error", errors.BadRequestError),
        (408, "timeout_error", errors.OverloadedError),
        (413, "request_too_large", errors.ContextOverflowError),
        (429, "rate_limit_error", errors.RateLimitError),
        (500, "api_error", errors.OverloadedError),
        (529, "overloaded_error", errors.OverloadedError),
    ],
)
async def test_each_status_has_its_error(
    server: ScriptedServer,
    agent: AnthropicAgent,
    status: int,
    kind: str,
    error_class: type[errors.AgentError],
) -> None:
    server.play(refusal(status, error_body(kind, f"{KEY} said so")))
    error, _ = await failure(agent)
    assert type(error) is error_class
    assert error.status == status
    assert error.provider == "anthropic"


async def test_the_wait_that_is_asked_for(server: ScriptedServer, agent: AnthropicAgent) -> None:
    server.play(refusal(429, error_body("rate_limit_error", "slow"), {"retry-after": "12"}))
    error, _ = await failure(agent)
    assert error.retry_after_s == 12
    assert "12 s" in error.hint


async def test_a_failed_request_is_tried_again_and_says_so(server: ScriptedServer) -> None:
    agent = make(server, max_retries=2)
    busy = refusal(529, error_body("overloaded_error", "Overloaded"), {"retry-after-ms": "1"})
    server.play(busy, busy, messages("Now."))
    events = await run(agent)
    assert [type(event) for event in events[:2]] == [Waiting, Waiting]
    assert text_of(events) == "Now."
    await agent.aclose()


async def test_an_overloaded_server_in_the_middle_of_an_answer(
    server: ScriptedServer, agent: AnthropicAgent
) -> None:
    broken = sse(error_body("overloaded_error", "Overloaded"), "error")
    server.play(Reply(steps=[message_start(), message_delta("text", "Beca"), broken]))
    error, text = await failure(agent)
    assert (type(error), text) == (errors.OverloadedError, "Beca")
    assert error.retryable


@pytest.mark.parametrize("ending", [[CUT], []])
async def test_a_cut_connection(server: ScriptedServer, agent: AnthropicAgent, ending: list[Any]) -> None:
    server.play(Reply(steps=[message_start(), message_delta("text", "Beca"), *ending]))
    error, text = await failure(agent)
    assert (type(error), text) == (errors.ConnectionFailedError, "Beca")
    assert "cut" in error.sentence
    assert "kept" in error.sentence


async def test_a_stall(server: ScriptedServer) -> None:
    agent = make(server, timeout_s=0.2)
    server.play(Reply(steps=[message_start(), message_delta("text", "Beca"), STALL]))
    error, text = await failure(agent)
    assert (type(error), text) == (errors.RequestTimeoutError, "Beca")
    await agent.aclose()


@pytest.mark.parametrize("rubbish", [b"event: message_delta\ndata: {broken\n\n", b"event: x\ndata: \xff\n\n"])
async def test_rubbish_in_the_stream(server: ScriptedServer, agent: AnthropicAgent, rubbish: bytes) -> None:
    server.play(Reply(steps=[message_start(), message_delta("text", "Beca"), rubbish]))
    error, text = await failure(agent)
    assert (type(error), text) == (errors.BadResponseError, "Beca")


async def test_what_is_not_understood_is_passed_over(server: ScriptedServer, agent: AnthropicAgent) -> None:
    odd = [
        sse([1], "message_start"),
        sse({"type": "message_start", "message": 5}, "message_start"),
        sse({"type": "news"}, "news"),
        sse({"type": "content_block_delta", "delta": None}, "content_block_delta"),
        sse({"type": "ping"}, "ping"),
    ]
    server.play(messages("Because.", before=odd))
    assert text_of(await run(agent)) == "Because."


async def test_characters_split_between_packets(server: ScriptedServer, agent: AnthropicAgent) -> None:
    said = "Grüße, 世界 👩‍🚀!"
    whole = message_delta("text", said)
    split = [bytes([byte]) for byte in whole]
    server.play(Reply(steps=[message_start(), *split, *message_end(output_tokens=9)]))
    assert text_of(await run(agent)) == said


async def test_no_usage_is_reported_as_none(server: ScriptedServer, agent: AnthropicAgent) -> None:
    bare = sse({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, "message_delta")
    server.play(Reply(steps=[message_delta("text", "Because."), bare]))
    events = await run(agent)
    assert events == [TextDelta("Because."), Done(finish_reason="end_turn")]


async def test_a_withheld_answer_and_one_withheld_halfway(
    server: ScriptedServer, agent: AnthropicAgent
) -> None:
    why = {"type": "refusal", "category": "bio", "explanation": "Not about that."}
    server.play(
        Reply(steps=[message_start(), *message_end("refusal", why, output_tokens=1)]),
        messages("Beca", stop="refusal"),
    )
    error, _ = await failure(agent)
    assert isinstance(error, errors.RefusedError)
    assert "Not about that" in error.sentence
    events = await run(agent)
    assert text_of(events) == "Beca"
    assert events[-1] == Done(finish_reason="refusal", model="scripted-1")


async def test_stopping_closes_the_connection(server: ScriptedServer, agent: AnthropicAgent) -> None:
    server.play(Reply(steps=[message_start(), message_delta("text", "Beca"), STALL]))
    async with aclosing(agent.process_stream(QUESTION)) as events:
        assert await anext(events) == TextDelta("Beca")
    await server.client_gone()


async def test_nobody_at_the_address() -> None:
    async with ScriptedServer() as gone:
        pass
    agent = make(gone)
    error, _ = await failure(agent)
    assert isinstance(error, errors.ConnectionFailedError)
    await agent.aclose()
