"""OpenAI's chat completions in front of the agents of the service, so that any client of OpenAI's can talk to them.

A request brings its whole conversation and nothing of it is stored: sessions are for ``/sessions``.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Literal

from anyio import CancelScope
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from brim.core.errors import AgentError, BrimError
from brim.core.events import StreamEvent
from brim.core.turns import events_of
from brim.core.types import Failure, ModelInfo
from brim.serve.callers import Called
from brim.serve.completion_answer import Completed, CompletionAnswer
from brim.serve.completion_request import Completion
from brim.serve.completion_stream import CompletionStream
from brim.serve.documented import event_stream, refusals
from brim.serve.faults import RefusedCallError, kind_of
from brim.serve.service import Served

_log = logging.getLogger(__name__)

router = APIRouter(prefix="/v1", tags=["openai"], responses=refusals())


class NamedModel(BaseModel):
    """A model by its id."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str


class NamedModels(BaseModel):
    """What can be named as ``model``."""

    object: Literal["list"] = "list"
    data: list[NamedModel]


def _named(model: ModelInfo) -> NamedModel:
    return NamedModel(id=model.id, owned_by=model.id.partition(":")[0])


@router.get("/models")
async def models(service: Served, caller: Called) -> NamedModels:
    """List what can be named as ``model``."""
    return NamedModels(data=[_named(model) for model in await service.offer.models(caller)])


@router.get("/models/{model_id:path}", responses=refusals(404))
async def model(model_id: str, service: Served, caller: Called) -> NamedModel:
    """Tell of a model that can be named as ``model``."""
    found = next((one for one in await service.offer.models(caller) if one.id == model_id), None)
    if found is None:
        raise RefusedCallError(404, "There is no such model here.", kind="model_not_found")
    return _named(found)


@router.post(
    "/chat/completions",
    response_model=None,
    responses={
        **refusals(402, 404, 502, 504),
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
    context = asked.context(service.manager.in_force.now.system_prompt)
    model = await service.offer.model(asked.model, caller, status=404)
    agent = await service.manager.agents.agent_for(model)
    answer = CompletionAnswer(model, context, is_priced=agent.is_priced)
    await service.look_at(asked.of_the_caller(), caller)
    await service.manager.budgets.check(None, await answer.quote())
    await service.allowance.begin_turn(caller.name, caller.key)
    events = _told(events_of(agent, context), answer)

    async def is_over() -> None:
        await service.ended(await answer.message(), caller)

    if asked.stream:
        wants_usage = asked.stream_options is not None and asked.stream_options.include_usage
        return CompletionStream(events, answer, service.unstored, wants_usage=wants_usage, when_over=is_over)
    try:
        async with service.unstored.written(answer), aclosing(events):
            async for _ in events:
                pass
    finally:
        with CancelScope(shield=True):
            await is_over()
    return JSONResponse(answer.whole())


async def _told(
    events: AsyncGenerator[StreamEvent, None], answer: CompletionAnswer
) -> AsyncGenerator[StreamEvent, None]:
    """Yield an agent's events to the last, which ``answer`` takes in.

    What a person's own agent raises that is no error of brim's becomes one.
    """
    try:
        async with aclosing(events):
            async for event in events:
                answer.take(event)
                yield event
                if answer.is_done:
                    break
    except AgentError as error:
        answer.failure = error.failure()
        raise
    except BrimError as error:
        answer.failure = Failure(kind=kind_of(error), sentence=error.sentence, hint=error.hint)
        raise
    except Exception as error:
        _log.exception("agent_raised")
        answer.failure = Failure(kind="defect", sentence=f"The agent raised {type(error).__name__}.")
        raise AgentError(answer.failure.sentence) from error
