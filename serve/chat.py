"""The shortest way to an answer, as the operations guide has it: ``POST /chat/stream`` and lines of ``data:``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from brim.core.events import TextAdded, TurnFailed, TurnFinished
from brim.core.sessions import SessionManager
from brim.serve.callers import Called
from brim.serve.faults import RefusedCallError
from brim.serve.places import Place
from brim.serve.service import Served
from brim.serve.sessions import session_of
from brim.serve.stream import followed
from brim.serve.turns import ask

router = APIRouter(tags=["chat"])

_SESSION = "X-Session-Id"


class ChatMessage(BaseModel):
    """One message; without ``session_id`` a session begins, whose id comes in the header ``X-Session-Id``."""

    model_config = ConfigDict(extra="forbid")

    message: str = Field(min_length=1, pattern=r"\S")
    session_id: str | None = None


@router.post("/chat/stream", response_class=StreamingResponse, response_model=None)
async def chat_stream(
    request: Request,
    service: Served,
    caller: Called,
    message: str | None = None,
    session_id: str | None = None,
) -> StreamingResponse:
    """Send a message, as JSON or in the query, and read the text of the answer as it comes.

    Line breaks of the text are several ``data:`` lines of one event, as the protocol has it. A failure comes as
    an ``error`` event with a sentence.
    """
    sent = await _sent(request) if message is None else ChatMessage(message=message, session_id=session_id)
    if sent.session_id is None:
        found = (await service.manager.create(owner=caller.name)).id
    else:
        found = (await session_of(sent.session_id, service, caller)).id
    _, answer_id = await ask(service, caller, found, sent.message)
    return StreamingResponse(
        _text(service.manager, found, Place(answer_id)),
        media_type="text/event-stream",
        headers={_SESSION: found, "Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


async def _sent(request: Request) -> ChatMessage:
    try:
        return ChatMessage.model_validate_json(await request.body())
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise RefusedCallError(
            422,
            f"The request is not right: {first['msg']}.",
            hint='Send {"message": "…"} as JSON, or ?message=… in the query.',
            kind="bad_input",
        ) from None


async def _text(manager: SessionManager, session_id: str, place: Place) -> AsyncIterator[bytes]:
    async with aclosing(followed(manager, session_id, place)) as events:
        async for _, event in events:
            match event:
                case TextAdded(text=text):
                    yield data_lines(text)
                case TurnFailed(answer=answer):
                    failure = answer.failure
                    said = f"{failure.sentence} {failure.hint}".strip() if failure else "The answer failed."
                    yield b"event: error\n" + data_lines(said)
                case TurnFinished():
                    yield b"event: done\ndata:\n\n"


def data_lines(text: str) -> bytes:
    """Return a text as one event, a ``data:`` line for each of its lines."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "".join(f"data: {line}\n" for line in lines).encode("utf-8", "replace") + b"\n"
