"""What the guide for agents says is so: its code runs, and its tables name what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import brim
from brim import AgentContext, AgentError, AgentInterface, SessionManager, Status, Usage
from brim.core import events

GUIDE = (Path(__file__).parents[2] / "docs" / "agents.md").read_text()


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the guide's code defines, run from top to bottom."""
    defined: dict[str, Any] = {"__name__": "guide"}
    for block in re.findall(r"^```python\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE):
        exec(compile(block, "docs/agents.md", "exec"), defined)
    return defined


async def turn_of(agent: AgentInterface, text: str = "One two three") -> brim.Message:
    async with SessionManager(agent) as manager:
        session = await manager.create()
        return await (await manager.send(session.id, text)).wait()


async def test_the_tests_of_the_guide_pass(names: dict[str, Any]) -> None:
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        await test()


async def test_the_conversation_of_the_guide(names: dict[str, Any]) -> None:
    assert await names["converse"]() == "You said: Hello"


async def test_counts_in_metadata_are_exact(names: dict[str, Any]) -> None:
    answer = await turn_of(names["CountingAgent"]())

    assert answer.usage == Usage(input_tokens=3, output_tokens=1)


async def test_streams_show_reasoning_and_usage(names: dict[str, Any]) -> None:
    answer = await turn_of(names["SlowReader"]())

    assert answer.content == "One two three "
    assert answer.reasoning.startswith("3 words.")
    assert answer.usage == Usage(input_tokens=3, output_tokens=3)
    response = await names["SlowReader"]().process(AgentContext(input="One two"))
    assert response.output == "One two "


async def test_tools_are_shown(names: dict[str, Any]) -> None:
    answer = await turn_of(names["ClockAgent"]())

    assert [(call.name, call.result) for call in answer.tool_calls] == [("clock", "12:04")]


async def test_the_window_is_taken_from_the_agent(names: dict[str, Any]) -> None:
    async with SessionManager(names["KnowingAgent"]()) as manager:
        session = await manager.create()
        await (await manager.send(session.id, "Hello")).wait()
        assert (await manager.context_usage(session.id)).window_tokens == 32_768


async def test_failures_are_told_in_the_agents_words(names: dict[str, Any]) -> None:
    answer = await turn_of(names["BusyAgent"]())

    assert answer.status is Status.FAILED
    assert answer.failure is not None
    assert answer.failure.sentence == "The archive takes no more questions today."
    assert answer.failure.hint == "Ask tomorrow."


def table(heading: str) -> list[list[str]]:
    """Return the rows of the table that begins with ``heading``."""
    rows = GUIDE.partition(f"\n| {heading} |")[2].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_table_of_events_is_complete() -> None:
    named = {re.match(r"`(\w+)", row[0]).group(1) for row in table("event")}

    assert named == {kind.__name__ for kind in events.StreamEvent.__args__}


def test_the_table_of_failures_is_complete_and_right() -> None:
    said = {
        name: row[2].startswith("yes")
        for row in table("raise")
        for name in re.findall(r"`(\w+Error)`", row[0])
    }
    kinds = {AgentError, *AgentError.__subclasses__()}

    assert said == {kind.__name__: kind.retryable for kind in kinds}


def test_what_the_guide_imports_from_brim_is_public() -> None:
    for line in re.findall(r"^from brim import (.*)$", GUIDE, re.MULTILINE):
        assert set(line.split(", ")) <= set(brim.__all__)


def test_the_files_that_the_guide_names_are_there() -> None:
    for path in re.findall(r"\]\(\.\./(.*?)\)", GUIDE):
        assert (Path(__file__).parents[2] / path).is_file()
