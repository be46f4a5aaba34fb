"""What changes what the model sees: weights, cleanups, and the person's marks. In the thread of a connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from brim.core.errors import SessionNotFoundError
from brim.core.store import queries, session_table
from brim.core.store.rows import count, receipt_values, storable
from brim.core.types import CleanupReceipt, Session


def weigh(session_id: str, tokens: Mapping[str, tuple[int, bool]], file: sqlite3.Connection) -> Session:
    """Set weights, by message id: the tokens and whether they are an estimate."""
    weigh_anew(session_id, {message_id: count(weight) for message_id, (weight, _) in tokens.items()}, file)
    file.executemany(
        queries.WEIGH,
        [
            (count(weight), is_estimate, message_id, session_id)
            for message_id, (weight, is_estimate) in tokens.items()
        ],
    )
    return session_table.get(session_id, file)


def weigh_anew(session_id: str, tokens: Mapping[str, int], file: sqlite3.Connection) -> None:
    """Correct a session's window for messages of it that are about to weigh what ``tokens`` says."""
    window = pinned = 0
    for message_id in _on_path(session_id, tokens.keys(), file):
        row = file.execute(queries.WEIGHT, (message_id, session_id)).fetchone()
        if row["in_window"]:
            more = tokens[message_id] - (row["tokens"] or 0)
            window += more
            pinned += more if row["pinned"] else 0
    if window or pinned:
        file.execute(queries.GROW_WINDOW, {"window": window, "pinned": pinned, "id": session_id})


def _on_path(session_id: str, message_ids: Iterable[str], file: sqlite3.Connection) -> list[str]:
    """Return which of the messages are on the path of a session, looking no further back than to the last."""
    wanted, found = set(message_ids), []
    rows = file.execute(queries.PATH_BACK, {"session": session_id})
    while wanted and (row := rows.fetchone()) is not None:
        if row["id"] in wanted:
            wanted.remove(row["id"])
            found.append(row["id"])
    rows.close()
    return found


def clean(
    session_id: str,
    message_id: str,
    receipt: CleanupReceipt,
    file: sqlite3.Connection,
    *,
    leaving: Iterable[str],
    returning: Iterable[str],
    shortened: Mapping[str, tuple[int | None, int]],
) -> Session:
    """Keep a receipt and do what it says; see `SessionStore.clean`."""
    values = receipt_values(receipt)
    kept = file.execute(queries.update("messages", values), {**values, "id": storable(message_id)})
    if kept.rowcount != 1:
        raise SessionNotFoundError(f"There is no message {storable(message_id)}.")
    file.executemany(queries.LEAVE, [(left, session_id) for left in leaving])
    file.executemany(queries.RETURN, [(back, session_id) for back in returning])
    file.executemany(
        queries.SHORTEN,
        [(chars, count(tokens), each, session_id) for each, (chars, tokens) in shortened.items()],
    )
    session_table.recount(session_id, file)
    return session_table.get(session_id, file)


def mark(message_id: str, pinned: bool | None, left_out: bool | None, file: sqlite3.Connection) -> None:
    """Pin a message or leave it out, or take that back; see `SessionStore.mark`."""
    row = file.execute(queries.STATE, (storable(message_id),)).fetchone()
    if row is None:
        raise SessionNotFoundError(f"There is no message {storable(message_id)}.")
    values: dict[str, bool] = {}
    if left_out is not None:
        values |= {"left_out": left_out, "in_window": not left_out}
    if pinned is not None:
        values["pinned"] = pinned
    if pinned:
        values |= {"left_out": False, "in_window": True}
    if values:
        file.execute(queries.update("messages", values), {**values, "id": message_id})
        session_table.recount(row["session_id"], file)
