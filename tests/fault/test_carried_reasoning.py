"""OpenAI's encrypted reasoning goes back before the answer it led to, and each model gets what it takes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from brim.core.events import CarriedOver, StreamEvent, Waiting
from brim.core.parameters import Parameters
from brim.core.provider_tables import Provider
from brim.core.types import AgentConfig, AgentContext, Message
from brim.providers.openai import OpenAIAgent, OpenAIServer
from tests.support.scripted_server import Reply, Request, ScriptedServer, chat, refusal, sse

MODEL = "gpt-6.1-terra"
NONE = Parameters()
REASONING = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "Hm."}],
    "encrypted_content": "gAAAA" + "x" * 200,
}
HEAD = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "phase": "final_answer"}


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        server.default = answer("Yes.")
        yield server


def event(kind: str, **fields: Any) -> bytes:
    return sse({"type": f"response.{kind}", **fields}, f"response.{kind}")


def answer(text: str, *items: dict[str, Any]) -> Reply:
    """Return an answer with these items, the text in the last of them."""
    steps = [event("created", response={"status": "in_progress"})]
    content = [{"type": "output_text", "text": text, "annotations": []}]
    for item in items:
        whole = item | ({"content": content} if item["type"] == "message" else {})
        steps.append(event("output_item.added", item=item | {"encrypted_content": "half"}))
        if item["type"] == "message":
            steps.append(event("output_text.delta", delta=text))
        steps.append(event("output_item.done", item=whole))
    if not items:
        steps.append(event("output_text.delta", delta=text))
    usage = {"input_tokens": 9, "output_tokens": 3}
    return Reply(
        steps=[*steps, event("completed", response={"status": "completed", "model": MODEL, "usage": usage})]
    )


def make(
    server: ScriptedServer, kind: str = "openai", *, own: bool = True, name: str = "openai", **config: Any
) -> OpenAIAgent:
    """Return an agent of OpenAI's own, which the scripted server plays."""
    profile = Provider(name=name, kind=kind, base_url=server.openai_url)  # type: ignore[arg-type]
    made = OpenAIServer(None, SecretStr("k"), profile=profile)
    made.is_own = own
    return OpenAIAgent(AgentConfig(**{"model": MODEL, "max_retries": 0, **config}), made)


async def ask(agent: OpenAIAgent, context: AgentContext) -> tuple[Message, list[StreamEvent]]:
    events = [event async for event in agent.process_stream(context)]
    kept = [event.carried for event in events if isinstance(event, CarriedOver)]
    content = "".join(str(event) for event in events)
    return Message(role="assistant", content=content, carried=kept[-1] if kept else None), events


async def bodies(
    server: ScriptedServer, agent: OpenAIAgent, parameters: Parameters = NONE
) -> list[dict[str, Any]]:
    await ask(agent, AgentContext(input="Why?", parameters=parameters))
    await agent._server.aclose()
    return [request.body for request in server.requests]


async def test_reasoning_goes_back_unmodified_before_its_answer(server: ScriptedServer) -> None:
    agent = make(server, "openai-responses")
    server.play(answer("Because.", REASONING, REASONING | {"id": "rs_2"}, HEAD))
    first, _ = await ask(agent, AgentContext(input="Why?"))
    assert server.requests[0].body["include"] == ["reasoning.encrypted_content"]
    assert server.requests[0].body["store"] is False
    assert first.carried is not None
    assert (first.carried.protocol, first.carried.model) == ("openai-responses", MODEL)
    first = Message.model_validate_json(first.model_dump_json())
    history = [Message(role="user", content="Why?"), first]
    await ask(agent, AgentContext(input="And?", conversation_history=history))
    await agent._server.aclose()
    sent = server.requests[1].body["input"]
    assert sent[1:4] == [
        REASONING,
        REASONING | {"id": "rs_2"},
        HEAD | {"content": [{"type": "output_text", "text": "Because."}]},
    ]
    assert [item["role"] for item in (sent[0], sent[4])] == ["user", "user"]


