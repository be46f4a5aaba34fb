"""What is done with the data of attachments, in the thread of a connection.

The same data is kept once, for as long as a message or a session's queue has it; triggers drop the rest.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from brim.core.attachments import Attachment
from brim.core.store.rows import storable

_KEEP = "INSERT INTO attachments (id, data) VALUES (?, ?) ON CONFLICT DO NOTHING"
_USE = """
    INSERT INTO attachment_uses (attachment_id, user_id) SELECT id, :user FROM attachments WHERE id = :id
    ON CONFLICT DO NOTHING
"""
_USED = "SELECT attachment_id FROM attachment_uses WHERE user_id = ?"
_LET_GO = "DELETE FROM attachment_uses WHERE user_id = ? AND attachment_id = ?"
_DATA = "SELECT data FROM attachments WHERE id = ?"


def keep(user_id: str, attachments: Iterable[Attachment], file: sqlite3.Connection) -> None:
    """Keep the data of attachments for a message or a queue; what came without data must be here already."""
    for one in attachments:
        if one.is_loaded:
            file.execute(_KEEP, (one.id, one.data))
        file.execute(_USE, {"id": storable(one.id), "user": user_id})


def keep_only(user_id: str, attachments: Sequence[Attachment], file: sqlite3.Connection) -> None:
    """Keep these attachments, and let go of all others of the same user."""
    keep(user_id, attachments, file)
    wanted = {one.id for one in attachments}
    for row in file.execute(_USED, (user_id,)).fetchall():
        if row["attachment_id"] not in wanted:
            file.execute(_LET_GO, (user_id, row["attachment_id"]))


def data(attachment_ids: Iterable[str], file: sqlite3.Connection) -> dict[str, bytes]:
    """Return the data of attachments by their ids; unknown ids are left out."""
    found: dict[str, bytes] = {}
    for attachment_id in attachment_ids:
        row = file.execute(_DATA, (storable(attachment_id),)).fetchone()
        if row is not None:
            found[attachment_id] = row["data"]
    return found
