"""Cleanup on demand and its undoing, pins and leave-outs, the modes, budgets, and the queue that pauses."""

from decimal import Decimal

import pytest

from brim.core.budgets import BudgetError
from brim.core.cleanup import CleanupMode
from brim.core.context import Provenance
from brim.core.errors import BrimError, CleanupWantedError, WindowFullError
from brim.core.events import (
    BudgetWarned,
    ContextChanged,
    DayChanged,
    MessageChanged,
    QueuePaused,
    WindowCleaned,
)
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import QueuedPrompt
from brim.core.usage import Usage
from tests.support.agents import Counting, Gated

WINDOW = 2_000


async def ask(manager, session, text, **how):
    return await (await manager.send(session.id, text, **how)).wait()


async def filled(manager, turns=8, length=100):
    """A session of ``turns`` turns whose questions have ``length`` tokens (the agent's answers have 100)."""
    session = await manager.create()
    for number in range(turns):
        await ask(manager, session, f"{number:03d}" + "q" * (length - 3))
    return session


def counting(**more):
    return Counting(answer="a" * 100, window=WINDOW, **more)


async def events_of(watcher):
    watcher.close()
    return [event async for batch in watcher.batches() for event in batch]


async def in_window(manager, session):
    return [message.id for message in await manager.transcript(session.id) if message.in_window]


async def check_sums(manager, session):
    """The meter's one value says what the messages say."""
    usage = await manager.context_usage(session.id)
    inside = [message for message in await manager.transcript(session.id) if message.in_window]
    assert usage.pinned_tokens == sum(m.tokens for m in inside if m.pinned)
    assert usage.history_tokens == sum(m.tokens for m in inside if not m.pinned)
    return usage


# --- on demand and undone ---------------------------------------------------------------------------------


async def test_a_preview_changes_nothing_and_says_what_clean_up_does():
    async with SessionManager(counting()) as manager:
        session = await filled(manager)
        before = await manager.transcript(session.id)
        plan = await manager.plan_cleanup(session.id)
        assert await manager.transcript(session.id) == before
        with manager.subscribe(session.id) as watcher:
            receipt = await manager.clean_up(session.id)
            happened = await events_of(watcher)
        assert receipt.left_ids == tuple(message.id for message in plan.leaving) != ()
        assert (receipt.before_tokens, receipt.after_tokens) == (plan.before_tokens, plan.after_tokens)
        assert receipt.after_tokens <= 0.6 * WINDOW
        assert (receipt.reason, receipt.after_answer, receipt.undone) == ("asked", True, False)
        transcript = await manager.transcript(session.id)
        assert transcript[-1].receipt == receipt
        assert [m.id for m in transcript if not m.in_window] == list(receipt.left_ids)
        assert [m.content for m in transcript] == [m.content for m in before]
        (cleaned,) = [event for event in happened if isinstance(event, WindowCleaned)]
        assert (cleaned.message_id, cleaned.receipt) == (transcript[-1].id, receipt)
        (changed,) = [event for event in happened if isinstance(event, ContextChanged)]
        assert changed.usage.used_tokens == receipt.after_tokens
        assert changed.usage.provenance is Provenance.PENDING
        assert await check_sums(manager, session) == changed.usage


async def test_a_preview_counts_the_draft():
    async with SessionManager(counting()) as manager:
        session = await filled(manager, turns=5)
        text = "q" * 1_200
        without = await manager.plan_cleanup(session.id)
        long = await manager.plan_cleanup(session.id, text)
        assert without.leaving == ()
        assert long.before_tokens == without.before_tokens + manager.estimate(session.model, text)
        assert long.staying[-1].content == text
        assert long.leaving
        assert len(await manager.transcript(session.id)) == 10


async def test_nothing_to_clean_is_said_in_a_sentence():
    async with SessionManager(counting()) as manager:
        empty = await manager.create()
        few = await filled(manager, turns=2)
        for session in (empty, few):
            with pytest.raises(BrimError, match="Nothing leaves the window"):
                await manager.clean_up(session.id)


async def test_no_cleanup_while_an_answer_is_written():
    agent = Gated()
    async with SessionManager(agent) as manager:
        session = await manager.create()
        turn = await manager.send(session.id, "go")
        with pytest.raises(BrimError, match="still being written"):
            await manager.clean_up(session.id)
        agent.end("go")
        await turn.wait()


