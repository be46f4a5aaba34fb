"""The local model's process is killed, or the one that started it, and nothing of it reaches the terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from brim.core.errors import ConnectionFailedError
from brim.core.events import StreamEvent, TextDelta, Waiting
from tests.support.local_model import answer, asking, local_agent, model_path, needs_model, text_of
from tests.support.processes import DEADLINE_S, is_alive, until

pytestmark = needs_model

PROGRAM = """
import asyncio, sys
from pathlib import Path
from brim.core.events import TextDelta
from brim.core.types import AgentConfig, AgentContext
from brim.providers.local import LocalAgent

async def main(model, folder, say):
    agent = LocalAgent(AgentConfig(max_tokens=12), model_path=Path(model), log_folder=Path(folder), window_tokens=1024)
    context = AgentContext(input="Tell me a story.")
    if say == "loading":
        asyncio.create_task(agent.process(context))
        while agent.pid is None:
            await asyncio.sleep(0)
        print(agent.pid, flush=True)
        await asyncio.Event().wait()
    async for event in agent.process_stream(context):
        if say == "answering" and isinstance(event, TextDelta):
            print(agent.pid, flush=True)
            await asyncio.Event().wait()
    if say == "nothing":
        await agent.aclose()

asyncio.run(main(*sys.argv[1:]))
"""


def parent(folder: Path, say: str) -> list[str]:
    """Return the command of a process that starts a local model of its own."""
    return [sys.executable, "-c", PROGRAM, str(model_path()), str(folder), say]


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGSEGV], ids=["killed", "crashed"])
async def test_the_end_of_the_child_is_an_error_and_the_next_answer_starts_it_anew(
    tmp_path: Path, kill: signal.Signals
) -> None:
    agent = local_agent(tmp_path, max_tokens=None)
    try:
        events: list[StreamEvent] = []
        with pytest.raises(ConnectionFailedError, match="stopped unexpectedly") as caught:
            async for event in agent.process_stream(asking("Count to one thousand in words.")):
                if isinstance(event, TextDelta) and not text_of(events):
                    assert agent.pid is not None
                    os.kill(agent.pid, kill)
                events.append(event)
        assert text_of(events)
        assert kill.name in caught.value.sentence
        assert "next message starts it anew" in caught.value.sentence
        assert caught.value.retryable

        async with asyncio.timeout(DEADLINE_S):
            agent._request = agent._request.model_copy(update={"max_tokens": 4})
            again = await answer(agent, "Hello")
        assert again[0] == Waiting("loading smollm2")
        assert text_of(again)
    finally:
        await agent.aclose()


async def test_all_answers_of_a_child_that_ends_fail_and_a_single_new_one_starts(tmp_path: Path) -> None:
    agent = local_agent(tmp_path, max_tokens=400)
    try:
        await answer(agent, "Hello")
        told: list[StreamEvent] = []

        async def story(about: str) -> None:
            async for event in agent.process_stream(asking(f"Tell a very long story about {about}.")):
                told.append(event)  # noqa: PERF401 - what came before the failure is wanted

        running = [asyncio.create_task(story(about)) for about in ("a", "b")]
        pid = agent.pid
        assert pid is not None
        await until(lambda: bool(text_of(told)))
        os.kill(pid, signal.SIGKILL)

        results = await asyncio.gather(*running, return_exceptions=True)
        assert all(isinstance(result, ConnectionFailedError) for result in results)

        agent._request = agent._request.model_copy(update={"max_tokens": 4})
        await asyncio.gather(answer(agent, "Hello"), answer(agent, "Hello"))
        assert agent.pid not in (None, pid)
        logs = sorted(path.name for path in agent.log_path.parent.iterdir())
        assert logs == ["local-smollm2.log", "local-smollm2.old.log"]
    finally:
        await agent.aclose()


async def test_a_child_that_ended_between_two_answers_is_not_noticed(tmp_path: Path) -> None:
    agent = local_agent(tmp_path)
    try:
        await answer(agent, "Hello")
        pid = agent.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: agent.pid is None)

        assert text_of(await answer(agent, "Hello"))
        assert agent.pid not in (None, pid)
    finally:
        await agent.aclose()


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda kill: kill.name)
async def test_the_child_goes_when_its_parent_is_killed(tmp_path: Path, kill: signal.Signals) -> None:
    child = await killed_parent(tmp_path, "answering", kill)

    await until(lambda: not is_alive(child))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a child that loads is done first")
async def test_the_child_goes_when_its_parent_is_killed_while_it_loads(tmp_path: Path) -> None:
    child = await killed_parent(tmp_path, "loading", signal.SIGKILL)

    await until(lambda: not is_alive(child))


async def killed_parent(folder: Path, say: str, kill: signal.Signals) -> int:
    """Kill a process that has a local model, and return the process id of the model."""
    process = await asyncio.create_subprocess_exec(
        *parent(folder, say), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        child = int(await process.stdout.readline())
        assert is_alive(child)
        process.send_signal(kill)
        await process.wait()
    return child


@pytest.mark.parametrize("say", ["nothing", "nothing and leaves it running"])
def test_no_byte_of_the_model_reaches_the_terminal(tmp_path: Path, say: str) -> None:
    """The second parent never closes its agent, and Python says so: that is all there may be to read."""
    terminal, side = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", *parent(tmp_path, say)[1:]],
        stdin=side,
        stdout=side,
        stderr=side,
        start_new_session=True,
    ) as process:
        os.close(side)
        shown = b""
        while chunk := _read(terminal):
            shown += chunk
        process.wait(timeout=DEADLINE_S)
    os.close(terminal)

    assert process.returncode == 0
    assert shown == b""
    assert "model loaded" in next(tmp_path.glob("*.log")).read_text()


def _read(terminal: int) -> bytes:
    """Return what a terminal shows next, nothing once its last process has left."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
