"""Lists and their filters, tags, branches, and what is deleted for good, on every kind of store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from brim.core.errors import SessionNotFoundError
from brim.core.store.protocol import Conversation
from brim.core.types import CleanupReceipt, Message, Session, SessionFilter, Shelf, now

AT = datetime(2026, 3, 1, tzinfo=UTC)


async def put(store, title, *, days=0, **fields):
    """Keep a session that was made and changed so many days after `AT`."""
    moment = AT + timedelta(days=days)
    session = Session(title=title, created_at=moment, updated_at=moment, **fields)
    await store.add_session(session)
    return session


async def titles(store, limit=50, **only):
    return [one.title for one in await store.list_sessions(limit=limit, only=SessionFilter(**only))]


@pytest.fixture
async def filled(store):
    await put(store, "Rust ownership", days=0, model="openai:gpt-5", tags=("Work", "rust"))
    await put(store, "ÄRGER mit Umlauten", days=1, model="anthropic:claude", tags=("work",), pinned=True)
    await put(store, "100% sure_thing", days=2, model=None, owner="anna")
    await put(store, "Put away", days=3, model="local:SmolLM2", archived=True, tags=("rust",))
    await put(store, "Thrown away", days=4, deleted_at=now(), tags=("bin",))
    return store


@pytest.mark.parametrize(
    ("only", "wanted"),
    [
        ({}, [2, 1, 0]),
        ({"pinned_first": True}, [1, 2, 0]),
        ({"shelf": Shelf.ARCHIVE}, [3]),
        ({"shelf": Shelf.BIN}, [4]),
        ({"title": "ärger"}, [1]),
        ({"title": "100% sure_"}, [2]),
        ({"title": "%"}, [2]),
        ({"title": "re_thing"}, [2]),
        ({"title": "re-thing"}, []),
        ({"tags": ("WORK",)}, [1, 0]),
        ({"tags": ("work", "rust")}, [0]),
        ({"not_tags": ("rust",)}, [2, 1]),
        ({"models": ("GPT", "claude")}, [1, 0]),
        ({"not_models": ("gpt",)}, [2, 1]),
        ({"not_title": ("rust", "umlaut")}, [2]),
        ({"after": AT + timedelta(days=1)}, [2, 1]),
        ({"before": AT + timedelta(days=1)}, [0]),
        ({"owner": "anna"}, [2]),
        ({"owner": ""}, [1, 0]),
        ({"shelf": Shelf.ARCHIVE, "models": ("smol",), "tags": ("rust",), "title": "away"}, [3]),
    ],
)
async def test_a_list_holds_what_fits(filled, only, wanted):
    names = ["Rust ownership", "ÄRGER mit Umlauten", "100% sure_thing", "Put away", "Thrown away"]
    assert await titles(filled, **only) == [names[number] for number in wanted]


async def test_counts_and_tags_leave_out_what_is_deleted(filled):
    assert await filled.count_sessions() == 3
    assert await filled.tags() == [("rust", 2), ("work", 2)]
    (archived,) = await filled.list_sessions(limit=9, only=SessionFilter(shelf=Shelf.ARCHIVE))
    await filled.update_session(archived.id, archived=False, tags=("New Tag",))
    assert await filled.count_sessions() == 4
    assert await filled.tags() == [("work", 2), ("new tag", 1), ("rust", 1)]


@pytest.mark.parametrize("pinned_first", [False, True])
async def test_pages_hold_every_session_once(store, pinned_first):
    for number in range(11):
        await put(store, f"s{number}", days=number // 3, pinned=number % 4 == 0)
    only = SessionFilter(pinned_first=pinned_first)
    whole = [one.id for one in await store.list_sessions(limit=50, only=only)]
    paged, after = [], None
    while page := await store.list_sessions(limit=3, after=after, only=only):
        paged += [one.id for one in page]
        after = page[-1]
    assert paged == whole and len(set(paged)) == 11


async def talk(store, *texts):
    """Keep a session with one message after the other."""
    session, parent, messages = Session(), None, []
    await store.add_session(session)
    for number, text in enumerate(texts):
        message = Message(
            role="assistant" if number % 2 else "user",
            content=text,
            tokens=10,
            session_id=session.id,
            parent_id=parent,
            created_at=AT + timedelta(minutes=number),
        )
        await store.add_message(message)
        messages.append(message)
        parent = message.id
    return session, messages


async def beside(store, message, text, minutes):
    """Keep another message in the place of one."""
    other = message.model_copy(
        update={
            "id": f"{message.id}{minutes}",
            "content": text,
            "created_at": AT + timedelta(minutes=minutes),
        }
    )
    await store.add_message(other)
    return other


async def test_branches_are_known_and_gone_along(store):
    session, messages = await talk(store, "one", "two", "three", "four")
    assert await store.siblings(session.id) == []
    other = await beside(store, messages[2], "drei", 9)
    first = await beside(store, messages[0], "eins", 10)
    assert await store.siblings(session.id) == [(messages[0].id, first.id), (messages[2].id, other.id)]
    assert await store.last_below(messages[0].id) == other.id
    assert await store.last_below(messages[0].id, [first.id, messages[3].id]) == messages[3].id
    assert await store.last_below(first.id) == first.id
    assert [m.content for m in await store.tree(session.id)] == [
        "one",
        "two",
        "three",
        "four",
        "drei",
        "eins",
    ]
    shown = await store.update_session(session.id, head_id=messages[3].id)
    assert shown.window_tokens == 40
    assert [m.content for m in await store.tail(session.id, limit=2)] == ["three", "four"]
    with pytest.raises(SessionNotFoundError):
        await store.last_below("none")


async def test_a_fork_is_a_copy_that_costs_nothing(store):
    session, messages = await talk(store, "one", "two", "three")
    receipt = CleanupReceipt(
        before_tokens=30, after_tokens=20, left_ids=(messages[0].id,), kept=2, pinned=0, reached_target=True
    )
    await store.clean(session.id, messages[1].id, receipt, leaving=(messages[0].id,))
    fork = await store.fork(messages[1].id, "A copy")
    assert (fork.title, fork.messages, fork.window_tokens, fork.turns) == ("A copy", 2, 10, 0)
    assert fork.forked_from == messages[1].id
    copied = await store.transcript(fork.id)
    assert [m.content for m in copied] == ["one", "two"]
    assert copied[1].receipt is not None and copied[1].receipt.left_ids == (copied[0].id,)
    await store.erase([session.id])
    assert len(await store.transcript(fork.id)) == 2


async def test_what_is_erased_is_gone_however_deep(store):
    deep = [
        Message(
            id=f"d{number}",
            session_id="deep",
            parent_id=f"d{number - 1}" if number else None,
            role="user",
            content=f"text {number}",
        )
        for number in range(3000)
    ]
    session = Session(id="deep", head_id=deep[-1].id)
    await store.import_sessions([Conversation(session, deep)])
    kept, _ = await talk(store, "stays")
    while await store.index(1.0):
        pass
    assert [row.id for row in await store.outline("deep")][-1] == "d2999"
    assert len(await store.context_rows("deep")) == 3000
    assert await store.erase(["deep", "unknown"]) == 1
    with pytest.raises(SessionNotFoundError):
        await store.session("deep")
    assert await store.messages_by_id(["d0", "d2999"]) == []
    assert [one.id for one in await store.list_sessions(limit=9)] == [kept.id]


async def test_answers_are_kept_for_a_while(store):
    session, _ = await talk(store, "one")
    since = now() - timedelta(days=1)
    assert await store.kept_answer("k", since) is None
    await store.keep_answer("k", "an \x00 answer", session.id, since)
    await store.keep_answer("k", "another", session.id, since)
    assert await store.kept_answer("k", since) == "another"
    assert await store.kept_answer("k", now() + timedelta(days=1)) is None
    await store.erase([session.id])
    assert await store.kept_answer("k", since) is None


@pytest.mark.parametrize("text", ["\x00", "a\uf8feb\x00", "\uf8fe0", "\uf8fe1\uf8fe", "%s %(name)s ? :name"])
async def test_every_text_comes_back_as_it_was(store, text):
    session, (message,) = await talk(store, text)
    assert (await store.message(message.id)).content == text
    changed = await store.update_session(session.id, draft=text, title=text, tags=(text,))
    assert (changed.draft, changed.title, changed.tags) == (text, text, (text,))
    assert await titles(store, title=text) == [text]
    assert await store.prompts(limit=1) == [text]
