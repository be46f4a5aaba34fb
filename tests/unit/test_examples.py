"""Every example does what it says."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import pytest

from brim import (
    AgentContext,
    Done,
    Message,
    OverloadedError,
    ScriptedAgent,
    SessionManager,
    Status,
    ToolFinished,
    ToolStarted,
    Usage,
)
from brim.providers.custom import load_agent
from tests.support.local_model import needs_model

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def in_the_examples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in the folder of the examples, as a person would who tries them."""
    monkeypatch.chdir(EXAMPLES)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield
    for path in EXAMPLES.glob("*.py"):
        sys.modules.pop(path.stem, None)


def example(name: str) -> ModuleType:
    return importlib.import_module(name)


def test_every_example_has_its_test() -> None:
    assert sorted(path.name for path in EXAMPLES.iterdir() if path.is_file()) == [
        "behind_fastapi.py",
        "echo_agent.py",
        "in_a_notebook.ipynb",
        "in_a_script.py",
        "tool_agent.py",
    ]


async def test_the_echo_agent_answers_and_counts_its_turns() -> None:
    async with SessionManager(load_agent("echo_agent:EchoAgent")) as manager:
        session = await manager.create()
        answers = [await (await manager.send(session.id, text)).wait() for text in ("Hello", "[/foo]")]

    assert [answer.content for answer in answers] == ["1. You said: Hello", "2. You said: [/foo]"]
    assert {answer.status for answer in answers} == {Status.COMPLETE}


async def test_the_tool_agent_reports_its_sums_and_passes_everything_else_through() -> None:
    usage = Usage(input_tokens=40, output_tokens=6)
    inner = ScriptedAgent(["It is 391.", usage], window=4096)
    agent = example("tool_agent").ToolAgent(inner)
    history = [Message(role="system", content="Speak German."), Message(role="user", content="Hello")]
    asked = AgentContext(input="What are 17 * 23 and 1 / 0?", conversation_history=history)

    events = [event async for event in agent.process_stream(asked)]

    assert events[:4] == [
        ToolStarted("sum-0", "calculator", "17 * 23"),
        ToolFinished("sum-0", "391"),
        ToolStarted("sum-1", "calculator", "1 / 0"),
        ToolFinished("sum-1", "division by zero", is_error=True),
    ]
    assert "".join(map(str, events)) == "It is 391."
    assert isinstance(events[-1], Done)
    (context,) = inner.contexts
    assert context.input == "17 * 23 = 391\nWhat are 17 * 23 and 1 / 0?"
    assert [message.role for message in context.conversation_history] == ["system", "system", "user"]
    assert await agent.window_tokens() == 4096


