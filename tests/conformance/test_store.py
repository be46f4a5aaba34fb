"""The store's own promises, on every kind of store."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from brim.core.errors import SessionNotFoundError
from brim.core.types import (
    CleanupReceipt,
    Failure,
    Message,
    QueuedPrompt,
    Session,
    SessionFilter,
    Status,
    ToolCall,
    now,
)
from brim.core.usage import Usage


async def talk(store, count, **fields):
    """Keep a session of ``count`` messages of 10 tokens each."""
    session = Session(**fields)
    await store.add_session(session)
    parent = None
    messages = []
    for index in range(count):
        message = Message(
            role="assistant" if index % 2 else "user",
            content=f"text {index}\nmore",
            tokens=10,
            session_id=session.id,
            parent_id=parent,
        )
        await store.add_message(message)
        messages.append(message)
        parent = message.id
    return session, messages


async def test_everything_of_a_message_comes_back(store):
    session = Session(
        title="T",
        model="openai:gpt-4o",
        system_prompt="S",
        draft="d",
        queued=(QueuedPrompt(text="a"), QueuedPrompt(text="b")),
    )
    await store.add_session(session)
    message = Message(
        role="assistant",
        content="[/foo] \x1b[31m \x00 日本 🙂",
        tokens=5,
        tokens_estimated=False,
        session_id=session.id,
        status=Status.FAILED,
        reasoning="hm",
        tool_calls=(ToolCall(id="1", name="look", arguments="{}", result="r", is_error=True, at=3),),
        model="openai:gpt-4o",
        usage=Usage(
            input_tokens=1, cache_read_tokens=2, cache_write_tokens=3, output_tokens=4, reasoning_tokens=1
        ),
        cost_usd=Decimal("0.000000075"),
        finish_reason="stop",
        first_token_s=0.25,
        duration_s=1.5,
        failure=Failure(kind="timeout", sentence="Too slow.", retryable=True, retry_after_s=2.0),
        pinned=True,
        in_window=False,
        receipt=CleanupReceipt(
            before_tokens=9, after_tokens=5, left_ids=("x",), kept=1, pinned=0, reached_target=True
        ),
    )
    await store.add_message(message)
    assert await store.message(message.id) == message
    kept = await store.session(session.id)
    assert kept.model_dump(exclude={"updated_at", "head_id", "messages"}) == session.model_dump(
        exclude={"updated_at", "head_id", "messages"}
    )
    assert (kept.head_id, kept.messages) == (message.id, 1)


async def test_text_that_utf8_cannot_hold_is_kept_as_far_as_it_can(store):
    session, _ = await talk(store, 1)
    await store.add_message(Message(role="user", content="a\ud800b", session_id=session.id, parent_id=None))
    assert (await store.tail(session.id, limit=1))[0].content == "a?b"


async def test_tail_gives_the_end_and_what_comes_before_a_message(store):
    session, messages = await talk(store, 30)
    assert [m.id for m in await store.tail(session.id, limit=4)] == [m.id for m in messages[-4:]]
    before = await store.tail(session.id, limit=4, before_id=messages[10].id)
    assert [m.id for m in before] == [m.id for m in messages[6:10]]
    assert await store.tail(session.id, limit=4, before_id=messages[0].id) == []
    assert [m.id for m in await store.tail(session.id, limit=99)] == [m.id for m in messages]


async def test_outline_window_and_transcript_follow_the_path(store):
    session, messages = await talk(store, 6)
    await store.update_session(session.id, head_id=messages[3].id)
    sibling = Message(role="user", content="other", tokens=7, session_id=session.id, parent_id=messages[3].id)
    changed = await store.add_message(sibling)
    path = [*messages[:4], sibling]
    assert [(row.id, row.role, row.chars, row.lines) for row in await store.outline(session.id)] == [
        (m.id, m.role, len(m.content), m.content.count("\n") + 1) for m in path
    ]
    assert await store.transcript(session.id) == path
    assert await store.window(session.id) == path
    assert (changed.messages, changed.window_tokens) == (7, 47)


async def test_messages_by_id_keep_the_order_asked_for(store):
    _, messages = await talk(store, 3)
    wanted = [messages[2].id, "unknown", messages[0].id]
    assert [m.id for m in await store.messages_by_id(wanted)] == [messages[2].id, messages[0].id]
    assert await store.messages_by_id([]) == []


async def test_cleaning_and_bringing_back_move_the_weight(store):
    session, messages = await talk(store, 6)
    left = tuple(m.id for m in messages[:2])
    receipt = CleanupReceipt(
        before_tokens=60, after_tokens=40, left_ids=left, kept=4, pinned=0, reached_target=True
    )
    cleaned = await store.clean(session.id, messages[5].id, receipt, leaving=left)
    assert cleaned.window_tokens == 40
    assert [m.id for m in await store.window(session.id)] == [m.id for m in messages[2:]]
    assert (await store.message(messages[5].id)).receipt == receipt
    assert len(await store.transcript(session.id)) == 6
    undone = receipt.model_copy(update={"undone": True})
    back = await store.clean(session.id, messages[5].id, undone, returning=left)
    assert back.window_tokens == 60


async def test_weighing_moves_the_total_by_the_difference(store):
    session, messages = await talk(store, 3)
    changed = await store.weigh(session.id, {messages[0].id: (25, False), messages[2].id: (1, False)})
    assert changed.window_tokens == 36
    first = await store.message(messages[0].id)
    assert (first.tokens, first.tokens_estimated) == (25, False)


async def test_a_streaming_answer_can_be_read_while_it_grows(store):
    session, messages = await talk(store, 1)
    answer = Message(
        role="assistant", session_id=session.id, parent_id=messages[0].id, status=Status.STREAMING, tokens=0
    )
    await store.add_message(answer)
    call = ToolCall(id="1", name="look")
    store.journal(answer.id, text="one ")
    store.journal(answer.id, reasoning="hm", tool_call=call)
    store.journal(answer.id, text="two", tool_call=call.model_copy(update={"result": "42"}))
    async with asyncio.timeout(10):
        while not (seen := await store.message(answer.id)).content:
            await asyncio.sleep(0)
    assert (seen.content, seen.reasoning, seen.tool_calls[0].result) == ("one two", "hm", "42")

    ended = answer.model_copy(
        update={
            "content": "one two three",
            "status": Status.COMPLETE,
            "tokens": 9,
            "usage": Usage(input_tokens=20, output_tokens=9),
            "cost_usd": Decimal("0.0015"),
        }
    )
    changed = await store.finish_message(ended)
    assert await store.message(answer.id) == ended
    assert (changed.tokens, changed.cost_usd, changed.turns, changed.priced_turns) == (
        29,
        Decimal("0.0015"),
        1,
        1,
    )
    assert changed.window_tokens == 19


async def test_money_adds_up_exactly(store):
    session, messages = await talk(store, 1)
    parent = messages[0].id
    for _ in range(30):
        answer = Message(role="assistant", session_id=session.id, parent_id=parent, status=Status.STREAMING)
        await store.add_message(answer)
        parent = answer.id
        ended = answer.model_copy(
            update={
                "status": Status.COMPLETE,
                "usage": Usage(output_tokens=1),
                "cost_usd": Decimal("0.0000001"),
            }
        )
        changed = await store.finish_message(ended)
    assert changed.cost_usd == Decimal("0.000003")
    assert str(changed.cost_usd) == "0.000003"


async def test_the_list_is_paged_newest_first(store):
    sessions = [(await talk(store, 0, title=f"Session {n}"))[0] for n in range(25)]
    await store.update_session(sessions[3].id, title="Moved to the top")
    seen, after = [], None
    while page := await store.list_sessions(limit=10, after=after):
        assert len(page) <= 10
        seen += page
        after = page[-1]
    assert [s.id for s in seen] == [s.id for s in [sessions[3], *reversed(sessions[:3] + sessions[4:])]]
    assert await store.count_sessions() == 25


async def test_the_list_filtered_by_title(store):
    for title in ("100% Rust", "rust_lang", "Python", "a\\b"):
        await talk(store, 0, title=title)
    assert {s.title for s in await store.list_sessions(limit=9, only=SessionFilter(title="RUST"))} == {
        "100% Rust",
        "rust_lang",
    }
    assert [s.title for s in await store.list_sessions(limit=9, only=SessionFilter(title="0%"))] == [
        "100% Rust"
    ]
    assert [s.title for s in await store.list_sessions(limit=9, only=SessionFilter(title="t_l"))] == [
        "rust_lang"
    ]
    assert [s.title for s in await store.list_sessions(limit=9, only=SessionFilter(title="\\"))] == ["a\\b"]


async def test_deleted_sessions_are_hidden_but_there(store):
    session, _ = await talk(store, 1, title="Gone")
    await store.update_session(session.id, deleted_at=now())
    assert await store.list_sessions(limit=9) == []
    assert await store.count_sessions() == 0
    assert (await store.session(session.id)).deleted_at is not None
    with pytest.raises(SessionNotFoundError):
        await store.find_session(session.id)
    await store.update_session(session.id, deleted_at=None)
    assert (await store.find_session("last")).id == session.id


async def test_sessions_are_found_by_the_start_of_their_id(store):
    for session_id in ("aa11", "aa22", "aa", "b1"):
        await talk(store, 0, id=session_id)
    assert (await store.find_session("b")).id == "b1"
    assert (await store.find_session("aa")).id == "aa"
    with pytest.raises(SessionNotFoundError, match="several sessions: aa, aa11, aa22"):
        await store.find_session("a")
    for name in ("c", "", "%", "aa33", "b1\U0010ffff"):
        with pytest.raises(SessionNotFoundError):
            await store.find_session(name)


async def test_nothing_is_found_in_an_empty_store(store):
    with pytest.raises(SessionNotFoundError, match="no sessions yet"):
        await store.find_session("last")
    with pytest.raises(SessionNotFoundError):
        await store.session("x")
    with pytest.raises(SessionNotFoundError):
        await store.message("x")
    assert await store.tail("x", limit=5) == []


async def test_a_draft_does_not_move_a_session_in_the_list(store):
    session, _ = await talk(store, 0)
    changed = await store.update_session(session.id, draft="hello")
    assert changed.updated_at == session.updated_at
    renamed = await store.update_session(session.id, title="x")
    assert renamed.updated_at > session.updated_at - timedelta(seconds=1)
    assert renamed.draft == "hello"


async def test_only_fields_that_may_be_set_are(store):
    session, _ = await talk(store, 0)
    with pytest.raises(ValueError, match="cost_usd"):
        await store.update_session(session.id, cost_usd=0)


async def test_prompts_newest_first_without_doubles(store):
    session, _ = await talk(store, 0)
    parent = None
    for text in ("one", "two", "one", "three"):
        message = Message(role="user", content=text, session_id=session.id, parent_id=parent)
        await store.add_message(message)
        parent = message.id
    assert await store.prompts(limit=10) == ["three", "one", "two"]
    assert await store.prompts(limit=1) == ["three"]


async def test_a_message_of_no_session_is_refused_whole(store):
    with pytest.raises(SessionNotFoundError):
        await store.add_message(Message(id="m", role="user", content="x", session_id="none"))
    with pytest.raises(SessionNotFoundError):
        await store.message("m")
