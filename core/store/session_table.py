"""What is done with the table of sessions, in the thread of a connection."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from brim.core.errors import SessionNotFoundError
from brim.core.store import attachment_table, queries
from brim.core.store.rows import (
    queue_from_json,
    queue_to_json,
    session_of,
    session_value,
    session_values,
    storable,
    title_key,
    to_micros,
)
from brim.core.types import QueuedPrompt, Session, SessionFilter, now

_CANDIDATES = 5
_MOVES_IN_LIST = frozenset({"title", "model", "head_id"})
_SETTABLE = _MOVES_IN_LIST | {
    "system_prompt",
    "draft",
    "deleted_at",
    "pinned",
    "archived",
    "tags",
    "parameters",
    "persona",
}


def add(session: Session, file: sqlite3.Connection) -> None:
    """Add a session."""
    values = session_values(session)
    file.execute(queries.insert("sessions", values), values)
    _label(values["id"], session.tags, file)


def get(session_id: str, file: sqlite3.Connection) -> Session:
    """Return a session, also a deleted one. Raises `SessionNotFoundError`."""
    row = file.execute(queries.SESSION, (storable(session_id),)).fetchone()
    if row is None:
        raise SessionNotFoundError(f"There is no session {storable(session_id)}.")
    return session_of(row)


def find(name: str, file: sqlite3.Connection) -> Session:
    """Return the session that an id, an unambiguous start of one, or ``last`` means."""
    if name == "last":
        newest = file.execute(queries.NEWEST_SESSION).fetchone()
        if newest is None:
            raise SessionNotFoundError("There are no sessions yet.", hint="Start one with: brim")
        return session_of(newest)
    start = storable(name)
    values = {"start": start, "end": start + "\U0010ffff", "limit": _CANDIDATES + 1}
    found = [session_of(row) for row in file.execute(queries.SESSIONS_BY_START, values)] if name else []
    if not found:
        raise SessionNotFoundError(f"There is no session {name!r}.", hint="`brim sessions` lists them.")
    if len(found) > 1 and found[0].id != name:
        names = ", ".join(session.id for session in found[:_CANDIDATES])
        more = ", …" if len(found) > _CANDIDATES else ""
        raise SessionNotFoundError(f"{name!r} is the start of several sessions: {names}{more}.")
    return found[0]


def page(limit: int, after: Session | None, only: SessionFilter, file: sqlite3.Connection) -> list[Session]:
    """Return a page of a list of sessions."""
    values: dict[str, Any] = {
        "limit": limit,
        "title": title_key(only.title),
        "owner": storable(only.owner or ""),
    }
    for name in ("tags", "models", "not_title", "not_tags", "not_models"):
        values[name] = json.dumps(sorted({title_key(each) for each in getattr(only, name)}))
    for name, moment in (("after", only.after), ("before", only.before)):
        values[name] = None if moment is None else to_micros(moment)
    if after is not None:
        values |= {
            "after_pinned": after.pinned,
            "after_at": to_micros(after.updated_at),
            "after_id": storable(after.id),
        }
    sql = queries.list_sessions(only, is_continued=after is not None)
    return [session_of(row) for row in file.execute(sql, values)]


def count(file: sqlite3.Connection) -> int:
    """Return how many sessions are open."""
    return int(file.execute(queries.COUNT_SESSIONS).fetchone()[0])


def tags(file: sqlite3.Connection) -> list[tuple[str, int]]:
    """Return the tags in use and how many sessions have each, the commonest first."""
    return [(row["tag"], row["sessions"]) for row in file.execute(queries.TAGS)]


def erase(session_ids: Sequence[str], file: sqlite3.Connection) -> int:
    """Delete sessions for good; returns how many there were."""
    ids = [(storable(session_id),) for session_id in session_ids]
    return int(file.executemany("DELETE FROM sessions WHERE id = ?", ids).rowcount)


def update(session_id: str, fields: Mapping[str, Any], file: sqlite3.Connection) -> Session:
    """Set fields of a session; a new head counts the window anew."""
    values: dict[str, Any] = {}
    for name, value in fields.items():
        values |= session_value(name, value)
    if fields.keys() & _MOVES_IN_LIST:
        values["updated_at"] = to_micros(now())
    if values:
        file.execute(queries.update("sessions", values), {**values, "id": storable(session_id)})
    if "tags" in fields:
        _label(storable(session_id), fields["tags"], file)
    if "head_id" in fields:
        recount(session_id, file)
    return get(session_id, file)


def change_queue(
    session_id: str, added: Iterable[QueuedPrompt], dropped: Iterable[QueuedPrompt], file: sqlite3.Connection
) -> Session:
    """Take prompts out of a session's queue, each once, and add others at its end."""
    left = list(get(session_id, file).queued)
    for prompt in map(_kept_as, dropped):
        if prompt in left:
            left.remove(prompt)
    queue = [*left, *added]
    values = session_value("queued", queue)
    file.execute(queries.update("sessions", values), {**values, "id": storable(session_id)})
    attachments = [one for prompt in queue for one in prompt.attachments]
    attachment_table.keep_only(storable(session_id), attachments, file)
    return get(session_id, file)


def _kept_as(prompt: QueuedPrompt) -> QueuedPrompt:
    """Return a prompt as it comes back from a queue."""
    return queue_from_json(queue_to_json([prompt]))[0]


def _label(session_id: str, names: Iterable[str], file: sqlite3.Connection) -> None:
    file.execute("DELETE FROM session_tags WHERE session_id = ?", (session_id,))
    rows = {(title_key(name), session_id) for name in names}
    file.executemany("INSERT INTO session_tags (tag, session_id) VALUES (?, ?)", rows)


def check_settable(fields: Mapping[str, Any]) -> None:
    """Raise `ValueError` where a field of a session is not for others to set."""
    if unknown := fields.keys() - _SETTABLE:
        raise ValueError(f"these fields of a session cannot be set: {', '.join(sorted(unknown))}")


def recount(session_id: str, file: sqlite3.Connection) -> None:
    """Count what is in a session's window, and find its summary, along its whole path."""
    window = pinned = summary = 0
    summary_id = None
    for row in file.execute(queries.WEIGHTS_BACK, {"session": session_id}):
        if row["in_window"]:
            window += row["tokens"] or 0
            pinned += (row["tokens"] or 0) if row["pinned"] else 0
        if summary_id is None and row["summary_tokens"] is not None:
            summary_id, summary = row["id"], row["summary_tokens"]
    values = {"window": window, "pinned": pinned, "summary_id": summary_id, "summary": summary}
    file.execute(queries.COUNT_WINDOW, {**values, "id": session_id})
