"""The SQL of the store. Statements are put together from constants and column names only, never from values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

MOST_VALUES = 500
"""How many values one statement is given at most."""

SESSION = "SELECT * FROM sessions WHERE id = ?"
SESSIONS_BY_START = """
    SELECT * FROM sessions WHERE id >= :start AND id < :end AND deleted_at IS NULL ORDER BY id LIMIT :limit
"""
COUNT_SESSIONS = "SELECT count(*) FROM sessions WHERE deleted_at IS NULL"

MESSAGE_ADDED = """
    UPDATE sessions
    SET head_id = :head, updated_at = :at, messages = messages + 1, window_tokens = window_tokens + :weight
    WHERE id = :id
"""
TURN_COUNTED = """
    UPDATE sessions
    SET updated_at = :at, tokens = tokens + :tokens, cost = cost + :cost,
        turns = turns + :turns, priced_turns = priced_turns + :priced
    WHERE id = :id
"""

_PATH = """
    WITH RECURSIVE path (id, parent_id, back) AS (
        SELECT id, parent_id, 0 FROM messages WHERE id = {start}
        UNION ALL
        SELECT messages.id, messages.parent_id, back + 1
        FROM path CROSS JOIN messages ON messages.id = path.parent_id {bound}
    )
"""
_HEAD = "(SELECT head_id FROM sessions WHERE id = :session)"
_BEFORE = "(SELECT parent_id FROM messages WHERE id = :before)"
_BOUND = "WHERE back < :limit - 1"
_JOINED = "FROM path CROSS JOIN messages ON messages.id = path.id"

_WHOLE = _PATH.format(start=_HEAD, bound="")
TAIL = (
    _PATH.format(start=_HEAD, bound=_BOUND)
    + f"SELECT messages.* {_JOINED} WHERE back < :limit ORDER BY back DESC"
)
TAIL_BEFORE = (
    _PATH.format(start=_BEFORE, bound=_BOUND)
    + f"SELECT messages.* {_JOINED} WHERE back < :limit ORDER BY back DESC"
)
OUTLINE = _WHOLE + f"SELECT messages.id, role, chars, lines {_JOINED} ORDER BY back DESC"
TRANSCRIPT = _WHOLE + f"SELECT messages.* {_JOINED} ORDER BY back DESC"
WINDOW = _WHOLE + f"SELECT messages.* {_JOINED} WHERE in_window ORDER BY back DESC"
RECOUNT_WINDOW = (
    "UPDATE sessions SET window_tokens = ("
    + _PATH.format(start="sessions.head_id", bound="")
    + f"SELECT coalesce(sum(tokens), 0) {_JOINED} WHERE in_window) WHERE id = :id"
)

STREAMING_WRITERS = "SELECT DISTINCT writer FROM messages WHERE status = 'streaming'"
STREAMING_OF_WRITER = "SELECT * FROM messages WHERE status = 'streaming' AND writer IS ?"
JOURNAL = "SELECT text, reasoning, tool_calls FROM journal WHERE message_id = ? ORDER BY seq"
DROP_JOURNAL = "DELETE FROM journal WHERE message_id = ?"

WEIGHT_CHANGES = """
    UPDATE sessions SET window_tokens = window_tokens + :new - coalesce(
        (SELECT tokens FROM messages WHERE id = :message AND in_window), 0
    ) WHERE id = :session
"""
WEIGH = "UPDATE messages SET tokens = ?, tokens_estimated = ? WHERE id = ?"
SET_IN_WINDOW = "UPDATE messages SET in_window = ? WHERE id = ?"
SET_RECEIPT = "UPDATE messages SET receipt = ? WHERE id = ?"
SET_PINNED = "UPDATE messages SET pinned = ? WHERE id = ?"
PROMPTS = "SELECT content FROM messages WHERE role = 'user' ORDER BY created_at DESC LIMIT :limit"


def insert(table: str, columns: Iterable[str]) -> str:
    """Return the statement that adds a row from named values."""
    names = list(columns)
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"


def update(table: str, columns: Iterable[str]) -> str:
    """Return the statement that sets columns of the row ``:id`` from named values."""
    return f"UPDATE {table} SET {', '.join(f'{name} = :{name}' for name in columns if name != 'id')} WHERE id = :id"


def messages_by_id(count: int) -> str:
    """Return the query for ``count`` messages by their ids."""
    return f"SELECT * FROM messages WHERE id IN ({', '.join('?' * count)})"


def list_sessions(after: tuple[int, str] | None, title: str) -> tuple[str, dict[str, Any]]:
    """Return the query for a page of the list and its values besides ``:limit``.

    Args:
        after: ``updated_at`` and id of the last session of the page before.
        title: text that the title must hold, letter case aside; empty for all.
    """
    conditions, values = ["deleted_at IS NULL"], dict[str, Any]()
    if after is not None:
        conditions.append("(updated_at, id) < (:after_at, :after_id)")
        values |= {"after_at": after[0], "after_id": after[1]}
    if title:
        conditions.append("title LIKE :title ESCAPE '\\'")
        escaped = title.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        values["title"] = f"%{escaped}%"
    where = " AND ".join(conditions)
    return f"SELECT * FROM sessions WHERE {where} ORDER BY updated_at DESC, id DESC LIMIT :limit", values
