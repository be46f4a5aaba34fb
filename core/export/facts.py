"""What the exports for people say about a message besides its text."""

from __future__ import annotations

from datetime import datetime

from brim.core.types import CleanupReceipt, Message, Status

NAMES = {"user": "You", "assistant": "Assistant", "system": "System", "tool": "Tool"}


def speaker(message: Message) -> str:
    """Who said it: the model where it is known."""
    return message.model or NAMES[message.role] if message.role == "assistant" else NAMES[message.role]


def moment(time: datetime) -> str:
    """A time in UTC, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC")


def remarks(message: Message) -> list[str]:
    """What there is to say: weight, price, pins, and how the message ended if not well."""
    said = []
    if message.tokens is not None and message.tokens > 0:
        said.append(f"{'~' if message.tokens_estimated else ''}{message.tokens:,} tokens")
    if message.cost_usd is not None:
        said.append(f"${message.cost_usd:f}")
    if message.pinned:
        said.append("pinned")
    if not message.in_window:
        said.append("no longer in the model's window")
    return said


def ending(message: Message) -> str:
    """How an answer ended that is not complete; empty for all others."""
    match message.status:
        case Status.COMPLETE:
            return ""
        case Status.FAILED if message.failure is not None:
            return f"Failed: {message.failure.sentence}"
        case Status.STOPPED:
            return "Stopped here by you."
        case Status.INTERRUPTED:
            return "Interrupted here: the program ended while this was being written."
        case _:
            return f"Not complete: {message.status.value}."


def receipt_line(receipt: CleanupReceipt) -> str:
    """One sentence for a cleanup."""
    when = "after" if receipt.after_answer else "before"
    return (
        f"Cleanup {when} this answer: {receipt.before_tokens:,} → {receipt.after_tokens:,} tokens, "
        f"{len(receipt.left_ids)} messages left the window, {receipt.kept} kept, {receipt.pinned} pinned."
    )