async def test_to_another_model_and_of_a_shortened_answer_none_goes_back(server: ScriptedServer) -> None:
    agent = make(server, "openai-responses")
    server.play(answer("Because.", REASONING, HEAD))
    first, _ = await ask(agent, AgentContext(input="Why?"))
    short = first.model_copy(update={"content": "Be…", "shortened_chars": 3})
    question = Message(role="user", content="Why?")
    other = make(server, "openai-responses", model="gpt-6-sol")
    for asked, kept in ((other, first), (agent, short)):
        await ask(asked, AgentContext(input="And?", conversation_history=[question, kept]))
        await asked._server.aclose()
        assert [item["type"] for item in server.requests[-1].body["input"]] == ["message"] * 3


@pytest.mark.parametrize(
    "items",
    [
        (REASONING | {"encrypted_content": None}, HEAD),
        (HEAD,),
        (REASONING, HEAD, REASONING, HEAD | {"id": "msg_2"}),
    ],
)
async def test_what_would_not_be_understood_is_not_kept(
    server: ScriptedServer, items: tuple[dict[str, Any], ...]
) -> None:
    agent = make(server, "openai-responses")
    server.play(answer("Because.", *items))
    first, _ = await ask(agent, AgentContext(input="Why?"))
    await agent._server.aclose()
    assert first.carried is None


async def test_where_it_is_refused_the_question_is_asked_without_it(server: ScriptedServer) -> None:
    agent = make(server, "openai-responses")
    server.play(answer("Because.", REASONING, HEAD))
    first, _ = await ask(agent, AgentContext(input="Why?"))

    def strict(request: Request) -> Reply:
        if any(item["type"] == "reasoning" for item in request.body["input"]):
            said = "The encrypted content gAAA... could not be verified."
            return refusal(400, {"error": {"message": said, "type": "invalid_request_error"}})
        return answer("Yes.")

    server.play(strict, strict)
    history = [Message(role="user", content="Why?"), first]
    second, _ = await ask(agent, AgentContext(input="And?", conversation_history=history))
    await agent._server.aclose()
    assert second.content == "Yes."


EVERYTHING = Parameters(
    temperature=0.5, top_p=0.9, max_tokens=50, stop=("END",), seed=7, reasoning_effort="low"
)


async def test_a_model_that_thinks_is_asked_over_chat_completions(server: ScriptedServer) -> None:
    server.default = chat("Yes.")
    agent = make(server)
    assert agent.takes == {"max_tokens", "reasoning_effort"}
    (body,) = await bodies(server, agent, EVERYTHING)
    sampled = {"temperature", "top_p", "stop", "seed", "max_tokens"}
    assert not sampled & body.keys()
    assert (body["max_completion_tokens"], body["reasoning_effort"]) == (50, "low")


async def test_a_model_that_does_not_think_is_asked_over_chat_completions(server: ScriptedServer) -> None:
    server.default = chat("Yes.")
    agent = make(server, model="gpt-4o")
    (body,) = await bodies(server, agent, EVERYTHING)
    assert "reasoning_effort" not in body
    assert (body["temperature"], body["top_p"], body["stop"], body["seed"]) == (0.5, 0.9, ["END"], 7)


async def test_what_goes_over_the_responses_api(server: ScriptedServer) -> None:
    (thinking,) = await bodies(server, make(server, "openai-responses"), EVERYTHING)
    assert thinking["reasoning"] == {"effort": "low", "summary": "auto"}
    assert thinking["max_output_tokens"] == 50
    assert not {"temperature", "top_p", "stop", "seed"} & thinking.keys()
    agent = make(server, "openai-responses", own=False, name="work", model="mine")
    (_, other) = await bodies(server, agent, EVERYTHING)
    assert other["reasoning"] == {"effort": "low"}
    assert (other["temperature"], other["top_p"]) == (0.5, 0.9)
    assert not {"stop", "seed", "include"} & other.keys()


