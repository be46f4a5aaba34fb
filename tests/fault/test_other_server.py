"""All protocols against a server of another make: what it sends is read, its refusals are told in words."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from brim.core import errors
from brim.core.agent import AgentInterface
from brim.core.events import Done, ReasoningDelta, TextDelta, UsageReported
from brim.core.parameters import Parameters
from brim.core.provider_tables import Provider
from brim.core.types import AgentConfig, AgentContext, Message
from brim.core.usage import Usage
from brim.providers.anthropic import AnthropicAgent, AnthropicServer
from brim.providers.openai import OpenAIAgent, OpenAIServer
from tests.support import other_server
from tests.support.other_server import OtherServer

other = other_server.other

EVERYTHING = Parameters(
    temperature=0.5, top_p=0.9, max_tokens=50, stop=("END",), seed=7, reasoning_effort="low"
)


@pytest.fixture(params=["openai", "openai-responses", "anthropic"])
async def agent(request: pytest.FixtureRequest, other: OtherServer) -> AsyncIterator[AgentInterface]:
    kind = request.param
    url = other.url if kind == "anthropic" else other.openai_url
    profile = Provider(name="work", kind=kind, base_url=url)
    config = AgentConfig(model="mock-1", max_retries=0)
    server: AnthropicServer | OpenAIServer
    made: AgentInterface
    if kind == "anthropic":
        server = AnthropicServer(None, SecretStr("k"), profile=profile)
        made = AnthropicAgent(config, server)
    else:
        server = OpenAIServer(None, SecretStr("k"), profile=profile)
        made = OpenAIAgent(config, server)
    yield made
    await server.aclose()


async def test_an_answer_is_read_whole(agent: AgentInterface) -> None:
    history = [
        Message(role="system", content="Be brief."),
        Message(role="user", content="Hello."),
        Message(role="assistant", content="Hello."),
    ]
    context = AgentContext(
        input="What is the capital of France?",
        conversation_history=history,
        session_id="s1",
        parameters=EVERYTHING,
    )
    events = [event async for event in agent.process_stream(context)]
    texts = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(texts) > 2
    assert "".join(texts) == "The capital of France is Paris."
    thoughts = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    assert thoughts in ("They ask for a capital.", "")  # it sends none over chat completions
    usage = [event.usage for event in events if isinstance(event, UsageReported)][-1]
    assert usage == Usage(input_tokens=31, output_tokens=8)
    assert isinstance(events[-1], Done)
    assert events[-1].finish_reason in ("stop", "end_turn")


@pytest.mark.parametrize(
    ("question", "error"),
    [
        ("That was too fast.", errors.RateLimitError),
        ("who are you", errors.AuthenticationError),
        ("Please break.", errors.OverloadedError),
    ],
)
async def test_its_refusals_are_told_in_words(
    agent: AgentInterface, question: str, error: type[errors.AgentError]
) -> None:
    with pytest.raises(error) as caught:
        await agent.process(AgentContext(input=question))
    assert caught.value.sentence.startswith("The server at 127.0.0.1")
    assert caught.value.hint


async def test_what_it_cannot_tell_is_not_known(agent: AgentInterface) -> None:
    assert await agent.window_tokens() is None
    assert await agent.count_next(AgentContext(input="Hello.")) is None
