"""A session as Markdown with front matter."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from brim.core.context import ContextUsage
from brim.core.export.branches import BranchBegins, BranchEnds, Said, steps
from brim.core.export.facts import (
    ending,
    file_words,
    moment,
    receipt_line,
    remarks,
    speaker,
    summary_line,
    title,
)
from brim.core.export.gauge import context_line
from brim.core.text import visible_line
from brim.core.types import CleanupReceipt, Message, Session, ToolCall


def to_markdown(session: Session, messages: Sequence[Message], context: ContextUsage | None = None) -> str:
    """Return a session as Markdown; the messages' own Markdown stands as it was written."""
    parts = [*_front_matter(session, context), "", f"# {title(session)}", ""]
    for step in steps(session, messages):
        match step:
            case BranchBegins(said):
                parts += [f"> **Branch {said.mark} begins**", ""]
            case BranchEnds(said):
                parts += [f"> **Branch {said.mark} ends**", ""]
            case Said(message=message):
                parts += [*_message(message, step.mark), ""]
    return "\n".join(parts).rstrip("\n") + "\n"


def _front_matter(session: Session, context: ContextUsage | None) -> Iterator[str]:
    yield "---"
    yield f"title: {json.dumps(title(session), ensure_ascii=False)}"
    yield f"id: {session.id}"
    if session.model:
        yield f"model: {json.dumps(visible_line(session.model), ensure_ascii=False)}"
    yield f"created: {session.created_at.isoformat()}"
    yield f"updated: {session.updated_at.isoformat()}"
    yield f"messages: {session.messages}"
    yield f"tokens: {session.tokens}"
    yield f'cost_usd: "{session.cost_usd:f}"'
    yield f'cache_saved_usd: "{session.cache_saved_usd:f}"'
    yield f"priced_turns: {session.priced_turns} of {session.turns}"
    if context is not None:
        yield f'context: "{context_line(context)}"'
        yield f"context_provenance: {context.provenance.value}"
    yield "---"


def _message(message: Message, mark: str) -> Iterator[str]:
    if message.receipt and not message.receipt.after_answer:
        yield from (*_receipt(message.receipt), "")
    yield f"## {speaker(message)} {mark}".rstrip()
    yield ""
    yield f"*{' · '.join([moment(message.created_at), *remarks(message)])}*"
    if message.reasoning:
        yield from (
            "",
            "<details><summary>Reasoning</summary>",
            "",
            _fenced(message.reasoning),
            "",
            "</details>",
        )
    for call in message.tool_calls:
        yield from _tool_call(call)
    if message.content:
        yield from ("", message.content.rstrip("\n"))
    for one in message.attachments:
        yield from ("", f"> File: {_plain(file_words(one))}")
    if said := ending(message):
        yield from ("", f"> **{said}**")
    if message.receipt and message.receipt.after_answer:
        yield from ("", *_receipt(message.receipt))


def _receipt(receipt: CleanupReceipt) -> Iterator[str]:
    yield f"> {receipt_line(receipt)}"
    if receipt.summary is not None:
        yield from ("", f"<details><summary>{_plain(summary_line(receipt.summary))}</summary>", "")
        yield from (_fenced(receipt.summary.text), "", "</details>")


def _tool_call(call: ToolCall) -> Iterator[str]:
    name = re.sub(r"[^\w.:/-]+", " ", call.name)
    state = "failed" if call.is_error else "unfinished" if call.result is None else "done"
    yield from ("", f"<details><summary>Tool: {name} ({state})</summary>", "", _fenced(call.arguments))
    if call.result is not None:
        yield from ("", _fenced(call.result))
    yield from ("", "</details>")


def _plain(text: str) -> str:
    """Return ``text`` without what HTML would take for a tag."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _fenced(text: str) -> str:
    """Return ``text`` in a fence that nothing in it can close."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
