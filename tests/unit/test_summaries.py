"""Summaries of what leaves the window: written, merged, edited, thrown away, paid for."""

from decimal import Decimal

import pytest

from brim.core.agent import AgentInterface
from brim.core.errors import AgentError, BrimError, OverloadedError
from brim.core.events import SummarySkipped
from brim.core.sessions import SessionManager
from brim.core.summaries import summary_room
from brim.core.types import AgentResponse, ModelInfo, Status
from brim.core.window import SUMMARY_OPENING
from tests.support.agents import Counting

WINDOW = 2_000
CHAT = "agent:chat"
NOTES = "openai:gpt-4o"


class Writer(AgentInterface):
    """Writes the summaries that it is given; keeps what it was asked."""

    is_priced = True

    def __init__(self, *texts, window=8_000, error=None):
        self.texts = list(texts)
        self.window = window
        self.error = error
        self.asked = []

    async def window_tokens(self):
        return self.window

    async def process(self, context):
        self.asked.append(context)
        if self.error:
            raise self.error
        text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        return AgentResponse(output=text, metadata={"prompt_tokens": 1_000, "completion_tokens": 100})


class Keeping(Counting):
    def __init__(self):
        super().__init__(answer="a" * 100, window=WINDOW)
        self.asked = []

    async def process(self, context):
        self.asked.append(context)
        return await super().process(context)


class Two:
    """A chat model and another one that writes."""

    def __init__(self, writer):
        self.chat = Keeping()
        self.writer = writer

    async def agent_for(self, model):
        return {CHAT: self.chat, NOTES: self.writer}[model]

    def resolve(self, name):
        if name not in (CHAT, NOTES):
            raise AgentError(f"Nothing is called {name}.")
        return name

    async def models(self):
        return [ModelInfo(id=CHAT), ModelInfo(id=NOTES)]

    async def default_model(self):
        return CHAT

    async def aclose(self):
        pass


def managed(writer, model=NOTES):
    agents = Two(writer)
    return SessionManager(agents, summary_model=model, default_system_prompt="Be brief."), agents


async def ask(manager, session, text):
    return await (await manager.send(session.id, text)).wait()


async def filled(manager, session=None, turns=8):
    session = session or await manager.create()
    for number in range(turns):
        await ask(manager, session, f"question {number} " + "q" * 88)
    return session


async def test_a_summary_stands_for_what_left():
    writer = Writer("They spoke of q.")
    manager, agents = managed(writer)
    async with manager:
        session = await filled(manager)
        receipt = await manager.clean_up(session.id)
        summary = receipt.summary
        assert (summary.text, summary.model, summary.edited) == ("They spoke of q.", NOTES, False)
        # 1,000 tokens at 2.50 USD for a million and 100 at 10 USD
        assert summary.cost_usd == Decimal("0.0035")
        assert (await manager.session(session.id)).cost_usd == Decimal("0.0035")
        spent = {row.model: row for row in await manager.spending()}
        assert (spent[NOTES].cost_usd, spent[NOTES].turns) == (Decimal("0.0035"), 0)
        assert spent[NOTES].usage.total_tokens == 1_100
        weights = {m.id: m.tokens for m in await manager.transcript(session.id)}
        assert summary.replaced_tokens == sum(weights[i] for i in receipt.left_ids)
        assert receipt.after_tokens == receipt.before_tokens - summary.replaced_tokens + summary.tokens
        assert receipt.reached_target

        usage = await manager.context_usage(session.id)
        assert usage.summary_tokens == summary.tokens
        assert usage.used_tokens == receipt.after_tokens

        (request,) = writer.asked
        assert "question 0 " in request.input
        assert f"question {len(receipt.left_ids) // 2 - 1} " in request.input
        assert "question 7 " not in request.input

        await ask(manager, session, "And now?")
        system, told, first, *_ = agents.chat.asked[-1].conversation_history
        assert (system.role, system.content) == ("system", "Be brief.")
        assert (told.role, told.content) == ("system", f"{SUMMARY_OPENING}\n\nThey spoke of q.")
        assert first.id not in receipt.left_ids
        parts = (await manager.transcript(session.id))[-1].prompt_parts
        assert parts.summary_tokens == summary.tokens


async def test_the_next_summary_merges_the_one_before():
    writer = Writer("First notes.", "Second notes.")
    manager, agents = managed(writer)
    async with manager:
        session = await filled(manager)
        first = (await manager.clean_up(session.id)).summary
        await filled(manager, session, turns=3)
        second = (await manager.clean_up(session.id)).summary
        assert "First notes." in writer.asked[1].input
        assert second.text == "Second notes."
        assert second.replaced_tokens > first.tokens
        assert (await manager.session(session.id)).summary_tokens == second.tokens
        await ask(manager, session, "And now?")
        sent = agents.chat.asked[-1].conversation_history
        assert [m.content for m in sent if SUMMARY_OPENING in m.content] == [
            f"{SUMMARY_OPENING}\n\nSecond notes."
        ]


