"""What becomes of everything that a server of Anthropic's messages can do wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import pytest
from pydantic import SecretStr

from brim.core import errors
from brim.core.events import Done, ReasoningDelta, StreamEvent, TextDelta, UsageReported, Waiting
from brim.core.types import AgentConfig, AgentContext, Message
from brim.core.usage import Usage
from brim.providers.anthropic import AnthropicAgent, AnthropicServer
from brim.providers.prompts import LEFT_OUT
from tests.support.ports import unanswered_port
from tests.support.scripted_server import (
    CUT,
    STALL,
    Reply,
    Request,
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
        UsageReported(Usage(input_tokens=10, cache_read_tokens=80, cache_write_tokens=5)),
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
    assert [
        (message["role"], [block["text"] for block in message["content"]])
        for message in request.body["messages"]
    ] == [("user", [LEFT_OUT]), ("assistant", ["Left over."]), ("user", ["One?\n\nTwo?"])]
    assert [block["text"] for block in request.body["system"]] == ["Be brief."]
    assert request.body["temperature"] == 0.3
    assert request.body["max_tokens"] == 77


def breakpoints(body: dict[str, Any]) -> list[str]:
    """Return the texts of a request that have a breakpoint behind them, in the order of the prompt."""
    blocks = [*body.get("system", []), *(block for turn in body["messages"] for block in turn["content"])]
    marked = [block for block in blocks if "cache_control" in block]
    assert all(block["cache_control"] == {"type": "ephemeral"} for block in marked)
    return [block["text"] for block in marked]


def prefixes(body: dict[str, Any]) -> list[str]:
    """Return the prompt up to each of its breakpoints, as the provider's cache knows it."""
    blocks = [("system", block) for block in body.get("system", [])]
    blocks += [(turn["role"], block) for turn in body["messages"] for block in turn["content"]]
    texts = [json.dumps([role, block["text"]]) for role, block in blocks]
    return [
        "".join(texts[: place + 1]) for place, (_, block) in enumerate(blocks) if "cache_control" in block
    ]


async def test_each_request_reads_what_the_one_before_it_wrote(server: ScriptedServer) -> None:
    agent = make(server)
    history = [
        Message(role="system", content="Be brief."),
        Message(role="system", content="A summary of what was said before."),
    ]
    for turn in range(4):
        question = f"Question {turn}?"
        server.play(messages(f"Answer {turn}."))
        context = AgentContext(input=question, conversation_history=history, session_id="s1")
        answer = await agent.process(context)
        history += [
            Message(role="user", content=question),
            Message(role="assistant", content=answer.output),
        ]
    bodies = [request.body for request in server.requests]
    assert breakpoints(bodies[0]) == ["Be brief.", "A summary of what was said before.", "Question 0?"]
    assert breakpoints(bodies[3])[2:] == ["Question 2?", "Question 3?"]
    for earlier, later in pairwise(bodies):
        assert prefixes(earlier)[-1] in prefixes(later)
        assert len(prefixes(later)) <= 4
    # A cleanup takes messages and makes another summary: what the person wrote is still read.
    server.play(messages("Yes."))
    cleaned = [history[0], Message(role="system", content="Another summary."), *history[-2:]]
    await agent.process(AgentContext(input="And?", conversation_history=cleaned, session_id="s1"))
    await agent.aclose()
    assert prefixes(server.requests[-1].body)[0] == prefixes(bodies[-1])[0]


async def test_a_question_that_is_asked_once_is_not_written_to_the_cache(
    server: ScriptedServer, agent: AnthropicAgent
) -> None:
    system = [Message(role="system", content="Sum up what you are given.")]
    server.play(messages("Yes."), messages("Yes."))
    await agent.process(AgentContext(input="All of it.", conversation_history=system))
    await agent.process(AgentContext(input="All of it.", conversation_history=system, session_id="s1"))
    assert [breakpoints(request.body) for request in server.requests] == [
        ["Sum up what you are given."],
        ["Sum up what you are given.", "All of it."],
    ]


