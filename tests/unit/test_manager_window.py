"""What the manager sends, counts and cleans."""

from decimal import Decimal

from brim.core.context import Level, Provenance
from brim.core.events import ContextChanged, WindowCleaned
from brim.core.sessions import SessionManager
from brim.core.usage import Usage
from tests.support.agents import Counting, Gated, Plain


async def ask(manager, session, text):
    return await (await manager.send(session.id, text)).wait()


async def test_the_history_goes_along_with_the_system_prompt_first():
    agent = Plain()
    async with SessionManager(agent, default_system_prompt="Be brief.") as manager:
        session = await manager.create()
        await ask(manager, session, "one")
        await ask(manager, session, "two")
    context = agent.asked[1]
    assert context.input == "two"
    assert [(m.role, m.content) for m in context.conversation_history] == [
        ("system", "Be brief."),
        ("user", "one"),
        ("assistant", "An answer."),
    ]
    assert context.session_id == session.id


async def test_an_agent_that_reports_nothing_gets_estimates_that_say_so():
    async with SessionManager(Plain("word " * 100)) as manager:
        session = await manager.create()
        answer = await ask(manager, session, "Tell me something.")
        assert answer.usage.estimated
        assert 90 <= answer.usage.output_tokens <= 200
        assert answer.tokens_estimated
        assert answer.cost_usd is None
        usage = await manager.context_usage(session.id)
        assert usage.provenance is Provenance.ESTIMATE
        assert usage.window_tokens is None
        assert usage.limit_tokens == 100_000


async def test_reported_prompts_make_the_meter_exact():
    agent = Gated()
    async with SessionManager(agent, default_system_prompt="Be brief.") as manager:
        session = await manager.create()
        for text, prompt, output in (("one", 40, 9), ("two", 70, 11), ("three", 96, 30)):
            turn = await manager.send(session.id, text)
            agent.say(text, "An answer.")
            agent.end(text, Usage(input_tokens=prompt, output_tokens=output))
            await turn.wait()
            usage = await manager.context_usage(session.id)
            assert usage.used_tokens == prompt + output
            assert usage.provenance is Provenance.REPORTED
        weights = [(m.tokens, m.tokens_estimated) for m in await manager.transcript(session.id)]
        assert weights[1:] == [(9, False), (21, False), (11, False), (15, False), (30, False)]


async def test_reasoning_is_paid_for_but_not_sent_again():
    agent = Gated()
    async with SessionManager(agent) as manager:
        session = await manager.create()
        turn = await manager.send(session.id, "go")
        agent.say("go", "x")
        agent.end("go", Usage(input_tokens=20, output_tokens=500, reasoning_tokens=490))
        await turn.wait()
        assert (await manager.context_usage(session.id)).used_tokens == 30


async def test_cleanup_at_ninety_percent_down_to_sixty():
    agent = Counting(answer="a" * 100, window=2_000)
    async with SessionManager(agent) as manager:
        session = await manager.create()
        receipts = []
        with manager.subscribe(session.id) as watcher:
            for number in range(30):
                await ask(manager, session, f"{number:03d}" + "q" * 97)
        async for batch in watcher.batches():
            for event in batch:
                if isinstance(event, WindowCleaned):
                    receipts.append(event)
                if isinstance(event, ContextChanged):
                    assert event.usage.used_tokens <= 2_000
        assert receipts
        for event in receipts:
            assert event.receipt.before_tokens >= 0.9 * 2_000
            assert event.receipt.after_tokens <= 0.6 * 2_000
            assert event.receipt.reached_target
        assert max(agent.prompts) <= 2_000
        transcript = await manager.transcript(session.id)
        assert len(transcript) == 60
        gone = {i for event in receipts for i in event.receipt.left_ids}
        assert {m.id for m in transcript if not m.in_window} == gone
        with_receipt = {m.id for m in transcript if m.receipt}
        assert with_receipt == {event.message_id for event in receipts}
        sent = await manager.context_usage(session.id)
        assert sent.history_tokens == sum(m.tokens for m in transcript if m.in_window)


async def test_the_last_five_stay_even_when_they_are_too_much():
    agent = Counting(answer="a" * 300, window=1_000)
    async with SessionManager(agent) as manager:
        session = await manager.create()
        for _ in range(6):
            await ask(manager, session, "q" * 300)
        kept = [m for m in await manager.transcript(session.id) if m.in_window]
        assert len(kept) >= 5
        assert (await manager.context_usage(session.id)).level is Level.RED


async def test_the_persons_setting_of_the_window_comes_first():
    async with SessionManager(Counting(window=2_000), context_window_size=5_000) as manager:
        session = await manager.create()
        await ask(manager, session, "hi")
        assert (await manager.context_usage(session.id)).window_tokens == 5_000


async def test_a_change_of_model_leaves_the_figures_pending():
    async with SessionManager(Counting(window=2_000)) as manager:
        session = await manager.create()
        await ask(manager, session, "hi")
        await manager.tuning.set_model(session.id, "openai:gpt-4o")
        usage = await manager.context_usage(session.id)
        assert usage.provenance is Provenance.PENDING
        assert usage.window_tokens == 128_000


async def test_a_turn_is_priced_where_the_agent_says_that_it_has_the_public_price():
    class Priced(Counting):
        is_priced = True

    usage = {"prompt": 4, "answer": 90}
    for agent, price in ((Priced(), Decimal("0.00091")), (Counting(), None)):
        async with SessionManager(agent) as manager:
            session = await manager.create(model="openai:gpt-4o")
            answer = await ask(manager, session, "q" * usage["prompt"])
            # gpt-4o: 2.50 USD for a million tokens in, 10 USD out
            assert answer.cost_usd == price
            stored = await manager.session(session.id)
            assert (stored.cost_usd, stored.turns, stored.priced_turns) == (
                price or 0,
                1,
                int(price is not None),
            )


async def test_a_cleanup_before_the_request_leaves_its_receipt_on_the_answer():
    agent = Counting(answer="a" * 10, window=2_000)
    async with SessionManager(agent) as manager:
        session = await manager.create()
        for _ in range(9):
            await ask(manager, session, "q" * 189)
        answer = await ask(manager, session, "q" * 500)
        assert answer.receipt is not None
        assert not answer.receipt.after_answer
        assert (await manager.transcript(session.id))[-1].receipt == answer.receipt