async def test_undo_brings_everything_back_and_the_receipt_stays(tmp_path):
    async with SessionManager(counting(), store=SQLiteStore(tmp_path / "brim.db")) as manager:
        session = await filled(manager)
        before = await manager.context_usage(session.id)
        everything = await in_window(manager, session)
        receipt = await manager.clean_up(session.id)
        with manager.subscribe(session.id) as watcher:
            after = await manager.undo_cleanup(session.id)
            happened = await events_of(watcher)
        assert await in_window(manager, session) == everything
        assert after.window_tokens == before.history_tokens
        last = (await manager.transcript(session.id))[-1]
        assert last.receipt == receipt.model_copy(update={"undone": True})
        assert [e.receipt.undone for e in happened if isinstance(e, WindowCleaned)] == [True]
        assert (await check_sums(manager, session)).used_tokens == before.used_tokens
        with pytest.raises(BrimError, match="no cleanup to undo"):
            await manager.undo_cleanup(session.id)
        again = await manager.clean_up(session.id)
        assert again.left_ids == receipt.left_ids
        assert (await manager.transcript(session.id))[-1].receipt == again


async def test_undo_brings_back_the_newest_where_not_all_fit():
    async with SessionManager(counting()) as manager:
        session = await filled(manager)
        receipt = await manager.clean_up(session.id)
        await ask(manager, session, "q" * 160)
        free = (await manager.context_usage(session.id)).free_tokens
        weights = {m.id: m.tokens for m in await manager.transcript(session.id)}
        assert free < sum(weights[i] for i in receipt.left_ids)
        await manager.undo_cleanup(session.id)
        inside = set(await in_window(manager, session))
        back = [i for i in receipt.left_ids if i in inside]
        assert back
        assert back == list(receipt.left_ids[-len(back) :])
        assert len(back) % 2 == 0
        usage = await manager.context_usage(session.id)
        assert usage.used_tokens + usage.reply_reserve_tokens <= WINDOW


async def test_undo_that_does_not_fit_changes_nothing():
    async with SessionManager(counting()) as manager:
        session = await filled(manager)
        await manager.clean_up(session.id)
        await ask(manager, session, "q" * 400)
        before = await in_window(manager, session)
        with pytest.raises(BrimError, match="do not fit"):
            await manager.undo_cleanup(session.id)
        assert await in_window(manager, session) == before


async def test_the_cleanup_that_a_turn_made_can_be_undone_and_pinning_keeps():
    async with SessionManager(counting()) as manager:
        session = await manager.create()
        answer = None
        while answer is None or answer.receipt is None:
            answer = await ask(manager, session, "q" * 100)
            answer = (await manager.transcript(session.id))[-1]
        first = answer.receipt.left_ids[0]
        await manager.undo_cleanup(session.id, answer.id)
        await manager.pin(first)
        await ask(manager, session, "q" * 100)
        transcript = {m.id: m for m in await manager.transcript(session.id)}
        assert transcript[first].in_window
        assert not transcript[answer.receipt.left_ids[2]].in_window
        await check_sums(manager, session)


# --- pins and leave-outs ----------------------------------------------------------------------------------


async def test_pins_and_leave_outs_are_told_and_counted():
    async with SessionManager(counting()) as manager:
        session = await filled(manager, turns=3)
        question, answer, *_ = await manager.transcript(session.id)
        with manager.subscribe(session.id) as watcher:
            pinned = await manager.pin(question.id)
            left = await manager.leave_out(answer.id)
            happened = await events_of(watcher)
        assert (pinned.pinned, pinned.in_window) == (True, True)
        assert (left.left_out, left.in_window) == (True, False)
        changed = [event.message for event in happened if isinstance(event, MessageChanged)]
        assert changed == [pinned, left]
        usages = [event.usage for event in happened if isinstance(event, ContextChanged)]
        assert [usage.pinned_tokens for usage in usages] == [question.tokens] * 2
        assert usages[0].provenance is Provenance.REPORTED
        assert usages[1].provenance is Provenance.PENDING
        assert usages[1].used_tokens == usages[0].used_tokens - answer.tokens
        await check_sums(manager, session)
        back = await manager.bring_back(answer.id)
        assert (back.left_out, back.in_window) == (False, True)
        assert (await manager.pin(question.id, pinned=False)).pinned is False
        assert (await check_sums(manager, session)).used_tokens == usages[0].used_tokens