async def test_an_empty_question_has_no_breakpoint(server: ScriptedServer, agent: AnthropicAgent) -> None:
    server.play(messages("Yes."))
    await agent.process(AgentContext(input=" ", session_id="s1"))
    assert breakpoints(server.requests[0].body) == []


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "system.0.cache_control: Extra inputs are not permitted"),
        (422, "body.messages.0.content: Input should be a valid string"),
    ],
)
async def test_a_server_that_refuses_breakpoints_is_asked_once(
    server: ScriptedServer, agent: AnthropicAgent, status: int, said: str
) -> None:
    def strict(request: Request) -> Reply:
        texts = [request.body.get("system", ""), *(turn["content"] for turn in request.body["messages"])]
        if not all(isinstance(text, str) for text in texts):
            return refusal(status, error_body("invalid_request_error", said))
        return messages("Because.")

    server.default = strict
    assert text_of(await run(agent)) == "Because."
    assert text_of(await run(agent)) == "Because."
    assert [type(request.body["messages"][0]["content"]) for request in server.requests] == [list, str, str]


async def test_a_gateway_may_refuse_breakpoints_for_one_of_its_models(server: ScriptedServer) -> None:
    def strict(request: Request) -> Reply:
        if request.body["model"] == "old" and breakpoints(request.body):
            return refusal(400, error_body("invalid_request_error", "cache_control: not permitted"))
        return messages("Because.")

    def marked(body: dict[str, Any]) -> bool:
        return "cache_control" in json.dumps(body)

    server.default = strict
    shared = AnthropicServer(server.url, SecretStr(KEY))
    context = AgentContext(input="Why?", session_id="s1")
    for model in ("old", "new", "old"):
        agent = AnthropicAgent(AgentConfig(model=model, max_retries=0), shared)
        assert (await agent.process(context)).output == "Because."
    await shared.aclose()
    assert [(request.body["model"], marked(request.body)) for request in server.requests] == [
        ("old", True),
        ("old", False),
        ("new", True),
        ("old", False),
    ]


async def test_a_refusal_of_something_else_is_not_repeated(
    server: ScriptedServer, agent: AnthropicAgent
) -> None:
    server.play(refusal(400, error_body("invalid_request_error", "max_tokens: too large")))
    error, _ = await failure(agent)
    assert isinstance(error, errors.BadRequestError)
    assert len(server.requests) == 1


async def test_the_prompt_of_an_answer_that_is_stopped_is_counted(
    server: ScriptedServer, agent: AnthropicAgent
) -> None:
    start = message_start(input_tokens=10, cache_creation_input_tokens=500, output_tokens=3)
    server.play(Reply(steps=[start, message_delta("text", "Beca"), STALL]))
    async with aclosing(agent.process_stream(QUESTION)) as events:
        assert await anext(events) == UsageReported(Usage(input_tokens=10, cache_write_tokens=500))
        assert await anext(events) == TextDelta("Beca")


async def test_a_count_that_a_server_leaves_out_at_the_end_stays(
    server: ScriptedServer, agent: AnthropicAgent
) -> None:
    start = message_start(input_tokens=10, cache_read_input_tokens=80)
    end = message_end(input_tokens=0, cache_read_input_tokens=0, output_tokens=7)
    late = Reply(
        steps=[message_start(), message_delta("text", "B"), *message_end(input_tokens=9, output_tokens=7)]
    )
    server.play(Reply(steps=[start, message_delta("text", "A"), *end]), late)
    assert (await run(agent))[-2] == UsageReported(
        Usage(input_tokens=10, cache_read_tokens=80, output_tokens=7)
    )
    assert await run(agent) == [
        TextDelta("B"),
        UsageReported(Usage(input_tokens=9, output_tokens=7)),
        Done(finish_reason="end_turn", model="scripted-1"),
    ]


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
    agent = make(server, timeout_s=1)
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
    with unanswered_port() as port:
        agent = AnthropicAgent(
            AgentConfig(
                model="claude-9", api_key=SecretStr(KEY), base_url=f"http://127.0.0.1:{port}", max_retries=0
            )
        )
        error, _ = await failure(agent)
        assert isinstance(error, errors.ConnectionFailedError)
        await agent.aclose()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_neither_the_key_nor_the_prompt_follows_a_redirect(
    server: ScriptedServer, agent: AnthropicAgent, status: int
) -> None:
    async with ScriptedServer() as other:
        server.play(Reply(status, headers={"Location": f"{other.url}/v1/messages"}))
        with pytest.raises(errors.BadRequestError, match="sends requests on to another address"):
            await run(agent)
        assert not other.connections


async def test_a_key_that_comes_back_in_an_answer_is_taken_out_of_it(
    server: ScriptedServer, agent: AnthropicAgent
) -> None:
    server.play(messages("Your key is ", KEY[:9], f"{KEY[9:]} in", "deed. s"))
    events = await run(agent)
    assert text_of(events) == "Your key is [key] indeed. s"
    assert KEY not in repr(events)
