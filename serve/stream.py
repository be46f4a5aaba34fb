"""One turn as server-sent events: the core's own events, by their names.

Text, reasoning, tool calls and what left the window for the answer come once and whole, however often a client breaks
off and comes back with ``Last-Event-ID``, also to another replica than the one that writes the answer. All else tells
how things stand and may come again. A client that goes away does not end the turn.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from time import monotonic
from typing import Any, get_args

from pydantic import TypeAdapter

from brim.core.events import (
    ContextChanged,
    ReasoningAdded,
    SummarySkipped,
    TextAdded,
    ToolCallChanged,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnProgressed,
    WindowCleaned,
)
from brim.core.types import Message, Status
from brim.serve.places import Place
from brim.serve.service import Service

NO_BUFFER = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""Headers that keep whoever is between from collecting events."""
POLL_S = 0.25
"""How often an answer that another replica writes is looked at, in seconds."""
PULSE_S = 15.0
"""After so many silent seconds a comment is sent: whoever is between may cut a connection that is silent."""
_MOST_WAITING_CHARS = 262_144
"""How much text waits for a client that reads slowly; then it reads on from the answer itself, in characters."""
_LARGEST_WRITE = 262_144
"""In bytes. The end of an answer holds all of it: what is written at once is copied, and waits for the client."""
PULSE = b": the answer is being written\n\n"


async def answer_events(service: Service, session_id: str, place: Place) -> AsyncIterator[bytes]:
    """Yield the server-sent events of an answer from ``place`` to its end."""
    async with aclosing(followed(service, session_id, place)) as events:
        async for here, event in events:
            data = PULSE if event is None else sent(event, here)
            for start in range(0, len(data), _LARGEST_WRITE):
                yield data[start : start + _LARGEST_WRITE]


async def followed(
    service: Service, session_id: str, place: Place
) -> AsyncGenerator[tuple[Place, TurnEvent | None], None]:
    """Yield what happens to the answer that ``place`` is in, from there to its end, each with the place after it.

    ``None`` is a sign of life.
    """
    here, manager = place, service.manager
    with manager.subscribe(session_id, most_chars=_MOST_WAITING_CHARS) as watcher:
        live = manager.live(session_id)
        if live is None or live.id != here.message_id:
            async for there, event in _stored(service, here):
                yield there, event
            return
        calls = {call.id: number for number, call in enumerate(live.tool_calls)}
        for there, known in _so_far(here, watcher.earlier, live):
            here = there
            yield here, known
        async for batch in watcher.batches():
            if watcher.is_behind:
                watcher.caught_up()
                live = manager.live(session_id)
                # Without it the answer has ended, and its end is in a batch.
                if live is not None and live.id == here.message_id:
                    calls = {call.id: number for number, call in enumerate(live.tool_calls)}
                    for there, growth in here.missing(live):
                        here = there
                        yield here, growth
            for event in batch:
                if isinstance(event, TurnFinished | TurnFailed):
                    for there, growth in here.missing(event.answer):
                        yield there, growth
                    yield Place(here.message_id, is_end=True), ending(event.answer)
                    return
                if (after := _after(here, event, calls)) is not None:
                    here = after
                    yield here, event


def _so_far(here: Place, earlier: Sequence[TurnEvent], live: Message) -> Iterator[tuple[Place, TurnEvent]]:
    """Yield what happened to an answer before it was followed: first what left the window for it."""
    for event in earlier:
        if (after := _after(here, event, {})) is not None:
            here = after
            yield here, event
    yield from here.missing(live)


def _after(here: Place, event: TurnEvent, calls: dict[str, int]) -> Place | None:
    """Return the place once an event is sent, ``None`` for one that is not for those who follow an answer.

    ``calls`` are the numbers of the tool calls so far.
    """
    match event:
        case TextAdded() | ReasoningAdded():
            return here.after(event)
        case ToolCallChanged(call=call):
            return here.with_call(calls.setdefault(call.id, len(calls)), is_over=call.result is not None)
        case WindowCleaned(message_id=here.message_id, receipt=receipt) if not receipt.undone:
            return None if here.knows(receipt) else here.after(event)
        case TurnProgressed() | WindowCleaned() | SummarySkipped() | ContextChanged():
            return here
        case _:
            return None


async def _stored(service: Service, place: Place) -> AsyncGenerator[tuple[Place, TurnEvent | None], None]:
    """Yield the events of an answer that is over, or that somebody else writes.

    They break off without an end where the session is gone meanwhile, or this service ends before the answer does.
    """
    here = place
    said_at = monotonic()
    while True:
        found = await service.manager.messages_by_id([here.message_id])
        if not found:
            return
        [answer] = found
        for there, growth in here.missing(answer):
            here, said_at = there, monotonic()
            yield here, growth
        if answer.status is not Status.STREAMING:
            yield Place(answer.id, is_end=True), ending(answer)
            return
        if monotonic() - said_at > PULSE_S:
            said_at = monotonic()
            yield here, None
        if service.is_ending:
            return
        await asyncio.sleep(POLL_S)


def ending(answer: Message) -> TurnFinished | TurnFailed:
    """Return the event that says how an answer ended."""
    answer = discreet(answer)
    event = TurnFailed if answer.status is Status.FAILED else TurnFinished
    return event(session_id=answer.session_id, answer=answer)


def discreet(answer: Message) -> Message:
    """Return an answer as users may see it: where the store is, and what a defect said, is nothing for them."""
    failure = answer.failure
    if failure is None:
        return answer
    match failure.kind:
        case "store":
            said = {"sentence": "The answer could not be stored.", "hint": "Ask again later."}
        case "authentication" if failure.status is None:
            said = {"sentence": "There is no key for the model now.", "hint": ""}
        case "defect":
            said = {"sentence": failure.sentence.partition(":")[0].rstrip(".") + "."}
        case _:
            return answer
    return answer.model_copy(update={"failure": failure.model_copy(update=said)})


def sent(event: TurnEvent, place: Place) -> bytes:
    """Return an event as it goes over the wire."""
    kind: type[object] = type(event)
    if isinstance(event, TextAdded | ReasoningAdded):
        body = _json({"message_id": event.message_id, "text": event.text}).encode("utf-8", "replace")
    else:
        if kind not in _WRITERS:
            _WRITERS[kind] = TypeAdapter(kind)
        body = _WRITERS[kind].dump_json(event, exclude={"session_id": True, "answer": {"carried"}})
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (str(place).encode(), _NAMES[kind], body)


def event_name(kind: type[object]) -> str:
    """Return the name of an event: that of its class, in small letters."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


_NAMES = {kind: event_name(kind).encode() for kind in get_args(TurnEvent)}
_WRITERS: dict[type[object], TypeAdapter[Any]] = {}
_json = json.JSONEncoder(ensure_ascii=False).encode
