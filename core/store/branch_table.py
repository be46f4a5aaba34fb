"""The tree of a session: siblings, the ends of branches, and copies of a path. In the thread of a connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from brim.core.errors import SessionNotFoundError
from brim.core.store import attachment_table, message_table, queries, session_table
from brim.core.store.rows import message_values, session_values, storable, to_micros
from brim.core.types import Message, Session, Status, new_id, now

_SIBLINGS = """
    SELECT parent_id, id FROM messages INDEXED BY messages_children
    WHERE session_id = :session AND (parent_id IS NULL OR parent_id IN (
        SELECT parent_id FROM messages INDEXED BY messages_children
        WHERE session_id = :session GROUP BY parent_id HAVING count(*) > 1
    ))
    ORDER BY created_at, id
"""
_NEWEST_CHILD = """
    SELECT id FROM messages INDEXED BY messages_children
    WHERE session_id = ? AND parent_id = ? ORDER BY created_at DESC, id DESC LIMIT 1
"""
_TREE = "SELECT * FROM messages WHERE session_id = :session ORDER BY created_at, rowid"


def siblings(session_id: str, file: sqlite3.Connection) -> list[tuple[str, ...]]:
    """Return the messages that stand beside each other, oldest first, for each place that has more than one."""
    places: dict[str | None, list[str]] = {}
    for row in file.execute(_SIBLINGS, {"session": storable(session_id)}):
        places.setdefault(row["parent_id"], []).append(row["id"])
    return [tuple(ids) for ids in places.values() if len(ids) > 1]


def last_below(message_id: str, ends: Sequence[str], file: sqlite3.Connection) -> str:
    """Return the end of the branch that goes on from a message, through the first of ``ends`` that comes after it."""
    state = file.execute(queries.STATE, (storable(message_id),)).fetchone()
    if state is None:
        raise SessionNotFoundError(f"There is no message {storable(message_id)}.")
    sought = {"sought": storable(message_id)}
    after = (
        end
        for end in ends
        if file.execute(queries.IS_ON_PATH, {"end": storable(end), **sought}).fetchone()[0]
    )
    last = next(after, message_id)
    while child := file.execute(_NEWEST_CHILD, (state["session_id"], last)).fetchone():
        last = child["id"]
    return last


def tree(session_id: str, file: sqlite3.Connection) -> list[Message]:
    """Return the messages of all branches, parents before their children."""
    found = message_table.select(_TREE, {"session": storable(session_id)}, file)
    by_parent: dict[str | None, list[Message]] = {}
    for message in found:
        by_parent.setdefault(message.parent_id, []).append(message)
    return list(_downwards(by_parent))


def _downwards(by_parent: dict[str | None, list[Message]]) -> Iterator[Message]:
    waiting = by_parent.get(None, [])[::-1]
    while waiting:
        message = waiting.pop()
        yield message
        waiting += by_parent.get(message.id, [])[::-1]


def fork(message_id: str, title: str, file: sqlite3.Connection) -> Session:
    """Make a session of its own of the path that ends in a message; what it cost stays with the one it is from."""
    source = session_table.get(message_table.get(message_id, file).session_id, file)
    path = message_table.path(queries.PATH_TO_BACK, {"message": storable(message_id)}, file)
    ids = {message.id: new_id() for message in path}
    session = Session(
        title=title,
        model=source.model,
        system_prompt=source.system_prompt,
        turn_tokens=source.turn_tokens,
        parameters=source.parameters,
        persona=source.persona,
        owner=source.owner,
        forked_from=message_id,
    )
    values = session_values(session)
    file.execute(queries.insert("sessions", values), values)
    for message in path:
        copied = message_values(_copy(message, ids, session.id))
        file.execute(queries.insert("messages", copied), copied)
        attachment_table.keep(copied["id"], message.attachments, file)
    moved = {"messages": len(path), "head_id": ids[message_id], "updated_at": to_micros(now())}
    file.execute(queries.update("sessions", moved), {**moved, "id": session.id})
    session_table.recount(session.id, file)
    return session_table.get(session.id, file)


def _copy(message: Message, ids: dict[str, str], session_id: str) -> Message:
    receipt = message.receipt
    if receipt is not None:
        receipt = receipt.model_copy(
            update={
                "left_ids": tuple(ids[left] for left in receipt.left_ids if left in ids),
                "shortened_ids": tuple(ids[short] for short in receipt.shortened_ids if short in ids),
            }
        )
    ended = Status.STOPPED if message.status is Status.STREAMING else message.status
    return message.model_copy(
        update={
            "id": ids[message.id],
            "session_id": session_id,
            "parent_id": ids.get(message.parent_id or ""),
            "receipt": receipt,
            "status": ended,
        }
    )
