"""Sessions over HTTP: made, listed, read, renamed, deleted, exported."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from brim.core.errors import SessionNotFoundError
from brim.core.export import CARRYING_FILES, Format, export, file_name
from brim.core.parameters import Parameters
from brim.core.types import Message, Session, SessionFilter
from brim.serve.callers import Called, Caller
from brim.serve.documented import refusals
from brim.serve.service import Served, Service
from brim.serve.stream import discreet

router = APIRouter(prefix="/sessions", tags=["sessions"], responses=refusals())

_MEDIA_TYPES: dict[Format, str] = {
    "md": "text/markdown; charset=utf-8",
    "json": "application/json",
    "txt": "text/plain; charset=utf-8",
    "html": "text/html; charset=utf-8",
}
_HIDDEN = {"owner", "draft", "queued"}
_HIDDEN_OF_MESSAGES = {"__all__": {"carried"}}
_LONGEST_PAGE = 200
_LONGEST_ID = 200
"""In characters; those of imported sessions are not ours."""


class NewSession(BaseModel):
    """A session to be made. What is left out is as the service's settings say."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(default="", max_length=500)
    model: str | None = Field(default=None, max_length=200)
    system_prompt: str | None = Field(default=None, max_length=1_000_000)
    parameters: Parameters = Parameters()


class Changes(BaseModel):
    """What changes of a session; ``None`` leaves it."""

    model_config = ConfigDict(extra="forbid")

    title: str | None = Field(default=None, max_length=500)
    model: str | None = Field(default=None, max_length=200)
    system_prompt: str | None = Field(default=None, max_length=1_000_000)
    parameters: Parameters | None = None


class Page(BaseModel):
    """A part of a list, newest change first."""

    sessions: list[Session]
    next: str | None
    """The ``after`` of the next page, ``None`` at the end."""


class Messages(BaseModel):
    """A part of a transcript, in the order of the conversation."""

    messages: list[Message]
    before: str | None
    """The ``before`` of the messages before these, ``None`` at the beginning."""


async def session_of(session_id: str, service: Service, caller: Caller) -> Session:
    """Return a session that the caller may see. Raises `SessionNotFoundError`."""
    if len(session_id) > _LONGEST_ID:
        raise SessionNotFoundError("There is no session with an id that long.")
    return caller.check(await service.manager.session(session_id))


async def message_of(message_id: str, session_id: str, service: Service) -> Message:
    """Return a message of a session. Raises `SessionNotFoundError` for one of another."""
    found = await service.manager.messages_by_id([message_id]) if len(message_id) <= _LONGEST_ID else []
    if not found or found[0].session_id != session_id:
        raise SessionNotFoundError("There is no such message in this session.")
    return found[0]


@router.post("", status_code=201, response_model_exclude=_HIDDEN)
async def create(new: NewSession, service: Served, caller: Called) -> Session:
    """Make a session."""
    if new.system_prompt:
        await service.look_at(new.system_prompt, caller)
    model = None if new.model is None else await service.offer.model(new.model, caller)
    session = await service.manager.create(
        model=model, title=new.title, system_prompt=new.system_prompt, owner=caller.name
    )
    if new.parameters:
        session = await service.manager.tuning.set_parameters(session.id, new.parameters)
    return session


@router.get("", responses=refusals(404), response_model_exclude={"sessions": {"__all__": _HIDDEN}})
async def page(
    service: Served,
    caller: Called,
    limit: Annotated[int, Query(ge=1, le=_LONGEST_PAGE)] = 50,
    after: str | None = None,
) -> Page:
    """List sessions, newest change first."""
    last = await session_of(after, service, caller) if after else None
    found = await service.manager.list_sessions(
        limit=limit, after=last, only=SessionFilter(owner=caller.owner)
    )
    return Page(sessions=found, next=found[-1].id if len(found) == limit else None)


@router.get("/{session_id}", responses=refusals(404), response_model_exclude=_HIDDEN)
async def read(session_id: str, service: Served, caller: Called) -> Session:
    """Read a session and its totals."""
    return await session_of(session_id, service, caller)


@router.patch("/{session_id}", responses=refusals(404, 409), response_model_exclude=_HIDDEN)
async def change(session_id: str, changes: Changes, service: Served, caller: Called) -> Session:
    """Rename a session, or change how it is asked from the next turn on."""
    session, manager = await session_of(session_id, service, caller), service.manager
    if changes.model is not None:
        session = await manager.tuning.set_model(session_id, await service.offer.model(changes.model, caller))
    if changes.system_prompt is not None:
        await service.look_at(changes.system_prompt, caller)
        session = await manager.tuning.set_system_prompt(session_id, changes.system_prompt)
    if changes.parameters is not None:
        session = await manager.tuning.set_parameters(session_id, changes.parameters)
    if changes.title is not None:
        session = await manager.rename(session_id, changes.title)
    return session


@router.delete("/{session_id}", responses=refusals(404), status_code=204)
async def delete(session_id: str, service: Served, caller: Called) -> None:
    """Put a session into the bin and stop its turn."""
    await session_of(session_id, service, caller)
    await service.manager.delete(session_id)


@router.get(
    "/{session_id}/messages",
    responses=refusals(404),
    response_model_exclude={"messages": _HIDDEN_OF_MESSAGES},
)
async def messages(
    session_id: str,
    service: Served,
    caller: Called,
    limit: Annotated[int, Query(ge=1, le=_LONGEST_PAGE)] = 50,
    before: str | None = None,
) -> Messages:
    """Read the last messages of a session, or those before one."""
    await session_of(session_id, service, caller)
    if before is not None:
        await message_of(before, session_id, service)
    found = await service.manager.tail(session_id, limit=limit, before_id=before)
    before = found[0].id if len(found) == limit else None
    return Messages(messages=[discreet(one) for one in found], before=before)


@router.get(
    "/{session_id}/export",
    response_class=Response,
    responses={
        **refusals(404),
        200: {
            "content": {
                kind.partition(";")[0]: {"schema": {"type": "object" if name == "json" else "string"}}
                for name, kind in _MEDIA_TYPES.items()
            },
            "description": "The session as a file.",
        },
    },
)
async def exported(session_id: str, service: Served, caller: Called, format: Format = "md") -> Response:  # noqa: A002
    """Export a session as a file."""
    session = await session_of(session_id, service, caller)
    messages = await service.manager.transcript(session_id)
    if format in CARRYING_FILES:
        session = await service.manager.library.with_queue(session)
        messages = await service.manager.library.with_files(messages)
    text = export(
        session,
        [discreet(one) for one in messages],
        format,
        context=await service.manager.context_usage(session_id),
    )
    named = f'attachment; filename="{file_name(session, format).encode("ascii", "replace").decode().replace("?", "_")}"'
    return Response(text, media_type=_MEDIA_TYPES[format], headers={"Content-Disposition": named})
