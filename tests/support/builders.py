"""Messages and conversations for tests."""

from __future__ import annotations

from collections.abc import Iterable

from brim.core.types import Message, Role


def conversation(
    weights: Iterable[int], *, roles: Iterable[Role] | None = None, pinned: Iterable[int] = ()
) -> list[Message]:
    """Return messages m0, m1, … that weigh ``weights`` tokens, user and assistant in turn unless told."""
    weighed = list(weights)
    named = list(roles) if roles is not None else ["user", "assistant"] * len(weighed)
    marked = set(pinned)
    return [
        Message(
            id=f"m{index}",
            parent_id=f"m{index - 1}" if index else None,
            role=role,
            content=f"text {index}",
            tokens=tokens,
            pinned=index in marked,
        )
        for index, (tokens, role) in enumerate(zip(weighed, named, strict=False))
    ]