async def test_the_session_comes_before_the_table_and_raw_fields_stay(server: ScriptedServer) -> None:
    server.default = chat("Yes.")
    agent = make(
        server, own=False, name="work", model="mine", temperature=0.9, seed=1, reasoning_effort="high"
    )
    agent._server.profile = Provider(
        name="work", kind="openai", base_url=server.openai_url, parameters={"top_k": 40}
    )
    (body,) = await bodies(server, agent, Parameters(temperature=0.0, stop=("A", "B")))
    assert (body["temperature"], body["seed"], body["stop"], body["top_k"]) == (0.0, 1, ["A", "B"], 40)
    assert body["reasoning_effort"] == "high"


async def test_mistral_has_a_name_of_its_own_for_the_seed(server: ScriptedServer) -> None:
    server.default = chat("Yes.")
    (body,) = await bodies(server, make(server, name="mistral", model="mistral-small-latest", seed=3))
    assert body["random_seed"] == 3
    assert "seed" not in body


@pytest.mark.parametrize(
    ("error", "left_out"),
    [
        (
            {
                "message": "Unsupported value: 'temperature' does not support 0.5 with this model. Only the "
                "default (1) value is supported.",
                "param": "temperature",
                "code": "unsupported_value",
            },
            "temperature",
        ),
        ({"message": "Unknown parameter: 'seed'.", "param": "seed", "code": "unknown_parameter"}, "seed"),
        ({"message": "[{'loc': ['body', 'stop'], 'msg': 'Extra inputs are not permitted'}]"}, "stop"),
        ({"message": "`reasoning_effort` is not supported with this model"}, "reasoning_effort"),
    ],
)
async def test_what_a_server_refuses_is_left_out_and_said(
    server: ScriptedServer, error: dict[str, Any], left_out: str
) -> None:
    def strict(request: Request) -> Reply:
        return refusal(400, {"error": error}) if left_out in request.body else chat("Yes.")

    server.default = strict
    agent = make(server, own=False, name="work", model="mine")
    said, events = await ask(agent, AgentContext(input="Why?", parameters=EVERYTHING))
    await agent._server.aclose()
    assert said.content == "Yes."
    assert set(server.requests[0].body) - set(server.requests[1].body) == {left_out}
    assert left_out not in agent.takes
    (waited,) = [event for event in events if isinstance(event, Waiting)]
    assert left_out.replace("_", " ") in waited.reason


async def test_a_level_that_is_refused_is_the_persons_to_change(server: ScriptedServer) -> None:
    from brim.core.errors import BadRequestError

    said = (
        "Unsupported value: 'minimal' is not supported with the 'gpt-6' model. Supported values are: 'low'."
    )
    error = {"message": said, "param": "reasoning_effort", "code": "unsupported_value"}
    server.default = refusal(400, {"error": error})
    agent = make(server)
    with pytest.raises(BadRequestError) as caught:
        await ask(agent, AgentContext(input="Why?", parameters=Parameters(reasoning_effort="minimal")))
    await agent._server.aclose()
    assert "Supported values are" in caught.value.sentence
    assert len(server.requests) == 1


async def test_openai_counts_the_next_prompt(server: ScriptedServer) -> None:
    server.play(refusal(200, {"object": "response.input_tokens", "input_tokens": 321}))
    agent = make(server)
    counted = await agent.count_next(AgentContext(input="Why?"))
    await agent._server.aclose()
    assert counted is not None
    assert counted.tokens == 321
    assert server.requests[0].path == "/v1/responses/input_tokens"
    assert server.requests[0].body["input"][0]["content"][0]["text"] == "Why?"


async def test_other_servers_count_nothing(server: ScriptedServer) -> None:
    agent = make(server, own=False, name="work", model="mine")
    assert await agent.count_next(AgentContext(input="Why?")) is None
    assert server.requests == []
