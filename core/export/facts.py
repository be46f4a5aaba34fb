"""What the exports for people say about a message besides its text."""

from __future__ import annotations

from datetime import datetime

from brim.core.attachments import Attachment
from brim.core.stop_reasons import stop_words
from brim.core.text import visible_line
from brim.core.types import CleanupReceipt, Message, Session, Status, Summary

NAMES = {"user": "You", "assistant": "Assistant", "system": "System", "tool": "Tool"}


def speaker(message: Message) -> str:
    """Who said it: the model where it is known."""
    if message.role == "assistant" and message.model:
        return visible_line(message.model)
    return NAMES[message.role]


def title(session: Session) -> str:
    """The title as one line that cannot act."""
    return visible_line(session.display_title)


def totals(session: Session) -> str:
    """What the session took, e.g. ``11 of 12 turns priced``; amounts are exact."""
    cost = f"${session.cost_usd:f} ({session.priced_turns} of {session.turns} turns priced)"
    saved = f", the cache saved ${session.cache_saved_usd:f}" if session.cache_saved_usd else ""
    return f"{session.messages} messages, {session.tokens:,} tokens, {cost}{saved}"


def moment(time: datetime) -> str:
    """A time in UTC, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC")


def file_words(one: Attachment) -> str:
    """What a file is that goes with a prompt, e.g. ``dot.png (image/png, 40×30, 1,234 bytes)``."""
    sides = f"{one.width_px}×{one.height_px}, " if one.width_px and one.height_px else ""
    return f"{visible_line(one.name)} ({visible_line(one.media_type)}, {sides}{one.size_bytes:,} bytes)"


def remarks(message: Message) -> list[str]:
    """What there is to say: weight, price, pins, and how the message ended if not well."""
    said = []
    if message.tokens is not None and message.tokens > 0:
        said.append(f"{'~' if message.tokens_estimated else ''}{message.tokens:,} tokens")
    if message.from_cache:
        said.append("kept from the same request before")
    if message.cost_usd is not None:
        said.append(f"${message.cost_usd:f}")
    if message.cache_saved_usd:
        said.append(f"the cache saved ${message.cache_saved_usd:f}")
    if message.pinned:
        said.append("pinned")
    if message.shortened_chars is not None:
        whole = "" if message.attachments else f" of {len(message.content):,}"
        said.append(f"the model sees {message.shortened_chars:,}{whole} characters")
    if message.left_out:
        said.append("left out of the model's window by you")
    elif not message.in_window:
        said.append("no longer in the model's window")
    return said


def ending(message: Message) -> str:
    """How an answer ended that is not whole; empty for all others."""
    match message.status:
        case Status.COMPLETE:
            words = stop_words(message)
            return f"{words[0].upper()}{words[1:]}." if words else ""
        case Status.FAILED if message.failure is not None:
            return f"Failed: {visible_line(message.failure.sentence)}"
        case Status.STOPPED:
            return "Stopped here by you."
        case Status.INTERRUPTED:
            return "Interrupted here: the program ended while this was being written."
        case _:
            return f"Not complete: {message.status.value}."


_REASONS = {
    "threshold": "",
    "asked": ", asked for by you",
    "too_long": ", because the provider found the prompt too long",
}


def receipt_line(receipt: CleanupReceipt) -> str:
    """One sentence for a cleanup, and what else there is to say of it."""
    when = "after" if receipt.after_answer else "before"
    line = (
        f"Cleanup {when} this answer{_REASONS[receipt.reason]}: "
        f"{receipt.before_tokens:,} → {receipt.after_tokens:,} tokens, "
        f"{_messages(len(receipt.left_ids))} left the window, {receipt.kept} kept, {receipt.pinned} pinned."
    )
    if receipt.shortened_ids:
        line += f" {_messages(len(receipt.shortened_ids))} shortened."
    if not receipt.reached_target:
        line += " The target was not reached."
    return f"{line} Undone by you." if receipt.undone else line


def summary_line(summary: Summary) -> str:
    """Where a summary comes from and what it costs."""
    cost = "not priced" if summary.cost_usd is None else f"${summary.cost_usd:f}"
    edited = ", edited by you" if summary.edited else ""
    return (
        f"Summary by {visible_line(summary.model)}: {summary.tokens:,} tokens in place of "
        f"{summary.replaced_tokens:,}, {cost}{edited}."
    )


def _messages(count: int) -> str:
    return f"{count} message" if count == 1 else f"{count} messages"
