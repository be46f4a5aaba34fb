"""The words of messages, and how messages are found by them. In the thread of a connection.

Words are kept in parts: FTS5 tables of `PART` messages each, by the number of the message's row, the text itself
not among them. So a look begins with the newest messages and ends when it has enough, whatever the number of
messages, and what SQLite does to keep a table in order stays short.

A look never waits for words to be added: the few messages that wait are read as they are. Whatever a part
claims is compared with the text before it counts.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from brim.core.folding import fold
from brim.core.search import Found, Hit, Query, Term, excerpt
from brim.core.store.rows import from_micros, storable, to_micros
from brim.core.store.sieve import SCORED_CHARS, Sieve
from brim.core.types import now

PART_BITS = 16
PART = 1 << PART_BITS
"""How many messages one table of words is for."""

CANDIDATES = 300
"""How many messages are found before the best of them are chosen."""

ENOUGH_S = 0.05
"""After this time what has been found is enough, in seconds; where nothing has, the look goes on."""

_BATCH = 250
_WAITING_LOOKED_AT = 500
_LOOK_AT_CLOCK = 16
_MOST_MONTHS = 240
_DAY, _MONTH, _YEAR = timedelta(days=1), timedelta(days=32), timedelta(days=366)

_TABLE = """
    CREATE VIRTUAL TABLE IF NOT EXISTS search_{part} USING fts5(
        said, model, marks, content = '', columnsize = 0, tokenize = 'ascii'
    )
"""
_ADD = "INSERT INTO search_{part} (rowid, said, model, marks) VALUES (?, ?, ?, ?)"
_NOTE_PART = """
    INSERT INTO search_parts (part, first_at, last_at) VALUES (?, ?, ?) ON CONFLICT (part) DO UPDATE SET
        first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)
"""
_REMOVE = "INSERT INTO search_{part} (search_{part}, rowid, said, model, marks) VALUES ('delete', ?, ?, ?, ?)"
_ROW = "messages.rowid AS number, role, messages.model AS model, messages.created_at AS created_at, content"
_WAITING = f"""
    SELECT search_waiting.number AS waiting, {_ROW} FROM search_waiting
    LEFT JOIN messages ON messages.rowid = search_waiting.number ORDER BY waiting LIMIT ?
"""
_BACKLOG = f"""
    SELECT {_ROW}, status FROM messages
    WHERE messages.rowid <= (SELECT backlog FROM search_state) ORDER BY messages.rowid DESC LIMIT ?
"""
_CANDIDATE = f"""
    messages.rowid AS number, role, messages.model AS model, messages.created_at AS created_at, chars,
    iif(chars <= {SCORED_CHARS}, content, substr(content, 1, {SCORED_CHARS})) AS content
"""
_LOOK = """
    SELECT {candidate} FROM search_{part}
    CROSS JOIN messages ON messages.rowid = search_{part}.rowid
    CROSS JOIN sessions ON sessions.id = messages.session_id
    WHERE search_{part} MATCH :match AND search_{part}.rowid < :before AND deleted_at IS NULL {conditions}
    ORDER BY search_{part}.rowid DESC
"""
_LOOK_AT_WAITING = f"""
    SELECT {_ROW}, 0 AS chars FROM search_waiting
    CROSS JOIN messages ON messages.rowid = search_waiting.number
    CROSS JOIN sessions ON sessions.id = messages.session_id
    WHERE deleted_at IS NULL {{conditions}} ORDER BY search_waiting.number DESC LIMIT {_WAITING_LOOKED_AT}
"""
_HIT = """
    SELECT messages.*, sessions.title AS session_title, sessions.archived AS archived
    FROM messages CROSS JOIN sessions ON sessions.id = messages.session_id
    WHERE messages.rowid = ? AND deleted_at IS NULL
"""
_TAGGED = """
    SELECT messages.rowid FROM messages INDEXED BY messages_of_session
    WHERE session_id IN (SELECT session_id FROM session_tags WHERE tag IN ({tags}) GROUP BY session_id HAVING count(*) = ?)
"""
_NOT_TAGGED = """
    AND messages.session_id NOT IN (
        SELECT session_id FROM session_tags WHERE tag IN (SELECT value FROM json_each(:not_tags))
    )
