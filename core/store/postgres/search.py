"""The words of messages in PostgreSQL, and how messages are found by them. In the thread of a connection.

Each message's words are kept folded and each once, as a vector without places: the index finds where all words are,
and whether they stand in a row is seen in the text itself, as everything is before it counts.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from typing import Any

from brim.core.folding import words
from brim.core.search import Found, Hit, Query, Term
from brim.core.store.rows import storable, to_micros
from brim.core.store.search_table import CANDIDATES, ENOUGH_S, hits_of
from brim.core.store.sieve import Sieve

WORD_CHARS = 200
"""How much of a word is kept; a longer one is found by its beginning and then seen in the text."""

MOST_BYTES = 900_000
"""How long the words of one message may be together; PostgreSQL keeps no vector above 1 MiB."""

_BATCH = 100
_PAGE = 5_000
"""How many messages that have the words are looked up at a time; they are read in steps of `_BATCH`."""

_WAITING_LOOKED_AT = 500
_ROW = """
    messages.rowid AS number, role, messages.model AS model, messages.created_at AS created_at, 0 AS chars, content
"""
_WAITS = "SELECT EXISTS (SELECT 1 FROM search_waiting)"
_WAITING = """
    SELECT messages.rowid AS number, content FROM search_waiting
    JOIN messages ON messages.rowid = search_waiting.number
    ORDER BY search_waiting.number DESC LIMIT ? FOR UPDATE OF search_waiting SKIP LOCKED
"""
_ADD = """
    INSERT INTO message_words (number, words) VALUES (?, array_to_tsvector(CAST(? AS TEXT[])))
    ON CONFLICT (number) DO UPDATE SET words = excluded.words
"""
_DONE = "DELETE FROM search_waiting WHERE number = ?"
_LOOK_AT_WAITING = f"""
    SELECT {_ROW} FROM search_waiting JOIN messages ON messages.rowid = search_waiting.number
    JOIN sessions ON sessions.id = messages.session_id
    WHERE deleted_at IS NULL {{conditions}} ORDER BY messages.rowid DESC LIMIT {_WAITING_LOOKED_AT}
"""
_LOOK = f"""
    SELECT message_words.number AS number FROM message_words JOIN messages ON messages.rowid = message_words.number
    JOIN sessions ON sessions.id = messages.session_id
    WHERE deleted_at IS NULL AND message_words.number < :before {{conditions}}
    ORDER BY message_words.number DESC LIMIT {_PAGE}
"""
_READ = f"SELECT {_ROW} FROM messages WHERE messages.rowid = ANY(?) ORDER BY messages.rowid DESC"
_TAGGED = """
    messages.session_id {has} (
        SELECT session_id FROM session_tags WHERE tag IN (SELECT value FROM json_each(:{name})) {all}
    )
"""


def waits(file: sqlite3.Connection) -> bool:
    """Whether messages wait for their words to be added."""
    return bool(file.execute(_WAITS).fetchone()[0])


def index(budget_s: float, file: sqlite3.Connection) -> bool:
    """Add the words of messages that wait, the newest first; returns whether more is to be done."""
    end = time.monotonic() + budget_s
    while rows := file.execute(_WAITING, (_BATCH,)).fetchall():
        file.executemany(_ADD, [(row["number"], words_of(row["content"])) for row in rows])
        file.executemany(_DONE, [(row["number"],) for row in rows])
        if time.monotonic() > end:
            return waits(file)
    return False


def words_of(text: str) -> list[str]:
    """Return each word of a text once, as far as they can be kept."""
    kept: dict[str, None] = {}
    size = 0
    for word in words(text):
        word = word[:WORD_CHARS]  # noqa: PLW2901 - the rest of it is seen in the text
        if word not in kept:
            size += len(word.encode("utf-8", "replace")) + 8
            if size > MOST_BYTES:
                break
            kept[storable(word)] = None
    return list(kept)


def match_of(terms: Sequence[Term]) -> str:
    """Return what finds messages that may have all of the terms, as PostgreSQL reads it.

    Words hold letters, digits and what is outside of ASCII, and are quoted.
    """
    wanted: dict[str, None] = {}
    for term in terms:
        for place, word in enumerate(term.words, 1):
            goes_on = term.is_prefix and place == len(term.words)
            wanted[f"'{storable(word[:WORD_CHARS])}'{':*' if goes_on else ''}"] = None
    return " & ".join(wanted)


def find(query: Query, limit: int, before: int | None, file: sqlite3.Connection) -> Found:
    """Return the best of the newest messages that fit; see `brim.core.store.search_table.find`."""
    if query.is_empty:
        return Found()
    sieve = Sieve(query)
    next_number = _look(query, sieve, before, file)
    numbers = sieve.best()
    waiting = file.execute("SELECT count(*) FROM search_waiting").fetchone()[0]
    return Found(
        hits=tuple(hits_of(query, numbers[:limit], file)),
        rest=tuple(numbers[limit:]),
        next_number=next_number,
        unindexed=max(0, waiting - _WAITING_LOOKED_AT),
    )


def hits(query: Query, numbers: Sequence[int], file: sqlite3.Connection) -> list[Hit]:
    """Return the hits of messages known by their numbers, as far as they are still there."""
    return hits_of(query, numbers, file)


def _look(query: Query, sieve: Sieve, before: int | None, file: sqlite3.Connection) -> int | None:
    """Look, newest first; returns the number before which was not looked, ``None`` if all was."""
    conditions, values = _conditions(query)
    end = time.monotonic() + ENOUGH_S
    if before is None:
        for row in file.execute(_LOOK_AT_WAITING.format(conditions=conditions), values):
            sieve.take(row)
    if query.terms:
        conditions += " AND words @@ CAST(:match AS TSQUERY)"
        values["match"] = match_of(query.terms)
    for numbers in _steps(_LOOK.format(conditions=conditions), values, before, file):
        for row in file.execute(_READ, (numbers,)):
            sieve.take(row)
        if sieve.count and (sieve.count >= CANDIDATES or time.monotonic() > end):
            return numbers[-1]
    return None


def _steps(
    sql: str, values: dict[str, Any], before: int | None, file: sqlite3.Connection
) -> Iterator[list[int]]:
    """Go on with the numbers of messages that have the words, newest first, a few at a time."""
    top = before if before is not None else 1 << 62
    while numbers := [row["number"] for row in file.execute(sql, {**values, "before": top})]:
        for start in range(0, len(numbers), _BATCH):
            yield numbers[start : start + _BATCH]
        if len(numbers) < _PAGE:
            return
        top = numbers[-1]


def _conditions(query: Query) -> tuple[str, dict[str, Any]]:
    """Return what leaves out messages whatever they say, and its values."""
    conditions: list[str] = []
    values: dict[str, Any] = {}
    for name, comparison, moment in (("after", ">=", query.after), ("until", "<", query.before)):
        if moment is not None:
            conditions.append(f"messages.created_at {comparison} :{name}")
            values[name] = to_micros(moment)
    if query.roles:
        conditions.append("role IN (SELECT value FROM json_each(:roles))")
        values["roles"] = json.dumps(query.roles)
    if query.tags:
        every = "GROUP BY session_id HAVING count(*) = json_array_length(:tags)"
        conditions.append(_TAGGED.format(has="IN", name="tags", all=every))
        values["tags"] = json.dumps([storable(tag) for tag in query.tags])
    if query.not_tags:
        conditions.append(_TAGGED.format(has="NOT IN", name="not_tags", all=""))
        values["not_tags"] = json.dumps([storable(tag) for tag in query.not_tags])
    return "".join(f" AND {condition}" for condition in conditions), values
