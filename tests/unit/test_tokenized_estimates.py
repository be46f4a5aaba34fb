"""An agent's tokenizer is what its model's estimates rest on, now and when the app is started again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from brim.core.events import ToolFinished, ToolStarted
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from tests.support.agents import Gated, Plain

TEXT = "tokens " * 100


class Worded(Plain):
    """Has a tokenizer to which every word is ten tokens, and reports by it."""

    async def tokenizer(self) -> Callable[[str], int]:
        return lambda text: 10 * len(text.split())


async def test_estimates_rest_on_the_agents_tokenizer_from_the_first_turn_on(tmp_path: Path) -> None:
    for _ in range(2):
        async with SessionManager(
            Worded("One two three."), store=SQLiteStore(tmp_path / "brim.db")
        ) as manager:
            session = await manager.create()
            await (await manager.send(session.id, "Four words are these.")).wait()
            assert abs(manager.estimate(session.model, TEXT) - 1000) <= 10


async def test_an_answer_that_used_tools_weighs_what_is_sent_of_them() -> None:
    agent = Gated()
    async with SessionManager(agent) as manager:
        session = await manager.create()
        turn = await manager.send(session.id, "How warm?")
        agent.put("How warm?", ToolStarted("1", "weather", '{"city": "Lisbon"}'))
        agent.put("How warm?", ToolFinished("1", "sunny and warm, " * 200))
        agent.say("How warm?", "Warm.")
        agent.end("How warm?")
        answer = await turn.wait()
    assert answer.tool_calls[0].result is not None
    assert answer.tokens is not None
    assert answer.tokens > 500
