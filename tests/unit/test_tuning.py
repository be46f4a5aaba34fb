"""What a person sets for one session: model, parameters, persona."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from brim.core.agent import AgentInterface
from brim.core.context import Provenance
from brim.core.errors import AgentError
from brim.core.parameters import Parameters
from brim.core.personas import Persona
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import ModelInfo
from brim.core.usage import Usage
from tests.support.agents import Gated

BIG, SMALL = "test:big", "test:small"


class Knowing(Gated):
    """Knows its window and the parameters that it takes."""

    def __init__(self, window: int, *takes: str) -> None:
        super().__init__()
        self._window = window
        self.takes = frozenset(takes)

    async def window_tokens(self) -> int | None:
        return self._window


class Several:
    """A source of two agents."""

    def __init__(self) -> None:
        self.agents: dict[str, Knowing] = {
            BIG: Knowing(100_000, "temperature", "seed"),
            SMALL: Knowing(1_000),
        }

    async def agent_for(self, model: str) -> AgentInterface:
        if model not in self.agents:
            raise AgentError(f"There is no {model}.")
        return self.agents[model]

    def resolve(self, name: str) -> str:
        found = next((model for model in self.agents if name in (model, model.partition(":")[2])), None)
        if found is None:
            raise AgentError(f"There is no {name}.")
        return found

    async def models(self) -> list[ModelInfo]:
        return [ModelInfo(id=model) for model in self.agents]

    async def listing(self) -> AsyncIterator[list[ModelInfo]]:
        yield await self.models()

    def defaults(self, model: str) -> Sequence[tuple[str, Parameters]]:
        del model
        return (
            ("providers.test in config.toml line 3", Parameters(top_p=0.5, seed=7)),
            ("settings", Parameters(temperature=0.9, top_p=0.1)),
        )

    async def default_model(self) -> str | None:
        return BIG

    async def aclose(self) -> None:
        return None


@pytest.fixture
async def source() -> Several:
    return Several()


@pytest.fixture
async def manager(tmp_path: Path, source: Several) -> AsyncIterator[SessionManager]:
    async with SessionManager(source, store=SQLiteStore(tmp_path / "brim.db")) as manager:
        yield manager


async def test_a_switch_while_prompts_wait_counts_from_the_next_one(
    manager: SessionManager, source: Several
) -> None:
    big, small = source.agents[BIG], source.agents[SMALL]
    session = await manager.create(model=BIG)
    first = await manager.send(session.id, "one")
    second = await manager.send(session.id, "two")
    third = await manager.send(session.id, "three")
    big.say("one", "from the ")
    await big.changed.wait()
    with manager.subscribe(session.id) as events:
        await manager.tuning.set_model(session.id, "small")
        assert (await manager.context_usage(session.id)).window_tokens is None
    big.say("one", "big one")
    big.end("one", Usage(input_tokens=20, output_tokens=5))
    answer = await first.wait()
    assert (answer.model, answer.content) == (BIG, "from the big one")
    assert answer.prompt_parts is not None
    assert answer.prompt_parts.window_tokens == 100_000
    small.end("two", Usage(input_tokens=44, output_tokens=3))
    assert (await second.wait()).model == SMALL
    usage = await manager.context_usage(session.id)
    assert (usage.window_tokens, usage.used_tokens) == (1_000, 47)
    await manager.tuning.set_model(session.id, BIG)
    usage = await manager.context_usage(session.id)
    assert (usage.window_tokens, usage.provenance) == (100_000, Provenance.PENDING)
    small.end("three")
    big.end("three")
    assert (await third.wait()).model in (SMALL, BIG)
    del events
    assert [len(big.asked), len(small.asked)] in ([1, 2], [2, 1])
    models = [
        message.model for message in await manager.transcript(session.id) if message.role == "assistant"
    ]
    assert models[:2] == [BIG, SMALL]


async def test_what_is_learnt_of_the_old_model_after_a_switch_is_not_said_of_the_new_one(
    manager: SessionManager, source: Several
) -> None:
    session = await manager.create(model=BIG)
    turn = await manager.send(session.id, "one")
    await source.agents[BIG].changed.wait()
    await manager.tuning.set_model(session.id, SMALL)
    source.agents[BIG].say("one", "answer")
    source.agents[BIG].end("one", Usage(input_tokens=20, output_tokens=5))
    await turn.wait()
    usage = await manager.context_usage(session.id)
    assert usage.used_tokens == 25
    assert usage.provenance is Provenance.PENDING


async def test_parameters_go_with_the_request_and_stay_with_the_session(
    manager: SessionManager, source: Several
) -> None:
    session = await manager.create(model=BIG)
    said = Parameters(temperature=0.2, stop=("END",))
    await manager.tuning.set_parameters(session.id, said)
    turn = await manager.send(session.id, "one")
    source.agents[BIG].end("one")
    await turn.wait()
    assert source.agents[BIG].asked[0].parameters == said
    assert (await manager.session(session.id)).parameters == said


async def test_what_holds_and_where_it_stands(manager: SessionManager) -> None:
    assert manager.tuning.in_effect(BIG, Parameters(seed=1)) == {
        "seed": (1, "session"),
        "top_p": (0.5, "providers.test in config.toml line 3"),
        "temperature": (0.9, "settings"),
    }
    assert manager.tuning.in_effect(None, Parameters()) == {}


async def test_what_a_model_takes(manager: SessionManager) -> None:
    assert await manager.tuning.taken(BIG) == {"temperature", "seed"}
    assert await manager.tuning.taken(SMALL) == frozenset()
    assert await manager.tuning.taken("test:gone") == frozenset(Parameters.model_fields)


async def test_a_persona_says_what_it_says_and_leaves_the_rest(manager: SessionManager) -> None:
    session = await manager.create(model=BIG, system_prompt="As it was.")
    await manager.tuning.use_persona(session.id, Persona(name="Bare"))
    used = await manager.tuning.use_persona(
        session.id, Persona(name="Small", model="small", parameters=Parameters(seed=2))
    )
    assert (used.persona, used.model, used.system_prompt) == ("Small", SMALL, "As it was.")
    assert used.parameters == Parameters(seed=2)
    with pytest.raises(AgentError):
        await manager.tuning.use_persona(session.id, Persona(name="x", model="test:gone"))
    assert (await manager.session(session.id)).persona == "Small"


async def test_the_models_used_last_come_first(manager: SessionManager, source: Several) -> None:
    assert await manager.tuning.recent_models() == []
    await manager.create(model=BIG)
    session = await manager.create(model=SMALL)
    assert await manager.tuning.recent_models() == [SMALL, BIG]
    assert await manager.tuning.recent_models(1) == [SMALL]
    turn = await manager.send(session.id, "one")
    source.agents[SMALL].end("one", Usage(input_tokens=1, output_tokens=1))
    await turn.wait()
    await manager.delete(session.id)
    assert await manager.tuning.recent_models() == [BIG, SMALL]


async def test_the_new_model_learns_nothing_from_the_count_of_the_old_one(
    manager: SessionManager, source: Several
) -> None:
    prompt = "a prompt of some length " * 40
    before = manager.estimate(SMALL, prompt), manager.estimate(BIG, prompt)
    session = await manager.create(model=BIG)
    turn = await manager.send(session.id, prompt)
    await source.agents[BIG].changed.wait()
    await manager.tuning.set_model(session.id, SMALL)
    source.agents[BIG].say(prompt, "answer")
    source.agents[BIG].end(prompt, Usage(input_tokens=3 * before[0], output_tokens=5))
    await turn.wait()
    assert manager.estimate(SMALL, prompt) == before[0]
    assert manager.estimate(BIG, prompt) > before[1]


async def test_a_window_that_the_server_tells_stands_whatever_the_catalogue_says_later(
    manager: SessionManager,
) -> None:
    session = await manager.create(model=BIG)
    switching = asyncio.create_task(manager.tuning.set_model(session.id, SMALL))
    while (await manager.session(session.id)).model != SMALL:
        await asyncio.sleep(0)
    await manager.tuning.meet(session.id)
    await switching
    assert (await manager.context_usage(session.id)).window_tokens == 1_000
