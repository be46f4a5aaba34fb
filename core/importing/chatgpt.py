"""ChatGPT's export: ``conversations.json``, a list of conversations, each a tree of nodes.

An answer that used tools is a chain of nodes there: thoughts, a call, the tool's output, text. Here it is one
message, as brim's own are.
"""

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
from brim.core.types import Message, Role, Session, Status, ToolCall, now

BEGINS = ("title", "id", "conversation_id", "create_time", "mapping")
_HIDDEN = "is_visually_hidden_from_conversation"
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system", "tool": "tool"}
_DIRECTIVE = re.compile("\ue200[^\ue200\ue201]*\ue201")
"""What ChatGPT's own page replaces by links and widgets."""


def fits(value: Any) -> bool:
    """Whether a value is one of these conversations."""
    return isinstance(value, dict) and isinstance(value.get("mapping"), dict)


def read(number: int, value: dict[str, Any]) -> Iterator[Imported | Problem]:
    """Yield a conversation, and what could not be read of it."""
    yield from _Conversation(number, value).read()


class _Conversation:
    def __init__(self, number: int, value: dict[str, Any]) -> None:
        self._value = value
        self._title = title_of(value.get("title"))
        self._where = named(number, self._title)
        self._nodes: dict[str, dict[str, Any]] = {
            key: node for key, node in value["mapping"].items() if isinstance(node, dict)
        }
        source = (
            text_of(value.get("conversation_id"))
            or text_of(value.get("id"))
            or f"{self._title}\0{value.get('create_time')}\0{next(iter(self._nodes), '')}"
        )
        self._session_id = stable_id(Kind.CHATGPT, source)
        self._problems: list[Problem] = []
        self._instructions: list[str] = []
        self._messages: dict[str, Message] = {}
        self._place: dict[str, str | None] = {}
        """Node → the message that it became, or the one before it."""
        self._turns: dict[str, Turn] = {}
        self._children: dict[str | None, list[str]] = {}
        for key, node in self._nodes.items():
            parent = node.get("parent")
            known = parent if isinstance(parent, str) and parent in self._nodes else None
            self._children.setdefault(known, []).append(key)

    def read(self) -> Iterator[Imported | Problem]:
        created = moment(self._value.get("create_time"))
        for key in self._downwards():
            self._take(key, created)
        for key, turn in self._turns.items():
            self._messages[key].content = turn.text
        empty = {key for key, message in self._messages.items() if not _says_something(message)}
        kept = [message for key, message in self._messages.items() if key not in empty]
        for message in kept:
            message.parent_id = self._said(message.parent_id, empty)
        head = self._said(self._place.get(text_of(self._value.get("current_node"))), empty)
        messages, head = in_order([weighed(message) for message in kept], head)
        yield from self._problems
        if not messages:
            yield Problem(self._where, "it holds no messages")
            return
        times = [message.created_at for message in messages]
        newest = max(
            (each for each in messages if each.model), key=lambda each: each.created_at, default=None
        )
        session = Session(
            id=self._session_id,
            title=self._title,
            model=model_id(text_of(self._value.get("default_model_slug")), "openai")
            or (newest.model if newest else None),
            system_prompt="\n\n".join(dict.fromkeys(self._instructions)),
            created_at=created or min(times),
            updated_at=moment(self._value.get("update_time")) or max(times),
            head_id=head,
            archived=self._value.get("is_archived") is True,
            pinned=self._value.get("is_starred") is True,
        )
        yield Imported(session, messages, self._where)

    def _said(self, made: str | None, empty: set[str]) -> str | None:
        """Return a message, or the last one before it that says something."""
        while made in empty:
            made = self._messages[made].parent_id
        return made

    def _downwards(self) -> Iterator[str]:
        waiting = self._children.get(None, [])[::-1]
        seen = 0
        while waiting:
            key = waiting.pop()
            seen += 1
            yield key
            waiting += self._children.get(key, [])[::-1]
        if seen < len(self._nodes):
            self._problems.append(
                Problem(self._where, f"{len(self._nodes) - seen} of its nodes hang together in a circle")
            )

    def _take(self, key: str, created: datetime | None) -> None:
        """Make a message of a node, or add it to the answer that it belongs to."""
        node = self._nodes[key]
        parent = node.get("parent")
        before = self._place.get(parent) if isinstance(parent, str) else None
        self._place[key] = before
        raw = node.get("message")
        if not isinstance(raw, dict):
            return
        content, metadata = table_of(raw.get("content")), table_of(raw.get("metadata"))
        role = _ROLES.get(text_of(table_of(raw.get("author")).get("role")), "assistant")
        kind = text_of(content.get("content_type")) or "text"
        if kind in ("user_editable_context", "model_editable_context"):
            self._instruct(content, metadata)
            return
        if metadata.get(_HIDDEN) is True and role in ("system", "user"):
            return
        at = moment(raw.get("create_time")) or (self._messages[before].created_at if before else created)
        message = self._messages.get(before) if before and role in ("assistant", "tool") else None
        if message is None or message.role != "assistant" or len(self._children.get(parent, ())) > 1:
            message = Message(
                id=message_id(self._session_id, key),
                session_id=self._session_id,
                parent_id=before,
                role="assistant" if role == "tool" else role,
                created_at=at or now(),
            )
            self._messages[message.id] = message
            self._turns[message.id] = Turn()
        self._place[key] = message.id
        self._fill(message, role, kind, raw)

    def _instruct(self, content: dict[str, Any], metadata: dict[str, Any]) -> None:
        data = table_of(metadata.get("user_context_message_data"))
        for text in (
            text_of(content.get("user_profile")) or text_of(data.get("about_user_message")),
            text_of(content.get("user_instructions")) or text_of(data.get("about_model_message")),
            text_of(content.get("model_set_context")),
        ):
            if text.strip():
                self._instructions.append(text.strip())

    def _fill(self, message: Message, role: Role, kind: str, raw: dict[str, Any]) -> None:
        content, metadata = raw.get("content"), table_of(raw.get("metadata"))
        content = table_of(content)
        turn = self._turns[message.id]
        if role in ("assistant", "tool"):
            message.model = model_id(text_of(metadata.get("model_slug")), "openai") or message.model
            ended = text_of(table_of(metadata.get("finish_details")).get("type"))
            message.finish_reason = ended or message.finish_reason
            if ended == "interrupted" or raw.get("status") == "in_progress":
                message.status = Status.STOPPED if ended == "interrupted" else Status.INTERRUPTED
        if kind in ("thoughts", "reasoning_recap"):
            thought = "\n\n".join(_thoughts(content))
            message.reasoning = "\n\n".join(filter(None, (message.reasoning, thought)))
            return
        text = self._linked(self._text(kind, content), metadata)
        recipient = text_of(raw.get("recipient")) or "all"
        if role == "tool":
            name = text_of(table_of(raw.get("author")).get("name")) or "tool"
            _answer(message, name, text, turn.chars, is_error=kind == "system_error")
        elif role == "assistant" and recipient != "all":
            call = ToolCall(
                id=stable_id(text_of(raw.get("id")), recipient), name=recipient, arguments=text, at=turn.chars
            )
            message.tool_calls = (*message.tool_calls, call)
        else:
            turn.add(_fenced(text, text_of(content.get("language"))) if kind == "code" else text)
        for file in list_of(metadata.get("attachments")):
            turn.add(f"[Attachment: {title_of(table_of(file).get('name')) or 'a file'}]")

    def _text(self, kind: str, content: dict[str, Any]) -> str:
        parts = content.get("parts")
        if isinstance(parts, list):
            return "\n".join(filter(None, (_part(part) for part in parts)))
        texts = [text_of(content.get(name)) for name in ("title", "url", "text", "result", "content")]
        if kind not in ("tether_quote", "sonic_webpage"):
            texts = texts[2:]
        text = "\n".join(filter(None, texts))
        if not text and kind not in ("text", "code", "execution_output", "tether_browsing_display"):
            self._problems.append(Problem(self._where, f"a message of the kind “{kind[:40]}” has no text"))
            return f"[{kind[:40]}]"
        return text

    def _linked(self, text: str, metadata: dict[str, Any]) -> str:
        """Put in place of ChatGPT's citation marks the links that they stand for."""
        if "\ue200" not in text:
            return text
        for reference in map(table_of, list_of(metadata.get("content_references"))):
            matched = text_of(reference.get("matched_text"))
            if matched.startswith("\ue200"):
                text = text.replace(matched, text_of(reference.get("alt")))
        return _DIRECTIVE.sub("", text)


