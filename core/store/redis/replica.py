"""A copy of the data in memory, in the tables of SQLite, which knows what was changed in it.

All that a store does, it does here. What was changed is then brought to the server as rows, each by its table and
its key, and what others changed comes from there in the same shape. A *document* is what is brought at once and
ends at once: a session with all its rows, or what belongs to no session.
"""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from brim.core.store.migrate import create_in_memory

COMMON = "common"
"""The document of the rows that belong to no session."""

_SEPARATOR = "\x1f"
_OF_MESSAGE = "(SELECT session_id FROM messages WHERE id = {row}.message_id)"
_OF_USER = "coalesce((SELECT session_id FROM messages WHERE id = {row}.user_id), {row}.user_id)"


@dataclass(frozen=True, slots=True)
class _Table:
    """A table whose rows are brought to the server."""

    key: tuple[str, ...]
    document: str
    """What tells the session of a row, as SQL."""


_TABLES = {
    "sessions": _Table(("id",), "{row}.id"),
    "session_tags": _Table(("tag", "session_id"), "{row}.session_id"),
    "messages": _Table(("id",), "{row}.session_id"),
    "journal": _Table(("message_id", "seq"), _OF_MESSAGE),
    "attachment_uses": _Table(("attachment_id", "user_id"), _OF_USER),
    "answers": _Table(("key",), "{row}.session_id"),
    "leases": _Table(("session_id",), "{row}.session_id"),
    "spending": _Table(("day", "model"), f"'{COMMON}'"),
    "models": _Table(("model",), f"'{COMMON}'"),
}
_OWN_TABLES = """
    CREATE TABLE leases (
        session_id TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
        store TEXT NOT NULL, fence INTEGER NOT NULL, expires_at REAL NOT NULL,
        stop_asked INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE touched (
        document TEXT NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (document, name, key)
    ) WITHOUT ROWID;
"""
# No OR IGNORE: the conflict clause of the statement that fires a trigger takes the place of those in it.
_TOUCH = """
    CREATE TRIGGER touched_{name}_{when} AFTER {when} ON {name} BEGIN
        INSERT INTO touched SELECT '{prefix}' || document, '{name}', {key}
        FROM (SELECT {document} AS document) WHERE document IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM touched AS before
            WHERE before.document = '{prefix}' || {document} AND name = '{name}' AND before.key = CAST({key} AS TEXT)
        );
    END;
"""


@dataclass(slots=True)
class Change:
    """What was changed in one document: rows by the fields that keep them."""

    document: str
    is_gone: bool = False
    """Whether the whole of it is."""
    kept: dict[str, bytes] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)


class Replica:
    """The tables in memory.

    Args:
        skew_s: how many seconds the server's clock is ahead of this machine's.
    """

    def __init__(self, skew_s: float) -> None:
        self._skew_s = skew_s
        self._fence = 0
        self.file = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.file.row_factory = sqlite3.Row
        create_in_memory(self.file)
        self.file.create_function("now_s", 0, self.now_s)
        self.file.create_function("next_fence", 0, self._next_fence)
        self.file.executescript(_OWN_TABLES + "".join(_triggers()))

    def now_s(self) -> float:
        """Return the server's time, in seconds since 1970."""
        return time.time() + self._skew_s

    def _next_fence(self) -> int:
        self._fence = max(self._fence + 1, int(self.now_s() * 1_000_000))
        return self._fence

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do all of the block, or nothing."""
        self.file.execute("BEGIN")
        try:
            yield self.file
            self.file.execute("COMMIT")
        except BaseException:
            if self.file.in_transaction:
                self.file.execute("ROLLBACK")
            raise

    def changes(self) -> list[Change]:
        """Return what the transaction has changed so far."""
        found: dict[str, Change] = {}
        for row in self.file.execute("SELECT document, name, key FROM touched").fetchall():
            change = found.setdefault(row["document"], Change(row["document"]))
            if row["document"] != COMMON and not self._has_session(row["document"]):
                change.is_gone = True
                continue
            place = row["name"] + _SEPARATOR + row["key"]
            kept = self._row(row["name"], row["key"])
            if kept is None:
                change.dropped.append(place)
            else:
                change.kept[place] = zlib.compress(json.dumps(dict(kept)).encode(), 1)
                if row["name"] == "attachment_uses":
                    change.kept["attachments" + _SEPARATOR + kept["attachment_id"]] = self._data(
                        kept["attachment_id"]
                    )
        self.file.execute("DELETE FROM touched")
        return list(found.values())

    def take_in(self, changes: Iterable[Change]) -> None:
        """Do what others have changed."""
        with self.transaction() as file:
            file.execute("PRAGMA defer_foreign_keys = ON")
            for change in changes:
                if change.is_gone:
                    self._forget(change.document)
                    continue
                for place in change.dropped:
                    name, _, key = place.partition(_SEPARATOR)
                    file.execute(f"DELETE FROM {name} WHERE {_where(name)}", json.loads(key))
                self._put(change.kept)
            file.execute("DELETE FROM touched")

    def _forget(self, document: str) -> None:
        session_id = document[1:]
        self.file.execute("UPDATE messages SET parent_id = NULL WHERE session_id = ?", (session_id,))
        self.file.execute("DELETE FROM sessions WHERE id = ?", (session_id,))

    def _put(self, kept: Mapping[str, bytes]) -> None:
        data = {place: value for place, value in kept.items() if place.startswith("attachments" + _SEPARATOR)}
        for place, value in data.items():
            self.file.execute(
                "INSERT INTO attachments (id, data) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (place.partition(_SEPARATOR)[2], zlib.decompress(value)),
            )
        for place in kept.keys() - data.keys():
            name = place.partition(_SEPARATOR)[0]
            values = json.loads(zlib.decompress(kept[place]))
            others = [column for column in values if column not in _TABLES[name].key]
            then = (
                f"UPDATE SET {', '.join(f'{column} = excluded.{column}' for column in others)}"
                if others
                else "NOTHING"
            )
            self.file.execute(
                f"INSERT INTO {name} ({', '.join(values)}) VALUES ({', '.join(f':{column}' for column in values)}) "
                f"ON CONFLICT ({', '.join(_TABLES[name].key)}) DO {then}",
                values,
            )

    def _has_session(self, document: str) -> bool:
        return bool(
            self.file.execute(
                "SELECT EXISTS (SELECT 1 FROM sessions WHERE id = ?)", (document[1:],)
            ).fetchone()[0]
        )

    def _row(self, name: str, key: str) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self.file.execute(
            f"SELECT * FROM {name} WHERE {_where(name)}", json.loads(key)
        ).fetchone()
        return found

    def _data(self, attachment_id: str) -> bytes:
        row = self.file.execute("SELECT data FROM attachments WHERE id = ?", (attachment_id,)).fetchone()
        return zlib.compress(row["data"], 1)


def _where(name: str) -> str:
    return " AND ".join(f"{column} = ?" for column in _TABLES[name].key)


def _triggers() -> Iterator[str]:
    for name, table in _TABLES.items():
        for when, row in (("INSERT", "new"), ("UPDATE", "new"), ("DELETE", "old")):
            yield _TOUCH.format(
                name=name,
                when=when,
                key=f"json_array({', '.join(f'{row}.{column}' for column in table.key)})",
                document=table.document.format(row=row),
                prefix="" if table.document == f"'{COMMON}'" else "s",
            )
