"""What changes what the model sees: weights, pins, leave-outs, cleanups and their summaries, on every kind of store."""

import asyncio

import pytest

from brim.core.errors import SessionNotFoundError
from brim.core.types import CleanupReceipt, Message, PromptParts, Session, Status, Summary
from brim.core.usage import Usage


async def talk(store, count):
    """Keep a session of ``count`` messages of 10 tokens each."""
    session, parent, messages = Session(), None, []
    await store.add_session(session)
    for index in range(count):
        messages.append(
            Message(
                role="assistant" if index % 2 else "user",
                content=f"text {index}",
                tokens=10,
                session_id=session.id,
                parent_id=parent,
            )
        )
        await store.add_message(messages[-1])
        parent = messages[-1].id
    return session, messages


async def asked(store, session, parent_id, **fields):
    """Keep an answer that is being written."""
    answer = Message(
        role="assistant",
        session_id=session.id,
        parent_id=parent_id,
        status=Status.STREAMING,
        tokens=0,
        **fields,
    )
    await store.add_message(answer)
    return answer


def ended(answer, **fields):
    return answer.model_copy(update={"status": Status.COMPLETE, "content": "hi", "tokens": 7, **fields})


def receipt(*left, tokens=None, **fields):
    summary = Summary(text="s", tokens=tokens, replaced_tokens=99, model="m") if tokens is not None else None
    return CleanupReceipt(
        before_tokens=60,
        after_tokens=40,
        left_ids=left,
        kept=4,
        pinned=0,
        reached_target=True,
        summary=summary,
        **fields,
    )


async def true_weights(store, session_id):
    window = await store.window(session_id)
    return sum(m.tokens or 0 for m in window), sum(m.tokens or 0 for m in window if m.pinned)


async def weights(store, session_id):
    session = await store.session(session_id)
    return session.window_tokens, session.pinned_tokens


# --- marks ----------------------------------------------------------------------------------------------------


async def test_a_pin_counts_apart_and_can_be_taken_back(store):
    session, messages = await talk(store, 4)
    assert (await store.mark(messages[1].id, pinned=True)).pinned
    assert await weights(store, session.id) == (40, 10)
    assert not (await store.mark(messages[1].id, pinned=False)).pinned
    assert await weights(store, session.id) == (40, 0)


async def test_leaving_out_and_bringing_back(store):
    session, messages = await talk(store, 4)
    out = await store.mark(messages[1].id, left_out=True)
    assert (out.left_out, out.in_window) == (True, False)
    assert await weights(store, session.id) == (30, 0)
    back = await store.mark(messages[1].id, left_out=False)
    assert (back.left_out, back.in_window) == (False, True)
    assert await weights(store, session.id) == (40, 0)


async def test_a_pin_brings_back_what_was_left_out_or_cleaned_away(store):
    session, messages = await talk(store, 4)
    await store.mark(messages[0].id, left_out=True)
    await store.clean(session.id, messages[3].id, receipt(messages[1].id), leaving=[messages[1].id])
    assert await weights(store, session.id) == (20, 0)
    for message in messages[:2]:
        pinned = await store.mark(message.id, pinned=True)
        assert (pinned.pinned, pinned.left_out, pinned.in_window) == (True, False, True)
    assert await weights(store, session.id) == (40, 20)


async def test_taking_back_a_pin_leaves_a_cleaned_message_where_it_is(store):
    session, messages = await talk(store, 4)
    await store.clean(session.id, messages[3].id, receipt(messages[1].id), leaving=[messages[1].id])
    assert not (await store.mark(messages[1].id, pinned=False)).in_window


async def test_marks_of_no_message(store):
    with pytest.raises(SessionNotFoundError):
        await store.mark("none", pinned=True)


# --- cleanups -------------------------------------------------------------------------------------------------


