"""The next prompt counted before it is sent."""

from __future__ import annotations

import pytest

from brim.core.agent import Counted
from brim.core.attachments import attachment
from brim.core.counting import NO_DRAFT, NextPrompt
from brim.core.errors import BrimError
from brim.core.parameters import Parameters
from brim.core.sessions import SessionManager
from brim.core.types import AgentContext
from brim.tui.beginning import Beginning
from brim.tui.counting import words_of
from tests.support.agents import Plain
from tests.support.pictures import image


class Counting(Plain):
    """Counts what it is asked to count, and keeps it."""

    model = "counter"
    sees = frozenset({"image"})

    def __init__(self, tokens: int | None) -> None:
        super().__init__()
        self.tokens = tokens
        self.counted: list[AgentContext] = []

    async def count_next(self, context: AgentContext) -> Counted | None:
        self.counted.append(context)
        return None if self.tokens is None else Counted(self.tokens, "The Counter")


async def test_what_would_be_sent_is_what_is_counted() -> None:
    agent = Counting(12_345)
    async with SessionManager(agent, default_system_prompt="Be brief.") as manager:
        session = await manager.create()
        await manager.tuning.set_parameters(session.id, Parameters(reasoning_effort="low"))
        turn = await manager.send(session.id, "One?")
        await turn.wait()
        data = image()
        picture = attachment("dot.png", data, kind="image", media_type="image/png")
        counted = await manager.counting.next_prompt(session.id, "Two?", [picture])
        assert counted == NextPrompt(12_345, "The Counter", session.model or "", has_draft=True)
        (context,) = agent.counted
        assert context.input == "Two?"
        assert context.attachments[0].data == data
        assert context.parameters.reasoning_effort == "low"
        assert [message.role for message in context.conversation_history] == ["system", "user", "assistant"]
        # Nothing of it is stored.
        assert (await manager.session(session.id)).messages == 2


async def test_the_first_prompt_of_a_session_that_is_not_made_yet() -> None:
    agent = Counting(12)
    async with SessionManager(agent, default_system_prompt="Be brief. " * 40) as manager:
        session = Beginning(model="counter", parameters=Parameters(seed=3)).imagined(manager)
        counted = await manager.counting.first_prompt(session, "One?")
        assert counted == NextPrompt(12, "The Counter", "counter", has_draft=True)
        (context,) = agent.counted
        assert [message.role for message in context.conversation_history] == ["system"]
        assert (context.input, context.parameters.seed) == ("One?", 3)
        agent.tokens = None
        assert (await manager.counting.first_prompt(session, "One?")).tokens > 80
        assert await manager.count_sessions() == 0


async def test_without_a_draft_and_where_nobody_counts() -> None:
    agent = Counting(7)
    async with SessionManager(agent) as manager:
        session = await manager.create()
        counted = await manager.counting.next_prompt(session.id)
        assert (counted.tokens, counted.has_draft) == (7, False)
        assert agent.counted[0].input == NO_DRAFT
        agent.tokens = None
        estimated = await manager.counting.next_prompt(session.id, "Some words to be sent. " * 20)
        assert estimated.counted_by == ""
        assert estimated.tokens > 80


async def test_an_agent_that_counts_messages_counts_prompts() -> None:
    class Whole(Plain):
        model = "whole"

        async def count_tokens(self, messages: object) -> int | None:
            return len(messages)  # type: ignore[arg-type]

    async with SessionManager(Whole(), default_system_prompt="Be brief.") as manager:
        session = await manager.create()
        counted = await manager.counting.next_prompt(session.id, "One?")
        assert (counted.tokens, counted.counted_by) == (2, "whole")


async def test_a_session_without_a_model_says_so() -> None:
    class Nobody:
        async def default_model(self) -> None:
            return None

        async def aclose(self) -> None:
            return None

    async with SessionManager(Nobody()) as manager:  # type: ignore[arg-type]
        session = await manager.create()
        with pytest.raises(BrimError, match="no model"):
            await manager.counting.next_prompt(session.id, "One?")


def test_the_words() -> None:
    counted = NextPrompt(12_345, "Anthropic", "anthropic:claude-9", has_draft=True)
    assert words_of(counted) == "Next prompt: 12,345 tokens (counted by Anthropic)."
    server = NextPrompt(9, "The server at 127.0.0.1:1", "work:m", has_draft=False)
    assert (
        words_of(server)
        == "Next prompt: 9 tokens before your question (counted by the server at 127.0.0.1:1)."
    )
    unknown = NextPrompt(9, "", "work:m", has_draft=True)
    assert words_of(unknown) == "Next prompt: about 9 tokens (estimated: nobody counts for work:m)."