async def test_what_is_left_out_is_not_sent_and_stays_out():
    agent = Counting(answer="a" * 50, window=WINDOW)
    asked = []

    class Keeping(Counting):
        async def process(self, context):
            asked.append(context)
            return await super().process(context)

    agent = Keeping(answer="a" * 100, window=WINDOW)
    async with SessionManager(agent) as manager:
        session = await filled(manager, turns=8)
        question = (await manager.transcript(session.id))[14]
        await manager.leave_out(question.id)
        receipt = await manager.clean_up(session.id)
        assert question.id not in receipt.left_ids
        await manager.undo_cleanup(session.id)
        await ask(manager, session, "What now?")
        sent = [message.id for message in asked[-1].conversation_history]
        assert question.id not in sent
        assert len(sent) == 15


async def test_a_pin_brings_back_what_a_cleanup_took():
    async with SessionManager(counting()) as manager:
        session = await filled(manager)
        receipt = await manager.clean_up(session.id)
        assert (await manager.pin(receipt.left_ids[0])).in_window
        assert (await manager.bring_back(receipt.left_ids[1])).in_window
        rows = {row.id: row for row in await manager.context_rows(session.id)}
        assert [rows[i].in_window for i in receipt.left_ids[:3]] == [True, True, False]
        await check_sums(manager, session)


# --- modes ------------------------------------------------------------------------------------------------


async def stored(manager, session):
    return len(await manager.transcript(session.id)), (await manager.session(session.id)).queued


async def test_ask_mode_asks_before_anything_is_stored():
    async with SessionManager(counting(), cleanup_mode=CleanupMode.ASK) as manager:
        session = await filled(manager, turns=8)
        before = await stored(manager, session)
        with pytest.raises(CleanupWantedError) as caught:
            await manager.send(session.id, "q" * 1_200)
        assert caught.value.plan.is_worthwhile
        assert await stored(manager, session) == before
        answer = await ask(manager, session, "q" * 1_200, cleanup=True)
        assert answer.receipt.left_ids == tuple(m.id for m in caught.value.plan.leaving)
        assert not answer.receipt.after_answer


async def test_ask_mode_can_be_told_to_send_as_it_is():
    agent = counting()
    async with SessionManager(agent, cleanup_mode=CleanupMode.ASK) as manager:
        session = await filled(manager, turns=8, length=104)
        answer = await ask(manager, session, "q" * 190, cleanup=False)
        assert answer.receipt is None
        assert agent.prompts[-1] == 8 * 204 + 190
        with pytest.raises(WindowFullError, match="window is full"):
            await manager.send(session.id, "q" * 1_500, cleanup=False)


async def test_off_mode_refuses_what_does_not_fit_and_stores_nothing():
    async with SessionManager(counting(), cleanup_mode=CleanupMode.OFF) as manager:
        session = await manager.create()
        with pytest.raises(WindowFullError) as caught:
            for _ in range(20):
                before = await stored(manager, session)
                await ask(manager, session, "q" * 100)
        assert await stored(manager, session) == before
        assert before[0] >= 16
        assert caught.value.window_tokens == WINDOW
        assert caught.value.needed_tokens > WINDOW
        assert not any(m.receipt for m in await manager.transcript(session.id))
        manager.cleanup_mode = CleanupMode.AUTO
        answer = await ask(manager, session, "q" * 100)
        assert answer.receipt is not None


async def test_a_message_longer_than_the_window_is_refused_in_every_mode():
    async with SessionManager(counting()) as manager:
        session = await filled(manager, turns=3)
        for mode in CleanupMode:
            manager.cleanup_mode = mode
            before = await stored(manager, session)
            with pytest.raises(WindowFullError):
                await manager.send(session.id, "q" * 30_000)
            assert await stored(manager, session) == before
        assert all(m.in_window for m in await manager.transcript(session.id))


