"""Requests that wait their turn: in the order in which they came, saying why, and never for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

import pytest

from brim.core.agent import AgentInterface
from brim.core.around import AgentAround
from brim.core.cleanup import CleanupMode
from brim.core.errors import InputTooLongError
from brim.core.events import StreamEvent, TextDelta, TurnProgressed
from brim.core.limits import Limits
from brim.core.pace import Pace, PacedAgent
from brim.core.sessions import SessionManager
from brim.core.types import AgentContext, AgentResponse, Status
from tests.support.agents import Gated, Plain


def test_what_stands_before_an_agent_says_all_that_the_agent_says() -> None:
    own = {name for name in vars(AgentInterface) if not name.startswith("_")} - {"aclose"}
    assert own <= set(vars(AgentAround)), "an agent has something that nobody passes on"


async def _waiting(manager: SessionManager, session_id: str) -> str:
    """Return what a turn says that it waits for."""
    with manager.subscribe(session_id) as watcher:
        async for batch in watcher.batches():
            for event in batch:
                if isinstance(event, TurnProgressed) and event.waiting:
                    return event.waiting
    raise AssertionError("it never waited")


async def _asked(agent: Gated, count: int) -> None:
    while len(agent.asked) < count:
        agent.changed.clear()
        await agent.changed.wait()


async def test_turns_wait_in_order_and_say_so() -> None:
    agent = Gated()
    async with SessionManager(agent, limits=Limits(concurrent_requests=1)) as manager:
        sessions = [await manager.create() for _ in range(4)]
        turns = []
        for number, session in enumerate(sessions):
            turns.append(await manager.send(session.id, f"ask {number}"))
            if number == 0:
                await _asked(agent, 1)
            else:
                said = await _waiting(manager, session.id)
                assert said.startswith("waiting its turn: 1 at a time")
                assert said.endswith(f", {number - 1} before it") is (number > 1)
        for number, turn in enumerate(turns):
            await _asked(agent, number + 1)
            assert [context.input for context in agent.asked] == [f"ask {n}" for n in range(number + 1)]
            agent.say(f"ask {number}", "yes")
            agent.end(f"ask {number}")
            assert (await turn.wait()).status is Status.COMPLETE


async def test_a_turn_that_waits_is_stopped_at_once_and_those_behind_it_move_up() -> None:
    agent = Gated()
    async with SessionManager(agent, limits=Limits(concurrent_requests=1)) as manager:
        first, second, third = [await manager.create() for _ in range(3)]
        running = await manager.send(first.id, "a")
        await _asked(agent, 1)
        stopped = await manager.send(second.id, "b")
        await _waiting(manager, second.id)
        behind = await manager.send(third.id, "c")
        await _waiting(manager, third.id)
        await manager.stop(second.id)
        assert (await stopped.wait()).status is Status.STOPPED
        await manager.stop(first.id)
        assert (await running.wait()).status is Status.STOPPED
        await _asked(agent, 2)
        agent.end("c")
        assert (await behind.wait()).status is Status.COMPLETE
        assert [context.input for context in agent.asked] == ["a", "c"]


async def test_a_turn_that_waits_is_not_taken_for_a_silent_one() -> None:
    agent = Gated()
    manager = SessionManager(agent, limits=Limits(concurrent_requests=1), silence_s=1.6)
    async with manager:
        first, second = await manager.create(), await manager.create()
        running = await manager.send(first.id, "a")
        waiting = await manager.send(second.id, "b")
        for _ in range(50):
            agent.say("a", "still here ")
            await asyncio.sleep(0.05)
        agent.end("a")
        await running.wait()
        agent.end("b")
        assert (await waiting.wait()).status is Status.COMPLETE


async def test_a_summary_takes_a_place_of_its_own_and_nothing_waits_for_ever() -> None:
    class Small(Plain):
        async def window_tokens(self) -> int | None:
            return 600

    agent = Small("word " * 60)
    manager = SessionManager(
        agent,
        limits=Limits(concurrent_requests=1),
        cleanup_mode=CleanupMode.AUTO,
        summary_model="same",
        max_tokens=40,
    )
    async with manager:
        session = await manager.create()
        for number in range(8):
            turn = await manager.send(session.id, f"Question {number} " + "why " * 40)
            async with asyncio.timeout(20):
                assert (await turn.wait()).status is Status.COMPLETE
        assert any("notes" in context.input for context in agent.asked)


async def test_requests_a_minute() -> None:
    class Quick(AgentInterface):
        def __init__(self) -> None:
            self.at: list[float] = []

        async def process(self, context: AgentContext) -> AgentResponse:
            self.at.append(monotonic())
            return AgentResponse(output=context.input)

    quick = Quick()
    slow = PacedAgent(quick, Pace(lambda: Limits(requests_per_minute=2), minute_s=3600))
    for _ in range(2):
        await slow.process(AgentContext(input="at once"))
    quick.at.clear()
    agent = PacedAgent(quick, Pace(lambda: Limits(requests_per_minute=2), minute_s=0.5))
    began = monotonic()
    await asyncio.gather(*(agent.process(AgentContext(input=str(number))) for number in range(5)))
    assert quick.at == sorted(quick.at)
    assert quick.at[2] - began >= 0.49
    assert quick.at[4] - began >= 0.98

    async def events(context: AgentContext) -> AsyncIterator[StreamEvent]:
        async for event in agent.process_stream(context):
            yield event

    said = [str(event) for event in [e async for e in events(AgentContext(input="x"))]]
    assert "x" in said


async def test_every_place_comes_back_whatever_happens() -> None:
    class Wild(AgentInterface):
        async def process(self, context: AgentContext) -> AgentResponse:
            raise ValueError(context.input)

        async def process_stream(self, context: AgentContext) -> AsyncIterator[StreamEvent]:
            yield TextDelta("one")
            if context.input == "raise":
                raise ValueError("two")
            await asyncio.Event().wait()

    agent = PacedAgent(Wild(), Pace(lambda: Limits(concurrent_requests=1)))
    for _ in range(3):
        with pytest.raises(ValueError, match="x"):
            await agent.process(AgentContext(input="x"))
        with pytest.raises(ValueError, match="two"):
            [event async for event in agent.process_stream(AgentContext(input="raise"))]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                [event async for event in agent.process_stream(AgentContext(input="hang"))]
    stream = agent.process_stream(AgentContext(input="raise"))
    async with asyncio.timeout(20):
        assert str(await anext(stream)) == "one"
    await stream.aclose()  # type: ignore[attr-defined]


async def test_a_prompt_that_is_too_long_is_refused_before_anything_is_stored() -> None:
    agent = Plain()
    async with SessionManager(agent, limits=Limits(max_input_chars=20)) as manager:
        session = await manager.create()
        with pytest.raises(InputTooLongError) as caught:
            await manager.send(session.id, "x" * 21)
        assert (caught.value.chars, caught.value.limit) == (21, 20)
        assert await manager.transcript(session.id) == []
        first = await (await manager.send(session.id, "é" * 20)).wait()
        with pytest.raises(InputTooLongError):
            await manager.branches.edit((await manager.transcript(session.id))[0].id, "y" * 21)
        assert (await manager.session(session.id)).head_id == first.id
        await (await manager.send(session.id, "x" * 21, any_length=True)).wait()
        await (await manager.retry(session.id)).wait()
        assert [len(context.input) for context in agent.asked] == [20, 21, 21]
