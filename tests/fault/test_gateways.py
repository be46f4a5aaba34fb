"""What LiteLLM's gateway and dasLLAMA's server send, byte for byte in the odd places: read, or told in words."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from brim.core import errors
from brim.core.agent import AgentInterface
from brim.core.events import Done, ReasoningDelta, TextDelta, UsageReported
from brim.core.parameters import Parameters
from brim.core.provider_tables import Provider
from brim.core.types import AgentConfig, AgentContext
from brim.providers.anthropic import AnthropicAgent, AnthropicServer
from brim.providers.openai import OpenAIAgent, OpenAIServer
from tests.support.scripted_server import Reply, ScriptedServer, refusal, sse

QUESTION = AgentContext(input="What is it?")
KINDS = ["openai", "openai-responses", "anthropic"]


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


@pytest.fixture(params=KINDS)
async def agent(request: pytest.FixtureRequest, server: ScriptedServer) -> AsyncIterator[AgentInterface]:
    profile = Provider(name="work", kind=request.param, base_url=server.openai_url)
    config = AgentConfig(model="m", max_retries=0)
    if request.param == "anthropic":
        messages = AnthropicServer(None, SecretStr("k"), profile=profile)
        yield AnthropicAgent(config, messages)
        await messages.aclose()
    else:
        chats = OpenAIServer(None, SecretStr("k"), profile=profile)
        yield OpenAIAgent(config, chats)
        await chats.aclose()


def chunk(delta: dict[str, str], **more: object) -> bytes:
    """Return a chunk as dasLLAMA sends it: a choice tells how it ended only where it did."""
    return sse({"id": "chatcmpl-1", "created": 1, "choices": [{"index": 0, "delta": delta, **more}]})


CHAT = [
    chunk({"role": "assistant"}),
    chunk({"reasoning_content": "I ponder."}),
    chunk({"content": "Forty"}),
    chunk({"content": "-two."}),
    chunk({}, finish_reason="stop"),
    # LiteLLM's last chunk has a choice that says nothing, and a price.
    sse(
        {
            "choices": [{"index": 0, "delta": {}}],
            "usage": {
                "completion_tokens": 9,
                "prompt_tokens": 35,
                "total_tokens": 44,
                "completion_tokens_details": {"reasoning_tokens": 4, "text_tokens": 5},
                "prompt_tokens_details": {"cached_tokens": 34},
                "cost": 0.00004,
            },
        }
    ),
    sse("[DONE]"),
]
# LiteLLM's events have neither names, nor numbers, nor indices, and end as a chat completion does.
RESPONSES = [
    sse({"type": "response.created", "response": {"id": "r", "status": "in_progress"}, "model": "m"}),
    sse({"type": "response.output_item.added", "item": {"id": "i", "type": "reasoning"}, "model": "m"}),
    sse({"type": "response.reasoning_summary_text.delta", "item_id": "i", "delta": "I ponder."}),
    sse({"type": "response.output_text.delta", "item_id": "j", "delta": "Forty", "model": "m"}),
    sse({"type": "response.output_text.delta", "item_id": "j", "delta": "-two.", "model": "m"}),
    sse({"type": "response.output_text.done", "item_id": "j", "text": "Forty-two.", "model": "m"}),
    sse(
        {
            "type": "response.completed",
            "response": {
                "status": "completed",
                "model": "m",
                "usage": {
                    "input_tokens": 35,
                    "input_tokens_details": {"cached_tokens": 34},
                    "output_tokens": 9,
                    "output_tokens_details": {"reasoning_tokens": 4},
                    "total_tokens": 44,
                },
            },
        }
    ),
    sse("[DONE]"),
]


def event(kind: str, **fields: object) -> bytes:
    return sse({"type": kind, **fields}, kind)


# LiteLLM counts nothing before the end.
MESSAGES = [
    event("message_start", message={"model": "m", "usage": {"input_tokens": 0, "output_tokens": 0}}),
    event(
        "content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}
    ),
    event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "I ponder."}),
    event("content_block_stop", index=0),
    event("content_block_start", index=1, content_block={"type": "text", "text": ""}),
    event("content_block_delta", index=1, delta={"type": "text_delta", "text": "Forty"}),
    event("content_block_delta", index=1, delta={"type": "text_delta", "text": "-two."}),
    event("content_block_stop", index=1),
    event(
        "message_delta",
        delta={"stop_reason": "end_turn", "stop_sequence": None},
        usage={"input_tokens": 1, "output_tokens": 9, "cache_read_input_tokens": 34},
    ),
    event("message_stop"),
]


async def test_a_gateways_stream_is_read_whole(agent: AgentInterface, server: ScriptedServer) -> None:
    def answer(request: object) -> Reply:
        path = server.requests[-1].path
        return Reply(steps=RESPONSES if "responses" in path else MESSAGES if "messages" in path else CHAT)

    server.play(answer)
    events = [event async for event in agent.process_stream(QUESTION)]
    assert [event.text for event in events if isinstance(event, ReasoningDelta)] == ["I ponder."]
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["Forty", "-two."]
    usage = [event.usage for event in events if isinstance(event, UsageReported)][-1]
    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens) == (1, 34, 9)
    assert usage.reasoning_tokens == (0 if isinstance(agent, AnthropicAgent) else 4)
    assert isinstance(events[-1], Done)
    assert events[-1].finish_reason in ("stop", "end_turn")


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (
            refusal(
                400, {"error": {"message": "No connected db.", "type": "no_db_connection", "code": "400"}}
            ),
            errors.AuthenticationError,
            "refused the key",
        ),
        (
            refusal(
                400,
                {
                    "error": {
                        "message": "Invalid model name passed in model=m.",
                        "type": "invalid_request_error",
                    }
                },
            ),
            errors.BadRequestError,
            "does not know m",
        ),
        (
            refusal(
                400,
                {
                    "error": {
                        "message": "the rendered prompt is 4035 tokens; the model context is 2048 — shorten "
                        "the conversation or raise --ctx",
                        "type": "invalid_request_error",
                    }
                },
            ),
            errors.ContextOverflowError,
            "4,035 tokens, and its window holds 2,048",
        ),
        (
            Reply(
                500,
                [sse({"error": {"message": "Error processing stream start", "code": "500"}}), sse("[DONE]")],
            ),
            errors.OverloadedError,
            "“Error processing stream start”",
        ),
    ],
)
async def test_a_gateways_refusal_says_what_is_wrong(
    agent: AgentInterface,
    server: ScriptedServer,
    reply: Reply,
    error: type[errors.AgentError],
    words: str,
) -> None:
    server.play(reply)
    with pytest.raises(error) as raised:
        _ = [event async for event in agent.process_stream(QUESTION)]
    assert words in raised.value.sentence


async def test_a_parameter_refused_in_the_words_of_the_server_behind_is_left_out(
    server: ScriptedServer,
) -> None:
    profile = Provider(name="work", kind="anthropic", base_url=server.openai_url)
    messages = AnthropicServer(None, SecretStr("k"), profile=profile)
    agent = AnthropicAgent(AgentConfig(model="m", max_retries=0), messages)
    said = "litellm.UnsupportedParamsError: m doesn't support `reasoning.effort`"
    server.play(
        refusal(400, {"type": "error", "error": {"type": "invalid_request_error", "message": said}}),
        Reply(steps=MESSAGES),
    )
    context = AgentContext(input="Why?", parameters=Parameters(reasoning_effort="low"))
    events = [event async for event in agent.process_stream(context)]
    await messages.aclose()
    assert isinstance(events[-1], Done)
    assert "thinking" in server.requests[0].body
    assert "thinking" not in server.requests[1].body
