"""The shortest way to an answer, as the operations guide has it: ``POST /chat/stream`` and lines of ``data:``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from time import monotonic
from typing import TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from brim.core.events import TextAdded, TurnFailed, TurnFinished
from brim.core.types import Message, Status
from brim.serve.callers import Called
from brim.serve.documented import event_stream, refusals
from brim.serve.faults import RefusedCallError, in_words
from brim.serve.places import Place
from brim.serve.service import Served, Service
from brim.serve.sessions import session_of
from brim.serve.stream import NO_BUFFER, PULSE, PULSE_S, followed
from brim.serve.turns import ask

router = APIRouter(tags=["chat"])

_SESSION = "X-Session-Id"

T = TypeVar("T")


class ChatMessage(BaseModel):
    """One message; without ``session_id`` a session begins, whose id comes in the header ``X-Session-Id``."""

    model_config = ConfigDict(extra="forbid")

    message: str = Field(min_length=1, pattern=r"\S")
    session_id: str | None = None
    cleanup: StrictBool | None = None
    """Whether old messages leave a full window first; ``None`` leaves it to the settings."""


@router.post(
    "/chat/stream",
    response_class=StreamingResponse,
    response_model=None,
    responses={
        **refusals(402, 404, 409, 502),
        200: {
            **event_stream(
                "The text in events without a name, and at the end `done`, or `error` with a sentence where the "
                "answer is not whole: it failed, was stopped or interrupted.",
                "message",
                "done",
                "error",
            ),
            "headers": {_SESSION: {"description": "The session.", "schema": {"type": "string"}}},
        },
    },
    openapi_extra={
        "requestBody": {"content": {"application/json": {"schema": ChatMessage.model_json_schema()}}}
    },
)
async def chat_stream(
    request: Request,
    service: Served,
    caller: Called,
    *,
    message: str | None = None,
    session_id: str | None = None,
    cleanup: bool | None = None,
) -> StreamingResponse:
    """Send a message, as JSON or in the query, and read the text of the answer as it comes.

    Line breaks of the text are several ``data:`` lines of one event, as the protocol has it. At the end comes
    ``done``, or ``error`` with a sentence where the answer failed, was stopped or interrupted.
    """
    if message is None:
        sent = _checked(ChatMessage.model_validate_json, await request.body())
    else:
        asked = {"message": message, "session_id": session_id, "cleanup": cleanup}
        sent = _checked(ChatMessage.model_validate, asked)
    session = None
    if sent.session_id is not None:
        request.state.session_id = sent.session_id  # for the log, also where it is refused
        session = await session_of(sent.session_id, service, caller)
    turn, answer_id = await ask(service, caller, session, sent.message, cleanup=sent.cleanup)
    request.state.session_id = turn.session_id
    return StreamingResponse(
        _text(service, turn.session_id, Place(answer_id)),
        media_type="text/event-stream",
        headers={_SESSION: turn.session_id, **NO_BUFFER},
    )


def _checked(read: Callable[[T], ChatMessage], given: T) -> ChatMessage:
    try:
        return read(given)
    except ValidationError as error:
        raise RefusedCallError(
            422,
            in_words(error.errors(include_input=False)),
            hint='Send {"message": "…"} as JSON, or ?message=… in the query.',
            kind="bad_input",
        ) from None


async def _text(service: Service, session_id: str, place: Place) -> AsyncIterator[bytes]:
    said_at = monotonic()
    async with aclosing(followed(service, session_id, place)) as events:
        async for _, event in events:
            match event:
                case TextAdded(text=text):
                    said_at = monotonic()
                    yield data_lines(text)
                case TurnFinished(answer=answer) | TurnFailed(answer=answer):
                    yield _end(answer)
                    return
                case _ if monotonic() - said_at > PULSE_S:
                    said_at = monotonic()
                    yield PULSE
    yield _error("The answer cannot be followed to its end here.")


def _end(answer: Message) -> bytes:
    """Return the last event: a client tells from its name whether the answer is whole."""
    match answer.status:
        case Status.STOPPED:
            return _error("The answer was stopped.")
        case Status.INTERRUPTED:
            return _error("The answer was interrupted. Ask again.")
        case Status.FAILED:
            failure = answer.failure
            return _error(f"{failure.sentence} {failure.hint}".strip() if failure else "The answer failed.")
        case _:
            return b"event: done\ndata:\n\n"


def _error(sentence: str) -> bytes:
    return b"event: error\n" + data_lines(sentence)


def data_lines(text: str) -> bytes:
    """Return a text as one event, a ``data:`` line for each of its lines."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "".join(f"data: {line}\n" for line in lines).encode("utf-8", "replace") + b"\n"
