"""Sessions in one SQLite file, which several brims may use at once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import aiosqlite

from brim.core.errors import SessionNotFoundError, StoreError
from brim.core.store import queries
from brim.core.store.connection import Connection, Journal
from brim.core.store.migrate import alone, migrate
from brim.core.store.protocol import Recovered
from brim.core.store.rows import (
    calls_from_json,
    message_of,
    message_values,
    session_of,
    session_value,
    session_values,
    to_micros,
    to_picos,
)
from brim.core.store.writers import Writer
from brim.core.types import CleanupReceipt, Message, OutlineRow, Session, Status, ToolCall, now

_CANDIDATES = 5
_MOVES_IN_LIST = frozenset({"title", "model", "head_id"})
_SETTABLE = _MOVES_IN_LIST | {"system_prompt", "draft", "queued", "deleted_at"}


class SQLiteStore:
    """A `SessionStore` on a file.

    Args:
        path: the data file, made on opening if it is missing; ``None`` keeps everything in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._connection = Connection(path)
        self._writer: Writer | None = None

    async def open(self) -> Recovered:
        """Create or migrate the file, and mark answers whose writer is gone."""
        backup: Path | None = None
        if self._path is not None:
            backup, self._writer = await asyncio.to_thread(_prepare, self._path)
        await self._connection.open()
        self._journal = Journal(self._connection)
        interrupted = await self._recover() if self._writer is not None else ()
        return Recovered(interrupted, None if backup is None else str(backup))

    async def aclose(self) -> None:
        """Write what waits and close."""
        try:
            await self._journal.close()
        finally:
            await self._connection.close()
            if self._writer is not None:
                self._writer.release()

    async def _recover(self) -> tuple[str, ...]:
        writer = self._writer
        if writer is None:
            return ()
        tokens = [row["writer"] for row in await self._connection.rows(queries.STREAMING_WRITERS)]
        gone = [token for token in tokens if token is None or writer.is_gone(token)]
        found: list[str] = []
        for token in gone:
            async with self._connection.transaction() as file:
                rows = await file.execute_fetchall(queries.STREAMING_OF_WRITER, (token,))
                for message in await self._with_journal([message_of(row) for row in rows]):
                    ended = message.model_copy(update={"status": Status.INTERRUPTED})
                    await self._write_ended(file, ended)
                    found.append(message.id)
        return tuple(found)

    # --- sessions -------------------------------------------------------------------------------------

    async def add_session(self, session: Session) -> None:
        """Keep a new session."""
        values = session_values(session)
        async with self._connection.transaction() as file:
            await file.execute(queries.insert("sessions", values), values)

    async def session(self, session_id: str) -> Session:
        """Return a session by its whole id, also a deleted one."""
        rows = await self._connection.rows(queries.SESSION, (session_id,))
        if not rows:
            raise SessionNotFoundError(f"There is no session {session_id}.")
        return session_of(rows[0])

    async def find_session(self, name: str) -> Session:
        """Return the session that an id, an unambiguous start of one, or ``last`` means."""
        if name == "last":
            newest = await self.list_sessions(limit=1)
            if not newest:
                raise SessionNotFoundError("There are no sessions yet.", hint="Start one with: brim")
            return newest[0]
        values = {"start": name, "end": name + "\U0010ffff", "limit": _CANDIDATES + 1}
        found = [session_of(row) for row in await self._connection.rows(queries.SESSIONS_BY_START, values)]
        exact = [session for session in found if session.id == name]
        if not name or not found:
            raise SessionNotFoundError(f"There is no session {name!r}.", hint="`brim sessions` lists them.")
        if len(found) > 1 and not exact:
            names = ", ".join(session.id for session in found[:_CANDIDATES])
            more = ", …" if len(found) > _CANDIDATES else ""
            raise SessionNotFoundError(f"{name!r} is the start of several sessions: {names}{more}.")
        return (exact or found)[0]

    async def list_sessions(
        self, *, limit: int, after: Session | None = None, title: str = ""
    ) -> list[Session]:
        """Return a page of sessions that are not deleted, newest change first."""
        sql, values = queries.list_sessions(
            None if after is None else (to_micros(after.updated_at), after.id), title
        )
        rows = await self._connection.rows(sql, {**values, "limit": limit})
        return [session_of(row) for row in rows]

    async def count_sessions(self) -> int:
        """Return how many sessions there are that are not deleted."""
        return int((await self._connection.rows(queries.COUNT_SESSIONS))[0][0])

    async def update_session(self, session_id: str, **fields: Any) -> Session:
        """Set fields of a session; see `SessionStore.update_session`."""
        if unknown := fields.keys() - _SETTABLE:
            raise ValueError(f"these fields of a session cannot be set: {', '.join(sorted(unknown))}")
        values = {name: session_value(name, value) for name, value in fields.items()}
        if fields.keys() & _MOVES_IN_LIST:
            values["updated_at"] = to_micros(now())
        async with self._connection.transaction() as file:
            await file.execute(queries.update("sessions", values), {**values, "id": session_id})
            if "head_id" in fields:
                await file.execute(queries.RECOUNT_WINDOW, {"id": session_id})
            return await _read_session(file, session_id)

    # --- messages -------------------------------------------------------------------------------------

    async def add_message(self, message: Message) -> Session:
        """Keep a message and make it its session's head."""
        values = message_values(message)
        if message.status is Status.STREAMING and self._writer is not None:
            values["writer"] = self._writer.token
        async with self._connection.transaction() as file:
            head = (await _read_session(file, message.session_id)).head_id
            await file.execute(queries.insert("messages", values), values)
            weight = (message.tokens or 0) if message.in_window else 0
            moved = {"id": message.session_id, "head": message.id, "at": to_micros(now()), "weight": weight}
            await file.execute(queries.MESSAGE_ADDED, moved)
            if message.parent_id != head:
                await file.execute(queries.RECOUNT_WINDOW, moved)
            return await _read_session(file, message.session_id)

    def journal(
        self, message_id: str, *, text: str = "", reasoning: str = "", tool_call: ToolCall | None = None
    ) -> None:
        """Add to a streaming answer without waiting."""
        self._journal.add(message_id, text, reasoning, tool_call)

    async def finish_message(self, message: Message) -> Session:
        """Write an answer as it is at its end, and count it."""
        self._journal.forget(message.id)
        usage, cost = message.usage, message.cost_usd
        async with self._connection.transaction() as file:
            await self._write_ended(file, message)
            counted = {
                "id": message.session_id,
                "at": to_micros(now()),
                "tokens": usage.total_tokens if usage else 0,
                "cost": to_picos(cost) if cost is not None else 0,
                "turns": int(usage is not None),
                "priced": int(usage is not None and cost is not None),
            }
            await file.execute(queries.TURN_COUNTED, counted)
            return await _read_session(file, message.session_id)

    async def _write_ended(self, file: aiosqlite.Connection, message: Message) -> None:
        """Write a message that was streaming, drop its journal, and correct the weight of the window."""
        kept = {"session_id", "parent_id", "role", "created_at", "in_window", "pinned"}
        if message.receipt is None:
            kept.add("receipt")
        values = {name: value for name, value in message_values(message).items() if name not in kept}
        values["writer"] = None
        weight = (message.tokens or 0) if message.in_window else 0
        await _change_weight(file, message.session_id, message.id, weight)
        await file.execute(queries.update("messages", values), values)
        await file.execute(queries.DROP_JOURNAL, (message.id,))

    async def message(self, message_id: str) -> Message:
        """Return one message."""
        found = await self.messages_by_id([message_id])
        if not found:
            raise SessionNotFoundError(f"There is no message {message_id}.")
        return found[0]

    async def tail(self, session_id: str, *, limit: int, before_id: str | None = None) -> list[Message]:
        """Return the last messages of the path, or of what comes before ``before_id`` in it."""
        sql = queries.TAIL if before_id is None else queries.TAIL_BEFORE
        values = {"session": session_id, "before": before_id, "limit": limit}
        return await self._messages(sql, values)

    async def outline(self, session_id: str) -> list[OutlineRow]:
        """Return the whole path without its texts."""
        rows = await self._connection.rows(queries.OUTLINE, {"session": session_id})
        return [OutlineRow(row["id"], row["role"], row["chars"], row["lines"]) for row in rows]

    async def messages_by_id(self, message_ids: Sequence[str]) -> list[Message]:
        """Return the messages with these ids, in the order of the ids."""
        found: dict[str, Message] = {}
        for start in range(0, len(message_ids), queries.MOST_VALUES):
            part = list(message_ids[start : start + queries.MOST_VALUES])
            for message in await self._messages(queries.messages_by_id(len(part)), part):
                found[message.id] = message
        return [found[message_id] for message_id in message_ids if message_id in found]

    async def transcript(self, session_id: str) -> list[Message]:
        """Return the whole path."""
        return await self._messages(queries.TRANSCRIPT, {"session": session_id})

    async def window(self, session_id: str) -> list[Message]:
        """Return the messages of the path that are in the window."""
        return await self._messages(queries.WINDOW, {"session": session_id})

    async def _messages(self, sql: str, values: Iterable[Any] | dict[str, Any]) -> list[Message]:
        rows = await self._connection.rows(sql, values)
        return await self._with_journal([message_of(row) for row in rows])

    async def _with_journal(self, messages: list[Message]) -> list[Message]:
        """Give streaming answers the text that has come so far."""
        return [
            await self._so_far(message) if message.status is Status.STREAMING else message
            for message in messages
        ]

    async def _so_far(self, message: Message) -> Message:
        rows = await self._connection.rows(queries.JOURNAL, (message.id,))
        calls = {call.id: call for row in rows for call in calls_from_json(row["tool_calls"])}
        return message.model_copy(
            update={
                "content": message.content + "".join(row["text"] for row in rows),
                "reasoning": message.reasoning + "".join(row["reasoning"] for row in rows),
                "tool_calls": tuple(calls.values()) or message.tool_calls,
            }
        )

    async def weigh(self, session_id: str, tokens: dict[str, tuple[int, bool]]) -> Session:
        """Set messages' weights."""
        async with self._connection.transaction() as file:
            for message_id, (weight, is_estimate) in tokens.items():
                await _change_weight(file, session_id, message_id, weight)
                await file.execute(queries.WEIGH, (weight, is_estimate, message_id))
            return await _read_session(file, session_id)

    async def clean(self, session_id: str, message_id: str, receipt: CleanupReceipt) -> Session:
        """Take messages out of the window and keep the receipt."""
        async with self._connection.transaction() as file:
            await file.executemany(queries.SET_IN_WINDOW, [(False, left) for left in receipt.left_ids])
            await file.execute(queries.SET_RECEIPT, (receipt.model_dump_json(), message_id))
            return await _recounted(file, session_id)

    async def bring_back(self, session_id: str, message_ids: Iterable[str]) -> Session:
        """Put messages back into the window."""
        async with self._connection.transaction() as file:
            await file.executemany(queries.SET_IN_WINDOW, [(True, back) for back in message_ids])
            return await _recounted(file, session_id)

    async def pin(self, message_id: str, *, pinned: bool) -> Message:
        """Pin or unpin a message."""
        async with self._connection.transaction() as file:
            await file.execute(queries.SET_PINNED, (pinned, message_id))
        return await self.message(message_id)

    async def prompts(self, *, limit: int) -> list[str]:
        """Return the newest distinct user prompts, newest first."""
        rows = await self._connection.rows(queries.PROMPTS, {"limit": 4 * limit})
        return list(dict.fromkeys(row["content"] for row in rows))[:limit]


def _prepare(path: Path) -> tuple[Path | None, Writer]:
    backup = migrate(path)
    try:
        with alone(path):
            writer = Writer(path.with_name(path.name + ".writers"))
            writer.sweep()
            return backup, writer
    except OSError as error:
        raise StoreError(f"{path.parent} cannot be written: {error.strerror or error}.") from error


async def _read_session(file: aiosqlite.Connection, session_id: str) -> Session:
    rows: Iterable[sqlite3.Row] = await file.execute_fetchall(queries.SESSION, (session_id,))
    for row in rows:
        return session_of(row)
    raise SessionNotFoundError(f"There is no session {session_id}.")


async def _change_weight(file: aiosqlite.Connection, session_id: str, message_id: str, tokens: int) -> None:
    """Correct the weight of a session's window for a message in it that is about to weigh ``tokens``."""
    values = {"new": tokens, "message": message_id, "session": session_id}
    await file.execute(queries.WEIGHT_CHANGES, values)


async def _recounted(file: aiosqlite.Connection, session_id: str) -> Session:
    await file.execute(queries.RECOUNT_WINDOW, {"id": session_id})
    return await _read_session(file, session_id)
