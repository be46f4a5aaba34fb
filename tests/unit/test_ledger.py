"""Where the figures come from, and that each says so."""

from decimal import Decimal

import pytest

from brim.core.context import Provenance
from brim.core.errors import AgentError
from brim.core.events import ContextChanged, TextDelta, UsageReported
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import AgentResponse, Status
from brim.core.usage import Usage
from tests.support.agents import Counting, Gated, Plain

OPENING = 25


def tokens(text):
    """A tokenizer of its own kind."""
    return 3 + len(text) * 2 // 7


class Tokenizing(Counting):
    """Reports, and counts beforehand if asked to, with a prompt of the server's own in front."""

    def __init__(self, *, counts, window=None):
        super().__init__(answer="The answer is forty-two, as everyone knows. " * 3, window=window)
        self.counts = counts
        self.counted = 0

    def _prompt(self, texts):
        return OPENING + sum(tokens(text) + 4 for text in texts)

    async def count_tokens(self, messages):
        self.counted += 1
        return self._prompt([m.content for m in messages]) if self.counts else None

    async def process(self, context):
        prompt = self._prompt([*(m.content for m in context.conversation_history), context.input])
        self.prompts.append(prompt)
        return AgentResponse(
            output=self.answer,
            metadata={"prompt_tokens": prompt, "completion_tokens": tokens(self.answer) + 4},
        )


async def ask(manager, session, text):
    return await (await manager.send(session.id, text)).wait()


QUESTIONS = [
    f"Question {number}: what is the meaning of {'life and ' * number}everything?" for number in range(9)
]


async def test_what_the_agent_counts_is_painted_exactly_before_the_request_leaves():
    agent = Tokenizing(counts=True, window=500)
    async with SessionManager(agent, default_system_prompt="Answer.") as manager:
        session = await manager.create()
        for text in QUESTIONS:
            with manager.subscribe(session.id) as watcher:
                answer = await ask(manager, session, text)
                watcher.close()
                usages = [
                    e.usage async for b in watcher.batches() for e in b if isinstance(e, ContextChanged)
                ]
            exact = [usage for usage in usages if usage.provenance is Provenance.EXACT]
            assert exact[-1].used_tokens == answer.usage.prompt_tokens == answer.prompt_parts.total_tokens
            assert answer.prompt_parts.window_tokens == 500
        assert any(message.receipt for message in await manager.transcript(session.id))


