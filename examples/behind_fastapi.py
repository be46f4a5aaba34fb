"""An agent behind a small web service: ``pip install fastapi uvicorn``, then ``uvicorn --factory behind_fastapi:create_app``.

``POST /chat/stream`` with ``{"message": "What is 17 * 23?"}`` answers with server-sent events::

    event: session
    data: {"session_id": "5f0c3a91d2b84e67"}

    event: text
    data: {"text": "17 * 23 = "}

    event: done
    data: {"status": "complete", "text": "17 * 23 = 391.", "tokens": 52}

or with ``failed`` in place of ``done``. Send the ``session_id`` along with the next message to go on. A client that
leaves loses nothing: the answer is written to its end, and ``GET /sessions/ID`` has it.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from tool_agent import ToolAgent

from brim import AgentInterface, Message, SessionManager, SessionNotFoundError
from brim.core.events import TextAdded, ToolCallChanged, TurnFailed, TurnFinished


class Question(BaseModel):
    """What a client sends. Without ``session_id`` a session begins."""

    message: str = Field(min_length=1, max_length=100_000, pattern=r"\S")
    session_id: str | None = None


def create_app(agent: AgentInterface | None = None) -> FastAPI:
    """Return the service. One manager serves all clients; it opens and closes with the service."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with SessionManager(agent or ToolAgent()) as manager:
            app.state.manager = manager
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "healthy"}

    @app.post("/chat/stream")
    async def chat_stream(question: Question, request: Request) -> StreamingResponse:
        manager: SessionManager = request.app.state.manager
        session_id = question.session_id or (await manager.create()).id
        await check(manager, session_id)
        if session_id in manager.running():
            raise HTTPException(409, "This session is still being answered.")
        return StreamingResponse(
            answer(manager, session_id, question.message), media_type="text/event-stream"
        )

    @app.get("/sessions/{session_id}")
    async def transcript(session_id: str, request: Request) -> list[Message]:
        manager: SessionManager = request.app.state.manager
        await check(manager, session_id)
        return await manager.transcript(session_id)

    return app


async def check(manager: SessionManager, session_id: str) -> None:
    """Answer 404 for a session that there is not."""
    try:
        await manager.session(session_id)
    except SessionNotFoundError as error:
        raise HTTPException(404, error.sentence) from None


async def answer(manager: SessionManager, session_id: str, message: str) -> AsyncIterator[str]:
    """Ask, and turn the events of the answer into server-sent ones."""
    yield sent("session", session_id=session_id)
    with manager.subscribe(session_id) as watcher:
        await manager.send(session_id, message)
        async for batch in watcher.batches():
            for event in batch:
                match event:
                    case TextAdded(text=text):
                        yield sent("text", text=text)
                    case ToolCallChanged(call=call):
                        yield sent("tool", name=call.name, arguments=call.arguments, result=call.result)
                    case TurnFinished(answer=final):
                        tokens = final.usage.total_tokens if final.usage else None
                        yield sent("done", status=final.status, text=final.content, tokens=tokens)
                        return
                    case TurnFailed(answer=final):
                        failure = final.failure.model_dump() if final.failure else {}
                        yield sent("failed", text=final.content, **failure)
                        return


def sent(event: str, **data: object) -> str:
    """Return one server-sent event. JSON keeps line breaks of the answer out of the protocol."""
    return f"event: {event}\ndata: {json.dumps(data)}\n\n"
