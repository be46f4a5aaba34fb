"""What is found, and what comes first, on every kind of store."""

from datetime import UTC, datetime, timedelta

import pytest

from brim.core.searching import Search
from brim.core.store import search_table
from brim.core.types import Message, Session, Status

THEN = datetime(2025, 6, 15, 12, tzinfo=UTC)


async def talk(store, *texts, title="Talk", **fields):
    """Keep a session with these messages; returns it and them."""
    session = Session(title=title)
    await store.add_session(session)
    messages = []
    for text in texts:
        message = Message(
            **{
                "session_id": session.id,
                "role": "user",
                "content": text,
                "parent_id": messages[-1].id if messages else None,
                **fields,
            }
        )
        await store.add_message(message)
        messages.append(message)
    return session, messages


async def found(store, text, limit=100, **how):
    return [hit.message_id for hit in await Search(store).look(text, **how).more(limit)]


async def indexed(store):
    while await store.index(1.0):
        pass


@pytest.mark.parametrize("is_indexed", [False, True])
@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ("borrow", [0]),
        ("BORROW check*", [0]),
        ("borro", []),
        ('"borrow checker"', [0]),
        ('"checker borrow"', []),
        ("checker borrow", [0]),
        ("foo_bar", [1]),
        ("foobar", [2]),
        ("std::vec", [1]),
        ("C++", [2]),
        ("京都", [3]),
        ("京", [3]),
        ("都京", []),
        ("naive", [3]),
        ("naïve", [3]),
        ("the -borrow", [1, 2]),
        ("-the", [3]),
        ("needle", [4]),
        ("OR", []),
        ("NEAR(the borrow)", []),
        ('the"', [0, 1, 2]),
        ("role:assistant the", []),
        ("role:user -the -needle", [3]),
    ],
)
async def test_what_is_found(store, query, texts, is_indexed):
    _, messages = await talk(
        store,
        "The borrow checker",
        "the foo_bar of std::vec<int>",
        "the fooBar in C++",
        "naïve 東京都",
        "x " * 40_000 + "needle",
    )
    if is_indexed:
        await indexed(store)
    wanted = {messages[number].id for number in texts}
    assert set(await found(store, query)) == (wanted | {messages[4].id} if query == "-the" else wanted)


async def test_all_branches_are_found_and_what_left_the_window(store):
    session, messages = await talk(store, "old prompt")
    await store.update_session(session.id, head_id=None)
    other = Message(session_id=session.id, role="user", content="new prompt", in_window=False)
    await store.add_message(other)
    assert set(await found(store, "prompt")) == {messages[0].id, other.id}


async def test_an_answer_is_found_when_it_ends_and_not_twice(store):
    _, (prompt,) = await talk(store, "prompt")
    answer = Message(
        session_id=prompt.session_id, parent_id=prompt.id, role="assistant", status=Status.STREAMING
    )
    await store.add_message(answer)
    store.journal(answer.id, text="the needle")
    await indexed(store)
    assert await found(store, "needle") == []
    ended = answer.model_copy(
        update={"content": "the needle", "status": Status.COMPLETE, "model": "openai:gpt-4o"}
    )
    await store.finish_message(ended)
    assert await found(store, "needle") == [answer.id]
    await indexed(store)
    assert await found(store, "needle model:gpt-4o") == [answer.id]
    assert await found(store, "needle model:gpt-4o-mini") == []
    assert await found(store, "needle -model:gpt") == []
    assert await found(store, "needle -model:gpt-5 -role:user") == [answer.id]
    assert await found(store, "-model:gpt") == [prompt.id]
    assert await found(store, "-role:assistant") == [prompt.id]
    await store.finish_message(ended.model_copy(update={"content": "the thread"}))
    for _ in range(2):
        assert await found(store, "needle") == []
        assert await found(store, "thread") == [answer.id]
        await indexed(store)


async def test_dates_and_tags_narrow_it_down(store):
    session, (early,) = await talk(store, "needle", created_at=THEN)
    _, (late,) = await talk(store, "needle", created_at=THEN + timedelta(days=400))
    await store.update_session(session.id, tags=("Work", "rust"))
    for _ in range(2):
        assert await found(store, "after:2026 needle") == [late.id]
        assert await found(store, "before:2026-01 needle") == [early.id]
        assert await found(store, "after:2025-06-15 before:2025-06-17") == [early.id]
        assert await found(store, "after:2025-07 before:2025-08 needle") == []
        assert await found(store, "tag:work needle") == [early.id]
        assert await found(store, "tag:WORK tag:rust") == [early.id]
        assert await found(store, "tag:work tag:other") == []
        assert await found(store, "needle -tag:work") == [late.id]
        assert await found(store, "-tag:rust -tag:none") == [late.id]
        assert await found(store, "tag:work -tag:rust") == []
        assert await found(store, "needle -after:2026") == [early.id]
        await indexed(store)


async def test_the_best_comes_first(store):
    _, messages = await talk(
        store,
        "borrow " + "and then a lot of other words " * 40,
        "borrow checker",
        "borrowed things",
        created_at=THEN,
    )
    first = await found(store, "borrow", as_typed=True)
    assert first == [messages[1].id, messages[2].id, messages[0].id] or first[0] == messages[1].id
    _, exact = await talk(store, "std vec", "std::vec", created_at=THEN)
    assert (await found(store, "std::vec"))[0] == exact[1].id


async def test_pages_hold_every_hit_once(store):
    count = search_table.CANDIDATES * 2 + 50
    _, messages = await talk(store, *(f"number {number}" for number in range(count)))
    await indexed(store)
    results = Search(store).look("number")
    seen = []
    while page := await results.more(70):
        seen += [hit.message_id for hit in page]
    assert results.is_whole
    assert sorted(seen) == sorted(message.id for message in messages)
