"""All protocols against a real llama.cpp server with a small real model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest
from pydantic import SecretStr

from brim.core import errors
from brim.core.agent import AgentInterface
from brim.core.events import Done, TextDelta, UsageReported, Waiting
from brim.core.parameters import Parameters
from brim.core.provider_tables import Provider
from brim.core.types import AgentConfig, AgentContext, Message
from brim.providers.anthropic import AnthropicAgent
from brim.providers.openai import OpenAIAgent, OpenAIServer
from brim.providers.windows import bearer, served_models
from tests.support import llama_server
from tests.support.llama_server import LlamaServer

llama = llama_server.llama
LONG = "Count the words of this sentence, please. " * 600

Make = Callable[..., AgentInterface]


def _agent(protocol: str, config: AgentConfig) -> AgentInterface:
    if protocol == "anthropic":
        return AnthropicAgent(config)
    if protocol == "openai":
        return OpenAIAgent(config)
    profile = Provider(name="responses", kind="openai-responses", base_url=config.base_url or "")
    return OpenAIAgent(config, OpenAIServer(None, config.api_key, profile=profile))


@pytest.fixture(params=["openai", "openai-responses", "anthropic"])
async def make(request: pytest.FixtureRequest, llama: LlamaServer) -> AsyncIterator[Make]:
    """Return a maker of agents that ask the server over one of the protocols."""
    made: list[AgentInterface] = []

    def make(key: str = llama.key, max_tokens: int = 24) -> AgentInterface:
        config = AgentConfig(
            model=llama.model,
            api_key=SecretStr(key),
            base_url=llama.url if request.param == "anthropic" else llama.openai_url,
            temperature=0.0,
            max_tokens=max_tokens,
            max_retries=0,
        )
        made.append(_agent(request.param, config))
        return made[-1]

    yield make
    for agent in made:
        await agent.aclose()


async def test_an_answer_with_text_usage_and_an_end(make: Make) -> None:
    history = [
        Message(role="system", content="You are a geographer. Answer in one sentence."),
        Message(role="user", content="What is the capital of Italy?"),
        Message(role="assistant", content="The capital of Italy is Rome."),
    ]
    context = AgentContext(input="What is the capital of France?", conversation_history=history)
    events = [event async for event in make().process_stream(context)]
    assert "Paris" in "".join(str(event) for event in events)
    reported = [event for event in events if isinstance(event, UsageReported)][-1]
    assert reported.usage.prompt_tokens > 30
    assert 0 < reported.usage.output_tokens <= 24
    assert isinstance(events[-1], Done)
    assert events[-1].finish_reason


async def test_a_conversation_with_breakpoints_is_answered_and_all_its_tokens_are_counted(
    llama: LlamaServer,
) -> None:
    history = [
        Message(role="system", content="You are a geographer. Answer in one sentence."),
        Message(role="user", content="What is the capital of Italy?"),
        Message(role="assistant", content="The capital of Italy is Rome."),
    ]
    context = AgentContext(input="And of France?", conversation_history=history, session_id="s1")
    config = AgentConfig(
        model=llama.model, api_key=SecretStr(llama.key), max_tokens=4, temperature=0.0, max_retries=0
    )
    anthropic = AnthropicAgent(config.model_copy(update={"base_url": llama.url}))
    openai = OpenAIAgent(config.model_copy(update={"base_url": llama.openai_url}))
    answers = [await agent.process(context) for agent in (anthropic, openai, anthropic)]
    await anthropic.aclose()
    await openai.aclose()
    assert len({answer.metadata["prompt_tokens"] for answer in answers}) == 1
    assert all(answer.output for answer in answers)
    assert anthropic._server.refuses_cache == set()


async def test_the_limit_on_the_answer_holds(make: Make) -> None:
    answer = await make(max_tokens=3).process(AgentContext(input="Tell me a long story."))
    assert answer.metadata["completion_tokens"] <= 3
    assert answer.metadata["finish_reason"] in ("length", "max_tokens")


async def test_an_answer_can_be_stopped_and_the_server_goes_on(make: Make) -> None:
    agent = make(max_tokens=1500)
    async with aclosing(agent.process_stream(AgentContext(input="Tell me a long story."))) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
    assert (await make().process(AgentContext(input="Say hello."))).output


async def test_a_prompt_that_is_too_long_names_both_sizes(make: Make, llama: LlamaServer) -> None:
    with pytest.raises(errors.ContextOverflowError) as caught:
        await make().process(AgentContext(input=LONG))
    assert caught.value.window_tokens == llama.window_tokens
    assert caught.value.prompt_tokens is not None
    assert caught.value.prompt_tokens > llama.window_tokens
    assert f"{llama.window_tokens:,}" in caught.value.sentence


async def test_a_wrong_key(make: Make) -> None:
    with pytest.raises(errors.AuthenticationError) as caught:
        await make(key="not-the-key").process(AgentContext(input="Say hello."))
    assert "not-the-key" not in str(caught.value)


async def test_the_server_tells_its_window(make: Make, llama: LlamaServer) -> None:
    assert await make().window_tokens() == llama.window_tokens


async def test_a_llama_server_of_ones_own_counts_exactly_and_tells_how_far_it_has_read(
    llama: LlamaServer,
) -> None:
    config = AgentConfig(
        model=llama.model,
        api_key=SecretStr(llama.key),
        base_url=llama.openai_url,
        max_tokens=2,
        max_retries=0,
    )
    agent = OpenAIAgent(config)
    question = Message(role="user", content="A different long text about rivers. " * 120)
    history = [Message(role="system", content="Be brief."), Message(role="assistant", content="你好。")]
    counted = await agent.count_tokens([*history, question])
    context = AgentContext(input=question.content, conversation_history=history)
    events = [event async for event in agent.process_stream(context)]
    await agent.aclose()
    (usage,) = [event.usage for event in events if isinstance(event, UsageReported)]
    assert counted == usage.prompt_tokens
    waits = [event.reason for event in events if isinstance(event, Waiting)]
    assert waits
    assert all(wait.endswith(f" of {counted:,} tokens") for wait in waits)


async def test_the_server_lists_its_model(llama: LlamaServer) -> None:
    models = await served_models(llama.openai_url, bearer(SecretStr(llama.key)))
    assert [model.name for model in models or ()] == [llama.model]


async def test_all_parameters_are_taken(make: Make) -> None:
    """The same seed gives the same answer at a high temperature, and a stop text ends it where there are any."""
    wishes = Parameters(temperature=1.5, top_p=0.95, max_tokens=16, seed=11, reasoning_effort="low")
    agent = make()
    question = AgentContext(input="Name five animals.", parameters=wishes)
    answers = {(await agent.process(question)).output for _ in range(2)}
    assert all(answers)
    if "seed" in agent.takes:
        assert len(answers) == 1
    cold = Parameters(temperature=0.0, max_tokens=24)
    whole = (await agent.process(question.model_copy(update={"parameters": cold}))).output
    word = whole.split()[3]
    stopping = Parameters(stop=(word,)).over(cold)
    said = (await agent.process(question.model_copy(update={"parameters": stopping}))).output
    assert said == (whole[: whole.index(word)] if "stop" in agent.takes else whole)


async def test_thinking_can_be_declined(make: Make) -> None:
    none = Parameters(reasoning_effort="none", max_tokens=8)
    assert (await make().process(AgentContext(input="Say hello.", parameters=none))).output


async def test_the_next_prompt_is_counted_as_the_answer_counts_it(make: Make) -> None:
    agent = make(max_tokens=4)
    history = [
        Message(role="system", content="You are a geographer."),
        Message(role="user", content="What is the capital of Italy?"),
        Message(role="assistant", content="Rome."),
    ]
    context = AgentContext(input="And of France?", conversation_history=history)
    counted = await agent.count_next(context)
    assert counted is not None
    assert counted.by.startswith("The server at 127.0.0.1")
    answer = await agent.process(context)
    assert counted.tokens == answer.metadata["prompt_tokens"]


async def test_a_model_without_eyes_is_known_as_such(make: Make) -> None:
    agent = make()
    await agent.window_tokens()
    assert agent.sees == frozenset()
