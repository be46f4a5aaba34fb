"""The messages of a session as branches: the one shown, and those beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from brim.core.types import Message, Session


@dataclass(frozen=True, slots=True)
class Said:
    """A message, and which of several it is that stand at its place."""

    message: Message
    number: int = 1
    of: int = 1

    @property
    def mark(self) -> str:
        """Its place among them, e.g. ``‹2/3›``; empty where it is the only one."""
        return f"‹{self.number}/{self.of}›" if self.of > 1 else ""


@dataclass(frozen=True, slots=True)
class BranchBegins:
    """A branch that is not shown begins with ``said``; the message at its place that goes on comes after it."""

    said: Said


@dataclass(frozen=True, slots=True)
class BranchEnds:
    """The end of the branch that began last and has not ended."""

    said: Said


Step = Said | BranchBegins | BranchEnds


def canonical(messages: Sequence[Message]) -> list[Message]:
    """Return messages with parents before children and siblings by age, the same whatever order they come in."""
    return [step.message for step in _walk(messages, None) if isinstance(step, Said)]


def shown_branch(session: Session, messages: Sequence[Message]) -> list[Message]:
    """Return the branch that is shown, of messages that may be those of the whole tree."""
    by_id = {message.id: message for message in messages}
    if session.head_id not in by_id:
        return list(messages)
    path: dict[str, Message] = {}
    at: str | None = session.head_id
    while at is not None and at in by_id and at not in path:
        path[at] = by_id[at]
        at = by_id[at].parent_id
    return list(path.values())[::-1]


def steps(session: Session, messages: Sequence[Message]) -> Iterator[Step]:
    """Yield the messages as a reader meets them; branches beside the one shown stand before what they differ from.

    Args:
        session: its head names the branch shown; without it the messages are taken as they come.
        messages: those of the branch, or of the whole tree.
    """
    if session.head_id not in {message.id for message in messages}:
        yield from (Said(message) for message in messages)
        return
    yield from _walk(messages, session)


def _walk(messages: Sequence[Message], session: Session | None) -> Iterator[Step]:
    known = {message.id for message in messages}
    children: dict[str | None, list[Message]] = {}
    for message in sorted(messages, key=lambda message: (message.created_at, message.id)):
        parent = message.parent_id if message.parent_id in known else None
        children.setdefault(parent, []).append(message)
    shown = {message.id for message in shown_branch(session, messages)} if session else set()
    # What is still to come, the next of it last; a text is the message whose children come.
    waiting: list[Step | str | None] = [None]
    while waiting:
        step = waiting.pop()
        if isinstance(step, Said | BranchBegins | BranchEnds):
            yield step
            continue
        beside = children.get(step, [])
        said = [Said(message, number, len(beside)) for number, message in enumerate(beside, start=1)]
        if not said:
            continue
        going_on = next((each for each in said if each.message.id in shown), said[-1])
        waiting += [going_on.message.id, going_on]
        for each in reversed(said):
            if each is not going_on:
                waiting += [BranchEnds(each), each.message.id, each, BranchBegins(each)]
