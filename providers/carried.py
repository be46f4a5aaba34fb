"""What an answer leaves for later requests, and whether it may go into one.

Signed thinking is valid only behind exactly what stood before it when it was written: the system prompt, the
messages, the thinking among them (https://platform.claude.com/docs/en/build-with-claude/preserved-thinking).
Windows change: messages leave, prompts are edited, systems are rewritten. So a digest of what the request held
is kept with it, and it goes along only behind the same again. What is left out is no loss of words: the text
of the answer is sent in any case.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from brim.core.types import Carried

_BEHIND = "behind"


def carried(protocol: str, model: str, items: Iterable[dict[str, Any]], behind: str = "") -> Carried:
    """Return what is kept with an answer.

    Args:
        protocol: whose form the items have.
        model: the provider's name of the model.
        items: what the provider wants back, unmodified.
        behind: the digest of what the request held; empty where that does not matter.
    """
    return Carried(protocol=protocol, model=model, items=({_BEHIND: behind}, *items))


def items_of(kept: Carried, behind: str = "") -> Sequence[dict[str, Any]]:
    """Return what goes into a request behind what has this digest; empty where it does not fit."""
    head, *items = kept.items or ({},)
    return items if head.get(_BEHIND) == behind else ()


class Behind:
    """The digest of what a request holds so far."""

    def __init__(self, *parts: object) -> None:
        self._hash = hashlib.sha256()
        for part in parts:
            self.add(part)

    def add(self, part: object) -> None:
        """Take in a further part, which is JSON."""
        text = json.dumps(part, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        self._hash.update(text.encode("utf-8", "surrogatepass"))

    def digest(self) -> str:
        """Return the digest of all parts until now."""
        return self._hash.hexdigest()
