"""brim's JSON is lossless: out, into an empty store, and out again is the same."""

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from brim.core.export import export
from brim.core.export.branches import canonical
from brim.core.importing import Imported, Kind, detect, read
from brim.core.importing.taking import take_in
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Message, Session, Status
from tests.property.test_export_roundtrip import count, messages, money, text

FIRST = datetime(2025, 1, 1, tzinfo=UTC)


@st.composite
def trees(draw):
    """Sessions with messages in any tree."""
    said = draw(st.lists(messages, max_size=6))
    tree = []
    for place, message in enumerate(said):
        parent = draw(st.sampled_from([None, *tree])) if place else None
        at = FIRST + timedelta(seconds=draw(st.integers(0, 3)))
        status = Status.INTERRUPTED if message.status is Status.STREAMING else message.status
        changed = {
            "parent_id": parent and parent.id,
            "created_at": at,
            "status": status,
            "session_id": "a" * 16,
        }
        if message.receipt is not None:
            ids = tuple(each.id for each in tree)
            changed["receipt"] = message.receipt.model_copy(
                update={"left_ids": ids, "shortened_ids": ids[:1]}
            )
        tree.append(message.model_copy(update=changed))
    head = draw(st.sampled_from(tree)).id if tree else None
    session = Session(
        id="a" * 16,
        title=draw(text),
        draft=draw(text),
        tokens=draw(count),
        cost_usd=draw(money),
        turns=draw(st.integers(0, 9)),
        head_id=head,
        tags=draw(st.sampled_from([(), ("a", "b")])),
        archived=draw(st.booleans()),
        messages=len(tree),
        created_at=FIRST,
        updated_at=FIRST,
    )
    return session, tree


async def _stored(archive, folder):
    store = SQLiteStore(folder / "brim.db")
    await store.open()
    try:
        report = await take_in(store, archive, detect(archive))
        again = await take_in(store, archive, Kind.BRIM)
        session = await store.session("a" * 16)
        return report, again, export(session, await store.tree(session.id), "json")
    finally:
        await store.aclose()


@settings(deadline=None, max_examples=40)
@given(written=trees(), seed=st.integers())
def test_out_in_and_out_again(written, seed):
    session, tree = written
    with TemporaryDirectory() as name:
        folder = Path(name)
        archive = folder / "session.json"
        shuffled = list(tree)
        random.Random(seed).shuffle(shuffled)
        archive.write_text(export(session, shuffled, "json"), encoding="utf-8")
        (imported,) = read(archive, Kind.BRIM)
        assert isinstance(imported, Imported)
        by_id = {message.id: message for message in tree}
        assert {message.id: message for message in imported.messages} == by_id
        report, again, text = asyncio.run(_stored(archive, folder))
        assert (report.new, report.messages, report.problems) == (1, len(tree), 0)
        assert (again.known, again.messages, again.problems) == (1, 0, 0)
        weighed = session.model_copy(update=_window(session, by_id))
        document = json.loads(text)
        assert Session.model_validate(document["session"]) == weighed
        assert [Message.model_validate(message) for message in document["messages"]] == canonical(tree)
        archive.write_text(text, encoding="utf-8")
        other = folder / "other"
        other.mkdir()
        assert asyncio.run(_stored(archive, other))[2] == text


def _window(session, by_id):
    """What the store counts by itself: the window and the summary of the branch shown."""
    window = pinned = summary = 0
    summary_id = None
    at = session.head_id
    while at is not None:
        message = by_id[at]
        weight = (message.tokens or 0) if message.in_window else 0
        window, pinned = window + weight, pinned + weight * message.pinned
        receipt = message.receipt
        if summary_id is None and receipt and receipt.summary and not receipt.undone:
            summary_id, summary = message.id, receipt.summary.tokens
        at = message.parent_id
    return {
        "window_tokens": window,
        "pinned_tokens": pinned,
        "summary_id": summary_id,
        "summary_tokens": summary,
    }
