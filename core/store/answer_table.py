"""What is done with the answers that are kept for the same request asked again, in the thread of a connection."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from brim.core.store.rows import storable, to_micros
from brim.core.types import now

MOST_BYTES = 50_000_000
"""How much all of them may take; the oldest go."""

_KEPT = "SELECT answer FROM answers WHERE key = ? AND kept_at >= ?"
_KEEP = """
    INSERT INTO answers (key, session_id, kept_at, bytes, answer) VALUES (:key, :session, :at, :bytes, :answer)
    ON CONFLICT (key) DO UPDATE SET session_id = excluded.session_id, kept_at = excluded.kept_at,
        bytes = excluded.bytes, answer = excluded.answer
"""
_DROP_OLD = "DELETE FROM answers WHERE kept_at < ?"
_DROP_MANY = """
    DELETE FROM answers WHERE key IN (
        SELECT key FROM (SELECT key, sum(bytes) OVER (ORDER BY kept_at DESC, key) AS together FROM answers) AS aged
        WHERE together > ?
    )
"""


def kept(key: str, since: datetime, file: sqlite3.Connection) -> str | None:
    """Return the answer that was kept under a key since a moment."""
    row = file.execute(_KEPT, (key, to_micros(since))).fetchone()
    return None if row is None else str(row["answer"])


def keep(key: str, answer: str, session_id: str, since: datetime, file: sqlite3.Connection) -> None:
    """Keep an answer; those from before ``since`` go, and the oldest of too many."""
    text = storable(answer)
    values = {
        "key": key,
        "session": storable(session_id),
        "at": to_micros(now()),
        "bytes": len(text.encode()),
        "answer": text,
    }
    file.execute(_KEEP, values)
    file.execute(_DROP_OLD, (to_micros(since),))
    file.execute(_DROP_MANY, (MOST_BYTES,))
