"""The messages of a session as a table: what each weighs, how old it is, and whether the model sees it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from brim.tui.gauges import short

if TYPE_CHECKING:
    from brim.core.types import ContextRow, Message

OPENING_CHARS = 120
NAMES = {"user": "You", "assistant": "Answer", "system": "System", "tool": "Tool"}


class State(StrEnum):
    """Whether the model sees a message, and why or why not."""

    IN_WINDOW = "in window"
    PINNED = "pinned"
    SHORTENED = "shortened"
    LEFT = "left"
    LEFT_OUT = "left out"

    @property
    def is_seen(self) -> bool:
        """Whether the model sees the message."""
        return self not in (State.LEFT, State.LEFT_OUT)


GLYPHS = {
    State.IN_WINDOW: "●",
    State.PINNED: "◆",
    State.SHORTENED: "◐",
    State.LEFT: "○",
    State.LEFT_OUT: "✕",
}
"""One glyph a state, so that it can be read without colour."""


def state_of(row: ContextRow) -> State:
    """Return whether the model sees a message."""
    if row.left_out:
        return State.LEFT_OUT
    if not row.in_window:
        return State.LEFT
    if row.pinned:
        return State.PINNED
    return State.SHORTENED if row.shortened_chars is not None else State.IN_WINDOW


class Order(StrEnum):
    """What the table is sorted by."""

    TALK = "as it was said"
    SIZE = "largest first"


class ContextTable:
    """The rows in the order they are shown in, with their sums.

    Args:
        rows: the messages of the branch shown, in order.
        order: what they are sorted by.
    """

    def __init__(self, rows: Sequence[ContextRow] = (), order: Order = Order.TALK) -> None:
        self.rows = list(rows)
        self.numbers = {row.id: number for number, row in enumerate(self.rows)}
        """Where each message stands in the conversation, from 0."""
        self.order = order
        self.shown: list[ContextRow] = []
        self.places: dict[str, int] = {}
        """Where each message stands in the table."""
        self.sort(order)

    def sort(self, order: Order) -> None:
        """Sort; equal sizes stay in the order of the conversation."""
        self.order = order
        self.shown = self.rows
        if order is Order.SIZE:
            self.shown = sorted(self.rows, key=lambda row: -(row.tokens or 0))
        self.places = {row.id: place for place, row in enumerate(self.shown)}

    def put(self, message: Message) -> bool:
        """Take a message's marks as they are now; returns whether it is in the table."""
        number = self.numbers.get(message.id)
        if number is None:
            return False
        row = replace(
            self.rows[number],
            tokens=message.tokens,
            tokens_estimated=message.tokens_estimated,
            in_window=message.in_window,
            pinned=message.pinned,
            left_out=message.left_out,
            shortened_chars=message.shortened_chars,
        )
        self.rows[number] = row
        self.shown[self.places[message.id]] = row
        return True

    @property
    def seen(self) -> int:
        """How many messages the model sees."""
        return sum(state_of(row).is_seen for row in self.rows)

    @property
    def window_tokens(self) -> int:
        """What they weigh together."""
        return tokens_of(row for row in self.rows if state_of(row).is_seen)


def tokens_of(rows: Iterable[ContextRow]) -> int:
    """Return what messages weigh together."""
    return sum(row.tokens or 0 for row in rows)


def weight_words(row: ContextRow) -> str:
    """Return what a message weighs, with its provenance."""
    if row.tokens is None:
        return "…"
    return f"~{short(row.tokens)}" if row.tokens_estimated else f"{row.tokens:,}"


def share_words(row: ContextRow, limit_tokens: int) -> str:
    """Return which share of the window a message takes; nothing for one that is not in it."""
    if not state_of(row).is_seen or not row.tokens:
        return ""
    percent = 100 * row.tokens / max(1, limit_tokens)
    return f"{percent:.0f}%" if percent >= 9.95 else f"{percent:.1f}%" if percent >= 0.05 else "<0.1%"


def age(created: datetime, now: datetime) -> str:
    """Return how long ago something was, in the largest unit that fits."""
    seconds = max(0, int((now - created).total_seconds()))
    for unit, length in (("y", 31_536_000), ("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return "now"
