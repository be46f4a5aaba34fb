"""Models share the memory: who is loaded, who leaves, who waits, and what is said meanwhile."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

from brim.core.errors import AgentError
from brim.core.events import TextDelta, Waiting
from brim.core.setting_values import bytes_of
from brim.providers import local_process
from brim.providers.local_gguf import ModelHeader
from brim.providers.local_memory import LocalMemory, resident_bytes, said
from brim.providers.local_process import LocalProcess
from tests.support.local_model import answer, asking, local_agent, model_path, needs_model, text_of
from tests.support.processes import is_alive, until

MB = 1_000_000


class Model:
    """A model that is nothing but its place in the memory."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pid = None
        self.is_busy = False
        self.unloaded = 0

    async def unload(self) -> None:
        self.unloaded += 1
        MEMORY[0].release(self)


MEMORY: list[LocalMemory] = [LocalMemory()]


@pytest.fixture
def memory() -> LocalMemory:
    MEMORY[0] = LocalMemory("100MB")
    return MEMORY[0]


async def test_models_stay_while_they_fit(memory: LocalMemory) -> None:
    one, two = Model("one"), Model("two")
    await memory.reserve(one, 50 * MB)
    await memory.reserve(two, 50 * MB)
    await memory.reserve(one, 50 * MB)

    assert (one.unloaded, two.unloaded) == (0, 0)


async def test_the_one_that_was_used_least_recently_leaves(memory: LocalMemory) -> None:
    one, two, three = Model("one"), Model("two"), Model("three")
    await memory.reserve(one, 40 * MB)
    await memory.reserve(two, 40 * MB)
    memory.used(one)
    await memory.reserve(three, 40 * MB)

    assert [model.unloaded for model in (one, two, three)] == [0, 1, 0]


async def test_none_leaves_that_answers(memory: LocalMemory) -> None:
    one, two, three = Model("one"), Model("two"), Model("three")
    await memory.reserve(one, 40 * MB)
    await memory.reserve(two, 40 * MB)
    one.is_busy = True
    await memory.reserve(three, 60 * MB)

    assert [model.unloaded for model in (one, two)] == [0, 1]


async def test_where_all_answer_the_next_waits(memory: LocalMemory) -> None:
    one, two = Model("one"), Model("two")
    await memory.reserve(one, 80 * MB)
    one.is_busy = True
    waiting = asyncio.create_task(memory.reserve(two, 80 * MB))
    await until(lambda: memory.waits_for(two) == "one")
    assert not waiting.done()

    one.is_busy = False
    memory.used(one)
    await waiting

    assert one.unloaded == 1
    assert memory.waits_for(two) == ""


async def test_what_can_never_fit_is_refused_with_both_sizes(memory: LocalMemory) -> None:
    one = Model("one")
    await memory.reserve(one, 80 * MB)

    with pytest.raises(
        AgentError, match=r"two needs about 2\.5 GB of memory, and there are 100 MB"
    ) as caught:
        await memory.reserve(Model("two"), 2500 * MB)

    assert "local_memory" in caught.value.hint
    assert one.unloaded == 0


async def test_without_a_limit_what_is_free_counts() -> None:
    MEMORY[0] = memory = LocalMemory()
    one, two = Model("one"), Model("two")
    await memory.reserve(one, MB)
    await memory.reserve(two, MB)
    assert one.unloaded == 0

    await memory.reserve(two, memory.most_bytes)

    assert one.unloaded == 1


@pytest.mark.parametrize(
    ("text", "meant"),
    [("12GB", 12_000_000_000), ("1.5 gb", 1_500_000_000), ("300MB", 300 * MB), ("50%", 500)],
)
def test_an_amount_of_memory_is_read(text: str, meant: int) -> None:
    assert bytes_of(text, 1000) == meant


@pytest.mark.parametrize("text", ["", "12", "GB", "-1GB", "12TB", "1e9MB", "0GB%", "nan%", "12GB 3"])
def test_what_is_no_amount_of_memory_is_none(text: str) -> None:
    assert bytes_of(text, 1000) == 0


def test_sizes_are_said_in_few_characters() -> None:
    assert [said(size) for size in (5, 98 * MB, 1_550 * MB, 40_000 * MB)] == [
        "1 MB",
        "98 MB",
        "1.6 GB",
        "40.0 GB",
    ]


@needs_model
async def test_a_model_that_nobody_asks_leaves_and_comes_back(tmp_path: Path) -> None:
    agent = local_agent(tmp_path, idle_s=0.2)
    try:
        await answer(agent, "Hello")
        pid = agent.pid
        assert pid is not None

        await until(lambda: agent.pid is None and not is_alive(pid))

        again = await answer(agent, "Hello")
        assert again[0] == Waiting("loading smollm2")
        assert text_of(again)
        assert agent.pid not in (None, pid)
    finally:
        await agent.aclose()


