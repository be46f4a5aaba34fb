"""From the statements of `brim.core.store`, which are SQLite's, to PostgreSQL's.

Most differ in how values are marked and in the hints that SQLite's planner is given; the schema has functions for
the rest. Few statements are altogether different.
"""

from __future__ import annotations

import re
from functools import cache

from brim.core.store import bulk, queries

_OWN = {
    queries.COUNT_SESSIONS: "SELECT count(*) FROM sessions WHERE deleted_at IS NULL AND archived = 0",
    queries.FORESEEN: """
        SELECT model, prompt_parts, usage FROM messages
        WHERE prompt_parts IS NOT NULL AND usage IS NOT NULL AND (usage::json ->> 'estimated') = 'false'
        ORDER BY created_at DESC LIMIT %s
    """,
    queries.NEWEST_SESSION: """
        SELECT * FROM sessions WHERE deleted_at IS NULL ORDER BY updated_at DESC, id DESC LIMIT 1
    """,
    # The row of the answer is held, so that nothing is added behind the back of whoever ends it.
    queries.APPEND_TO_JOURNAL: """
        INSERT INTO journal (message_id, seq, text, reasoning, tool_calls)
        SELECT held.id, coalesce((SELECT max(seq) FROM journal WHERE message_id = held.id), 0) + 1,
            %(text)s, %(reasoning)s, %(calls)s
        FROM (SELECT id FROM messages WHERE id = %(id)s AND status = 'streaming' FOR UPDATE) AS held
    """,
    bulk.NOTHING_CHANGED: "SELECT pg_current_xact_id()",
}
_PATH_BACK = "path (id, parent_id, back)"
"""What a walk back along a path is known by: SQLite gives its rows as they are found."""

_PIECES = re.compile(
    r"""(?P<text>'[^']*')|(?P<hint>\s*\bINDEXED\s+BY\s+\w+)|(?P<join>\bCROSS\s+JOIN\b)"""
    r"""|(?P<name>(?<!:):[a-z]\w*)|(?P<place>\?)|(?P<percent>%)"""
)


@cache
def translated(sql: str) -> str:
    """Return a statement as psycopg takes it."""
    if sql in _OWN:
        return _OWN[sql]
    in_order = " ORDER BY back" if _PATH_BACK in sql else ""
    return _PIECES.sub(_translated, sql) + in_order


def _translated(piece: re.Match[str]) -> str:
    match piece.lastgroup:
        case "text":
            return piece.group().replace("%", "%%")
        case "hint":
            return ""
        case "join":
            return "JOIN"
        case "name":
            return f"%({piece.group()[1:]})s"
        case "place":
            return "%s"
        case _:
            return "%%"
