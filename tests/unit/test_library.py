"""The library: pinned, archived, labelled, deleted and titled sessions."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brim.core.errors import BrimError
from brim.core.library import LONGEST_TAG, checked_tag
from brim.core.listing import filter_of, fits
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Session, SessionFilter, Shelf, now
from tests.support.agents import Plain


async def _titles(manager: SessionManager, **wanted: object) -> list[str]:
    return [s.title for s in await manager.list_sessions(only=SessionFilter(**wanted))]


async def test_pinned_sessions_come_first_across_pages(tmp_path):
    async with SessionManager(Plain(), store=SQLiteStore(tmp_path / "l.db")) as manager:
        sessions = [await manager.create(title=f"s{n}") for n in range(6)]
        await manager.library.pin([sessions[1].id, sessions[3].id])
        assert await _titles(manager) == ["s5", "s4", "s3", "s2", "s1", "s0"]
        only, seen, last = SessionFilter(pinned_first=True), [], None
        while page := await manager.list_sessions(limit=2, after=last, only=only):
            seen += [s.title for s in page]
            last = page[-1]
        assert seen == ["s3", "s1", "s5", "s4", "s2", "s0"]
        await manager.library.pin([sessions[3].id], pinned=False)
        assert (await _titles(manager, pinned_first=True))[:2] == ["s1", "s5"]


async def test_archived_sessions_leave_the_list_and_the_count():
    async with SessionManager(Plain()) as manager:
        one, two = await manager.create(title="one"), await manager.create(title="two")
        await manager.library.archive([one.id])
        assert await _titles(manager) == ["two"]
        assert await _titles(manager, shelf=Shelf.ARCHIVE) == ["one"]
        assert await manager.count_sessions() == 1
        await manager.library.delete([one.id])
        assert await manager.count_sessions() == 1
        assert await _titles(manager, shelf=Shelf.BIN) == ["one"]
        await manager.library.restore([one.id])
        await manager.library.archive([one.id], archived=False)
        assert await manager.count_sessions() == 2
        assert (await manager.find_session("last")).id == two.id


async def test_tags_label_and_find():
    async with SessionManager(Plain()) as manager:
        ids = [(await manager.create(title=f"s{n}")).id for n in range(3)]
        await manager.library.tag(ids[:2], add=["Work", "#rust"])
        await manager.library.tag(ids[1:], add=["work"])
        assert (await manager.session(ids[1])).tags == ("rust", "Work")
        assert await manager.library.tags() == [("work", 3), ("rust", 2)]
        assert await _titles(manager, tags=("WORK",)) == ["s2", "s1", "s0"]
        await manager.library.tag(ids, remove=["WORK"])
        assert await manager.library.tags() == [("rust", 2)]
        with pytest.raises(ValueError, match="one word"):
            await manager.library.tag(ids, add=["two words"])


@given(st.text())
def test_a_tag_is_one_word_or_refused(text):
    try:
        tag = checked_tag(text)
    except ValueError:
        return
    assert 0 < len(tag) <= LONGEST_TAG and tag.isprintable() and not any(c.isspace() for c in tag)


async def test_filters_narrow_together():
    async with SessionManager(Plain()) as manager:
        await manager.create(title="Rust lifetimes", model="openai:gpt-4o")
        await manager.create(title="Rust traits", model="local:smollm2")
        assert await _titles(manager, title="rust", models=("GPT",)) == ["Rust lifetimes"]
        assert await _titles(manager, title="rust", tags=("none",)) == []


@pytest.mark.parametrize(
    ("typed", "titles"),
    [
        ("", ["three", "two", "one"]),
        ("tag:work", ["two", "one"]),
        ("tag:work tag:Rust", ["one"]),
        ("tag:rust tag:none", []),
        ("-tag:rust", ["three", "two"]),
        ("tag:work -tag:rust", ["two"]),
        ("model:gpt", ["two", "one"]),
        ("model:gpt-4o model:opus", ["three", "one"]),
        ("-model:gpt", ["three"]),
        ('model:"GPT-5"', ["two"]),
        ("after:2026-02", ["three", "two"]),
        ("before:2026-02-10", ["two", "one"]),
        ("-after:2026-03", ["two", "one"]),
        ("after:2026-02 before:2026-03", ["two"]),
        ("o -tw", ["one"]),
        ('-"three"', ["two", "one"]),
        ("role:user", ["three", "two", "one"]),
        ("role:user tw", ["two"]),
        ("tag:", ["three", "two", "one"]),
        ("is:archived", ["away"]),
        ("is:archived tag:work", []),
        ("%", []),
        ("tag:\udcff", []),
    ],
)
async def test_what_is_typed_filters_the_list(tmp_path, typed, titles):
    sessions = [
        ("one", 1, "openai:gpt-4o", ("Work", "rust"), False),
        ("two", 2, "openai:gpt-5", ("work",), False),
        ("three", 3, "anthropic:opus", (), False),
        ("away", 4, "anthropic:opus", (), True),
    ]
    store = SQLiteStore(tmp_path / "brim.db")
    await store.open()
    for title, month, model, tags, archived in sessions:
        moment = datetime(2026, month, 9).astimezone()
        await store.add_session(
            Session(
                title=title, model=model, tags=tags, archived=archived, created_at=moment, updated_at=moment
            )
        )
    only = filter_of(typed)
    listed = await store.list_sessions(limit=9, only=only)
    assert [session.title for session in listed] == titles
    everything = [
        s for shelf in Shelf for s in await store.list_sessions(limit=9, only=SessionFilter(shelf=shelf))
    ]
    assert {s.title for s in everything if fits(s, only)} == set(titles)
    await store.aclose()


async def test_an_emptied_bin_is_gone_for_good_and_nothing_else(tmp_path):
    async with SessionManager(Plain(), store=SQLiteStore(tmp_path / "l.db")) as manager:
        kept, gone = await manager.create(title="kept"), await manager.create(title="gone")
        await (await manager.send(gone.id, "hello")).wait()
        await manager.library.delete([gone.id])
        assert await manager.library.in_bin(timedelta(days=30)) == []
        binned = await manager.library.in_bin()
        assert [s.id for s in binned] == [gone.id]
        assert await manager.library.erase(s.id for s in binned) == 1
        with pytest.raises(BrimError):
            await manager.session(gone.id)
        assert await manager.transcript(gone.id) == []
        assert await _titles(manager) == ["kept"]
        assert (await manager.session(kept.id)).title == "kept"
        assert [spent.turns for spent in await manager.spending()] == [1]


async def test_what_is_old_and_neither_pinned_nor_tagged_can_be_pruned(tmp_path):
    store = SQLiteStore(tmp_path / "l.db")
    async with SessionManager(Plain(), store=store) as manager:
        old = now() - timedelta(days=400)
        for title, pinned, tags in (("plain", False, ()), ("pinned", True, ()), ("tagged", False, ("work",))):
            await store.add_session(Session(title=title, pinned=pinned, tags=tags, updated_at=old))
        await manager.create(title="new")
        assert [s.title for s in await manager.library.unchanged_for(timedelta(days=365))] == ["plain"]


async def test_a_model_writes_a_title_on_request():
    agent = Plain('Title: "Borrowing in **Rust**".\nIt fits well.')
    async with SessionManager(agent) as manager:
        session = await manager.create()
        with pytest.raises(BrimError, match="nothing to name"):
            await manager.library.write_title(session.id)
        await (await manager.send(session.id, "Why does this borrow fail?")).wait()
        assert (await manager.library.write_title(session.id)).title == "Borrowing in Rust"
        assert "Why does this borrow fail?" in agent.asked[-1].input
        agent.output = " \n"
        with pytest.raises(BrimError, match="no title"):
            await manager.library.write_title(session.id)