"""


# --- adding words -------------------------------------------------------------------------------------


def index(budget_s: float, file: sqlite3.Connection) -> bool:
    """Add the words of messages that wait, and take out those of messages that are gone.

    Returns:
        Whether more is to be done than was done in ``budget_s`` seconds.
    """
    end = time.monotonic() + budget_s
    while _forget_some(file) or _add_waiting(file) or _add_backlog(file):
        if time.monotonic() > end:
            return waits(file)
    return False


def forget(file: sqlite3.Connection) -> None:
    """Take out the words of all messages that are gone."""
    while _forget_some(file):
        pass


def waits(file: sqlite3.Connection) -> bool:
    """Whether messages wait for their words to be added or taken out."""
    return bool(
        file.execute(
            "SELECT EXISTS (SELECT 1 FROM search_waiting) OR EXISTS (SELECT 1 FROM search_gone) "
            "OR (SELECT backlog FROM search_state) > 0"
        ).fetchone()[0]
    )


def begin_anew(file: sqlite3.Connection) -> None:
    """Forget all words; they are added again as those of a file that had none."""
    for row in _parts(file):
        file.execute(f"DROP TABLE search_{row['part']}")
    for table in ("search_parts", "search_waiting", "search_gone"):
        file.execute(f"DELETE FROM {table}")
    file.execute("UPDATE search_state SET backlog = (SELECT coalesce(max(rowid), 0) FROM messages)")


def _forget_some(file: sqlite3.Connection) -> bool:
    rows = file.execute("SELECT * FROM search_gone ORDER BY place LIMIT ?", (_BATCH,)).fetchall()
    _write(_REMOVE, sorted(rows, key=itemgetter("number")), file)
    file.executemany("DELETE FROM search_gone WHERE place = ?", [(row["place"],) for row in rows])
    return bool(rows)


def _add_waiting(file: sqlite3.Connection) -> bool:
    rows = file.execute(_WAITING, (_BATCH,)).fetchall()
    _write(_ADD, [row for row in rows if row["number"] is not None], file)
    file.executemany("DELETE FROM search_waiting WHERE number = ?", [(row["waiting"],) for row in rows])
    return bool(rows)


def _add_backlog(file: sqlite3.Connection) -> bool:
    """Add the newest of the messages that were there before there were words."""
    rows = file.execute(_BACKLOG, (_BATCH,)).fetchall()
    _write(_ADD, [row for row in rows[::-1] if row["status"] != "streaming"], file)
    left = rows[-1]["number"] - 1 if rows else 0
    if rows or file.execute("SELECT backlog FROM search_state").fetchone()[0]:
        file.execute("UPDATE search_state SET backlog = ?", (left,))
    return bool(rows)


def _write(sql: str, rows: Sequence[sqlite3.Row], file: sqlite3.Connection) -> None:
    """Add or take out the words of rows, which come in the order of their numbers."""
    for part, group in groupby(rows, key=lambda row: int(row["number"]) >> PART_BITS):
        said = [row for row in group if row["content"]]
        if sql is _ADD and said:
            _widen(part, [row["created_at"] for row in said], file)
        file.executemany(sql.format(part=part), [(row["number"], *_words_of(row)) for row in said])


def _widen(part: int, moments: Sequence[int], file: sqlite3.Connection) -> None:
    """Make a part if there is none yet, and note when its messages were made."""
    if not file.execute("SELECT 1 FROM search_parts WHERE part = ?", (part,)).fetchone():
        file.execute(_TABLE.format(part=part))
    file.execute(_NOTE_PART, (part, min(moments), max(moments)))


def _words_of(row: sqlite3.Row) -> tuple[str, str, str]:
    month = from_micros(row["created_at"])
    return fold(row["content"]), fold(row["model"] or ""), f"{row['role']} m{month.year:04}{month.month:02}"


def _parts(file: sqlite3.Connection) -> list[sqlite3.Row]:
    return file.execute("SELECT * FROM search_parts ORDER BY part DESC").fetchall()


# --- finding ------------------------------------------------------------------------------------------


def find(query: Query, limit: int, before: int | None, file: sqlite3.Connection) -> Found:
    """Return the best of the newest messages that fit, at most `CANDIDATES` of them looked at.

    Args:
        query: what is looked for.
        limit: how many hits to return; the others are known by their numbers.
        before: where an earlier look came to; ``None`` begins with the newest.
        file: where.
    """
    if query.is_empty:
        return Found()
    look = _Look(query, file)
    next_number = look.run(before)
    numbers = look.best()
    return Found(
        hits=tuple(hits_of(query, numbers[:limit], file)),
        rest=tuple(numbers[limit:]),
        next_number=next_number,
        unindexed=_unindexed(file),
    )


def hits_of(query: Query, numbers: Sequence[int], file: sqlite3.Connection) -> list[Hit]:
    """Return the hits of messages known by their numbers, as far as they are still there."""
    rows = (file.execute(_HIT, (number,)).fetchone() for number in numbers)
    hits = (_hit(query, row) for row in rows if row is not None)
    return [hit for hit in hits if hit.ranges or not query.terms]


def _unindexed(file: sqlite3.Connection) -> int:
    backlog = file.execute("SELECT backlog FROM search_state").fetchone()[0]
    waiting = file.execute("SELECT count(*) FROM search_waiting").fetchone()[0]
    return int(backlog + max(0, waiting - _WAITING_LOOKED_AT))


def _hit(query: Query, row: sqlite3.Row) -> Hit:
    snippet, ranges, place, found = excerpt(query, row["content"])
    return Hit(
        session_id=row["session_id"],
        session_title=row["session_title"],
        is_archived=bool(row["archived"]),
        message_id=row["id"],
        role=row["role"],
        model=row["model"],
        created_at=from_micros(row["created_at"]),
        snippet=snippet,
        ranges=ranges,
        place=place,
        found=found,
    )


class _Look(Sieve):
    """One look for messages, newest first, until there are enough."""

    def __init__(self, query: Query, file: sqlite3.Connection) -> None:
        super().__init__(query)
        self._query = query
        self._file = file
        self._tagged = _tagged(query.tags, file) if query.tags else None
        self._end = time.monotonic() + ENOUGH_S

    def run(self, before: int | None) -> int | None:
        """Look; returns the number before which was not looked, ``None`` if all was."""
        if before is None:
            for row in self._rows(_LOOK_AT_WAITING, "search_waiting.number", 0, {}):
                self.take(row)
        top = before if before is not None else 1 << 62
        for kept in _parts(self._file):
            part = int(kept["part"])
            if part << PART_BITS >= top or not self._may_hold(kept):
                continue
            sql = _LOOK.replace("{part}", str(part))
            values = {"match": match_of(self._query, kept["first_at"], kept["last_at"]), "before": top}
            for count, row in enumerate(self._rows(sql, f"search_{part}.rowid", part, values), 1):
                self.take(row)
                is_time = count % _LOOK_AT_CLOCK == 0 and time.monotonic() > self._end
                if self.count >= CANDIDATES or (is_time and self.count):
                    return int(row["number"])
            if self.count and time.monotonic() > self._end:
                return part << PART_BITS
        return None

    def _may_hold(self, part: sqlite3.Row) -> bool:
        query = self._query
        return not (
            (query.after is not None and part["last_at"] < to_micros(query.after))
            or (query.before is not None and part["first_at"] >= to_micros(query.before))
            or (self._tagged is not None and part["part"] not in self._tagged)
        )

    def _rows(self, sql: str, number: str, part: int, values: dict[str, Any]) -> Iterator[sqlite3.Row]:
        conditions = []
        if self._query.after is not None:
            conditions.append("AND messages.created_at >= :after")
            values["after"] = to_micros(self._query.after)
        if self._query.before is not None:
            conditions.append("AND messages.created_at < :until")
            values["until"] = to_micros(self._query.before)
        if self._query.not_tags:
            conditions.append(_NOT_TAGGED)
            values["not_tags"] = json.dumps([storable(tag) for tag in self._query.not_tags])
        if self._tagged is not None:
            # A plus sign, since the few must be looked up among the many and not each searched for.
            conditions.append(f"AND +{number} IN (SELECT value FROM json_each(:tagged))")
            values["tagged"] = json.dumps(
                self._tagged.get(part, []) if "match" in values else self._all_tagged()
            )
        return self._file.execute(sql.format(candidate=_CANDIDATE, conditions=" ".join(conditions)), values)

    def _all_tagged(self) -> list[int]:
        return [number for numbers in (self._tagged or {}).values() for number in numbers]


def _tagged(tags: Sequence[str], file: sqlite3.Connection) -> dict[int, list[int]]:
    """Return the numbers of the messages of the sessions that have all tags, by part."""
    sql = _TAGGED.format(tags=", ".join("?" * len(tags)))
    parts: dict[int, list[int]] = {}
    for row in file.execute(sql, (*map(storable, tags), len(tags))):
        parts.setdefault(row[0] >> PART_BITS, []).append(row[0])
    return parts


def match_of(query: Query, first_at: int = 0, last_at: int = 1 << 62) -> str:
    """Return a query as FTS5 reads it, for a part with messages made between two moments.

    Its words hold letters, digits and what is outside of ASCII, and are quoted.
    """
    wanted = [f"said : {_phrase(term)}" for term in query.terms]
    unwanted = [f"said : {_phrase(term)}" for term in query.excluded]
    for some, models in ((wanted, query.models), (unwanted, query.not_models)):
        if models:
            ids = " OR ".join(_phrase(Term(model, is_prefix=True)) for model in models)
            some.append(f"model : ({ids})")
    for some, roles in ((wanted, query.roles), (unwanted, query.not_roles)):
        if roles:
            some.append(f"marks : ({' OR '.join(roles)})")
    # Months leave out most of what does not fit; the moments themselves are compared afterwards.
    if query.after is not None and first_at < to_micros(query.after):
        wanted += _months(query.after - _DAY, now() + _YEAR)
    if query.before is not None and last_at >= to_micros(query.before):
        unwanted += _months(query.before + _MONTH, now() + _YEAR)
    match = " AND ".join(wanted) or "marks : (user OR assistant OR system OR tool)"
    return " NOT ".join([f"({match})", *unwanted])


def _phrase(term: Term) -> str:
    return f'"{storable(" ".join(term.words))}"{" *" if term.is_prefix else ""}'


def _months(first: datetime, last: datetime) -> list[str]:
    """Return what finds the months from one moment to another; nothing where there are too many or none."""
    start, end = (moment.year * 12 + moment.month - 1 for moment in (first, last))
    if not 0 <= end - start < _MOST_MONTHS:
        return []
    months = (f"m{month // 12:04}{month % 12 + 1:02}" for month in range(start, end + 1))
    return [f"marks : ({' OR '.join(months)})"]
