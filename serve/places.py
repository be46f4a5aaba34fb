"""How far a client has read an answer: the ids of server-sent events.

An id says what has been sent and not how many events it took, so any replica can go on from it: what is missing
is the difference to the answer as it is now.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from brim.core.events import ReasoningAdded, TextAdded, ToolCallChanged, WindowCleaned
from brim.core.types import CleanupReceipt, Message

_ID = re.compile(r"([0-9A-Za-z_-]{1,64})(?::(\d{1,9}):(\d{1,9}):([12]{0,999})(?::(\d{1,9}))?|:end)")

LONGEST_PIECE = 65_536
"""In characters; what is missing comes in pieces that are no longer."""

Growth = TextAdded | ReasoningAdded | ToolCallChanged | WindowCleaned


@dataclass(frozen=True, slots=True)
class Place:
    """What a client has of one answer."""

    message_id: str
    chars: int = 0
    """Of the text."""
    reasoning_chars: int = 0
    calls: str = ""
    """A digit for each tool call: 1 that it began, 2 that it ended."""
    cleaned: int = 0
    """How many messages it knows to have left the window, or to be shortened in it, for this answer."""
    is_end: bool = False
    """Whether it knows how the answer ended."""

    def __str__(self) -> str:
        if self.is_end:
            return f"{self.message_id}:end"
        cleaned = f":{self.cleaned}" if self.cleaned else ""
        return f"{self.message_id}:{self.chars}:{self.reasoning_chars}:{self.calls}{cleaned}"

    @classmethod
    def parse(cls, text: str) -> Place | None:
        """Return the place that an id names, ``None`` if it is none of ours."""
        found = _ID.fullmatch(text.strip())
        if found is None:
            return None
        message_id, chars, reasoning_chars, calls, cleaned = found.groups()
        if chars is None:
            return cls(message_id, is_end=True)
        return cls(message_id, int(chars), int(reasoning_chars), calls, int(cleaned or 0))

    def after(self, event: Growth) -> Place:
        """Return the place once ``event`` is sent."""
        match event:
            case TextAdded(text=text):
                chars = self.chars + len(text)
                return Place(self.message_id, chars, self.reasoning_chars, self.calls, self.cleaned)
            case ReasoningAdded(text=text):
                return replace(self, reasoning_chars=self.reasoning_chars + len(text))
            case WindowCleaned(receipt=receipt):
                return replace(self, cleaned=_cleaned(receipt))
            case ToolCallChanged():
                raise TypeError("the number of a call is not in its event; see `with_call`")

    def with_call(self, number: int, *, is_over: bool) -> Place:
        """Return the place once the tool call ``number`` (from 0) is sent."""
        calls = self.calls.ljust(number + 1, "1")
        return replace(self, calls=f"{calls[:number]}{2 if is_over else 1}{calls[number + 1 :]}")

    def knows(self, receipt: CleanupReceipt) -> bool:
        """Return whether a cleanup of this answer has been told of."""
        return _cleaned(receipt) <= self.cleaned

    def missing(self, answer: Message) -> Iterator[tuple[Place, Growth]]:
        """Yield what has to be sent to come from here to ``answer``, each with the place after it."""
        place, session_id = self, answer.session_id
        receipt = answer.receipt
        if receipt is not None and not receipt.after_answer and not self.knows(receipt):
            event: Growth = WindowCleaned(session_id=session_id, message_id=answer.id, receipt=receipt)
            place = place.after(event)
            yield place, event
        for start in range(self.reasoning_chars, len(answer.reasoning), LONGEST_PIECE):
            piece = answer.reasoning[start : start + LONGEST_PIECE]
            event = ReasoningAdded(session_id=session_id, message_id=answer.id, text=piece)
            place = place.after(event)
            yield place, event
        for number, call in enumerate(answer.tool_calls):
            is_over = call.result is not None
            if number >= len(self.calls) or (is_over and self.calls[number] == "1"):
                place = place.with_call(number, is_over=is_over)
                yield place, ToolCallChanged(session_id=session_id, message_id=answer.id, call=call)
        for start in range(self.chars, len(answer.content), LONGEST_PIECE):
            piece = answer.content[start : start + LONGEST_PIECE]
            event = TextAdded(session_id=session_id, message_id=answer.id, text=piece)
            place = place.after(event)
            yield place, event


def _cleaned(receipt: CleanupReceipt) -> int:
    return len(receipt.left_ids) + len(receipt.shortened_ids)
