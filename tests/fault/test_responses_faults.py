"""The Responses API: what is sent, what is read, and what becomes of everything that can go wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import SecretStr

from brim.core import errors
from brim.core.events import Done, ReasoningDelta, StreamEvent, TextDelta, UsageReported, Waiting
from brim.core.provider_tables import Provider
from brim.core.types import AgentConfig, AgentContext, Message
from brim.core.usage import Usage
from brim.providers.openai import OpenAIAgent, OpenAIServer
from brim.providers.responses import needs_responses
from tests.support.scripted_server import CUT, STALL, Reply, ScriptedServer, chat, refusal, sse

KEY = "plain-and-secret-0123456789"
QUESTION = AgentContext(input="Why?")
USAGE = {
    "input_tokens": 100,
    "output_tokens": 20,
    "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
    "output_tokens_details": {"reasoning_tokens": 5},
}


def event(kind: str, **fields: Any) -> bytes:
    return sse({"type": f"response.{kind}", **fields}, f"response.{kind}")


def ended(kind: str = "completed", **fields: Any) -> bytes:
    return event(kind, response={"status": kind, "model": "gpt-9-2026", **fields})


def answer(*texts: str, usage: object = None, before: tuple[bytes, ...] = ()) -> Reply:
    steps = [event("created", response={"status": "in_progress", "error": None}), *before]
    steps += [event("output_text.delta", delta=words) for words in texts]
    return Reply(steps=[*steps, ended(usage=usage)])


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


@pytest.fixture
async def agent(server: ScriptedServer) -> AsyncIterator[OpenAIAgent]:
    agent = make(server)
    yield agent
    await agent._server.aclose()


def make(server: ScriptedServer, *, lacks: tuple[str, ...] = (), **config: Any) -> OpenAIAgent:
    profile = Provider(
        name="work", kind="openai-responses", base_url=server.openai_url, lacks=frozenset(lacks)
    )
    made = OpenAIServer(None, SecretStr(KEY), profile=profile)
    return OpenAIAgent(AgentConfig(**{"model": "gpt-9", "max_retries": 0, **config}), made)


async def run(agent: OpenAIAgent, into: list[StreamEvent] | None = None) -> list[StreamEvent]:
    events = [] if into is None else into
    async with aclosing(agent.process_stream(QUESTION)) as stream:
        async for one in stream:
            events.append(one)
    return events


async def failure(agent: OpenAIAgent) -> tuple[errors.AgentError, str]:
    events: list[StreamEvent] = []
    with pytest.raises(errors.AgentError) as caught:
        await run(agent, events)
    assert KEY not in str(caught.value)
    assert caught.value.sentence.endswith(".")
    return caught.value, "".join(str(one) for one in events)


async def test_an_answer_with_reasoning_and_usage(server: ScriptedServer, agent: OpenAIAgent) -> None:
    thinking = (
        event("reasoning_summary_part.added", summary_index=0),
        event("reasoning_summary_text.delta", delta="Hm"),
        event("reasoning_summary_part.added", summary_index=1),
        event("reasoning_summary_text.delta", delta="m."),
        sse({"type": "response.something.new", "delta": {"odd": 1}}),
        sse([1, 2]),
    )
    server.play(answer("Be", "cause.", usage=USAGE, before=thinking))
    assert await run(agent) == [
        ReasoningDelta("Hm"),
        ReasoningDelta("\n\n"),
        ReasoningDelta("m."),
        TextDelta("Be"),
        TextDelta("cause."),
        UsageReported(
            Usage(
                input_tokens=10,
                cache_read_tokens=60,
                cache_write_tokens=30,
                output_tokens=20,
                reasoning_tokens=5,
            )
        ),
        Done(finish_reason="stop", model="gpt-9-2026"),
    ]


async def test_what_is_sent(server: ScriptedServer) -> None:
    server.default = answer("Yes.")
    history = [
        Message(role="system", content="Be brief."),
        Message(role="user", content="One?"),
        Message(role="assistant", content="One."),
    ]
    context = AgentContext(input="Two?", conversation_history=history)
    agent = make(server, temperature=0.5, max_tokens=99)
    await agent.process(context)
    (request,) = server.requests
    assert request.path == "/v1/responses"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    turns = [
        {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
        for role, kind, text in (
            ("user", "input_text", "One?"),
            ("assistant", "output_text", "One."),
            ("user", "input_text", "Two?"),
        )
    ]
    whole = {
        "model": "gpt-9",
        "input": turns,
        "instructions": "Be brief.",
        "stream": True,
        "store": False,
        "temperature": 0.5,
        "max_output_tokens": 99,
    }
    assert request.body == whole
    await agent._server.aclose()
    limited = make(server, lacks=("system", "temperature"), temperature=0.5, max_tokens=99)
    await limited.process(context)
    await limited._server.aclose()
    turns[0] |= {"content": [{"type": "input_text", "text": "Be brief.\n\nOne?"}]}
    assert server.requests[1].body == {
        name: value for name, value in whole.items() if name not in ("instructions", "temperature")
    }


async def test_a_summary_is_wanted_of_openai_itself_and_given_up_where_it_is_refused(
    server: ScriptedServer, agent: OpenAIAgent
) -> None:
    agent._server.is_own, agent._server.provider = True, "openai"
    said = "Your organization must be verified to generate reasoning summaries."
    server.play(refusal(400, {"error": {"message": said, "param": "reasoning.summary"}}), answer("Yes."))
    server.default = answer("Again.")
    assert (await agent.process(QUESTION)).output == "Yes."
    assert (await agent.process(QUESTION)).output == "Again."
    assert [request.body.get("reasoning") for request in server.requests] == [{"summary": "auto"}, None, None]


async def test_a_model_that_answers_here_only_is_asked_here(server: ScriptedServer) -> None:
    chats = OpenAIAgent(
        AgentConfig(model="new-9", base_url=server.openai_url, api_key=SecretStr(KEY), max_retries=0)
    )
    said = "This model is only supported in v1/responses and not in v1/chat/completions."
    server.play(
        refusal(404, {"error": {"message": said, "param": "model"}}), answer("Yes."), answer("Again.")
    )
    assert (await chats.process(QUESTION)).output == "Yes."
    assert (await chats.process(QUESTION)).output == "Again."
    paths = [request.path.removeprefix("/v1/") for request in server.requests]
    assert paths == ["chat/completions", "responses", "responses"]
    await chats.aclose()


@pytest.mark.parametrize(
    ("model", "needs"),
    [
        ("gpt-5-pro", True),
        ("gpt-5.1-codex-mini", True),
        ("o3-pro-2025-06-10", True),
        ("o4-mini-deep-research", True),
        ("codex-mini-latest", True),
        ("gpt-6.1-terra", False),
        ("gpt-4o", False),
        ("o3-mini", False),
    ],
)
def test_which_models_are_known_to_answer_here_only(model: str, needs: bool) -> None:
    assert needs_responses(model) is needs
    assert OpenAIServer(None, SecretStr(KEY)).takes_responses(model) is needs
    assert not OpenAIServer("http://127.0.0.1:9/v1", SecretStr(KEY)).takes_responses(model)


async def test_an_answer_at_its_limit(server: ScriptedServer, agent: OpenAIAgent) -> None:
    cut_off = ended("incomplete", incomplete_details={"reason": "max_output_tokens"}, usage=USAGE)
    server.play(Reply(steps=[event("output_text.delta", delta="So"), cut_off]))
    events = await run(agent)
    assert events[-1] == Done(finish_reason="length", model="gpt-9-2026")
    assert isinstance(events[-2], UsageReported)


async def test_an_answer_that_is_withheld(server: ScriptedServer, agent: OpenAIAgent) -> None:
    server.play(Reply(steps=[ended("incomplete", incomplete_details={"reason": "content_filter"})]))
    error, _ = await failure(agent)
    assert isinstance(error, errors.RefusedError)
    server.play(Reply(steps=[event("refusal.delta", delta="I will not."), ended()]))
    assert (await agent.process(QUESTION)).output == "I will not."


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("server_error", errors.OverloadedError),
        ("rate_limit_exceeded", errors.RateLimitError),
        ("context_length_exceeded", errors.ContextOverflowError),
        ("invalid_prompt", errors.RefusedError),
        ("unheard_of", errors.BadResponseError),
    ],
)
async def test_an_answer_that_fails_on_its_way(
    server: ScriptedServer, agent: OpenAIAgent, code: str, kind: type[errors.AgentError]
) -> None:
    error_ = {"code": code, "message": f"It broke for {KEY}."}
    for last in (
        event("failed", response={"status": "failed", "error": error_}),
        sse({"type": "error", **error_}, "error"),
        sse({"type": "error", "error": error_}, "error"),
    ):
        server.play(Reply(steps=[event("output_text.delta", delta="So far"), last]))
        error, came = await failure(agent)
        assert type(error) is kind
        assert came == "So far"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refusal(401, {"error": {"message": f"Wrong key {KEY}"}}), errors.AuthenticationError),
        (refusal(429, {"error": {"message": "Slow down"}}), errors.RateLimitError),
        (refusal(500, {"error": {"message": "Oh"}}), errors.OverloadedError),
        (refusal(404, {"error": {"message": "No such model"}}), errors.BadRequestError),
        (
            refusal(400, {"error": {"message": "x", "code": "context_length_exceeded"}}),
            errors.ContextOverflowError,
        ),
        (Reply(steps=[event("created", response={}), CUT]), errors.ConnectionFailedError),
        (Reply(steps=[event("created", response={})]), errors.ConnectionFailedError),
        (Reply(steps=[]), errors.BadResponseError),
        (Reply(steps=[b"data: {broken\n\n"]), errors.BadResponseError),
        (chat("Hello."), errors.ConnectionFailedError),
    ],
)
async def test_what_can_go_wrong(
    server: ScriptedServer, agent: OpenAIAgent, reply: Reply, kind: type[errors.AgentError]
) -> None:
    server.play(reply)
    error, _ = await failure(agent)
    assert type(error) is kind


async def test_silence_ends_and_leaving_closes(server: ScriptedServer) -> None:
    agent = make(server, timeout_s=1)
    server.play(Reply(steps=[event("output_text.delta", delta="So"), STALL]))
    error, came = await failure(agent)
    assert isinstance(error, errors.RequestTimeoutError)
    assert came == "So"
    await agent._server.aclose()
    agent = make(server)
    server.play(Reply(steps=[event("output_text.delta", delta="So"), STALL]))
    async with aclosing(agent.process_stream(QUESTION)) as events:
        assert await anext(events) == TextDelta("So")
    await server.client_gone()
    await agent._server.aclose()


async def test_a_failed_request_is_tried_again(server: ScriptedServer) -> None:
    agent = make(server, max_retries=1)
    server.play(refusal(503, {}, {"retry-after": "0"}), answer("Yes."))
    events = await run(agent)
    assert isinstance(events[0], Waiting)
    assert TextDelta("Yes.") in events
    await agent._server.aclose()
