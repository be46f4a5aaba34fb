"""Claude's export: ``conversations.json``, a list of conversations with ``chat_messages``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from brim.core.importing.items import (
    Imported,
    Kind,
    Problem,
    Turn,
    list_of,
    message_id,
    model_id,
    moment,
    named,
    stable_id,
    table_of,
    text_of,
    title_of,
    weighed,
)
from brim.core.importing.tree import in_order
from brim.core.types import Message, Session, Status, ToolCall, now

BEGINS = ("uuid", "name", "chat_messages")
_BLOCKS_WITHOUT_TEXT = ("token_budget", "flag", "voice_note")


def fits(value: Any) -> bool:
    """Whether a value is one of these conversations."""
    return isinstance(value, dict) and isinstance(value.get("chat_messages"), list)


def read(number: int, value: dict[str, Any]) -> Iterator[Imported | Problem]:
    """Yield a conversation, and what could not be read of it."""
    title = title_of(value.get("name"))
    where = named(number, title)
    raw = [message for message in value["chat_messages"] if isinstance(message, dict)]
    if odd := len(value["chat_messages"]) - len(raw):
        yield Problem(where, f"{odd} of its messages are no messages")
    source = text_of(value.get("uuid")) or f"{title}\0{value.get('created_at')}"
    session_id = stable_id(Kind.CLAUDE, source)
    created = moment(value.get("created_at"))
    known = {text_of(message.get("uuid")) for message in raw} - {""}
    is_tree = any(text_of(message.get("parent_message_uuid")) in known for message in raw)
    messages: list[Message] = []
    kept: dict[str, str | None] = {}
    last: str | None = None
    for place, message in enumerate(raw):
        own = text_of(message.get("uuid")) or f"#{place}"
        before = kept.get(text_of(message.get("parent_message_uuid"))) if is_tree else last
        made = _message(message, session_id, own, created)
        made.parent_id = before
        if made.content.strip() or made.reasoning or made.tool_calls:
            messages.append(weighed(made))
            last = made.id
        else:
            last = before
        kept[own] = last
    head = kept.get(text_of(value.get("current_leaf_message_uuid")), last)
    ordered, head = in_order(messages, head)
    if not ordered:
        yield Problem(where, "it holds no messages")
        return
    times = [message.created_at for message in ordered]
    newest = max((each for each in ordered if each.model), key=lambda each: each.created_at, default=None)
    session = Session(
        id=session_id,
        title=title,
        model=model_id(text_of(value.get("model")), "anthropic") or (newest.model if newest else None),
        created_at=created or min(times),
        updated_at=moment(value.get("updated_at")) or max(times),
        head_id=head,
        pinned=value.get("is_starred") is True,
    )
    yield Imported(session, ordered, where)


def _message(raw: dict[str, Any], session_id: str, own: str, created: datetime | None) -> Message:
    is_answer = raw.get("sender") not in ("human", "user")
    turn = Turn()
    reasoning: list[str] = []
    calls: list[ToolCall] = []
    for block in map(table_of, list_of(raw.get("content"))):
        match text_of(block.get("type")):
            case "text":
                turn.add(text_of(block.get("text")))
            case "thinking":
                reasoning.append(text_of(block.get("thinking")))
            case "tool_use" | "server_tool_use":
                calls.append(_call(block, turn.chars))
            case "tool_result" | "server_tool_result":
                _answer(calls, block, turn.chars)
            case kind if kind and kind not in _BLOCKS_WITHOUT_TEXT:
                turn.add(text_of(block.get("text")) or f"[{kind[:40].replace('_', ' ')}]")
    if not turn.texts:
        turn.add(text_of(raw.get("text")))
    noted = set()
    for file in map(table_of, list_of(raw.get("attachments"))):
        name = title_of(file.get("file_name")) or "pasted text"
        noted.add(name)
        text = text_of(file.get("extracted_content"))
        turn.add(f"[Attachment: {name}]" + (f"\n\n{_fenced(text)}" if text.strip() else ""))
    for file in map(table_of, (*list_of(raw.get("files")), *list_of(raw.get("files_v2")))):
        name = title_of(file.get("file_name")) or "a file"
        if name not in noted:
            noted.add(name)
            turn.add(f"[Attachment: {name}]")
    stopped = is_answer and text_of(raw.get("stop_reason")) in ("user_canceled", "user_cancelled")
    return Message(
        id=message_id(session_id, own),
        session_id=session_id,
        role="assistant" if is_answer else "user",
        content=turn.text,
        reasoning="\n\n".join(filter(None, reasoning)),
        tool_calls=tuple(calls),
        model=model_id(text_of(raw.get("model")), "anthropic") if is_answer else None,
        finish_reason=(text_of(raw.get("stop_reason")) or None) if is_answer else None,
        status=Status.STOPPED if stopped else Status.COMPLETE,
        created_at=moment(raw.get("created_at")) or created or now(),
    )


def _call(block: dict[str, Any], at: int) -> ToolCall:
    given = block.get("input")
    return ToolCall(
        id=text_of(block.get("id")) or stable_id(str(at), json.dumps(given, default=str)),
        name=title_of(block.get("name")) or "tool",
        arguments=given if isinstance(given, str) else json.dumps(given, ensure_ascii=False),
        at=at,
    )


def _answer(calls: list[ToolCall], block: dict[str, Any], at: int) -> None:
    content = block.get("content")
    text = text_of(content) or "\n".join(filter(None, map(_block_text, list_of(content))))
    done = {"result": text, "is_error": block.get("is_error") is True}
    asked = text_of(block.get("tool_use_id"))
    open_calls = [number for number, call in enumerate(calls) if call.result is None]
    mine = [number for number in open_calls if calls[number].id == asked] or (
        [] if asked else open_calls[-1:]
    )
    if mine:
        calls[mine[0]] = calls[mine[0]].model_copy(update=done)
    else:
        name = title_of(block.get("name")) or "tool"
        calls.append(ToolCall(id=asked or stable_id(str(at), text), name=name, at=at, **done))


def _block_text(block: Any) -> str:
    table = table_of(block)
    if text := text_of(table.get("text")):
        return text
    said = [text_of(table.get(name)) for name in ("title", "url")]
    return "\n".join(filter(None, said)) or (f"[{kind}]" if (kind := title_of(table.get("type"))) else "")


def _fenced(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