async def test_what_is_foreseen_comes_close_once_three_turns_were_seen():
    agent = Tokenizing(counts=False)
    async with SessionManager(agent, default_system_prompt="Answer.") as manager:
        errors = []
        for _ in range(3):
            session = await manager.create()
            for text in QUESTIONS:
                answer = await ask(manager, session, text)
                errors.append(abs(answer.prompt_parts.total_tokens / answer.usage.prompt_tokens - 1))
        assert sorted(errors[3:])[len(errors) // 2] < 0.03
        # A new session begins with what the server puts first, which is known by now.
        assert errors[9] < 0.25
        assert errors[18] < 0.15


async def test_opened_again_the_figures_say_the_same(tmp_path):
    names = tmp_path / "brim.db"
    async with SessionManager(Tokenizing(counts=False), store=SQLiteStore(names)) as manager:
        session = await manager.create()
        for text in QUESTIONS[:3]:
            await ask(manager, session, text)
        before = await manager.context_usage(session.id)
        estimate = manager.estimate(session.model, QUESTIONS[5])
        assert before.provenance is Provenance.REPORTED
    async with SessionManager(Tokenizing(counts=False), store=SQLiteStore(names)) as manager:
        assert await manager.context_usage(session.id) == before
        assert manager.estimate(session.model, QUESTIONS[5]) == estimate
        last = (await manager.transcript(session.id))[-1]
        await manager.leave_out(last.id)
    async with SessionManager(Tokenizing(counts=False), store=SQLiteStore(names)) as manager:
        after = await manager.context_usage(session.id)
        assert after.provenance is Provenance.ESTIMATE
        assert after.used_tokens == before.used_tokens - last.tokens


async def test_another_models_weights_are_scaled_when_the_next_one_reports():
    async with SessionManager(Tokenizing(counts=False)) as manager:
        session = await manager.create()
        for text in QUESTIONS[:3]:
            await ask(manager, session, text)
        first = [m.tokens for m in await manager.transcript(session.id)]
        await manager.tuning.set_model(session.id, "agent:other")
        assert (await manager.context_usage(session.id)).provenance is Provenance.PENDING
        answer = await ask(manager, session, QUESTIONS[3])
        usage = await manager.context_usage(session.id)
        assert usage.used_tokens == answer.usage.total_tokens
        second = [m.tokens for m in await manager.transcript(session.id)]
        assert abs(sum(second[:6]) / sum(first) - 1) < 0.2
        assert all(weight > 0 for weight in second)


class CutShort(Plain):
    """Reports its prompt at the beginning, as Anthropic's stream does, and then fails."""

    is_priced = True

    async def process_stream(self, context):
        yield UsageReported(Usage(input_tokens=1_000, output_tokens=1))
        yield TextDelta("word " * 200)
        raise AgentError("The line broke.")


async def test_the_output_of_an_answer_cut_short_is_estimated_and_paid_for():
    async with SessionManager(CutShort()) as manager:
        session = await manager.create(model="openai:gpt-4o")
        answer = await ask(manager, session, "Tell me.")
        assert answer.status is Status.FAILED
        assert (answer.usage.input_tokens, answer.usage.estimated) == (1_000, True)
        assert 150 <= answer.usage.output_tokens <= 300
        assert answer.tokens == answer.usage.output_tokens
        assert answer.tokens_estimated
        # 2.50 USD for a million tokens in, 10 USD out
        assert answer.cost_usd == Decimal("0.0025") + answer.usage.output_tokens * Decimal("0.00001")
        assert (await manager.context_usage(session.id)).provenance is Provenance.ESTIMATE


async def test_the_four_buckets_reach_the_account_and_the_cache_is_told():
    class Priced(Gated):
        is_priced = True

    agent = Priced()
    async with SessionManager(agent) as manager:
        session = await manager.create(model="anthropic:claude-sonnet-4-5")
        turn = await manager.send(session.id, "go")
        agent.say("go", "An answer.")
        spent = Usage(input_tokens=100, cache_read_tokens=10_000, cache_write_tokens=1_000, output_tokens=50)
        agent.end("go", spent)
        answer = await turn.wait()
        assert answer.usage == spent
        # USD for a million tokens: 3 fresh, 0.30 read, 3.75 written, 15 out
        assert answer.cost_usd == Decimal("0.0003") + Decimal("0.003") + Decimal("0.00375") + Decimal(
            "0.00075"
        )
        assert answer.cache_saved_usd == Decimal("0.027") - Decimal("0.00075")
        stored = await manager.session(session.id)
        assert (stored.cost_usd, stored.cache_saved_usd) == (answer.cost_usd, answer.cache_saved_usd)
        assert stored.window_tokens == 11_100 + 50
        (day,) = await manager.spending()
        assert day.usage == spent


async def test_a_forecast_from_the_turns_so_far():
    agent = Counting(answer="a" * 100, window=10_000)
    async with SessionManager(agent) as manager:
        session = await manager.create()
        assert (await manager.context_usage(session.id)).turns_to_cleanup is None
        for _ in range(3):
            await ask(manager, session, "q" * 100)
        usage = await manager.context_usage(session.id)
        assert usage.tokens_to_cleanup == 9_000 - 600
        assert usage.turn_tokens == 200
        assert usage.turns_to_cleanup == 42


async def test_an_agent_that_cannot_count_now_is_no_failure():
    class Broken(Tokenizing):
        async def count_tokens(self, messages):
            raise AgentError("Not now.")

    async with SessionManager(Broken(counts=True)) as manager:
        session = await manager.create()
        assert (await ask(manager, session, "Hi")).status is Status.COMPLETE


@pytest.mark.parametrize("threshold", [0.90, 0.99])
async def test_a_request_that_leaves_no_room_for_its_answer_calls_for_a_cleanup(threshold):
    agent = Counting(answer="a" * 100, window=2_000)
    async with SessionManager(agent, cleanup_threshold=threshold) as manager:
        session = await manager.create()
        for _ in range(12):
            answer = await ask(manager, session, "q" * 100)
            usage = await manager.context_usage(session.id)
            assert usage.used_tokens < 1_800 or answer.receipt
        assert max(agent.prompts) + usage.reply_reserve_tokens <= 2_000


async def test_a_window_that_only_the_server_knows_is_recalled_where_nobody_asks_it(tmp_path):
    path = tmp_path / "brim.db"
    async with SessionManager(Tokenizing(counts=False, window=700), store=SQLiteStore(path)) as manager:
        session = await manager.create()
        await ask(manager, session, "Hello?")
    async with SessionManager(Plain(), store=SQLiteStore(path)) as manager:
        assert (await manager.context_usage(session.id)).window_tokens == 700
        other = await manager.create(model="somebody:else")
        assert (await manager.context_usage(other.id)).window_tokens is None
