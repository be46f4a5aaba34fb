"""Adding whole conversations, in the thread of a connection: what is there already stays as it is.

A session is new, grown (it was there, and some of its messages were not) or known. Adding the same again changes
nothing, so an import that was cut off is done again from the start.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

from brim.core.attachments import Attachment
from brim.core.errors import SessionNotFoundError
from brim.core.store import attachment_table, queries, session_table
from brim.core.store.protocol import Conversation, Taken, TakenAs
from brim.core.store.rows import message_values, session_values, storable
from brim.core.types import Message, Session

_VARIABLES = 500
"""How many ids are looked up at a time."""

_UNFIT = (
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    ValueError,
    OverflowError,
    TypeError,
)
"""What a value raises that cannot be kept; all else is a fault of the file."""

NOTHING_CHANGED = "UPDATE session_count SET listed = listed"
"""Makes a transaction one that writes."""

_KNOWN = "SELECT id, session_id, role, chars FROM messages WHERE id IN ({marks})"
_GROWN = """
    UPDATE sessions SET
        messages = messages + :added, head_id = :head, updated_at = max(updated_at, :at),
        cache_saved = iif(:turns > turns, :cache_saved, cache_saved), cost = max(cost, :cost),
        tokens = max(tokens, :tokens), turns = max(turns, :turns), priced_turns = max(priced_turns, :priced_turns)
    WHERE id = :id
"""


def take_in(
    conversations: Sequence[Conversation], is_rehearsal: bool, file: sqlite3.Connection
) -> list[Taken]:
    """Add conversations, and return what became of each, in their order.

    Args:
        conversations: sessions with messages, parents before their children.
        is_rehearsal: find out what would come of it, and leave everything as it was.
        file: the data file, in a transaction.
    """
    taken = []
    if not conversations:  # so that there is something to bring to the disk
        file.execute(NOTHING_CHANGED)
    file.execute("SAVEPOINT import_all")
    for conversation in conversations:
        file.execute("SAVEPOINT import_one")
        try:
            taken.append(_take(conversation.session, conversation.messages, file))
        except _UNFIT as error:
            file.execute("ROLLBACK TO import_one")
            taken.append(Taken(outcome=TakenAs.REFUSED, why=f"it cannot be kept: {error}"))
        file.execute("RELEASE import_one")
    if is_rehearsal:
        file.execute("ROLLBACK TO import_all")
    file.execute("RELEASE import_all")
    return taken


def _take(session: Session, messages: Sequence[Message], file: sqlite3.Connection) -> Taken:
    try:
        before: Session | None = session_table.get(session.id, file)
    except SessionNotFoundError:
        before = None
    named = [message.id for message in messages] + [message.parent_id for message in messages]
    known = _known({storable(each) for each in (*named, session.head_id) if each is not None}, file)
    ids = {
        each: _other_id(session.id, each) for each, row in known.items() if row["session_id"] != session.id
    }
    if ids:
        known |= _known(ids.values(), file)
    fresh: list[dict[str, Any]] = []
    attached: list[tuple[str, tuple[Attachment, ...]]] = []
    there = {each for each, row in known.items() if row["session_id"] == session.id}
    differing = 0
    for message in messages:
        own = ids.get(message.id, message.id)
        if own in there:
            row = known.get(own)
            differing += row is not None and (row["role"], row["chars"]) != (
                message.role,
                len(message.content),
            )
            continue
        parent = None if message.parent_id is None else ids.get(message.parent_id, message.parent_id)
        parent = parent if parent in there else None
        if (message.id, message.session_id, message.parent_id) != (own, session.id, parent):
            changed = {"id": own, "session_id": session.id, "parent_id": parent}
            message = message.model_copy(update=changed)  # noqa: PLW2901 - copies cost as much as the rest
        fresh.append(message_values(message))
        if message.attachments:
            attached.append((fresh[-1]["id"], message.attachments))
        there.add(own)
    if before is None:
        session_table.add(session.model_copy(update={"messages": 0, "head_id": None}), file)
    elif not fresh:
        return Taken(outcome=TakenAs.KNOWN, differing=differing)
    if fresh:
        file.executemany(queries.insert("messages", fresh[0]), fresh)
        for message_id, attachments in attached:
            attachment_table.keep(message_id, attachments, file)
    head = session.head_id and ids.get(session.head_id, session.head_id)
    if head not in there:
        head = fresh[-1]["id"] if fresh else None
    _grow(session, before, head, len(fresh), file)
    return Taken(
        outcome=TakenAs.NEW if before is None else TakenAs.GROWN, messages=len(fresh), differing=differing
    )


def _grow(
    session: Session, before: Session | None, head: str | None, added: int, file: sqlite3.Connection
) -> None:
    """Correct a session after messages were added; its totals become those of the archive where they are larger.

    Its head moves along with the branch that it stands on, but not away from where the person has gone on.
    """
    if before is not None and before.head_id is not None and head is not None:
        is_further = file.execute(queries.IS_ON_PATH, {"end": head, "sought": before.head_id}).fetchone()[0]
        head = head if is_further else before.head_id
    values = session_values(session)
    file.execute(
        _GROWN,
        {
            "id": values["id"],
            "added": added,
            "head": head,
            "at": values["updated_at"],
            **{name: values[name] for name in ("tokens", "turns", "priced_turns", "cost", "cache_saved")},
        },
    )
    session_table.recount(values["id"], file)


def _known(ids: Iterable[str], file: sqlite3.Connection) -> dict[str, sqlite3.Row]:
    """Return which of the messages are there, with what the index knows of them."""
    wanted = list(ids)
    found: dict[str, sqlite3.Row] = {}
    for start in range(0, len(wanted), _VARIABLES):
        some = wanted[start : start + _VARIABLES]
        marks = ", ".join("?" * len(some))
        found |= {row["id"]: row for row in file.execute(_KNOWN.format(marks=marks), some)}
    return found


def _other_id(session_id: str, message_id: str) -> str:
    """Return the id of a message whose own belongs to a message of another session."""
    return blake2b(f"{session_id}\0{message_id}".encode("utf-8", "replace"), digest_size=8).hexdigest()
