"""What turns took by day and model, how well prompts were foreseen, what was learnt of models."""

import time
from datetime import date, timedelta
from decimal import Decimal

import pytest

from brim.core.store.protocol import ModelFacts, Prediction
from brim.core.store.rows import MOST_TOKENS
from brim.core.types import Message, PromptParts, Session, Status, now
from brim.core.usage import Usage


async def turn(store, session, parts=None, **fields):
    answer = Message(
        role="assistant",
        session_id=session.id,
        parent_id=(await store.session(session.id)).head_id,
        status=Status.STREAMING,
        tokens=0,
    )
    await store.add_message(answer)
    if parts is not None:
        await store.foresee(answer.id, parts)
    ended = answer.model_copy(update={"status": Status.COMPLETE, "content": "x", "tokens": 1, **fields})
    await store.finish_message(ended)
    return ended


async def test_turns_add_up_by_day_and_model_also_of_deleted_sessions(store):
    first, second = Session(), Session()
    for session in (first, second):
        await store.add_session(session)
    for session in (first, second, second):
        usage = Usage(
            input_tokens=100, cache_read_tokens=50, cache_write_tokens=5, output_tokens=20, reasoning_tokens=4
        )
        await turn(
            store,
            session,
            model="openai:a",
            usage=usage,
            cost_usd=Decimal("0.000000001"),
            cache_saved_usd=Decimal("-0.5"),
        )
    await turn(store, second, model="local:b", usage=Usage(output_tokens=7, estimated=True))
    await store.update_session(second.id, deleted_at=now())
    local, openai = await store.spending()
    assert (openai.model, openai.turns, openai.priced_turns) == ("openai:a", 3, 3)
    assert openai.usage == Usage(
        input_tokens=300, cache_read_tokens=150, cache_write_tokens=15, output_tokens=60, reasoning_tokens=12
    )
    assert (openai.cost_usd, openai.cache_saved_usd) == (Decimal("0.000000003"), Decimal("-1.5"))
    assert (local.model, local.turns, local.priced_turns) == ("local:b", 1, 0)
    assert (local.usage, local.cost_usd) == (Usage(output_tokens=7, estimated=True), Decimal(0))
    kept = await store.session(second.id)
    assert (kept.cache_saved_usd, kept.turns, kept.priced_turns) == (Decimal(-1), 3, 2)
    today = date.today()  # noqa: DTZ011 - the person's day is meant
    assert len(await store.spending(today)) == 2
    assert await store.spending(today + timedelta(days=2)) == []


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"])
async def test_a_day_is_the_persons_own(store, monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        session = Session()
        await store.add_session(session)
        before = time.localtime()
        await turn(store, session, usage=Usage(output_tokens=1))
        after = time.localtime()
        [spent] = await store.spending()
        days = {date(moment.tm_year, moment.tm_mon, moment.tm_mday) for moment in (before, after)}
        assert spent.day in days
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_the_provider_claims_more_than_there_can_be(store):
    session = Session()
    await store.add_session(session)
    for _ in range(3):
        ended = await turn(store, session, usage=Usage(input_tokens=10**30), cost_usd=Decimal(10**30))
    kept = await store.session(session.id)
    assert (kept.tokens, kept.turns) == (3 * MOST_TOKENS, 3)
    assert isinstance(kept.cost_usd, Decimal)
    assert kept.cost_usd > 9_000_000
    assert (await store.message(ended.id)).usage == Usage(input_tokens=MOST_TOKENS)
    [spent] = await store.spending()
    assert spent.usage.input_tokens == 3 * MOST_TOKENS
    assert spent.cost_usd == kept.cost_usd
    weighed = await store.weigh(session.id, {ended.id: (10**30, True)})
    assert weighed.window_tokens == MOST_TOKENS + 2


async def test_predictions_are_of_turns_foreseen_and_reported(store):
    session = Session()
    await store.add_session(session)
    parts = PromptParts(system_tokens=10, summary_tokens=5, pinned_tokens=3, history_tokens=80)
    await turn(store, session, parts, model="m:1", usage=Usage(input_tokens=60, cache_read_tokens=40))
    await turn(store, session, parts, model="m:1", usage=Usage(input_tokens=98, estimated=True))
    await turn(store, session, parts, model="m:1")
    await turn(store, session, model="m:1", usage=Usage(input_tokens=98))
    await turn(store, session, parts, model="m:2", usage=Usage(input_tokens=7))
    assert await store.predictions() == [
        Prediction(model="m:2", predicted_tokens=98, reported_tokens=7),
        Prediction(model="m:1", predicted_tokens=98, reported_tokens=100),
    ]
    assert [one.model for one in await store.predictions(limit=1)] == ["m:2"]


async def test_what_was_learnt_of_a_model_is_kept_and_replaced(store):
    assert await store.model_facts("m:1") == ModelFacts()
    facts = ModelFacts(estimator=(1.5, -0.25, 1e-300), window_tokens=4_096)
    await store.keep_model_facts("m:1", facts)
    await store.keep_model_facts("m:2", ModelFacts())
    assert await store.model_facts("m:1") == facts
    await store.keep_model_facts("m:1", ModelFacts(estimator=(2.0,)))
    assert await store.model_facts("m:1") == ModelFacts(estimator=(2.0,))


async def test_a_request_that_is_no_turn_is_paid_for_and_is_no_turn(store):
    session = Session()
    await store.add_session(session)
    await turn(store, session, model="openai:a", usage=Usage(input_tokens=10), cost_usd=Decimal("0.01"))
    spent = await store.spend(session.id, "openai:a", Usage(input_tokens=5, output_tokens=2), Decimal("0.02"))
    assert (spent.cost_usd, spent.tokens, spent.turns, spent.priced_turns) == (Decimal("0.03"), 17, 1, 1)
    assert (await store.spend(session.id, "local:b", Usage(output_tokens=1), None)).cost_usd == Decimal(
        "0.03"
    )
    local, openai = await store.spending()
    assert (openai.cost_usd, openai.turns, openai.usage.total_tokens) == (Decimal("0.03"), 1, 17)
    assert (local.turns, local.priced_turns, local.usage.output_tokens) == (0, 0, 1)


async def test_an_answer_that_is_in_no_session_is_counted_in_the_day(store):
    answer = Message(
        role="assistant",
        model="openai:a",
        usage=Usage(input_tokens=10, output_tokens=2),
        cost_usd=Decimal("0.01"),
    )
    await store.count_alone(answer)
    await store.count_alone(answer.model_copy(update={"cost_usd": None}))
    (spent,) = await store.spending()
    assert (spent.turns, spent.priced_turns, spent.cost_usd) == (2, 1, Decimal("0.01"))
    assert spent.usage.total_tokens == 24
    assert await store.count_sessions() == 0
