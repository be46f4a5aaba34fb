"""OpenAI's chat completions in front of the agents of the service, so that any client of OpenAI's can talk to them.

A request brings its whole conversation and nothing of it is stored: sessions are for ``/sessions``.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Any, Literal

from anyio import CancelScope
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import Receive, Scope, Send

from brim.core.errors import AgentError, BrimError
from brim.core.events import Done, ReasoningDelta, StreamEvent, TextDelta, UsageReported
from brim.core.parameters import Effort, Parameters
from brim.core.turns import events_of
from brim.core.types import AgentContext, Message, new_id
from brim.core.usage import Usage
from brim.serve.callers import Called, Caller
from brim.serve.documented import event_stream, refusals
from brim.serve.faults import RefusedCallError, kind_of
from brim.serve.service import Served, Service
from brim.serve.stream import NO_BUFFER

_log = logging.getLogger(__name__)

router = APIRouter(prefix="/v1", tags=["openai"], responses=refusals())

_ROLES: dict[str, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}


class TextPart(BaseModel):
    """A part of a message that is text."""

    type: Literal["text"]
    text: str


class Spoken(BaseModel):
    """One message of the conversation."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart] | None = None

    @property
    def text(self) -> str:
        """The text of all parts."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(BaseModel):
    """What a stream tells besides the text."""

    include_usage: bool = False


class Completion(BaseModel):
    """A request as OpenAI's clients send it. Fields that no agent here takes are passed over."""

    model_config = ConfigDict(extra="ignore")

    model: str = Field(max_length=200)
    messages: list[Spoken] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    max_tokens: int | None = Field(default=None, gt=0)
    max_completion_tokens: int | None = Field(default=None, gt=0)
    stop: str | list[str] | None = None
    seed: int | None = None
    reasoning_effort: Effort | None = None
    n: int = 1
    tools: list[Any] | None = None

    def parameters(self) -> Parameters:
        """Return the parameters of the request."""
        stop = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return Parameters(
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_completion_tokens or self.max_tokens,
            stop=tuple(stop),
            seed=self.seed,
            reasoning_effort=self.reasoning_effort,
        )

    def context(self) -> AgentContext:
        """Return what the agent is asked. Raises `RefusedCallError` where it is no question."""
        *before, last = self.messages
        if last.role != "user" or not last.text.strip():
            raise RefusedCallError(400, "The last message must be the user's, with text.", kind="bad_input")
        if self.n != 1:
            raise RefusedCallError(400, "There is one answer to a request: n must be 1.", kind="bad_input")
        if self.tools:
            raise RefusedCallError(
                400, "Agents here use their own tools; a request brings none.", kind="bad_input"
            )
        return AgentContext(
            input=last.text,
            conversation_history=[Message(role=_ROLES[m.role], content=m.text) for m in before if m.text],
            parameters=self.parameters(),
        )


class NamedModel(BaseModel):
    """A model by its id."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class NamedModels(BaseModel):
    """What can be named as ``model``."""

    object: Literal["list"]
    data: list[NamedModel]


class Said(BaseModel):
    """What the model answers."""

    role: Literal["assistant"]
    content: str


class Choice(BaseModel):
    """The one answer to a request."""

    index: Literal[0]
    message: Said
    finish_reason: Literal["stop", "length"]


class Completed(BaseModel):
    """A whole answer in OpenAI's shape; ``usage`` as OpenAI counts it, ``None`` where the model told none."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: dict[str, Any] | None


@router.get("/models", response_model=NamedModels)
async def models(service: Served, caller: Called) -> JSONResponse:
    """List what can be named as ``model``."""
    del caller
    found = [
        {"id": model.id, "object": "model", "created": 0, "owned_by": model.id.partition(":")[0]}
        for model in await service.manager.models()
        if not model.unavailable
    ]
    return JSONResponse({"object": "list", "data": found})