async def test_a_cleanup_leaves_pinned_messages_and_an_undo_those_left_out(store):
    session, messages = await talk(store, 6)
    await store.mark(messages[0].id, pinned=True)
    await store.mark(messages[1].id, left_out=True)
    ids = [m.id for m in messages[:3]]
    cleaned = await store.clean(session.id, messages[5].id, receipt(*ids), leaving=ids)
    assert (cleaned.window_tokens, cleaned.pinned_tokens) == (40, 10)
    undone = await store.clean(session.id, messages[5].id, receipt(*ids, undone=True), returning=ids)
    assert undone.window_tokens == 50
    assert not (await store.message(messages[1].id)).in_window


async def test_a_shortened_message_weighs_what_is_sent(store):
    session, messages = await talk(store, 3)
    shorter = {messages[0].id: (3, 2)}
    assert (
        await store.clean(
            session.id, messages[2].id, receipt(shortened_ids=tuple(shorter)), shortened=shorter
        )
    ).window_tokens == 22
    kept = await store.message(messages[0].id)
    assert (kept.shortened_chars, kept.tokens, kept.tokens_estimated) == (3, 2, True)
    whole = {messages[0].id: (None, 11)}
    assert (
        await store.clean(session.id, messages[2].id, receipt(undone=True), shortened=whole)
    ).window_tokens == 31
    assert (await store.message(messages[0].id)).shortened_chars is None


async def test_the_summary_in_force_is_the_last_one_that_is_not_undone(store):
    session, messages = await talk(store, 8)

    def summary(session):
        return session.summary_id, session.summary_tokens

    first = await store.clean(session.id, messages[3].id, receipt(tokens=30))
    assert summary(first) == (messages[3].id, 30)
    second = await store.clean(session.id, messages[7].id, receipt(tokens=50))
    assert summary(second) == (messages[7].id, 50)
    edited = await store.clean(session.id, messages[7].id, receipt(tokens=20))
    assert summary(edited) == (messages[7].id, 20)
    undone = await store.clean(session.id, messages[7].id, receipt(tokens=20, undone=True))
    assert summary(undone) == (messages[3].id, 30)
    gone = await store.clean(session.id, messages[3].id, receipt(tokens=30, undone=True))
    assert summary(gone) == (None, 0)
    await store.clean(session.id, messages[5].id, receipt(tokens=9))
    later = await store.clean(session.id, messages[7].id, receipt(messages[4].id), leaving=[messages[4].id])
    assert summary(later) == (messages[5].id, 9), "a cleanup without a summary leaves the one before in force"


async def test_another_head_has_its_own_window_pins_and_summary(store):
    session, messages = await talk(store, 6)
    await store.mark(messages[4].id, pinned=True)
    await store.clean(session.id, messages[1].id, receipt(tokens=30))
    await store.clean(session.id, messages[5].id, receipt(tokens=50))
    back = await store.update_session(session.id, head_id=messages[3].id)
    assert (back.window_tokens, back.pinned_tokens, back.summary_id, back.summary_tokens) == (
        40,
        0,
        messages[1].id,
        30,
    )
    again = await store.update_session(session.id, head_id=messages[5].id)
    assert (again.window_tokens, again.pinned_tokens, again.summary_id) == (60, 10, messages[5].id)
    sibling = Message(role="user", tokens=1, session_id=session.id, parent_id=messages[0].id)
    branch = await store.add_message(sibling)
    assert (branch.window_tokens, branch.pinned_tokens, branch.summary_id) == (11, 0, None)


async def test_a_receipt_for_no_message_changes_nothing(store):
    session, messages = await talk(store, 2)
    with pytest.raises(SessionNotFoundError):
        await store.clean(session.id, "none", receipt(), leaving=[messages[0].id])
    assert (await store.message(messages[0].id)).in_window


# --- the list of what the model sees ------------------------------------------------------------------------------


