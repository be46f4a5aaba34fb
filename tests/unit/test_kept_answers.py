"""Answers that are kept: which, for how long, and what an answer from there is worth."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal

import pytest

from brim.core.agent import AgentInterface, OneAgent
from brim.core.answer_cache import CachedAgents
from brim.core.context import Provenance
from brim.core.events import (
    CarriedOver,
    Done,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolFinished,
    ToolStarted,
    UsageReported,
)
from brim.core.parameters import Parameters
from brim.core.sessions import SessionManager
from brim.core.store.answer_table import MOST_BYTES
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import AgentContext, AgentResponse, Carried, Message, Session, now
from brim.core.usage import Usage

USAGE = Usage(input_tokens=40, output_tokens=9, reasoning_tokens=4)
CARRIED = Carried(protocol="anthropic", model="m", items=({"signature": "x"},))


class Steps(AgentInterface):
    """Yields the same events for every request."""

    takes = frozenset({"temperature", "seed"})
    is_priced = False

    def __init__(self, *events: StreamEvent) -> None:
        self._events = events
        self.asked = 0

    async def process(self, context: AgentContext) -> AgentResponse:
        return AgentResponse(output="")

    async def process_stream(self, context: AgentContext) -> AsyncGenerator[StreamEvent, None]:
        self.asked += 1
        for event in self._events:
            yield event


ANSWER = (
    ReasoningDelta("hm"),
    TextDelta("Yes"),
    TextDelta("."),
    CarriedOver(CARRIED),
    UsageReported(USAGE),
    Done(),
)


@asynccontextmanager
async def _manager(
    agent: AgentInterface, *, holds: timedelta = timedelta(days=1), address: str = "here"
) -> AsyncIterator[tuple[SessionManager, SQLiteStore]]:
    store = SQLiteStore(None)
    agents = CachedAgents(OneAgent(agent), store, holds, lambda _: address)
    async with SessionManager(agents, store=store) as manager:
        yield manager, store


async def _ask(manager: SessionManager, parameters: Parameters, text: str = "Well?") -> Message:
    session = await manager.create()
    await manager.tuning.set_parameters(session.id, parameters)
    return await (await manager.send(session.id, text)).wait()


COLD = Parameters(temperature=0)


async def test_an_answer_from_there_is_the_same_and_uses_nothing() -> None:
    agent = Steps(*ANSWER)
    async with _manager(agent) as (manager, _):
        first, again = await _ask(manager, COLD), await _ask(manager, COLD)
        assert agent.asked == 1
        assert (first.from_cache, again.from_cache) == (False, True)
        same = ("content", "reasoning", "carried", "finish_reason", "model", "tokens", "tokens_estimated")
        assert [getattr(first, name) for name in same] == [getattr(again, name) for name in same]
        assert (again.usage, again.cost_usd) == (Usage(), Decimal(0))
        session = await manager.session(again.session_id)
        assert (session.turns, session.priced_turns, session.tokens) == (1, 1, 0)
        usage = await manager.context_usage(again.session_id)
        assert usage == await manager.context_usage(first.session_id)
        # What was thought is carried, and may be read again or not.
        assert (usage.used_tokens, usage.provenance) == (40 + 9, Provenance.ESTIMATE)
        turns = {one.turns for one in await manager.spending()}
        assert turns == {2}


@pytest.mark.parametrize(
    "parameters", [Parameters(), Parameters(temperature=0.2), Parameters(temperature=0, seed=3)]
)
async def test_other_parameters_are_asked(parameters: Parameters) -> None:
    agent = Steps(*ANSWER)
    async with _manager(agent) as (manager, _):
        await _ask(manager, COLD)
        assert not (await _ask(manager, parameters)).from_cache
        assert agent.asked == 2


@pytest.mark.parametrize(
    "events",
    [
        (ToolStarted("1", "look"), ToolFinished("1", "ok"), TextDelta("x"), Done()),
        (TextDelta("no end"),),
    ],
    ids=["tools", "no end"],
)
async def test_what_had_effects_or_no_end_is_not_kept(events: tuple[StreamEvent, ...]) -> None:
    agent = Steps(*events)
    async with _manager(agent) as (manager, _):
        for _ in range(2):
            assert not (await _ask(manager, COLD)).from_cache
        assert agent.asked == 2


async def test_answers_grow_old() -> None:
    agent = Steps(*ANSWER)
    async with _manager(agent, holds=timedelta(0)) as (manager, _):
        for _ in range(2):
            assert not (await _ask(manager, COLD)).from_cache


async def test_the_oldest_go_where_there_are_too_many() -> None:
    store = SQLiteStore(None)
    await store.open()
    session = Session()
    await store.add_session(session)
    since = now() - timedelta(days=1)
    large = "x" * (MOST_BYTES // 3)
    for number in range(5):
        await store.keep_answer(f"key {number}", large, session.id, since)
    kept = [await store.kept_answer(f"key {number}", since) is not None for number in range(5)]
    assert kept == [False, False, True, True, True]
    assert await store.kept_answer("key 4", now() + timedelta(seconds=1)) is None
    await store.erase([session.id])
    assert await store.kept_answer("key 4", since) is None
    await store.aclose()


async def test_what_cannot_be_read_is_asked_anew_and_replaced() -> None:
    agent = Steps(*ANSWER)
    async with _manager(agent) as (manager, store):
        first = await _ask(manager, COLD)

        def spoil(file: object) -> None:
            file.execute('UPDATE answers SET answer = \'{"of": "another version"}\'')  # type: ignore[attr-defined]

        await store._connections.write(spoil)
        assert not (await _ask(manager, COLD)).from_cache
        again = await _ask(manager, COLD)
        assert again.from_cache
        assert again.content == first.content


async def test_the_same_name_elsewhere_is_another_model() -> None:
    agent = Steps(*ANSWER)
    store = SQLiteStore(None)
    place = ["here"]
    agents = CachedAgents(OneAgent(agent), store, timedelta(days=1), lambda _: place[0])
    async with SessionManager(agents, store=store) as manager:
        await _ask(manager, COLD)
    other = CachedAgents(OneAgent(agent), store, timedelta(days=1), lambda _: "there")
    one, two = await agents.agent_for("m"), await other.agent_for("m")
    assert one._key(AgentContext(input="x")) != two._key(AgentContext(input="x"))  # type: ignore[attr-defined]
