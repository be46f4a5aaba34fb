"""The database that the command-line tool ``llm`` logs to: ``logs.db``."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from brim.core.importing.items import (
    Imported,
    ImportFormatError,
    Kind,
    Position,
    Problem,
    message_id,
    model_id,
    moment,
    stable_id,
    table_of,
    text_of,
    title_of,
    weighed,
)
from brim.core.types import Message, Session, ToolCall, now
from brim.core.usage import Usage

_ORDER = """
    SELECT coalesce(conversation_id, 'response ' || id) AS conversation, rowid AS number
    FROM responses ORDER BY conversation, datetime_utc, rowid
"""
_FRAGMENTS = """
    SELECT content FROM {table} JOIN fragments ON fragments.id = {table}.fragment_id
    WHERE response_id = ? ORDER BY {table}."order"
"""
_ATTACHMENTS = """
    SELECT type, path, url, length(content) AS size FROM prompt_attachments
    JOIN attachments ON attachments.id = prompt_attachments.attachment_id
    WHERE response_id = ? ORDER BY prompt_attachments."order"
"""
_REASONING = """
    SELECT content FROM parts WHERE response_id = ? AND direction = 'output' AND part_type = 'reasoning'
    ORDER BY "order"
"""
_MOST_TOKENS = 10**12


def is_log(path: Path) -> bool:
    """Whether a SQLite file is such a log."""
    with closing(_connect(path)) as file:
        return {"conversations", "responses"} <= _tables(file)


def read_log(path: Path, position: Position) -> Iterator[Imported | Problem]:
    """Yield the conversations of a log."""
    try:
        with closing(_connect(path)) as file:
            if not {"conversations", "responses"} <= _tables(file):
                raise ImportFormatError(f"{path} is no log of llm.")
            yield from _Log(file, position).read()
    except sqlite3.Error as error:
        yield Problem(path.name, f"the database cannot be read on: {error}")


def _connect(path: Path) -> sqlite3.Connection:
    file = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)
    file.row_factory = sqlite3.Row
    file.text_factory = lambda data: data.decode("utf-8", "replace")
    return file


def _tables(file: sqlite3.Connection) -> set[str]:
    return {row["name"] for row in file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


class _Log:
    def __init__(self, file: sqlite3.Connection, position: Position) -> None:
        self._file = file
        self._position = position
        self._tables = _tables(file)
        position.total += file.execute("SELECT count(*) FROM responses").fetchone()[0]

    def read(self) -> Iterator[Imported | Problem]:
        if "logs" in self._tables and (old := self._file.execute("SELECT count(*) FROM logs").fetchone()[0]):
            yield Problem("table logs", f"{old} entries of an llm older than 0.6; a newer llm can move them")
        order = self._file.execute(_ORDER)
        for conversation, rows in groupby(order, key=lambda row: row["conversation"]):
            yield from self._conversation(str(conversation), [row["number"] for row in rows])

    def _conversation(self, source: str, numbers: list[int]) -> Iterator[Imported | Problem]:
        found = self._file.execute("SELECT * FROM conversations WHERE id = ?", (source,)).fetchone()
        about = dict(found) if found else {}
        where = f"conversation {source[:40]}" + (
            f" “{name[:60]}”" if (name := title_of(about.get("name"))) else ""
        )
        session = Session(
            id=stable_id(Kind.LLM, source), title=name, model=_model(text_of(about.get("model")))
        )
        messages: list[Message] = []
        for number in numbers:
            self._position.done += 1
            try:
                response = dict(
                    self._file.execute("SELECT * FROM responses WHERE rowid = ?", (number,)).fetchone()
                )
            except (sqlite3.Error, TypeError) as error:
                yield Problem(where, f"response {number} cannot be read: {error}")
                continue
            self._respond(session, messages, response)
        if not messages:
            yield Problem(where, "it holds no messages")
            return
        session.created_at = min(message.created_at for message in messages)
        session.updated_at = max(message.created_at for message in messages)
        session.head_id = messages[-1].id
        for message in messages:
            weighed(message)
            if message.usage is not None:
                session.turns += 1
                session.tokens += message.usage.total_tokens
        yield Imported(session, messages, where)

    def _respond(self, session: Session, messages: list[Message], response: dict[str, Any]) -> None:
        """Add what was asked and answered; the answer to what tools told goes into the one that called them."""
        source = str(response["id"])
        at = moment(response.get("datetime_utc")) or (messages[-1].created_at if messages else now())
        system = [text_of(response.get("system")), *self._texts("system_fragments", source)]
        session.system_prompt = "\n\n".join(filter(None, system)) or session.system_prompt
        prompt = self._prompt(response, source)
        results = self._rows("tool_results", source)
        answer = messages[-1] if results and not prompt and messages else None
        if answer is None:
            if prompt:
                asked = Message(
                    role="user", content=prompt, created_at=at, id=message_id(session.id, f"prompt {source}")
                )
                _append(session, messages, asked)
            answer = Message(role="assistant", created_at=at, id=message_id(session.id, f"response {source}"))
            _append(session, messages, answer)
        else:
            answer.tool_calls = tuple(_answered(answer.tool_calls, results))
        text = text_of(response.get("response"))
        calls = self._rows("tool_calls", source)
        begins = len(answer.content) + 2 * bool(answer.content) + len(text)
        answer.content = "\n\n".join(filter(None, (answer.content, text)))
        answer.tool_calls += tuple(_call(call, source, begins) for call in calls)
        answer.model = _model(text_of(response.get("resolved_model")) or text_of(response.get("model")))
        answer.reasoning = "\n\n".join(filter(None, (answer.reasoning, *self._reasoning(source))))
        session.model = answer.model or session.model
        took = response.get("duration_ms")
        if isinstance(took, int | float) and took >= 0:
            answer.duration_s = (answer.duration_s or 0.0) + took / 1000
        answer.usage = _sum(answer.usage, _usage(response))

    def _prompt(self, response: dict[str, Any], source: str) -> str:
        texts = [*self._texts("prompt_fragments", source), text_of(response.get("prompt"))]
        if {"attachments", "prompt_attachments"} <= self._tables:
            for file in self._file.execute(_ATTACHMENTS, (source,)):
                where = file["path"] or file["url"] or (f"{file['size']:,} bytes" if file["size"] else "")
                texts.append(f"[Attachment: {', '.join(filter(None, (file['type'], where))) or 'a file'}]")
        return "\n\n".join(text for text in texts if text.strip())

    def _texts(self, table: str, source: str) -> list[str]:
        if not {table, "fragments"} <= self._tables:
            return []
        return [
            text_of(row["content"]) for row in self._file.execute(_FRAGMENTS.format(table=table), (source,))
        ]

    def _reasoning(self, source: str) -> list[str]:
        if "parts" not in self._tables:
            return []
        return [text_of(row["content"]) for row in self._file.execute(_REASONING, (source,))]

    def _rows(self, table: str, source: str) -> list[dict[str, Any]]:
        if table not in self._tables:
            return []
        rows = self._file.execute(f"SELECT * FROM {table} WHERE response_id = ? ORDER BY id", (source,))
        return [dict(row) for row in rows]


def _append(session: Session, messages: list[Message], message: Message) -> None:
    message.session_id = session.id
    message.parent_id = messages[-1].id if messages else None
    messages.append(message)


def _call(row: dict[str, Any], source: str, at: int) -> ToolCall:
    return ToolCall(
        id=text_of(row.get("tool_call_id")) or stable_id(source, str(row.get("id"))),
        name=text_of(row.get("name")) or "tool",
        arguments=text_of(row.get("arguments")),
        at=at,
    )


def _answered(calls: tuple[ToolCall, ...], results: list[dict[str, Any]]) -> Iterator[ToolCall]:
    """Yield the calls with their results: by their ids, those without one in their order."""
    left = list(results)
    for call in calls:
        mine = next((row for row in left if row.get("tool_call_id") == call.id), None)
        if mine is None and call.result is None:
            mine = next(
                (row for row in left if not row.get("tool_call_id") and row.get("name") == call.name), None
            )
        if mine is None:
            yield call
            continue
        left.remove(mine)
        failed = text_of(mine.get("exception"))
        yield call.model_copy(
            update={"result": text_of(mine.get("output")) or failed, "is_error": bool(failed)}
        )


def _model(name: str) -> str | None:
    if name.startswith("anthropic/"):
        return model_id(name.removeprefix("anthropic/"), "anthropic")
    for start, provider in (("gpt-", "openai"), ("chatgpt-", "openai"), ("o1", "openai"), ("o3", "openai")):
        if name.startswith(start):
            return model_id(name, provider)
    return model_id(name, "anthropic" if name.startswith("claude") else "")


def _usage(response: dict[str, Any]) -> Usage | None:
    read, written = _count(response.get("input_tokens")), _count(response.get("output_tokens"))
    if not read and not written:
        return None
    try:
        details = table_of(json.loads(text_of(response.get("token_details")) or "{}"))
    except (ValueError, RecursionError):
        details = {}
    cached = min(read, _count(table_of(details.get("prompt_tokens_details")).get("cached_tokens")))
    thought = min(written, _count(table_of(details.get("completion_tokens_details")).get("reasoning_tokens")))
    return Usage(
        input_tokens=read - cached, cache_read_tokens=cached, output_tokens=written, reasoning_tokens=thought
    )


def _sum(one: Usage | None, other: Usage | None) -> Usage | None:
    if one is None or other is None:
        return one or other
    return Usage(
        input_tokens=one.input_tokens + other.input_tokens,
        cache_read_tokens=one.cache_read_tokens + other.cache_read_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        reasoning_tokens=one.reasoning_tokens + other.reasoning_tokens,
    )


def _count(value: Any) -> int:
    return min(value, _MOST_TOKENS) if isinstance(value, int) and value > 0 else 0