async def test_context_rows_hold_weights_states_and_beginnings(store):
    session, messages = await talk(store, 3)
    await store.mark(messages[1].id, left_out=True)
    answer = await asked(store, session, messages[2].id)
    parts = PromptParts(system_tokens=1, history_tokens=20, window_tokens=4_096)
    await store.foresee(answer.id, parts)
    store.journal(answer.id, text="é" * 300)
    async with asyncio.timeout(10):
        while not (rows := await store.context_rows(session.id))[-1].opening:
            await asyncio.sleep(0)
    assert [row.id for row in rows] == [*(m.id for m in messages), answer.id]
    assert rows[-1].opening == "é" * 120
    assert (rows[-1].prompt_parts, rows[-1].status) == (parts, Status.STREAMING)
    assert [row.in_window for row in rows] == [True, False, True, True]
    await store.finish_message(ended(answer, content="x" * 300, usage=Usage(input_tokens=3)))
    last = (await store.context_rows(session.id))[-1]
    assert (last.opening, last.tokens, last.usage) == ("x" * 120, 7, Usage(input_tokens=3))
    assert last.created_at == answer.created_at


# --- the end of an answer -----------------------------------------------------------------------------------------


async def test_an_ending_keeps_what_changed_while_the_answer_came(store):
    session, messages = await talk(store, 1)
    answer = await asked(store, session, messages[0].id)
    parts = PromptParts(history_tokens=10)
    await store.foresee(answer.id, parts)
    await store.clean(session.id, answer.id, receipt(tokens=5))
    await store.mark(answer.id, pinned=True)
    stale = ended(answer, receipt=None, pinned=False)
    changed = await store.finish_message(stale)
    kept = await store.message(answer.id)
    assert (kept.content, kept.prompt_parts, kept.pinned, kept.in_window) == ("hi", parts, True, True)
    assert kept.receipt == receipt(tokens=5)
    assert (changed.summary_id, changed.pinned_tokens, changed.window_tokens) == (answer.id, 7, 17)


async def test_an_answer_left_out_while_it_came_weighs_nothing(store):
    session, messages = await talk(store, 1)
    answer = await asked(store, session, messages[0].id)
    await store.mark(answer.id, left_out=True)
    changed = await store.finish_message(ended(answer))
    assert changed.window_tokens == 10
    assert (await store.message(answer.id)).left_out


async def test_an_answer_that_ends_on_another_branch_weighs_nothing_there(store):
    session, messages = await talk(store, 2)
    answer = await asked(store, session, messages[1].id)
    sibling = Message(role="user", tokens=3, session_id=session.id, parent_id=messages[0].id)
    await store.add_message(sibling)
    changed = await store.finish_message(ended(answer))
    assert (changed.window_tokens, changed.pinned_tokens) == await true_weights(store, session.id) == (13, 0)
    weighed = await store.weigh(session.id, {answer.id: (50, True), messages[0].id: (20, False)})
    assert weighed.window_tokens == 23
    shown = await store.update_session(session.id, head_id=answer.id)
    assert shown.window_tokens == 80


async def test_weighing_moves_the_pinned_part_too(store):
    session, messages = await talk(store, 4)
    await store.mark(messages[0].id, pinned=True)
    await store.mark(messages[1].id, left_out=True)
    await store.weigh(session.id, {messages[0].id: (25, False), messages[1].id: (99, False)})
    assert await weights(store, session.id) == await true_weights(store, session.id) == (45, 25)


async def test_the_average_turn_moves_a_third_of_the_way(store):
    session, messages = await talk(store, 1)
    parent, averages = messages[0].id, []
    for tokens in (50, 110, 20):
        answer = await asked(store, session, parent)
        changed = await store.finish_message(ended(answer, tokens=tokens, usage=Usage(output_tokens=1)))
        averages.append(changed.turn_tokens)
        prompt = Message(role="user", tokens=10, session_id=session.id, parent_id=answer.id)
        await store.add_message(prompt)
        parent = prompt.id
    assert averages == [60, 80, 63]


async def test_an_answer_that_was_never_asked_for_is_no_turn(store):
    session, messages = await talk(store, 1)
    changed = await store.finish_message(ended(await asked(store, session, messages[0].id)))
    assert (changed.turns, changed.turn_tokens) == (0, 0)
    assert await store.spending() == []
