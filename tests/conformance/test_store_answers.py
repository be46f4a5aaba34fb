"""Answers that are kept for the same request, in stores of every kind."""

from datetime import timedelta

from brim.core.store.answer_table import MOST_BYTES
from brim.core.types import Message, Session, Status, now


async def test_an_answer_is_kept_until_it_is_old_replaced_or_its_session_erased(store):
    sessions = [Session(), Session()]
    for session in sessions:
        await store.add_session(session)
    since = now() - timedelta(hours=1)
    assert await store.kept_answer("key", since) is None
    await store.keep_answer("key", '{"text": "é\\u0000\ud800"}', sessions[0].id, since)
    assert await store.kept_answer("key", since) == '{"text": "é\\u0000?"}'
    assert await store.kept_answer("key", now() + timedelta(minutes=1)) is None
    await store.keep_answer("key", "anew", sessions[1].id, since)
    await store.keep_answer("other", "other", sessions[0].id, since)
    await store.erase([sessions[0].id])
    assert (await store.kept_answer("key", since), await store.kept_answer("other", since)) == ("anew", None)
    await store.keep_answer("last", "last", sessions[1].id, now() + timedelta(minutes=1))
    assert await store.kept_answer("key", since) is None


async def test_the_oldest_answers_go_where_there_are_too_many(store):
    session = Session()
    await store.add_session(session)
    since = now() - timedelta(hours=1)
    for number in range(4):
        await store.keep_answer(f"key {number}", "x" * (MOST_BYTES // 3), session.id, since)
    assert [await store.kept_answer(f"key {n}", since) is not None for n in range(4)] == [
        False,
        True,
        True,
        True,
    ]


async def test_the_mark_of_an_answer_from_there_is_kept(store):
    session = Session()
    await store.add_session(session)
    await store.add_message(
        answer := Message(role="assistant", session_id=session.id, status=Status.STREAMING, tokens=0)
    )
    await store.finish_message(answer.model_copy(update={"status": Status.COMPLETE, "from_cache": True}))
    assert (await store.message(answer.id)).from_cache is True
