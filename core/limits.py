"""What goes out at all, and how fast: the length of a prompt, requests a minute, requests at once."""

from __future__ import annotations

from dataclasses import dataclass

from brim.core.errors import InputTooLongError

MAX_INPUT_CHARS = 10_000
"""The longest prompt where the person's settings say nothing else, in characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The person's limits on what goes out. Files that go with a prompt have limits of their own."""

    max_input_chars: int = 0
    """The longest text of a prompt, in characters; 0 for no limit."""
    requests_per_minute: int | None = None
    """How many requests may go to one provider within a minute; ``None`` for no limit."""
    concurrent_requests: int | None = None
    """How many requests to one provider may be answered at the same time; ``None`` for no limit."""

    def check_input(self, text: str) -> None:
        """Raise `InputTooLongError` where the text of a prompt is too long."""
        if 0 < self.max_input_chars < len(text):
            raise InputTooLongError(len(text), self.max_input_chars)


NO_LIMITS = Limits()