@needs_model
async def test_a_model_that_answers_is_not_idle(tmp_path: Path) -> None:
    agent = local_agent(tmp_path, idle_s=0.01, max_tokens=60)
    try:
        pids = set()
        async for event in agent.process_stream(asking("Count to one hundred in words.")):
            if isinstance(event, TextDelta):
                pids.add(agent.pid)
        assert len(pids) == 1
        assert None not in pids
    finally:
        await agent.aclose()


@needs_model
async def test_one_that_was_loaded_for_nobody_leaves_too(tmp_path: Path) -> None:
    agent = local_agent(tmp_path, idle_s=0.1)
    try:
        turn = asyncio.create_task(answer(agent, "Hello"))
        await until(lambda: agent.pid is not None)
        turn.cancel()
        await asyncio.wait([turn])

        await until(lambda: agent.pid is None)
    finally:
        await agent.aclose()


@needs_model
async def test_of_two_models_that_do_not_fit_together_one_is_loaded_at_a_time(tmp_path: Path) -> None:
    memory = LocalMemory("400MB")
    other = tmp_path / "other.gguf"
    other.symlink_to(model_path())
    first = local_agent(tmp_path, memory=memory, max_tokens=60)
    second = local_agent(tmp_path, memory=memory, path=other)
    try:
        stream = first.process_stream(asking("Count to one hundred in words."))
        async for event in stream:
            if isinstance(event, TextDelta):
                break
        waiting = asyncio.create_task(answer(second, "Hello"))
        rest = [event async for event in stream]
        events = await waiting

        assert text_of(rest)
        assert text_of(events)
        assert first.pid is None
        assert second.pid is not None
        reasons = [event.reason for event in events if isinstance(event, Waiting)]
        assert reasons[0] == "loading other"
        assert not set(reasons) & {"warming up smollm2"}

        assert text_of(await answer(first, "Hello"))
        assert second.pid is None
    finally:
        await first.aclose()
        await second.aclose()


@needs_model
async def test_models_that_fit_are_loaded_together(tmp_path: Path) -> None:
    memory = LocalMemory("2GB")
    other = tmp_path / "other.gguf"
    other.symlink_to(model_path())
    agents = [local_agent(tmp_path, memory=memory), local_agent(tmp_path, memory=memory, path=other)]
    try:
        answers = await asyncio.gather(*(answer(agent, "Hello") for agent in agents))

        assert all(text_of(events) for events in answers)
        assert all(agent.pid is not None for agent in agents)
    finally:
        for agent in agents:
            await agent.aclose()


@needs_model
async def test_a_turn_that_is_stopped_while_it_waits_for_memory_loads_nothing(tmp_path: Path) -> None:
    MEMORY[0] = memory = LocalMemory("400MB")
    other = Model("other")
    await memory.reserve(other, 300 * MB)
    other.is_busy = True
    agent = local_agent(tmp_path, memory=memory)
    try:
        stream = agent.process_stream(asking("Hello"))
        assert await anext(stream) == Waiting("loading smollm2")
        assert await anext(stream) == Waiting("waiting for the memory of other to load smollm2")
        await stream.aclose()
        other.is_busy = False
        memory.used(other)

        assert not agent._process.is_busy
        assert agent.pid is None
        assert other.unloaded == 0

        assert text_of(await answer(agent, "Hello"))
        assert other.unloaded == 1
    finally:
        await agent.aclose()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@needs_model
async def test_how_far_a_model_is_loaded_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = LocalProcess(name="m", model_path=model_path(), log_folder=tmp_path, window_tokens=512)
    assert process.progress(0) == "loading m"
    with process.in_use():
        await process.start()
        pid = process.pid
        assert pid is not None
        read, whole = resident_bytes(pid), model_path().stat().st_size
        assert read > whole // 2
        assert re.fullmatch(r"warming up m|loading m 9\d %", process.progress(9))

        monkeypatch.setattr(local_process, "resident_bytes", lambda _: read)
        process._header = ModelHeader(file_bytes=(read - 15 * MB) * 4, window_tokens=None, token_bytes=None)
        assert process.progress(9) in ("loading m 25 %", "loading m 24 %")
    await process.aclose()


@needs_model
async def test_more_threads_than_there_are_processors_do_not_keep_a_model_from_loading(
    tmp_path: Path,
) -> None:
    process = LocalProcess(
        name="m", model_path=model_path(), log_folder=tmp_path, window_tokens=512, threads=100_000
    )
    with process.in_use():
        await process.start()
        assert process.pid is not None
    await process.aclose()