async def test_a_queue_pauses_where_the_person_has_to_decide():
    class Slow(Gated):
        async def window_tokens(self):
            return WINDOW

    agent = Slow()
    async with SessionManager(agent, cleanup_mode=CleanupMode.ASK) as manager:
        session = await manager.create()
        for number in range(5):
            turn = await manager.send(session.id, f"turn {number}")
            agent.say(f"turn {number}", "word " * 20)
            agent.end(f"turn {number}", Usage(input_tokens=300 * (number + 1), output_tokens=100))
            await turn.wait()
        with manager.subscribe(session.id) as watcher:
            running = await manager.send(session.id, "turn 5")
            queued = await manager.send(session.id, "turn 6")
            agent.say("turn 5", "word " * 20)
            agent.end("turn 5", Usage(input_tokens=1_700, output_tokens=110))
            await running.wait()
            async for batch in watcher.batches():
                if paused := [event for event in batch if isinstance(event, QueuePaused)]:
                    break
        assert "would leave" in paused[0].sentence
        assert (await manager.session(session.id)).queued == (QueuedPrompt(text="turn 6"),)
        with pytest.raises(CleanupWantedError):
            await manager.send(session.id, "turn 7")
        assert (await manager.session(session.id)).queued == (QueuedPrompt(text="turn 6"),)
        last = await manager.send(session.id, "turn 7", cleanup=True)
        for text in ("turn 6", "turn 7"):
            agent.say(text, "fine")
            agent.end(text, Usage(input_tokens=1_000, output_tokens=1))
        assert (await queued.wait()).receipt is not None
        assert (await last.wait()).content == "fine"


# --- money ------------------------------------------------------------------------------------------------


class Priced(Counting):
    is_priced = True


async def test_a_budget_warns_then_stops_before_sending_and_can_be_passed():
    # gpt-4o: 2.50 USD for a million tokens in, 10 USD out; a turn of 1,000 + 100 tokens costs 0.0035 USD,
    # at worst, with the 4,096 tokens of the longest answer, some 0.045 USD.
    async with SessionManager(Priced(answer="a" * 100), session_budget_usd=Decimal("0.05")) as manager:
        session = await manager.create(model="openai:gpt-4o")
        sent, warned = 0, []
        with manager.subscribe(session.id) as watcher:
            with pytest.raises(BudgetError) as caught:
                for _ in range(20):
                    before = await stored(manager, session)
                    await ask(manager, session, "q" * 900)
                    sent += 1
            warned = [event for event in await events_of(watcher) if isinstance(event, BudgetWarned)]
        assert 1 <= sent < 10
        assert len(warned) == 1
        assert caught.value.scope == "session"
        assert caught.value.spent_usd == (await manager.session(session.id)).cost_usd > 0
        assert await stored(manager, session) == before
        answer = await ask(manager, session, "q" * 900, over_budget=True)
        assert answer.cost_usd > 0


async def test_the_day_is_told_after_each_turn():
    async with SessionManager(Priced(answer="a" * 100)) as manager:
        session = await manager.create(model="openai:gpt-4o")
        with manager.subscribe() as watcher:
            await ask(manager, session, "q" * 400)
            await ask(manager, session, "q" * 400)
            totals = [event.total for event in await events_of(watcher) if isinstance(event, DayChanged)]
        assert [total.turns for total in totals] == [1, 2]
        assert totals[-1] == await manager.today()
        assert totals[-1].cost_usd == (await manager.session(session.id)).cost_usd
        (row,) = await manager.spending()
        assert (row.model, row.turns) == ("openai:gpt-4o", 2)


async def test_a_quote_is_what_the_turn_takes():
    async with SessionManager(Priced(answer="a" * 100)) as manager:
        session = await manager.create(model="openai:gpt-4o")
        for _ in range(4):
            await ask(manager, session, "How many words does this have? " * 10)
        text = "And how many words does that have? " * 10
        quote = await manager.quote(session.id, text)
        answer = await ask(manager, session, text)
        assert quote.prompt_tokens == answer.prompt_parts.total_tokens
        assert quote.prompt_usd == Decimal(quote.prompt_tokens) * Decimal("2.5") / 1_000_000
        assert quote.worst_tokens == quote.prompt_tokens + 4_096
