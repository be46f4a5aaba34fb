"""What importing speaks of: what was read, what could not be, and how far it has come."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from brim.core.errors import BrimError
from brim.core.estimate import MESSAGE_OVERHEAD_TOKENS, estimate_tokens
from brim.core.spoken import as_spoken
from brim.core.types import Message, Session

LONGEST_TITLE = 200
"""Characters of a title that are kept."""

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class Kind(StrEnum):
    """Where an archive is from."""

    CHATGPT = "chatgpt"
    CLAUDE = "claude"
    LLM = "llm"
    BRIM = "brim"


class ImportFormatError(BrimError):
    """A file is no archive that brim can read, or not of the kind that was named."""


@dataclass(frozen=True, slots=True)
class Imported:
    """One conversation: the session with its totals, and its messages.

    Parents come before their children, and the branch that is shown before all others.
    """

    session: Session
    messages: list[Message]
    where: str
    """Which item of the archive it was."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not be read, or not all of it."""

    where: str
    why: str


@dataclass(slots=True)
class Position:
    """How far an archive has been read; written by the thread that reads."""

    total: int = 0
    """Bytes, or rows of a database."""
    done: int = 0
    file: str = ""
    """The file of a folder or a zip that is being read, empty where there is only one."""

    @property
    def share(self) -> float:
        """How much of it has been read, from 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0


@dataclass(slots=True)
class Turn:
    """An answer that an archive keeps in several pieces, while they are put together."""

    texts: list[str] = field(default_factory=list)
    chars: int = 0

    def add(self, text: str) -> None:
        """Add a piece of text as a paragraph of its own."""
        if text.strip():
            self.chars += len(text) + 2 * bool(self.texts)
            self.texts.append(text)

    @property
    def text(self) -> str:
        """All of it."""
        return "\n\n".join(self.texts)


def stable_id(*parts: str) -> str:
    """Return the id that something of an archive always gets."""
    return blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=8).hexdigest()


def message_id(session_id: str, source: str) -> str:
    """Return the id that a message of an archive always gets.

    Those of one session begin alike, so that they lie together in the store's indexes, however many there are.
    """
    return session_id[:8] + stable_id(session_id, source)


def moment(value: Any, otherwise: datetime | None = None) -> datetime | None:
    """Return a time as archives write it: seconds since 1970, or ISO 8601 (UTC unless it says otherwise)."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value.strip())
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            found = datetime.fromtimestamp(value, UTC)
        else:
            return otherwise
    except (ValueError, OverflowError, OSError):
        return otherwise
    return found if found > _EARLIEST else otherwise


def text_of(value: Any) -> str:
    """Return ``value`` if it is text, else an empty one."""
    return value if isinstance(value, str) else ""


def table_of(value: Any) -> dict[str, Any]:
    """Return ``value`` if it is an object of JSON, else an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """Return ``value`` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def title_of(value: Any) -> str:
    """Return a title as one line."""
    return " ".join(text_of(value).split())[:LONGEST_TITLE]


def named(number: int, title: str) -> str:
    """Return how a report names a conversation."""
    return f"conversation {number}" + (f" “{title[:60]}”" if title else "")


def weighed(message: Message) -> Message:
    """Give a message the weight that it is estimated to have, and return it."""
    spoken = as_spoken(message)
    message.tokens = estimate_tokens(spoken) + MESSAGE_OVERHEAD_TOKENS if spoken else 0
    message.tokens_estimated = True
    return message


def model_id(name: str, provider: str = "") -> str | None:
    """Return the model id for a name that an archive gives; unknown ones stay as they are."""
    name = " ".join(name.split())[:LONGEST_TITLE]
    if not name:
        return None
    if ":" in name or not provider:
        return name
    return f"{provider}:{name}"
