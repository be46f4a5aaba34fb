"""A session as plain text."""

from __future__ import annotations

from collections.abc import Sequence

from brim.core.export.facts import ending, moment, receipt_line, remarks, speaker
from brim.core.types import Message, Session

_RULE = "-" * 72


def to_text(session: Session, messages: Sequence[Message]) -> str:
    """Return a session as text for reading: who, when, what."""
    lines = [
        session.display_title,
        f"Session {session.id}, {moment(session.created_at)}"
        + (f", {session.model}" if session.model else ""),
        f"{session.messages} messages, {session.tokens:,} tokens, ${session.cost_usd:f} "
        f"({session.priced_turns} of {session.turns} turns priced)",
    ]
    for message in messages:
        lines += ["", _RULE]
        if message.receipt and not message.receipt.after_answer:
            lines += [f"[{receipt_line(message.receipt)}]", ""]
        lines += [" · ".join([speaker(message), moment(message.created_at), *remarks(message)]), ""]
        if message.reasoning:
            lines += ["[Reasoning]", message.reasoning, ""]
        for call in message.tool_calls:
            result = "no result" if call.result is None else call.result
            lines += [f"[Tool {call.name}({call.arguments}): {result}]", ""]
        if message.content:
            lines.append(message.content.rstrip("\n"))
        if said := ending(message):
            lines.append(f"[{said}]")
        if message.receipt and message.receipt.after_answer:
            lines += ["", f"[{receipt_line(message.receipt)}]"]
    return "\n".join(lines) + "\n"
