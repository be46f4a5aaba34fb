"""Who writes an answer in a session, in the thread of a connection.

A store that writes an answer has a lease on its session, which ends by itself unless it is renewed. Whoever takes a
lease that has ended ends the answers that were being written under it, in the same transaction. So an answer that
is still marked as being written is written by who has the lease, and one that lost it finds its answer ended.
The clock is the server's: `now_s` and `next_fence` are functions that each of these stores has in its SQL.
After the server was away, leases count that have ended a short while ago: ``spared_s`` tells how long, see `Outages`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from brim.core.store import message_table

_LEASE = """
    SELECT store, fence, expires_at > now_s() - ? AS holds FROM leases WHERE session_id = ?
"""
_TAKE = """
    INSERT INTO leases (session_id, store, fence, expires_at)
    VALUES (?, ?, next_fence(), now_s() + ?)
    ON CONFLICT (session_id) DO UPDATE
    SET store = excluded.store, fence = excluded.fence, expires_at = excluded.expires_at, stop_asked = 0
    RETURNING fence
"""
_RENEW_ONE = """
    UPDATE leases SET expires_at = now_s() + ? WHERE session_id = ? AND store = ?
"""
_RELEASE = "DELETE FROM leases WHERE session_id = ? AND store = ?"
_RELEASE_ALL = "DELETE FROM leases WHERE store = ?"
_ASK_TO_STOP = "UPDATE leases SET stop_asked = 1 WHERE session_id = ? AND store <> ? AND expires_at > now_s()"
_ASKED_TO_STOP = "SELECT session_id FROM leases WHERE store = ? AND stop_asked = 1"
_ELSEWHERE = "SELECT session_id FROM leases WHERE store <> ? AND expires_at > now_s()"
_ABANDONED = """
    SELECT DISTINCT messages.session_id AS session_id FROM messages
    LEFT JOIN leases ON leases.session_id = messages.session_id
    WHERE status = 'streaming' AND (leases.session_id IS NULL OR coalesce(writer, '') <> CAST(fence AS TEXT)
        OR expires_at <= now_s() - ?)
"""
_STREAMING = "SELECT * FROM messages WHERE session_id = ? AND status = 'streaming'"


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants the lease on a session."""

    session_id: str
    store: str
    ttl_s: float
    """How long it is to last, in seconds."""
    is_kept: bool
    """Whether the store has had it all the while."""


def take(claim: Claim, spared_s: Callable[[], float], file: sqlite3.Connection) -> int | None:
    """Take the lease on a session that is held, or renew one that the store has kept up; returns its fence.

    Returns ``None`` while another store has it.
    """
    session_id = claim.session_id
    row = file.execute(_LEASE, (spared_s(), session_id)).fetchone()
    is_own = row is not None and row["store"] == claim.store
    if is_own and claim.is_kept:
        file.execute(_RENEW_ONE, (claim.ttl_s, session_id, claim.store))
        return int(row["fence"])
    if row is not None and row["holds"] and not is_own:
        return None
    end_answers(session_id, file)
    return int(file.execute(_TAKE, (session_id, claim.store, claim.ttl_s)).fetchone()[0])


def renew(session_ids: Iterable[str], store: str, ttl_s: float, file: sqlite3.Connection) -> None:
    """Renew the leases of a store on sessions, those aside that others have taken meanwhile."""
    for session_id in session_ids:
        file.execute(_RENEW_ONE, (ttl_s, session_id, store))


def release(session_id: str, store: str, file: sqlite3.Connection) -> None:
    """Give the lease on a session back."""
    file.execute(_RELEASE, (session_id, store))


def release_all(store: str, file: sqlite3.Connection) -> None:
    """Give back all leases of a store."""
    file.execute(_RELEASE_ALL, (store,))


def ask_to_stop(session_id: str, store: str, file: sqlite3.Connection) -> bool:
    """Ask another store that has the lease on a session to stop its answer; returns whether there is one."""
    return file.execute(_ASK_TO_STOP, (session_id, store)).rowcount > 0


def asked_to_stop(store: str, file: sqlite3.Connection) -> frozenset[str]:
    """Return the sessions that a store has leases on and is asked to stop."""
    return frozenset(row["session_id"] for row in file.execute(_ASKED_TO_STOP, (store,)))


def elsewhere(store: str, file: sqlite3.Connection) -> frozenset[str]:
    """Return the sessions on which other stores have leases."""
    return frozenset(row["session_id"] for row in file.execute(_ELSEWHERE, (store,)))


def abandoned(kept: Container[str], spared_s: Callable[[], float], file: sqlite3.Connection) -> list[str]:
    """Return the sessions with answers under no lease or one that has ended, those aside that are ``kept`` up here."""
    found = (row["session_id"] for row in file.execute(_ABANDONED, (spared_s(),)))
    return [session_id for session_id in found if session_id not in kept]


def take_back(
    session_ids: Iterable[str],
    kept: Container[str],
    spared_s: Callable[[], float],
    hold: Callable[[str, sqlite3.Connection], None],
    file: sqlite3.Connection,
) -> list[str]:
    """End the answers of sessions that are abandoned, and the leases on them; returns the ids of the answers.

    Each session is held first, so that nobody takes it meanwhile.
    """
    ended: list[str] = []
    for session_id in sorted(session_ids):
        hold(session_id, file)
        if session_id in abandoned(kept, spared_s, file):
            ended += end_answers(session_id, file)
            file.execute("DELETE FROM leases WHERE session_id = ?", (session_id,))
    return ended


def end_answers(session_id: str, file: sqlite3.Connection) -> list[str]:
    """End the answers of a session that are being written, with the text that had come; returns their ids."""
    return message_table.interrupt_rows(file.execute(_STREAMING, (session_id,)).fetchall(), file)
