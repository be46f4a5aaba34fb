"""The agent that says what it is told."""

from __future__ import annotations

import asyncio

import pytest

from brim.core import errors
from brim.core.events import (
    Done,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolFinished,
    ToolStarted,
    UsageReported,
    Waiting,
)
from brim.core.types import AgentContext
from brim.core.usage import Usage
from brim.providers import demo
from brim.providers.scripted import Reasoning, ScriptedAgent, Tool, Wait

ASKED = AgentContext(input="hello")


async def run(agent: ScriptedAgent, context: AgentContext = ASKED) -> list[StreamEvent]:
    return [event async for event in agent.process_stream(context)]


async def test_without_a_script_the_prompt_comes_back() -> None:
    answer = await ScriptedAgent().process(ASKED)
    assert answer.output == "hello"
    assert answer.metadata["model"] == "scripted"


async def test_every_step_becomes_its_events() -> None:
    usage = Usage(input_tokens=5, output_tokens=3)
    agent = ScriptedAgent(
        [
            Wait(0, "warming up"),
            Wait(0),
            Reasoning("Hm."),
            Tool("clock", "{}", "12:04"),
            Tool("oven", is_error=True),
            "Hello, ",
            TextDelta("world."),
            usage,
        ]
    )
    assert await run(agent) == [
        Waiting("warming up"),
        ReasoningDelta("Hm."),
        ToolStarted("call-3", "clock", "{}"),
        ToolFinished("call-3", "12:04"),
        ToolStarted("call-4", "oven", ""),
        ToolFinished("call-4", "", is_error=True),
        TextDelta("Hello, "),
        TextDelta("world."),
        UsageReported(usage),
        Done(model="scripted"),
    ]


async def test_the_same_script_gives_the_same_answer() -> None:
    agent = ScriptedAgent(["Hello, ", "world."])
    assert await run(agent) == await run(agent)
    assert [context.input for context in agent.contexts] == ["hello", "hello"]


async def test_a_done_ends_the_answer() -> None:
    assert await run(ScriptedAgent(["a", Done(finish_reason="length"), "b"])) == [
        TextDelta("a"),
        Done(finish_reason="length"),
    ]


async def test_a_failure_comes_after_the_text_before_it() -> None:
    agent = ScriptedAgent(["Hel", errors.OverloadedError("Busy.")])
    events: list[StreamEvent] = []
    for _ in range(2):
        with pytest.raises(errors.OverloadedError, match="Busy"):
            async for event in agent.process_stream(ASKED):
                events.append(event)  # noqa: PERF401 - what came before the failure is wanted
    assert events == [TextDelta("Hel"), TextDelta("Hel")]


async def test_scripts_by_prompt() -> None:
    agent = ScriptedAgent({"hello": ["Hi."], "": ["What?"]})
    assert (await agent.process(ASKED)).output == "Hi."
    assert (await agent.process(AgentContext(input="bye"))).output == "What?"
    assert (await ScriptedAgent({"bye": ["Bye."]}).process(ASKED)).output == "hello"


async def test_a_script_made_from_what_is_asked() -> None:
    agent = ScriptedAgent(lambda context: [f"{context.input}!"])
    assert (await agent.process(ASKED)).output == "hello!"


async def test_at_a_speed_the_text_comes_in_pieces_and_whole() -> None:
    said = "One, two,\n\n  three 世界世界世界 👩‍🚀 \n"
    events = await run(ScriptedAgent([said], tokens_per_s=5000))
    assert len(events) > 5
    assert "".join(str(event) for event in events) == said


async def test_a_speed_is_kept_over_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    passed = 0.0
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        nonlocal passed
        pauses.append(seconds)
        passed += seconds + 0.001  # a busy loop is always late

    monkeypatch.setattr(loop, "time", lambda: passed)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    await run(ScriptedAgent(["word " * 99 + "word"], tokens_per_s=100))
    assert len(pauses) == 100
    assert passed == pytest.approx(1.0, abs=0.01)


async def test_stopping_in_a_wait() -> None:
    agent = ScriptedAgent(["a", Wait(3600), "b"])
    stream = agent.process_stream(ASKED)
    assert await anext(stream) == TextDelta("a")
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await stream.aclose()


async def test_the_demonstration_shows_everything() -> None:
    steps = [step for step in demo.script(ASKED) if not isinstance(step, Wait)]
    events = await run(ScriptedAgent(steps))
    kinds = {type(event) for event in events}
    assert {ReasoningDelta, ToolStarted, ToolFinished, TextDelta, UsageReported, Done} <= kinds
    text = "".join(str(event) for event in events)
    assert text == demo.ANSWER
    for part in ("## ", "| ", "```python", "1. ", "> ", "日本語", "👩‍🚀", "](https://"):
        assert part in text
