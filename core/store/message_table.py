"""What is done with the table of messages and the journal, in the thread of a connection.

The weight of a session's window is at all times the sum over the messages that are on the path to the
session's head and in the window. Adding to the head and finishing an answer correct it by the difference; a
head that moves elsewhere has it counted anew along the new path. So an answer that ends on a branch that is no
longer shown weighs nothing until its branch is shown again.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from brim.core.errors import SessionNotFoundError
from brim.core.estimate import MESSAGE_OVERHEAD_TOKENS, estimate_tokens
from brim.core.store import accounts, attachment_table, queries, session_table, window_table
from brim.core.store.rows import (
    OPENING_CHARS,
    calls_from_json,
    context_row_of,
    message_of,
    message_values,
    storable,
    to_json,
    to_micros,
)
from brim.core.types import ContextRow, Message, OutlineRow, PromptParts, QueuedPrompt, Session, Status, now
from brim.core.usage import Usage

_PROMPTS_LOOKED_AT = 50
"""How many prompts are read at most for each distinct one that is wanted."""

_SLICE = 100
"""How many rows are made into messages at a stretch."""
_PAUSE_S = 0.0001

T = TypeVar("T")

# What an ending leaves as it is: it may have changed while the answer came.
_NOT_OF_THE_END = frozenset(
    {
        "session_id",
        "parent_id",
        "role",
        "created_at",
        "in_window",
        "pinned",
        "left_out",
        "shortened_chars",
        "receipt",
        "summary_tokens",
        "attachments",
    }
)


def add(
    message: Message,
    writer: str | None,
    file: sqlite3.Connection,
    *,
    taken: QueuedPrompt | None = None,
) -> Session:
    """Add a message as its session's head.

    Args:
        message: the message.
        writer: the mark of who writes it if it is streaming.
        file: where.
        taken: the prompt of the session's queue that it was until now, if it was one.
    """
    values = message_values(message)
    if message.status is Status.STREAMING:
        values["writer"] = writer
    before = session_table.get(message.session_id, file)
    file.execute(queries.insert("messages", values), values)
    attachment_table.keep(values["id"], message.attachments, file)
    weight = (values["tokens"] or 0) if message.in_window else 0
    file.execute(
        queries.MESSAGE_ADDED,
        {
            "id": before.id,
            "head": values["id"],
            "at": to_micros(now()),
            "weight": weight,
            "pinned": weight if message.pinned else 0,
        },
    )
    if message.parent_id != before.head_id or message.receipt is not None:
        session_table.recount(before.id, file)
    if taken is not None:
        return session_table.change_queue(before.id, (), (taken,), file)
    return session_table.get(before.id, file)


def foresee(message_id: str, parts: PromptParts, file: sqlite3.Connection) -> None:
    """Keep what the prompt of an answer is expected to be made of."""
    _state(message_id, file)
    file.execute(queries.FORESEE, (to_json(parts), message_id))


def finish(message: Message, file: sqlite3.Connection, *, ended_at: datetime | None = None) -> Session:
    """Write an answer as it is at its end (``None``: now), and count its turn unless that has been done."""
    before = _state(message.id, file)
    session_id = before["session_id"]
    values = {name: value for name, value in message_values(message).items() if name not in _NOT_OF_THE_END}
    if message.prompt_parts is None:
        del values["prompt_parts"]
    values["writer"] = None
    window_table.weigh_anew(session_id, {message.id: values["tokens"] or 0}, file)
    file.execute(queries.update("messages", values), values)
    file.execute(queries.DROP_JOURNAL, (message.id,))
    ended_at = ended_at or now()
    if before["status"] == Status.STREAMING and message.usage is not None:
        prompt = file.execute(queries.WEIGHT, (before["parent_id"], session_id)).fetchone()
        added = (values["tokens"] or 0) + ((prompt["tokens"] or 0) if prompt else 0)
        accounts.count_turn(session_id, message, added, ended_at, file)
    file.execute(queries.TOUCHED, {"id": session_id, "at": to_micros(ended_at)})
    return session_table.get(session_id, file)


def interrupt(is_gone: Callable[[str], bool], file: sqlite3.Connection) -> list[str]:
    """End the answers whose writers are gone, with the text that had come; returns their ids.

    Such an answer weighs an estimate. If its request had left, it counts as a turn without a price, with
    estimated tokens: nobody told what it took.
    """
    ended = []
    for writer in gone_writers(is_gone, file):
        ended += interrupt_rows(file.execute(queries.STREAMING_OF_WRITER, (writer,)).fetchall(), file)
    return ended


def interrupt_rows(rows: Iterable[sqlite3.Row], file: sqlite3.Connection) -> list[str]:
    """End the answers of these rows, as `interrupt` does; returns their ids."""
    ended = []
    for row in rows:
        message = _so_far(message_of(row), file)
        _interrupt(message, file)
        ended.append(message.id)
    return ended


def gone_writers(is_gone: Callable[[str], bool], file: sqlite3.Connection) -> list[str | None]:
    """Return the marks of those who were writing answers and are no longer there."""
    writers = [row["writer"] for row in file.execute(queries.STREAMING_WRITERS)]
    return [writer for writer in writers if writer is None or is_gone(writer)]


def is_streaming(message_id: str, file: sqlite3.Connection) -> bool:
    """Whether an answer is being written. Raises `SessionNotFoundError`."""
    return bool(_state(message_id, file)["status"] == Status.STREAMING)


def streaming_elsewhere(writer: str, file: sqlite3.Connection) -> frozenset[str]:
    """Return the ids of the sessions with answers that others than ``writer`` are writing."""
    return frozenset(row["session_id"] for row in file.execute(queries.STREAMING_ELSEWHERE, (writer,)))


def _interrupt(message: Message, file: sqlite3.Connection) -> None:
    spoken = estimate_tokens(message.content) + MESSAGE_OVERHEAD_TOKENS if message.content else 0
    thought = estimate_tokens(message.reasoning) if message.reasoning else 0
    usage = None
    if message.prompt_parts is not None or spoken or thought:
        usage = Usage(
            input_tokens=message.prompt_parts.total_tokens if message.prompt_parts else 0,
            output_tokens=spoken + thought,
            reasoning_tokens=thought,
            estimated=True,
        )
    ended = message.model_copy(
        update={
            "status": Status.INTERRUPTED,
            "tokens": spoken,
            "tokens_estimated": True,
            "usage": usage,
            "cost_usd": None,
        }
    )
    # When its process ended nobody knows.
    finish(ended, file, ended_at=message.created_at)


def by_id(message_ids: Sequence[str], file: sqlite3.Connection) -> list[Message]:
    """Return messages in the order of their ids; unknown ids are left out."""
    found: list[Message] = []
    for message_id in message_ids:
        found += select(queries.MESSAGE, (storable(message_id),), file)
    return found


def get(message_id: str, file: sqlite3.Connection) -> Message:
    """Return one message. Raises `SessionNotFoundError`."""
    found = by_id([message_id], file)
    if not found:
        raise SessionNotFoundError(f"There is no message {storable(message_id)}.")
    return found[0]


def select(
    sql: str, values: Mapping[str, object] | Sequence[object], file: sqlite3.Connection
) -> list[Message]:
    """Return the messages of a query, those being written with the text that has come so far."""
    messages = _made(message_of, file.execute(sql, values))
    return [_so_far(message, file) if message.status is Status.STREAMING else message for message in messages]


def path(sql: str, values: Mapping[str, object], file: sqlite3.Connection) -> list[Message]:
    """Return the messages of a query that walks a path back, in the order of the conversation."""
    return select(sql, values, file)[::-1]


def outline(session_id: str, file: sqlite3.Connection) -> list[OutlineRow]:
    """Return the path of a session without its texts."""
    rows = file.execute(queries.OUTLINE_BACK, {"session": session_id})
    return [OutlineRow(*row) for row in rows][::-1]


def context_rows(session_id: str, file: sqlite3.Connection) -> list[ContextRow]:
    """Return the path of a session with weights and states."""
    rows = file.execute(queries.CONTEXT_BACK, {"session": session_id})
    found = _made(context_row_of, rows)[::-1]
    return [_opened(row, file) if row.status is Status.STREAMING else row for row in found]


def prompts(limit: int, file: sqlite3.Connection) -> list[str]:
    """Return the newest distinct prompts of sessions that are not deleted, newest first."""
    found: dict[str, None] = {}
    for looked_at, row in enumerate(file.execute(queries.PROMPTS)):
        if len(found) >= limit or looked_at >= _PROMPTS_LOOKED_AT * limit:
            break
        found[row["content"]] = None
    return list(found)


def _made(make: Callable[[sqlite3.Row], T], rows: Iterable[sqlite3.Row]) -> list[T]:
    """Return what ``make`` makes of each row, leaving the interpreter to the event loop now and then."""
    made: list[T] = []
    for row in rows:
        made.append(make(row))
        if len(made) % _SLICE == 0:
            time.sleep(_PAUSE_S)
    return made


def _state(message_id: str, file: sqlite3.Connection) -> sqlite3.Row:
    row: sqlite3.Row | None = file.execute(queries.STATE, (storable(message_id),)).fetchone()
    if row is None:
        raise SessionNotFoundError(f"There is no message {storable(message_id)}.")
    return row


def _so_far(message: Message, file: sqlite3.Connection) -> Message:
    """Return an answer that is being written, with what its journal holds."""
    rows = file.execute(queries.JOURNAL, (message.id,)).fetchall()
    calls = {call.id: call for call in message.tool_calls}
    calls |= {call.id: call for row in rows for call in calls_from_json(row["tool_calls"])}
    return message.model_copy(
        update={
            "content": message.content + "".join(row["text"] for row in rows),
            "reasoning": message.reasoning + "".join(row["reasoning"] for row in rows),
            "tool_calls": tuple(calls.values()),
        }
    )


def _opened(row: ContextRow, file: sqlite3.Connection) -> ContextRow:
    """Return the row of an answer that is being written, with the beginning that has come."""
    text = row.opening + "".join(piece["text"] for piece in file.execute(queries.JOURNAL, (row.id,)))
    return replace(row, opening=text[:OPENING_CHARS])
