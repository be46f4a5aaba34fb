"""Anthropic's models think as they are asked to, and get their thinking back as the API demands."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from brim.core import errors
from brim.core.events import CarriedOver, Done, ReasoningDelta, StreamEvent, Waiting
from brim.core.parameters import Effort, Parameters
from brim.core.types import AgentConfig, AgentContext, Carried, Message, Status
from brim.providers.anthropic import AnthropicAgent, AnthropicServer
from brim.providers.thinking import LONGEST_ANSWER_TOKENS, thinking_fields
from tests.support.scripted_server import (
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

MODEL = "claude-sonnet-5-5"
SIGNATURE = "EqQB" + "a" * 300
SEALED = {"type": "redacted_thinking", "data": "EmwK" + "b" * 80}


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        server.default = messages("Yes.")
        yield server


def make(server: ScriptedServer, **config: Any) -> AnthropicAgent:
    defaults = {"model": MODEL, "api_key": SecretStr("k"), "base_url": server.url, "max_retries": 0}
    return AnthropicAgent(AgentConfig(**defaults | config))


def block_start(index: int, block: dict[str, Any]) -> bytes:
    return sse({"type": "content_block_start", "index": index, "content_block": block}, "content_block_start")


def block_delta(index: int, **delta: str) -> bytes:
    return sse({"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta")


def thoughtful(*, thought: str = "Hm, so.", text: str = "Because.", sealed: bool = True) -> Reply:
    """Return an answer as the API sends it: thinking in pieces, its signature, a sealed block, the text."""
    steps = [message_start(input_tokens=12)]
    steps.append(block_start(0, {"type": "thinking", "thinking": "", "signature": ""}))
    steps += [block_delta(0, type="thinking_delta", thinking=part) for part in (thought[:3], thought[3:])]
    steps.append(block_delta(0, type="signature_delta", signature=SIGNATURE))
    steps.append(sse({"type": "content_block_stop", "index": 0}, "content_block_stop"))
    if sealed:
        steps.append(block_start(1, SEALED))
    steps.append(block_start(2, {"type": "text", "text": ""}))
    steps.append(block_delta(2, type="text_delta", text=text))
    return Reply(steps=[*steps, *message_end(output_tokens=9)])


async def ask(agent: AnthropicAgent, context: AgentContext) -> tuple[Message, list[StreamEvent]]:
    """Ask, and return the answer as a session keeps it, with the events."""
    events = [event async for event in agent.process_stream(context)]
    kept = [event.carried for event in events if isinstance(event, CarriedOver)]
    content = "".join(str(event) for event in events)
    return Message(role="assistant", content=content, carried=kept[-1] if kept else None), events


def user(text: str) -> Message:
    return Message(role="user", content=text)


def blocks(body: dict[str, Any], place: int) -> list[dict[str, Any]]:
    return [
        {k: v for k, v in block.items() if k != "cache_control"}
        for block in body["messages"][place]["content"]
    ]


def kinds(body: dict[str, Any]) -> list[list[str]]:
    return [[block["type"] for block in message["content"]] for message in body["messages"]]


async def talk(agent: AnthropicAgent, server: ScriptedServer, turns: int) -> list[Message]:
    """Ask questions one after the other, and return all messages."""
    history = [Message(role="system", content="Be brief.")]
    for turn in range(turns):
        question = f"Question {turn}?"
        server.play(thoughtful(thought=f"Thought {turn}.", text=f"Answer {turn}."))
        context = AgentContext(input=question, conversation_history=list(history), session_id="s1")
        answer, _ = await ask(agent, context)
        history += [user(question), answer]
    return history


async def test_thinking_is_shown_and_goes_back_unmodified_before_its_answer(server: ScriptedServer) -> None:
    agent = make(server)
    server.play(thoughtful())
    answer, events = await ask(agent, AgentContext(input="Why?", session_id="s1"))
    assert [event.text for event in events if isinstance(event, ReasoningDelta)] == ["Hm,", " so."]
    assert isinstance(events[-1], Done)
    assert answer.carried is not None
    assert (answer.carried.protocol, answer.carried.model) == ("anthropic", MODEL)
    # What is kept goes through the store as JSON.
    answer = Message.model_validate_json(answer.model_dump_json())
    later = AgentContext(input="And?", conversation_history=[user("Why?"), answer], session_id="s1")
    await ask(agent, later)
    await agent.aclose()
    body = server.requests[-1].body
    assert blocks(body, 1) == [
        {"type": "thinking", "thinking": "Hm, so.", "signature": SIGNATURE},
        SEALED,
        {"type": "text", "text": "Because."},
    ]
    assert "cache_control" not in json.dumps(body["messages"][1])
    assert "cache_control" in body["messages"][0]["content"][-1]
    assert "cache_control" in body["messages"][2]["content"][-1]


async def test_all_thinking_of_a_conversation_goes_back_in_order(server: ScriptedServer) -> None:
    agent = make(server)
    history = await talk(agent, server, 3)
    await ask(agent, AgentContext(input="And?", conversation_history=history, session_id="s1"))
    await agent.aclose()
    body = server.requests[-1].body
    thoughts = [blocks(body, place)[0]["thinking"] for place in (1, 3, 5)]
    assert thoughts == ["Thought 0.", "Thought 1.", "Thought 2."]


async def last_kinds(server: ScriptedServer, history: list[Message], **config: Any) -> list[list[str]]:
    agent = make(server, **config)
    await ask(agent, AgentContext(input="And?", conversation_history=history, session_id="s1"))
    await agent.aclose()
    return kinds(server.requests[-1].body)


WITH, BARE, ASKED = ["thinking", "redacted_thinking", "text"], ["text"], ["text"]


async def test_behind_what_has_changed_no_thinking_goes_back(server: ScriptedServer) -> None:
    agent = make(server)
    history = await talk(agent, server, 3)
    await agent.aclose()
    assert await last_kinds(server, history) == [ASKED, WITH, ASKED, WITH, ASKED, WITH, ASKED]
    # The system prompt was edited: nothing stands behind the same any more.
    edited = [Message(role="system", content="Be kind."), *history[1:]]
    assert await last_kinds(server, edited) == [ASKED, BARE, ASKED, BARE, ASKED, BARE, ASKED]
    # The first exchange has left the window.
    assert await last_kinds(server, [history[0], *history[3:]]) == [ASKED, BARE, ASKED, BARE, ASKED]
    # An answer in the middle was shortened: it and what stands behind it go without.
    short = history[4].model_copy(update={"content": "Ans…", "shortened_chars": 4})
    changed = [*history[:4], short, *history[5:]]
    assert await last_kinds(server, changed) == [ASKED, WITH, ASKED, BARE, ASKED, BARE, ASKED]


async def test_only_the_model_that_thought_it_gets_it_back(server: ScriptedServer) -> None:
    agent = make(server)
    history = await talk(agent, server, 1)
    await agent.aclose()
    assert await last_kinds(server, history, model="claude-opus-5-5") == [ASKED, BARE, ASKED]
    kept = history[2].carried
    assert kept is not None
    other = Carried(protocol="openai-responses", model=MODEL, items=kept.items)
    foreign = history[2].model_copy(update={"carried": other})
    assert await last_kinds(server, [*history[:2], foreign]) == [ASKED, BARE, ASKED]
    stopped = history[2].model_copy(update={"status": Status.STOPPED})
    assert await last_kinds(server, [*history[:2], stopped]) == [ASKED, BARE, ASKED]


async def test_answers_that_become_one_go_without_thinking(server: ScriptedServer) -> None:
    agent = make(server)
    history = await talk(agent, server, 1)
    await agent.aclose()
    more = Message(role="assistant", content="And more.")
    assert await last_kinds(server, [*history, more]) == [ASKED, BARE, ASKED]


async def test_what_is_not_signed_or_not_complete_is_not_kept(server: ScriptedServer) -> None:
    agent = make(server)
    server.play(messages("Because.", before=[message_delta("thinking", "Hm.")]))
    answer, _ = await ask(agent, AgentContext(input="Why?"))
    assert answer.carried is None
    unsigned = [message_start(input_tokens=1), block_start(0, {"type": "thinking", "thinking": "Hm."})]
    server.play(Reply(steps=[*unsigned, message_delta("text", "So."), *message_end(output_tokens=2)]))
    answer, _ = await ask(agent, AgentContext(input="Why?"))
    assert answer.carried is None
    server.play(Reply(steps=list(thoughtful().steps)[:-2]))
    events: list[StreamEvent] = []
    with pytest.raises(errors.ConnectionFailedError):
        async for event in agent.process_stream(AgentContext(input="Why?")):
            events.append(event)  # noqa: PERF401 - what came before the error counts
    assert not any(isinstance(event, CarriedOver) for event in events)
    await agent.aclose()


@pytest.mark.parametrize(
    "said",
    [
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        "messages.1.content.0: thinking block prefix does not match the conversation",
    ],
)
async def test_a_server_that_refuses_the_thinking_is_asked_without_it(
    server: ScriptedServer, said: str
) -> None:
    agent = make(server)
    history = await talk(agent, server, 1)

    def strict(request: Request) -> Reply:
        if any("thinking" in kind for kind in kinds(request.body)[1]):
            return refusal(
                400, {"type": "error", "error": {"type": "invalid_request_error", "message": said}}
            )
        return messages("Yes.")

    server.play(strict, strict)
    answer, events = await ask(
        agent, AgentContext(input="And?", conversation_history=history, session_id="s1")
    )
    await agent.aclose()
    assert answer.content == "Yes."
    assert kinds(server.requests[-1].body) == [ASKED, BARE, ASKED]
    assert not any(isinstance(event, Waiting) for event in events)


@pytest.mark.parametrize(
    ("model", "effort", "max_tokens", "fields"),
    [
        ("claude-3-5-haiku-latest", "high", None, {"max_tokens": LONGEST_ANSWER_TOKENS}),
        ("claude-sonnet-4-5-20250929", None, 99, {"max_tokens": 99}),
        (
            "claude-sonnet-4-5-20250929",
            "medium",
            None,
            {"max_tokens": 16_384, "thinking": {"type": "enabled", "budget_tokens": 8_192}},
        ),
        (
            "claude-opus-4-20250514",
            "xhigh",
            None,
            {"max_tokens": 31_192, "thinking": {"type": "enabled", "budget_tokens": 23_000}},
        ),
        (
            "claude-haiku-4-5",
            "high",
            4_000,
            {"max_tokens": 4_000, "thinking": {"type": "enabled", "budget_tokens": 2_000}},
        ),
        ("claude-haiku-4-5", "high", 1_500, {"max_tokens": 1_500}),
        ("claude-haiku-4-5", "none", None, {"max_tokens": 8_192, "thinking": {"type": "disabled"}}),
        (
            "claude-opus-4-6",
            "xhigh",
            None,
            {
                "max_tokens": 24_576,
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": "high"},
            },
        ),
        (
            MODEL,
            "xhigh",
            500,
            {
                "max_tokens": 500,
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": "xhigh"},
            },
        ),
        (MODEL, "none", None, {"max_tokens": 8_192, "thinking": {"type": "disabled"}}),
        (MODEL, None, None, {"max_tokens": 24_576}),
        (
            "claude-fable-5-2",
            "none",
            None,
            {
                "max_tokens": 12_288,
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": "low"},
            },
        ),
        (
            "smollm2",
            "low",
            None,
            {"max_tokens": 12_288, "thinking": {"type": "enabled", "budget_tokens": 4_096}},
        ),
    ],
)
def test_how_models_are_asked_to_think(
    model: str, effort: Effort | None, max_tokens: int | None, fields: dict[str, Any]
) -> None:
    assert thinking_fields(model, effort, max_tokens) == fields
    budget = fields.get("thinking", {}).get("budget_tokens", 0)
    assert budget < fields["max_tokens"]


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        (MODEL, {"max_tokens", "stop", "reasoning_effort"}),
        ("claude-3-5-haiku-latest", {"max_tokens", "stop"}),
    ],
)
def test_what_anthropic_itself_takes(model: str, takes: set[str]) -> None:
    agent = AnthropicAgent(AgentConfig(model=model), AnthropicServer(None, SecretStr("k")))
    assert agent.takes == takes
    assert agent.sees == {"image"}


async def test_what_a_session_asks_for_comes_first_and_only_what_is_taken_is_sent(
    server: ScriptedServer,
) -> None:
    agent = make(server, temperature=0.9, top_p=0.5, seed=4, stop=("A",))
    wishes = Parameters(temperature=0.1, stop=("END", "FIN"), max_tokens=77)
    await ask(agent, AgentContext(input="Why?", parameters=wishes))
    body = server.requests[-1].body
    # A model of Anthropic's takes one of the two, wherever it is served.
    assert (body["temperature"], "top_p" in body, "seed" in body) == (0.1, False, False)
    assert (body["stop_sequences"], body["max_tokens"]) == (["END", "FIN"], 77)
    await ask(agent, AgentContext(input="Why?", parameters=Parameters(reasoning_effort="low")))
    body = server.requests[-1].body
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert "temperature" not in body
    await agent.aclose()
    other = make(server, model="other", temperature=0.9, top_p=0.5)
    await ask(other, AgentContext(input="Why?", parameters=Parameters(reasoning_effort="low")))
    await other.aclose()
    body = server.requests[-1].body
    assert (body["temperature"], body["top_p"]) == (0.9, 0.5)


async def test_a_parameter_that_the_server_refuses_is_left_out_from_then_on(server: ScriptedServer) -> None:
    def strict(request: Request) -> Reply:
        if "temperature" in request.body:
            said = "temperature: Extra inputs are not permitted"
            return refusal(
                400, {"type": "error", "error": {"type": "invalid_request_error", "message": said}}
            )
        return messages("Yes.")

    server.default = strict
    agent = make(server, model="other", temperature=0.9)
    assert "temperature" in agent.takes
    answer, events = await ask(agent, AgentContext(input="Why?"))
    assert answer.content == "Yes."
    assert any(isinstance(event, Waiting) and "no temperature" in event.reason for event in events)
    assert "temperature" not in agent.takes
    await ask(agent, AgentContext(input="Why?"))
    await agent.aclose()
    assert len(server.requests) == 3


async def test_the_next_prompt_is_counted_when_asked(server: ScriptedServer) -> None:
    agent = make(server)
    history = await talk(agent, server, 1)
    server.play(refusal(200, {"input_tokens": 12_345}))
    context = AgentContext(input="And?", conversation_history=history, session_id="s1")
    counted = await agent.count_next(context)
    assert counted is not None
    assert (counted.tokens, counted.by) == (12_345, f"The server at {server.url.removeprefix('http://')}")
    request = server.requests[-1]
    assert request.path == "/v1/messages/count_tokens"
    assert set(request.body) == {"model", "messages", "system"}
    assert kinds(request.body) == [ASKED, WITH, ASKED]
    server.play(refusal(404, {"detail": "Not Found"}))
    assert await agent.count_next(context) is None
    server.play(refusal(401, {"type": "error", "error": {"type": "authentication_error", "message": "no"}}))
    with pytest.raises(errors.AuthenticationError):
        await agent.count_next(context)
    await agent.aclose()