@router.post(
    "/chat/completions",
    response_model=None,
    responses={
        **refusals(404, 502),
        200: {
            "model": Completed,
            **event_stream(
                "The answer, whole or as `chat.completion.chunk` objects in events without a name."
            ),
        },
    },
)
async def complete(asked: Completion, service: Served, caller: Called) -> Response:
    """Answer a conversation, whole or as it is written."""
    service.check_open()
    context = asked.context()
    try:
        model = service.manager.agents.resolve(asked.model)
    except AgentError as error:
        raise RefusedCallError(404, error.sentence, hint=error.hint, kind="model_not_found") from None
    agent = await service.manager.agents.agent_for(model)
    await service.look_at(context.input, caller)
    await service.allowance.begin_turn(caller.name, caller.key)
    answer = _Answer(model)
    events = _told(events_of(agent, context))
    if asked.stream:
        wants_usage = asked.stream_options is not None and asked.stream_options.include_usage
        return _Streamed(service, caller, events, answer, wants_usage=wants_usage)
    try:
        async with aclosing(events):
            async for event in events:
                if answer.take(event):
                    break
    finally:
        await _account(service, caller, answer)
    return JSONResponse(answer.whole())


class _Answer:
    """One answer in OpenAI's shape."""

    def __init__(self, model: str) -> None:
        self.model = model
        self._head = {"id": f"chatcmpl-{new_id()}", "created": int(time.time()), "model": model}
        self._texts: list[str] = []
        self.usage: Usage | None = None
        self.finish_reason = "stop"

    def take(self, event: StreamEvent) -> bool:
        """Take in an event; returns whether it was the last."""
        match event:
            case TextDelta(text=text):
                self._texts.append(text)
            case UsageReported(usage=usage):
                self.usage = usage
            case Done(finish_reason=reason):
                self.finish_reason = "length" if reason in ("length", "max_tokens") else "stop"
                return True
            case _:
                pass
        return False

    def whole(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": "".join(self._texts)}
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        return {**self._head, "object": "chat.completion", "choices": [choice], "usage": self.counts()}

    def chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return _line({**self._head, "object": "chat.completion.chunk", "choices": [choice]})

    def usage_chunk(self) -> bytes:
        return _line({**self._head, "object": "chat.completion.chunk", "choices": [], "usage": self.counts()})

    def counts(self) -> dict[str, Any] | None:
        if self.usage is None:
            return None
        return {
            "prompt_tokens": self.usage.prompt_tokens,
            "completion_tokens": self.usage.output_tokens,
            "total_tokens": self.usage.total_tokens,
            "prompt_tokens_details": {"cached_tokens": self.usage.cache_read_tokens},
            "completion_tokens_details": {"reasoning_tokens": self.usage.reasoning_tokens},
        }


class _Streamed(StreamingResponse):
    """An answer as it is written. What it took is counted however it ends, also before anything of it was sent."""

    media_type = "text/event-stream"

    def __init__(
        self,
        service: Service,
        caller: Caller,
        events: AsyncGenerator[StreamEvent, None],
        answer: _Answer,
        *,
        wants_usage: bool,
    ) -> None:
        super().__init__(_chunks(events, answer, wants_usage=wants_usage), headers=NO_BUFFER)
        self._ended = partial(_account, service, caller, answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await self._ended()


async def _told(events: AsyncGenerator[StreamEvent, None]) -> AsyncGenerator[StreamEvent, None]:
    """Yield an agent's events. What a person's own agent raises that is no error of brim's becomes one."""
    try:
        async with aclosing(events):
            async for event in events:
                yield event
    except BrimError:
        raise
    except Exception as error:
        _log.exception("agent_raised")
        raise AgentError(f"The agent raised {type(error).__name__}.") from error


async def _account(service: Service, caller: Caller, answer: _Answer) -> None:
    """Count what an answer took, and give its place back."""
    usage = answer.usage
    if usage is not None:
        service.metrics.used(answer.model, usage)
    await service.allowance.end_turn(caller.name, caller.key, usage.total_tokens if usage else 0)


async def _chunks(
    events: AsyncGenerator[StreamEvent, None], answer: _Answer, *, wants_usage: bool
) -> AsyncGenerator[bytes, None]:
    yield answer.chunk({"role": "assistant", "content": ""})
    try:
        async with aclosing(events):
            async for event in events:
                match event:
                    case TextDelta(text=text):
                        yield answer.chunk({"content": text})
                    case ReasoningDelta(text=text):
                        yield answer.chunk({"reasoning_content": text})
                    case _:
                        pass
                if answer.take(event):
                    break
    except BrimError as error:
        yield _line({"error": {"type": kind_of(error), "message": f"{error.sentence} {error.hint}".strip()}})
        return
    yield answer.chunk({}, answer.finish_reason)
    if wants_usage:
        yield answer.usage_chunk()
    yield b"data: [DONE]\n\n"


def _line(document: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(document, ensure_ascii=False)}\n\n".encode("utf-8", "replace")
