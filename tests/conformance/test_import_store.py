"""What the store makes of conversations from elsewhere: new, grown, known, and never twice."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from brim.core.store.protocol import Conversation, TakenAs
from brim.core.types import CleanupReceipt, Message, Session, Summary
from brim.core.usage import Usage

AT = datetime(2024, 5, 6, 7, 8, tzinfo=UTC)


def _talk(count, *, session_id="aaaaaaaaaaaaaaaa", **fields):
    """Return a conversation of ``count`` messages that weigh 10, 11, … tokens."""
    messages = [
        Message(
            id=f"{session_id[:4]}{number}",
            session_id=session_id,
            parent_id=f"{session_id[:4]}{number - 1}" if number else None,
            role="assistant" if number % 2 else "user",
            content=f"text {number}",
            tokens=10 + number,
            created_at=AT + timedelta(minutes=number),
        )
        for number in range(count)
    ]
    values = {"title": "T", "created_at": AT, "updated_at": AT + timedelta(minutes=count)} | fields
    return Conversation(
        Session(id=session_id, head_id=messages[-1].id if messages else None, **values), messages
    )


async def _outcomes(store, *talks, **options):
    return [(each.outcome, each.messages) for each in await store.import_sessions(talks, **options)]


async def test_new_then_known_then_grown(store):
    assert await _outcomes(store, _talk(4)) == [(TakenAs.NEW, 4)]
    first = await store.session("aaaaaaaaaaaaaaaa")
    assert (first.messages, first.window_tokens, first.head_id) == (4, 46, "aaaa3")
    assert first.updated_at == AT + timedelta(minutes=4)
    assert await _outcomes(store, _talk(4)) == [(TakenAs.KNOWN, 0)]
    assert await store.session("aaaaaaaaaaaaaaaa") == first
    assert await _outcomes(store, _talk(6)) == [(TakenAs.GROWN, 2)]
    grown = await store.session("aaaaaaaaaaaaaaaa")
    assert (grown.messages, grown.window_tokens, grown.head_id) == (6, 75, "aaaa5")
    assert grown.updated_at == AT + timedelta(minutes=6)
    assert [m.content for m in await store.transcript(first.id)] == [f"text {n}" for n in range(6)]
    assert await store.spending() == []


async def test_twice_in_one_batch_and_an_empty_one(store):
    assert await _outcomes(store, _talk(2), _talk(2), _talk(0, session_id="bbbbbbbbbbbbbbbb")) == [
        (TakenAs.NEW, 2),
        (TakenAs.KNOWN, 0),
        (TakenAs.NEW, 0),
    ]
    assert await store.count_sessions() == 2


async def test_a_rehearsal_keeps_nothing(store):
    await store.import_sessions([_talk(2)])
    told = await _outcomes(store, _talk(3), _talk(2, session_id="bbbbbbbbbbbbbbbb"), is_rehearsal=True)
    assert told == [(TakenAs.GROWN, 1), (TakenAs.NEW, 2)]
    assert await store.count_sessions() == 1
    assert (await store.session("aaaaaaaaaaaaaaaa")).messages == 2


async def test_what_the_person_did_with_it_stays(store):
    await store.import_sessions([_talk(2)])
    await store.update_session("aaaaaaaaaaaaaaaa", title="Mine", tags=("work",))
    await store.add_message(
        Message(role="user", content="on", session_id="aaaaaaaaaaaaaaaa", parent_id="aaaa1", id="own")
    )
    await store.mark("aaaa0", pinned=True)
    assert await _outcomes(store, _talk(4)) == [(TakenAs.GROWN, 2)]
    session = await store.session("aaaaaaaaaaaaaaaa")
    assert (session.title, session.tags, session.head_id, session.messages) == ("Mine", ("work",), "own", 5)
    assert session.pinned_tokens == 10
    assert (await store.siblings(session.id)) == [("aaaa2", "own")]


async def test_what_is_in_the_bin_stays_there(store):
    await store.import_sessions([_talk(2)])
    await store.update_session("aaaaaaaaaaaaaaaa", deleted_at=AT)
    assert await _outcomes(store, _talk(2)) == [(TakenAs.KNOWN, 0)]
    assert await store.count_sessions() == 0


async def test_another_text_under_a_known_id_is_told_and_not_taken(store):
    await store.import_sessions([_talk(2)])
    changed = _talk(2)
    changed.messages[1].content = "something else"
    (taken,) = await store.import_sessions([changed])
    assert (taken.outcome, taken.differing) == (TakenAs.KNOWN, 1)
    assert (await store.message("aaaa1")).content == "text 1"


async def test_messages_of_another_session_are_not_taken_over(store):
    await store.import_sessions([_talk(3)])
    copy = Conversation(Session(id="cccccccccccccccc", head_id="aaaa2"), _talk(3).messages)
    for outcome in ((TakenAs.NEW, 3), (TakenAs.KNOWN, 0)):
        assert await _outcomes(store, copy) == [outcome]
    assert [m.content for m in await store.transcript("cccccccccccccccc")] == ["text 0", "text 1", "text 2"]
    assert [m.id for m in await store.transcript("aaaaaaaaaaaaaaaa")] == ["aaaa0", "aaaa1", "aaaa2"]


async def test_parts_of_a_conversation_make_the_whole(store):
    whole = _talk(7)
    for start in (0, 3, 6):
        part = Conversation(whole.session, whole.messages[start : start + 3])
        await store.import_sessions([part])
    session = await store.session(whole.session.id)
    assert (session.messages, session.head_id, session.window_tokens) == (7, "aaaa6", sum(range(10, 17)))
    assert len(await store.transcript(session.id)) == 7


async def test_totals_are_those_of_the_archive(store):
    talk = _talk(
        2, tokens=500, cost_usd=Decimal("0.25"), turns=3, priced_turns=2, cache_saved_usd=Decimal("-0.01")
    )
    receipt = CleanupReceipt(
        before_tokens=9,
        after_tokens=5,
        left_ids=("aaaa0",),
        kept=1,
        pinned=0,
        reached_target=True,
        summary=Summary(text="s", tokens=7, replaced_tokens=9, model="m"),
    )
    talk.messages[0].in_window = False
    talk.messages[1] = talk.messages[1].model_copy(
        update={"usage": Usage(input_tokens=3), "receipt": receipt}
    )
    await store.import_sessions([talk])
    session = await store.session(talk.session.id)
    assert (session.tokens, session.cost_usd, session.turns, session.priced_turns) == (
        500,
        Decimal("0.25"),
        3,
        2,
    )
    assert session.cache_saved_usd == Decimal("-0.01")
    assert (session.window_tokens, session.summary_id, session.summary_tokens) == (11, "aaaa1", 7)
    assert await store.spending() == []


async def test_one_that_cannot_be_kept_leaves_the_others(store):
    bad = _talk(2, session_id="dddddddddddddddd")
    bad.messages[1].first_token_s = object()  # type: ignore[assignment]
    hostile = _talk(1, session_id="eeeeeeeeeeeeeeee", title="\ud800\x1b[2J")
    hostile.messages[0].content = "\udfff\x00 [/b]"
    good, refused, odd = await store.import_sessions([_talk(1), bad, hostile])
    assert (good.outcome, odd.outcome) == (TakenAs.NEW, TakenAs.NEW)
    assert refused.outcome is TakenAs.REFUSED
    assert refused.why
    assert await store.count_sessions() == 2
    assert (await store.transcript("eeeeeeeeeeeeeeee"))[0].content == "?\x00 [/b]"


async def test_what_was_imported_is_found_by_its_words(store):
    from brim.core.search import parse

    await store.import_sessions([_talk(3)])
    while await store.index(1.0):
        pass
    found = await store.search(parse('"text 2"'), limit=10)
    assert [hit.message_id for hit in found.hits] == ["aaaa2"]