def _says_something(message: Message) -> bool:
    return bool(message.content.strip() or message.reasoning or message.tool_calls)


def _thoughts(content: dict[str, Any]) -> Iterator[str]:
    for thought in map(table_of, list_of(content.get("thoughts"))):
        said = [text_of(thought.get("summary")), text_of(thought.get("content"))]
        if any(said):
            yield "\n".join(filter(None, said))
    if recap := text_of(content.get("content")):
        yield recap


def _part(part: Any) -> str:
    """Return a part of a message as text; what is none as a note."""
    if isinstance(part, str):
        return part
    kind = text_of(table_of(part).get("content_type"))
    if text := text_of(table_of(part).get("text")):
        return text
    match kind:
        case "image_asset_pointer":
            size = f", {part.get('width')}×{part.get('height')}" if part.get("width") else ""
            return f"[Image: {title_of(part.get('asset_pointer')) or 'not in the text'}{size}]"
        case "audio_asset_pointer":
            return f"[Audio: {title_of(part.get('asset_pointer')) or 'not in the text'}]"
        case "":
            return "" if part is None or part == {} else f"[{json.dumps(part, ensure_ascii=False)[:200]}]"
        case _:
            return f"[{kind.replace('_', ' ')}]"


def _answer(message: Message, name: str, text: str, at: int, *, is_error: bool) -> None:
    """Give the output of a tool to the last call that waits for one, else note it as a call of its own."""
    calls = list(message.tool_calls)
    if calls and calls[-1].result is None:
        calls[-1] = calls[-1].model_copy(update={"result": text, "is_error": is_error})
    elif calls and calls[-1].name == name and not calls[-1].arguments:
        both = f"{calls[-1].result}\n{text}"
        calls[-1] = calls[-1].model_copy(update={"result": both, "is_error": is_error})
    else:
        call_id = stable_id(message.id, str(len(calls)))
        calls.append(ToolCall(id=call_id, name=name, result=text, is_error=is_error, at=at))
    message.tool_calls = tuple(calls)


def _fenced(code: str, language: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    tag = language if re.fullmatch(r"[\w.+#-]{1,30}", language) and language != "unknown" else ""
    return f"{fence}{tag}\n{code}\n{fence}" if code.strip() else ""
