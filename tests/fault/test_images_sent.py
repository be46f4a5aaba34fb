"""Images go to models that see, in the form of each protocol, and to no others."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from brim.core.attachments import Attachment, attachment
from brim.core.errors import BadRequestError
from brim.core.provider_tables import Provider
from brim.core.types import AgentConfig, AgentContext, Message
from brim.providers.anthropic import AnthropicAgent, AnthropicServer
from brim.providers.openai import OpenAIAgent, OpenAIServer
from tests.support.pictures import image
from tests.support.scripted_server import Reply, ScriptedServer, chat, messages, sse

DATA = image()
WORDS = {"input_text", "output_text", "text"}


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


def dot(name: str = "dot.png") -> Attachment:
    return attachment(name, DATA, kind="image", media_type="image/png", width_px=40, height_px=30)


def responses(text: str) -> Reply:
    ended = {"type": "response.completed", "response": {"status": "completed", "model": "m"}}
    return Reply(steps=[sse({"type": "response.output_text.delta", "delta": text}), sse(ended)])


def make(server: ScriptedServer, kind: str, model: str) -> OpenAIAgent | AnthropicAgent:
    config = AgentConfig(model=model, max_retries=0)
    if kind == "anthropic":
        server.default = messages("Yes.")
        profile = Provider(name="work", kind="anthropic", base_url=server.url)
        return AnthropicAgent(config, AnthropicServer(None, SecretStr("k"), profile=profile))
    server.default = chat("Yes.") if kind == "openai" else responses("Yes.")
    profile = Provider(name="work", kind=kind, base_url=server.openai_url)  # type: ignore[arg-type]
    return OpenAIAgent(config, OpenAIServer(None, SecretStr("k"), profile=profile))


async def asked(server: ScriptedServer, kind: str, model: str, context: AgentContext) -> list[Any]:
    """Return the contents of the turns that were sent."""
    agent = make(server, kind, model)
    await agent.process(context)
    await agent._server.aclose()
    body = server.requests[-1].body
    return [turn["content"] for turn in body.get("messages") or body["input"]]


@pytest.mark.parametrize("kind", ["openai", "openai-responses", "anthropic"])
async def test_an_image_goes_before_the_words(server: ScriptedServer, kind: str) -> None:
    history = [
        Message(role="user", content="And this?", attachments=(dot("a.png"), dot("b.png"))),
        Message(role="assistant", content="A picture."),
    ]
    context = AgentContext(input="What is it?", attachments=(dot(),), conversation_history=history)
    first, _, last = await asked(server, kind, "gpt-4o", context)
    data = base64.b64encode(DATA).decode()
    url = f"data:image/png;base64,{data}"
    expected = {
        "openai": {"type": "image_url", "image_url": {"url": url}},
        "openai-responses": {"type": "input_image", "detail": "auto", "image_url": url},
        "anthropic": {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": data},
        },
    }[kind]
    assert last[0] == expected
    assert (last[1]["type"] in WORDS, last[1]["text"]) == (True, "What is it?")
    assert [part for part in first if part["type"] not in WORDS] == [expected, expected]


@pytest.mark.parametrize("kind", ["openai", "openai-responses", "anthropic"])
async def test_an_image_alone_is_a_question(server: ScriptedServer, kind: str) -> None:
    (content,) = await asked(server, kind, "gpt-4o", AgentContext(input="", attachments=(dot(),)))
    assert len(content) == 1
    assert content[0]["type"] not in WORDS


@pytest.mark.parametrize("kind", ["openai", "openai-responses", "anthropic"])
async def test_a_model_that_sees_none_is_not_asked(server: ScriptedServer, kind: str) -> None:
    agent = make(server, kind, "smollm2")
    assert agent.sees == frozenset()
    with pytest.raises(BadRequestError) as caught:
        await agent.process(AgentContext(input="What is it?", attachments=(dot(),)))
    await agent._server.aclose()
    assert caught.value.sentence == "smollm2 sees no images, so dot.png cannot go with the message."
    assert caught.value.hint
    assert server.requests == []


@pytest.mark.parametrize("kind", ["openai", "openai-responses", "anthropic"])
async def test_earlier_images_are_told_of_where_the_model_sees_none(
    server: ScriptedServer, kind: str
) -> None:
    history = [
        Message(role="user", content="What is it?", attachments=(dot(),)),
        Message(role="assistant", content="A picture."),
    ]
    first, *_ = await asked(
        server, kind, "smollm2", AgentContext(input="Of what?", conversation_history=history)
    )
    text = first if isinstance(first, str) else first[0]["text"]
    assert text == "[The image dot.png is left out: this model sees none.]\n\nWhat is it?"


async def test_what_is_not_loaded_and_texts_are_no_images(server: ScriptedServer) -> None:
    note = attachment("a.txt", b"words", kind="text", media_type="text/plain")
    context = AgentContext(input="What is it?", attachments=(dot().bare(), note))
    assert await asked(server, "openai", "gpt-4o", context) == ["What is it?"]
