"""A session as plain text."""

from __future__ import annotations

from collections.abc import Sequence

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
    totals,
)
from brim.core.export.gauge import context_line
from brim.core.text import visible_line
from brim.core.types import CleanupReceipt, Message, Session

_RULE = "-" * 72


def to_text(session: Session, messages: Sequence[Message], context: ContextUsage | None = None) -> str:
    """Return a session as text for reading: who, when, what."""
    lines = [
        title(session),
        f"Session {session.id}, {moment(session.created_at)}"
        + (f", {visible_line(session.model)}" if session.model else ""),
        totals(session),
    ]
    if context is not None:
        lines.append(f"Context: {context_line(context)}")
    for step in steps(session, messages):
        match step:
            case BranchBegins(said):
                lines += ["", f"[Branch {said.mark} begins]"]
            case BranchEnds(said):
                lines += ["", f"[Branch {said.mark} ends]"]
            case Said(message=message):
                lines += ["", _RULE, *_message(message, step.mark)]
    return "\n".join(lines) + "\n"


def _message(message: Message, mark: str) -> list[str]:
    lines = []
    if message.receipt and not message.receipt.after_answer:
        lines += [*_receipt(message.receipt), ""]
    who = f"{speaker(message)} {mark}".rstrip()
    lines += [" · ".join([who, moment(message.created_at), *remarks(message)]), ""]
    if message.reasoning:
        lines += ["[Reasoning]", message.reasoning, ""]
    for call in message.tool_calls:
        result = "no result" if call.result is None else call.result
        lines += [f"[Tool {visible_line(call.name)}({call.arguments}): {result}]", ""]
    if message.content:
        lines.append(message.content.rstrip("\n"))
    lines += [f"[File: {file_words(one)}]" for one in message.attachments]
    if said := ending(message):
        lines.append(f"[{said}]")
    if message.receipt and message.receipt.after_answer:
        lines += ["", *_receipt(message.receipt)]
    return lines


def _receipt(receipt: CleanupReceipt) -> list[str]:
    lines = [f"[{receipt_line(receipt)}]"]
    if receipt.summary is not None:
        lines += ["", f"[{summary_line(receipt.summary)}]", receipt.summary.text.rstrip("\n")]
    return lines
