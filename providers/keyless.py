"""An answer as it comes, without the keys that it was asked with: a server may send back what it was sent."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from brim.core.events import Done, ReasoningDelta, StreamEvent, TextDelta, ToolFinished, ToolStarted
from brim.providers.faults import Asked, spellings

Growth = TextDelta | ReasoningDelta

LEAST = 16
"""Characters of the shortest key that is taken out: a server of one's own may want a word such as ``none`` as its key."""


class KeyFilter:
    """Takes secrets out of a text that comes in pieces. What may be the beginning of one is held back."""

    def __init__(self, secrets: Collection[str]) -> None:
        self._secrets = sorted(secrets, key=len, reverse=True)
        self._firsts = frozenset(secret[0] for secret in secrets)
        self._longest = max(map(len, secrets), default=0)
        self._held = ""

    def take(self, text: str) -> str:
        """Return what can be told with the next piece."""
        text = self.whole(self._held + text)
        at = self._begin(text)
        self._held = text[at:]
        return text[:at]

    def rest(self) -> str:
        """Return what was held back."""
        rest, self._held = self._held, ""
        return rest

    def whole(self, text: str) -> str:
        """Return a text that has come whole."""
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        return text

    def _begin(self, text: str) -> int:
        """Return where the beginning of a secret stands at the end of a text; its length if none does."""
        for at in range(max(0, len(text) - self._longest + 1), len(text)):
            if text[at] in self._firsts and any(secret.startswith(text[at:]) for secret in self._secrets):
                return at
        return len(text)


class KeylessAnswer:
    """Takes the keys out of one answer.

    Args:
        asked: tells who was asked, with which key; it is called when the answer begins to come.
    """

    def __init__(self, asked: Callable[[], Asked]) -> None:
        self._asked = asked
        self._filters: dict[type[Growth], KeyFilter] | None = None

    def take(self, event: StreamEvent) -> tuple[StreamEvent, ...]:
        """Return what takes the place of an event."""
        if self._filters is None:
            secrets = {word for word in spellings(self._asked()) if len(word) >= LEAST}
            self._filters = (
                {kind: KeyFilter(secrets) for kind in (TextDelta, ReasoningDelta)} if secrets else {}
            )
        if not self._filters:
            return (event,)
        match event:
            case TextDelta(text=text) | ReasoningDelta(text=text):
                kind = type(event)
                told = self._filters[kind].take(text)
                before = self.rest(but=kind)
                return (*before, event if told == text else kind(told)) if told else before
            case ToolStarted(arguments=text):
                return (*self.rest(), replace(event, arguments=self._filters[TextDelta].whole(text)))
            case ToolFinished(result=text):
                return (*self.rest(), replace(event, result=self._filters[TextDelta].whole(text)))
            case Done():
                return (*self.rest(), event)
            case _:
                return (event,)

    def rest(self, *, but: type[Growth] | None = None) -> tuple[StreamEvent, ...]:
        """Return what was held back, of one kind aside, once it is known to be no key."""
        held = {kind: each.rest() for kind, each in (self._filters or {}).items() if kind is not but}
        return tuple(kind(text) for kind, text in held.items() if text)
