"""The local model answers, through a child process that was started once."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
import sys
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr

from brim.core.errors import AgentError, ConnectionFailedError, ContextOverflowError
from brim.core.events import Done, TextDelta, UsageReported, Waiting
from brim.core.types import AgentContext, Message, ToolCall
from brim.providers import local, local_waiting
from brim.providers.local import LocalAgent
from brim.providers.local_process import Endpoint
from tests.support.local_model import answer, asking, local_agent, needs_model, text_of
from tests.support.processes import is_alive, until

pytestmark = [needs_model, pytest.mark.asyncio(loop_scope="module")]

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agent(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalAgent]:
    """One loaded model for all tests here that do not end it."""
    agent = local_agent(tmp_path_factory.mktemp("local"))
    await answer(agent, "Hello")
    yield agent
    await agent.aclose()


def slots_busy(agent: LocalAgent) -> int:
    endpoint = agent._process.endpoint
    assert endpoint is not None
    request = urllib.request.Request(
        f"{endpoint.address}/slots", headers={"Authorization": f"Bearer {endpoint.key.get_secret_value()}"}
    )
    with urllib.request.urlopen(request) as response:
        return sum(slot["is_processing"] for slot in json.load(response))


async def test_text_comes_in_pieces_and_ends_with_usage(agent: LocalAgent) -> None:
    events = await answer(agent, "Name three colours.")

    texts = [event for event in events if isinstance(event, TextDelta)]
    usage = [event.usage for event in events if isinstance(event, UsageReported)][-1]
    assert len(texts) > 3
    assert 0 < usage.output_tokens <= 24
    assert usage.prompt_tokens > 10
    assert not usage.estimated
    assert isinstance(events[-1], Done)
    assert events[-1].model == "smollm2"
    assert events[-1].finish_reason in ("stop", "length")


async def test_a_loaded_model_is_not_waited_for(agent: LocalAgent) -> None:
    pid = agent.pid

    events = await answer(agent, "Hello again")

    assert not any(isinstance(event, Waiting) for event in events)
    assert agent.pid == pid


async def test_how_far_a_long_prompt_is_read_is_told(
    agent: LocalAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_waiting, "PULSE_S", 600.0)
    events = await answer(agent, "The sea is wide and blue. " * 130)

    waits = [event.reason for event in events if isinstance(event, Waiting)]
    usage = [event.usage for event in events if isinstance(event, UsageReported)][-1]
    assert len(waits) > 1
    assert waits == list(dict.fromkeys(waits))
    assert all(re.fullmatch(rf"reading [\d,]+ of {usage.prompt_tokens:,} tokens", wait) for wait in waits)
    first_text = next(place for place, event in enumerate(events) if isinstance(event, TextDelta))
    assert not any(isinstance(event, Waiting) for event in events[first_text:])


async def test_process_returns_the_whole_answer_with_counts(agent: LocalAgent) -> None:
    response = await agent.process(asking("What is 2+2?"))

    assert response.output.strip()
    assert response.metadata["model"] == "smollm2"
    counts = [response.metadata[name] for name in ("prompt_tokens", "completion_tokens", "tokens")]
    assert counts[0] + counts[1] == counts[2]


async def test_the_history_reaches_the_model(agent: LocalAgent) -> None:
    history = [
        Message(role="system", content="Answer in one word."),
        Message(role="user", content="My name is Ada."),
        Message(role="assistant", content="Hello Ada."),
    ]
    alone = await agent.process(asking("And now?"))
    whole = await agent.process(AgentContext(input="And now?", conversation_history=history))

    assert whole.metadata["prompt_tokens"] != alone.metadata["prompt_tokens"]
    counted = await agent.count_tokens([*history, Message(role="user", content="And now?")])
    assert counted == whole.metadata["prompt_tokens"]


async def test_two_answers_come_at_the_same_time(agent: LocalAgent) -> None:
    slow = agent.process_stream(asking("Write a long story about the sea."))
    async for event in slow:
        if isinstance(event, TextDelta):
            break

    quick = await answer(agent, "Say hello.")
    rest = [event async for event in slow]

    assert text_of(quick)
    assert isinstance(quick[-1], Done)
    assert text_of(rest)
    assert isinstance(rest[-1], Done)


async def test_a_stopped_answer_gives_its_slot_back(tmp_path: Path) -> None:
    agent = local_agent(tmp_path, max_tokens=None)
    try:
        stream = agent.process_stream(asking("Count from one to one thousand, in words."))
        async for event in stream:
            if isinstance(event, TextDelta):
                break
        assert await asyncio.to_thread(slots_busy, agent) == 1

        await stream.aclose()

        async with asyncio.timeout(20):
            while await asyncio.to_thread(slots_busy, agent):
                await asyncio.sleep(0.02)
    finally:
        await agent.aclose()


async def test_a_turn_that_is_cancelled_while_the_model_loads_leaves_it_loading(tmp_path: Path) -> None:
    agent = local_agent(tmp_path)
    try:
        stopped = asyncio.create_task(answer(agent, "Hello"))
        await until(lambda: agent.pid is not None)
        pid = agent.pid
        stopped.cancel()
        await asyncio.wait([stopped])

        events = await answer(agent, "Hello")

        assert stopped.cancelled()
        assert text_of(events)
        assert agent.pid == pid
    finally:
        await agent.aclose()


async def test_first_uses_at_the_same_time_start_one_child(tmp_path: Path) -> None:
    agent = local_agent(tmp_path)
    try:
        assert agent.pid is None
        answers = await asyncio.gather(*(answer(agent, text) for text in ("One?", "Two?", "Three?")))

        assert [events[0] for events in answers] == [Waiting("loading smollm2")] * 3
        assert all(text_of(events) for events in answers)
        logs = sorted(path.name for path in agent.log_path.parent.iterdir())
        assert logs == ["local-smollm2.log"]
    finally:
        await agent.aclose()


async def test_the_window_is_what_the_server_gives_one_answer(agent: LocalAgent, tmp_path: Path) -> None:
    fresh = local_agent(tmp_path, window_tokens=None)

    assert await fresh.window_tokens() == 8192
    assert fresh.pid is None
    assert await fresh.count_tokens([Message(role="user", content="Hello")]) is None
    assert await agent.window_tokens() == 1024


async def test_a_prompt_longer_than_the_window_names_both_sizes(agent: LocalAgent) -> None:
    with pytest.raises(ContextOverflowError) as caught:
        await answer(agent, "The sea is blue. " * 500)

    assert caught.value.window_tokens == 1024
    assert caught.value.prompt_tokens is not None
    assert caught.value.prompt_tokens > 2000


@pytest.mark.parametrize(
    "history",
    [
        [],
        [Message(role="system", content="Be brief."), Message(role="system", content="要約: 海は青い。")],
        [Message(role="assistant", content="Left over."), Message(role="user", content="One?")],
        [
            Message(role="user", content="def f(x):\n    return x  # πr²\n" * 9),
            Message(
                role="assistant",
                content="Warm. 🙂",
                tool_calls=(ToolCall(id="1", name="weather", arguments="{}", result="21 °C"),),
            ),
        ],
    ],
    ids=["question", "system", "leftover", "tools"],
)
async def test_the_count_of_a_prompt_is_what_its_answer_reports(
    agent: LocalAgent, history: list[Message]
) -> None:
    counted = await agent.count_tokens([*history, Message(role="user", content="And now?")])
    answered = await agent.process(AgentContext(input="And now?", conversation_history=history))

    assert counted == answered.metadata["prompt_tokens"]


async def test_tokens_of_a_history_that_ends_with_an_answer_are_counted(agent: LocalAgent) -> None:
    prompt = Message(role="user", content="Hello")

    short = await agent.count_tokens([prompt])
    longer = await agent.count_tokens([prompt, Message(role="assistant", content="Hello, what can I do?")])

    assert short is not None
    assert longer is not None
    assert longer > short


@linux
async def test_the_key_is_nowhere_to_be_read(agent: LocalAgent) -> None:
    endpoint = agent._process.endpoint
    assert endpoint is not None
    key = endpoint.key.get_secret_value()

    process = Path(f"/proc/{agent.pid}")

    assert len(key) >= 32
    assert key not in (process / "cmdline").read_text()
    assert key not in (process / "environ").read_text()
    assert key not in agent.log_path.read_text()
    assert key not in repr(agent._process.endpoint)


@linux
async def test_the_child_gets_no_key_of_the_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-person")
    monkeypatch.setenv("HF_TOKEN", "hf-of-the-person")
    agent = local_agent(tmp_path)
    try:
        await agent._process.start()
        environment = Path(f"/proc/{agent.pid}/environ").read_text()
        assert "of-the-person" not in environment
        assert "PATH=" in environment
    finally:
        await agent.aclose()


async def test_a_key_is_wanted(agent: LocalAgent) -> None:
    endpoint = agent._process.endpoint
    assert endpoint is not None
    body = json.dumps({"messages": [{"role": "user", "content": "Hello"}]}).encode()
    request = urllib.request.Request(f"{endpoint.address}/v1/chat/completions", data=body)

    with pytest.raises(urllib.error.HTTPError) as caught:
        await asyncio.to_thread(urllib.request.urlopen, request)

    caught.value.close()
    assert caught.value.code == 401


async def test_only_the_person_may_read_the_log(agent: LocalAgent) -> None:
    assert stat.S_IMODE(agent.log_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(agent.log_path.parent.stat().st_mode) == 0o700
    assert "model loaded" in agent.log_path.read_text()


async def test_what_is_said_is_not_logged(agent: LocalAgent) -> None:
    events = await answer(agent, "Tell me about xylophones.")

    log = agent.log_path.read_text()
    assert "xylophone" not in log
    assert text_of(events).strip() not in log


async def test_the_child_stands_apart_from_the_terminal_and_steps_back(agent: LocalAgent) -> None:
    assert agent.pid is not None
    assert os.getsid(agent.pid) == agent.pid
    assert os.getpriority(os.PRIO_PROCESS, agent.pid) > os.getpriority(os.PRIO_PROCESS, 0)


async def test_a_turn_that_is_stopped_while_it_connects_leaves_no_connections_of_the_child_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Earlier:
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    async def start() -> Endpoint:
        return Endpoint("http://127.0.0.1:1", SecretStr("k"))

    async def silent(*_: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    asked = asyncio.Event()
    monkeypatch.setattr(local, "served_window", silent)
    agent, earlier = local_agent(tmp_path), Earlier()
    monkeypatch.setattr(agent._process, "start", start)
    monkeypatch.setattr(agent, "_server", earlier)
    turn = asyncio.create_task(answer(agent, "Hello"))
    await asked.wait()
    turn.cancel()
    await asyncio.wait([turn])

    assert turn.cancelled()
    assert earlier.closed == 1
    await agent.aclose()


async def test_closing_ends_the_child_for_good(tmp_path: Path) -> None:
    agent = local_agent(tmp_path)
    await answer(agent, "Hello")
    pid = agent.pid
    assert pid is not None

    await agent.aclose()
    await agent.aclose()

    assert agent.pid is None
    assert not is_alive(pid)
    with pytest.raises(ConnectionFailedError, match="closed"):
        await answer(agent, "Hello")


async def test_closing_while_the_model_loads_ends_the_turn_as_a_failure(tmp_path: Path) -> None:
    agent = local_agent(tmp_path)
    turn = asyncio.create_task(answer(agent, "Hello"))
    await until(lambda: agent.pid is not None)
    pid = agent.pid
    assert pid is not None

    await agent.aclose()

    assert not is_alive(pid)
    with pytest.raises(ConnectionFailedError, match="closed"):
        await turn


async def test_a_window_beyond_the_memory_is_said_to_be_too_large(tmp_path: Path) -> None:
    agent = local_agent(tmp_path, window_tokens=1 << 24)
    try:
        with pytest.raises(
            AgentError, match=r"smollm2 needs about 38\d\.\d GB of memory, and there are"
        ) as caught:
            await answer(agent, "Hello")
        assert "smaller model or window" in caught.value.hint
        assert agent.pid is None
    finally:
        await agent.aclose()