@pytest.mark.parametrize(
    ("text", "sums"),
    [
        ("2+2", [("2+2", "4")]),
        ("Is 1 + 2 * 3.5 - 4 more than 10 / 4?", [("1 + 2 * 3.5 - 4", "4"), ("10 / 4", "2.5")]),
        ("123456 * 789", [("123456 * 789", "97406784")]),
        ("007 - 1", [("007 - 1", None)]),
        ("No sum, not even 42 or a-b or __import__('os')", []),
        ("9" * 5000, []),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
async def test_the_tool_agent_finds_sums(text: str, sums: list[tuple[str, str | None]]) -> None:
    agent = example("tool_agent").ToolAgent(ScriptedAgent(["ok"]))

    async with SessionManager(agent) as manager:
        session = await manager.create()
        answer = await (await manager.send(session.id, text)).wait()

    found = [(call.arguments, None if call.is_error else call.result) for call in answer.tool_calls]
    assert found == sums
    assert answer.status is Status.COMPLETE


@needs_model
async def test_the_tool_agent_asks_the_local_model_by_itself() -> None:
    agent = load_agent("tool_agent:ToolAgent")
    async with SessionManager(agent) as manager:
        session = await manager.create()
        answer = await (await manager.send(session.id, "What is 17 * 23?")).wait()

    assert answer.status is Status.COMPLETE
    assert answer.tool_calls[0].result == "391"
    assert answer.content
    assert answer.usage is not None


async def test_the_script_prints_questions_and_answers(capsys: pytest.CaptureFixture[str]) -> None:
    usage = Usage(input_tokens=12, output_tokens=3)
    agent = ScriptedAgent(
        {"One?": ["First ", "answer.", usage], "Two?": OverloadedError("Too busy.")}
        | {"Two?": ["Sec", OverloadedError("Too busy.")]},
        window=1000,
    )

    await example("in_a_script").converse(agent, ["One?", "Two?"])

    printed = capsys.readouterr().out
    assert "> One?\nFirst answer.\n[15 of 1000 tokens, reported]\n" in printed
    assert "> Two?\nSec\nThat went wrong: Too busy.\n" in printed


@needs_model
async def test_the_notebook_runs_cell_by_cell(capsys: pytest.CaptureFixture[str]) -> None:
    notebook = json.loads((EXAMPLES / "in_a_notebook.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    names: dict[str, Any] = {}

    for cell in cells:
        code = compile(cell, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, names)
        if inspect.iscoroutine(result):
            await result

    printed = capsys.readouterr().out
    assert "('calculator', '12.5 * 8', '100')" in printed
    assert "window_tokens=8192" in printed
    assert names["answer"].content in printed
    assert not any(cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code")


@pytest.fixture
async def service() -> AsyncIterator[tuple[httpx2.AsyncClient, ScriptedAgent]]:
    """The web service with a scripted agent, without a network."""
    agent = ScriptedAgent(
        {
            "Hello": ["Hello\n\ndata: ", "you.", Usage(input_tokens=9, output_tokens=4)],
            "Fail": ["Some", OverloadedError("Too busy.", hint="Wait.")],
        }
    )
    app = example("behind_fastapi").create_app(agent)
    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield client, agent


def events_of(body: str) -> list[tuple[str, dict[str, Any]]]:
    """Read server-sent events as a browser would."""
    events = []
    for block in body.removesuffix("\n\n").split("\n\n"):
        kind, data = block.split("\n")
        events.append((kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events


async def test_the_service_streams_an_answer(service: tuple[httpx2.AsyncClient, ScriptedAgent]) -> None:
    client, _ = service

    response = await client.post("/chat/stream", json={"message": "Hello"})

    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    (first, session), *texts, (last, done) = events_of(response.text)
    assert (first, last) == ("session", "done")
    assert "".join(data["text"] for kind, data in texts if kind == "text") == "Hello\n\ndata: you."
    assert done == {"status": "complete", "text": "Hello\n\ndata: you.", "tokens": 13}

    again = await client.post("/chat/stream", json={"message": "Hello", **session})
    stored = (await client.get(f"/sessions/{session['session_id']}")).json()
    assert events_of(again.text)[0][1] == session
    assert [message["role"] for message in stored] == ["user", "assistant"] * 2


async def test_the_service_says_what_failed(service: tuple[httpx2.AsyncClient, ScriptedAgent]) -> None:
    client, _ = service

    response = await client.post("/chat/stream", json={"message": "Fail"})

    kind, data = events_of(response.text)[-1]
    assert kind == "failed"
    assert (data["text"], data["sentence"], data["hint"], data["retryable"]) == (
        "Some",
        "Too busy.",
        "Wait.",
        True,
    )


async def test_the_service_refuses_what_it_cannot_do(
    service: tuple[httpx2.AsyncClient, ScriptedAgent],
) -> None:
    client, agent = service

    assert (await client.post("/chat/stream", json={"message": " "})).status_code == 422
    assert (await client.post("/chat/stream", json={"message": "Hi", "session_id": "no"})).status_code == 404
    assert (await client.get("/sessions/no")).status_code == 404
    assert (await client.get("/health")).json() == {"status": "healthy"}
    assert not agent.contexts


async def test_a_client_that_leaves_loses_nothing() -> None:
    app = example("behind_fastapi").create_app(ScriptedAgent(["word "] * 40, tokens_per_s=200.0))
    async with app.router.lifespan_context(app):
        manager: SessionManager = app.state.manager
        stream = example("behind_fastapi").answer(manager, (await manager.create()).id, "Go on")
        (_, session) = events_of(await anext(stream))[0]
        text = await anext(stream)
        assert text.startswith("event: text")
        assert session["session_id"] in manager.running()
        busy = await httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://test").post(
            "/chat/stream", json={"message": "And?", **session}
        )
        assert busy.status_code == 409

        await stream.aclose()

        with manager.subscribe(session["session_id"]) as watcher:
            async for _ in watcher.batches():
                if session["session_id"] not in manager.running():
                    break
        (_, answer) = await manager.transcript(session["session_id"])
        assert (answer.status, answer.content) == (Status.COMPLETE, "word " * 40)
