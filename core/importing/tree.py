"""Messages of an archive in the order in which they are kept."""

from __future__ import annotations

from collections.abc import Sequence

from brim.core.types import Message


def in_order(messages: Sequence[Message], head_id: str | None) -> tuple[list[Message], str | None]:
    """Return messages with parents before their children, the branch shown first, and where that ends.

    A parent that is missing is none. Messages that are their own ancestors come from nowhere: they are left out.

    Args:
        messages: in any order; of several with one id the first counts.
        head_id: the end of the branch shown; if it is none of them, the newest end is taken.
    """
    by_id: dict[str, Message] = {}
    for message in messages:
        by_id.setdefault(message.id, message)
    children: dict[str | None, list[Message]] = {}
    for message in by_id.values():
        if message.parent_id not in by_id:
            message.parent_id = None
        children.setdefault(message.parent_id, []).append(message)
    for beside in children.values():
        beside.sort(key=lambda message: (message.created_at, message.id))
    found = _downwards(children)
    reached = {message.id for message in found}
    if head_id not in reached:
        ends = [message for message in found if message.id not in children]
        head_id = max(ends, key=lambda message: message.created_at).id if ends else None
    path: dict[str, Message] = {}
    at = head_id
    while at is not None:
        path[at] = by_id[at]
        at = by_id[at].parent_id
    shown = list(path.values())[::-1]
    return shown + [message for message in found if message.id not in path], head_id


def _downwards(children: dict[str | None, list[Message]]) -> list[Message]:
    found: list[Message] = []
    waiting = children.get(None, [])[::-1]
    while waiting:
        message = waiting.pop()
        found.append(message)
        waiting += children.get(message.id, [])[::-1]
    return found