async def test_undo_takes_the_summary_back_too():
    manager, agents = managed(Writer("Notes."))
    async with manager:
        session = await filled(manager)
        before = await manager.context_usage(session.id)
        await manager.clean_up(session.id)
        await manager.undo_cleanup(session.id)
        usage = await manager.context_usage(session.id)
        assert (usage.summary_tokens, usage.used_tokens) == (0, before.used_tokens)
        receipt = (await manager.transcript(session.id))[-1].receipt
        assert receipt.undone
        assert receipt.summary.text == "Notes."
        await ask(manager, session, "?")
        assert not any(SUMMARY_OPENING in m.content for m in agents.chat.asked[-1].conversation_history)


async def test_the_person_can_edit_a_summary():
    manager, agents = managed(Writer("Notes."))
    async with manager:
        session = await filled(manager)
        with pytest.raises(BrimError, match="holds no summary"):
            await manager.edit_summary(session.id, "x")
        receipt = await manager.clean_up(session.id)
        edited = await manager.edit_summary(session.id, "  The person's name is Ada Lovelace.  ")
        assert edited.summary_tokens > receipt.summary.tokens
        kept = (await manager.transcript(session.id))[-1].receipt
        assert kept.summary.edited
        assert kept.summary.cost_usd == receipt.summary.cost_usd
        assert kept.left_ids == receipt.left_ids
        await ask(manager, session, "?")
        told = agents.chat.asked[-1].conversation_history[1].content
        assert told.endswith("\n\nThe person's name is Ada Lovelace.")
        with pytest.raises(BrimError, match="needs a text"):
            await manager.edit_summary(session.id, " ")


@pytest.mark.parametrize(
    ("writer", "reason", "paid"),
    [
        (Writer("blah " * 900), "too long for what it replaces", True),
        (Writer("blah " * 300), "too long for what it replaces", True),
        (Writer("  "), "wrote nothing", True),
        (Writer("x", error=OverloadedError("The server is busy.")), "The server is busy.", False),
        (Writer("x", error=KeyError("oops")), "KeyError", False),
    ],
)
async def test_without_a_good_summary_the_cleanup_is_a_plain_one(writer, reason, paid):
    manager, _ = managed(writer)
    async with manager:
        session = await filled(manager)
        with manager.subscribe(session.id) as watcher:
            receipt = await manager.clean_up(session.id)
            watcher.close()
            told = [e async for b in watcher.batches() for e in b if isinstance(e, SummarySkipped)]
        assert receipt.summary is None
        assert receipt.left_ids
        assert receipt.reached_target
        assert len(told) == 1
        assert reason in told[0].sentence
        # What the model wrote was paid for, of use or not.
        assert ((await manager.session(session.id)).cost_usd > 0) is paid
        assert (await manager.context_usage(session.id)).summary_tokens == 0


async def test_an_unknown_model_for_summaries_does_no_harm():
    manager, _ = managed(Writer("x"), model="nothing:such")
    async with manager:
        session = await filled(manager)
        assert (await manager.clean_up(session.id)).summary is None


async def test_in_the_middle_of_a_turn_and_by_the_sessions_own_model():
    manager, _ = managed(Writer("x"), model="same")
    async with manager:
        session = await manager.create()
        receipt = None
        while receipt is None:
            answer = await ask(manager, session, "q" * 100)
            assert answer.status is Status.COMPLETE
            receipt = (await manager.transcript(session.id))[-1].receipt
        assert receipt.summary.model == CHAT
        assert receipt.summary.text == "a" * 100
        assert receipt.reached_target
        for _ in range(10):
            assert (await ask(manager, session, "q" * 100)).status is Status.COMPLETE


async def test_the_request_fits_the_writers_window_and_the_oldest_goes_first():
    writer = Writer("Notes.", window=300)
    manager, _ = managed(writer)
    async with manager:
        session = await filled(manager)
        receipt = await manager.clean_up(session.id)
        request = writer.asked[0]
        texts = [request.input, *(message.content for message in request.conversation_history)]
        assert sum(manager.estimate(NOTES, text) for text in texts) <= 0.9 * 300
        assert "older messages left out" in request.input
        assert "question 0 " not in request.input
        assert f"question {len(receipt.left_ids) // 2 - 1} " in request.input


def test_the_room_for_a_summary_grows_with_the_window_within_bounds():
    assert [summary_room(limit) for limit in (100, 2_048, 16_000, 1_000_000)] == [64, 128, 1_000, 1_500]
