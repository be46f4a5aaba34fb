"""Turns over HTTP: asked, followed, stopped."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from brim.core.errors import BusyElsewhereError, SessionBusyError
from brim.core.turns import Turn
from brim.core.types import Message, Session, Status
from brim.serve.callers import Called, Caller
from brim.serve.documented import refusals, turn_events
from brim.serve.faults import RefusedCallError
from brim.serve.places import Place
from brim.serve.service import Served, Service
from brim.serve.sessions import message_of, session_of
from brim.serve.stream import NO_BUFFER, POLL_S, answer_events, discreet

router = APIRouter(prefix="/sessions", tags=["turns"])

_STOPPING_S = 8.0
"""How long another replica has to stop an answer, in seconds; it looks once a second whether it shall."""


_ENDING_S = 1.0
"""How long a turn may take to clean up after its answer before a new request is told that the session is busy."""
_LOOK_S = 0.01


class Question(BaseModel):
    """What is asked."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str = Field(min_length=1, pattern=r"\S")
    cleanup: bool | None = None
    """Whether old messages leave a full window first; ``None`` leaves it to the settings."""
    stream: bool = True
    """Whether the answer comes as server-sent events, or whole."""


class EventStream(StreamingResponse):
    """Server-sent events."""

    media_type = "text/event-stream"

    def __init__(self, service: Service, session_id: str, place: Place) -> None:
        super().__init__(answer_events(service, session_id, place), headers=NO_BUFFER)


async def ask(
    service: Service, caller: Caller, session: Session | None, text: str, *, cleanup: bool | None = None
) -> tuple[Turn, str]:
    """Begin a turn, with ``None`` in a session that is made for it; returns it and the id of its answer.

    Raises:
        SessionBusyError: a turn of the session has not ended.
        RefusedCallError: the caller has too many turns, or no tokens left today.
        BrimError: as for `SessionManager.send`.
    """
    service.check_open()
    if session is not None and session.model is not None:
        await service.offer.model(session.model, caller)
    await service.look_at(text, caller)
    await service.allowance.begin_turn(caller.name, caller.key)
    try:
        if session is None:
            session = await service.manager.create(owner=caller.name)
        turn = await _sent(service, session.id, text, cleanup)
        live = service.manager.live(session.id)
    except BaseException:
        await service.allowance.end_turn(caller.name, caller.key, 0)
        raise
    service.account(caller, turn)
    answer_id = live.id if live is not None else (await turn.wait()).id
    return turn, answer_id


async def _sent(service: Service, session_id: str, text: str, cleanup: bool | None) -> Turn:
    """Ask; whoever has just heard the end of an answer is not told that it is still being written."""
    until = monotonic() + _ENDING_S
    while True:
        try:
            return await service.manager.send(session_id, text, cleanup=cleanup, alone=True)
        except BusyElsewhereError:
            raise  # who writes there gives its lease back with the end of the answer
        except SessionBusyError:
            if session_id in service.manager.running() or monotonic() > until:
                raise
        await asyncio.sleep(_LOOK_S)


@router.post(
    "/{session_id}/turns",
    responses={
        **refusals(402, 404, 409, 502),
        200: {
            "model": Message,
            **turn_events(
                "The answer: as events, each with the id from which `/events` goes on, or whole where `stream` is "
                "false. Its status says how it ended."
            ),
        },
    },
    response_model=None,
)
async def begin(session_id: str, question: Question, service: Served, caller: Called) -> Response | Message:
    """Ask. The answer comes as server-sent events; who goes away can come back to them, the turn goes on."""
    session = await session_of(session_id, service, caller)
    turn, answer_id = await ask(service, caller, session, question.text, cleanup=question.cleanup)
    if question.stream:
        return EventStream(service, session_id, Place(answer_id))
    answer = discreet(await turn.wait())
    return Response(answer.model_dump_json(exclude={"carried"}), media_type="application/json")


@router.get(
    "/{session_id}/events",
    responses={
        **refusals(404),
        200: turn_events("The events of an answer."),
        204: {"description": "There is nothing to follow."},
    },
    response_class=Response,
    response_model=None,
)
async def follow(
    session_id: str,
    service: Served,
    caller: Called,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Go on with the events of an answer after ``Last-Event-ID``, or follow the one that is being written."""
    await session_of(session_id, service, caller)
    if last_event_id:
        place = Place.parse(last_event_id)
        if place is None:
            raise RefusedCallError(
                422, "Last-Event-ID is no id of an event of this service.", kind="bad_input"
            )
        await message_of(place.message_id, session_id, service)
        return Response(status_code=204) if place.is_end else EventStream(service, session_id, place)
    latest = await service.manager.tail(session_id, limit=1)
    if not latest or latest[0].status is not Status.STREAMING:
        return Response(status_code=204)
    return EventStream(service, session_id, Place(latest[0].id))


@router.post("/{session_id}/stop", status_code=204, responses=refusals(404))
async def stop(session_id: str, service: Served, caller: Called) -> None:
    """Stop the answer that is being written, by whichever replica; what came is kept."""
    await session_of(session_id, service, caller)
    await service.manager.stop(session_id)
    until = monotonic() + _STOPPING_S
    while await _is_written(session_id, service):
        if monotonic() > until:
            raise RefusedCallError(
                503,
                "Nothing is heard of the replica that writes this answer.",
                kind="busy",
                retry_after_s=_STOPPING_S,
            )
        await asyncio.sleep(POLL_S)


async def _is_written(session_id: str, service: Service) -> bool:
    latest = await service.manager.tail(session_id, limit=1)
    return bool(latest) and latest[0].status is Status.STREAMING
