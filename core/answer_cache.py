"""The same request to the same model, answered from what the store has kept.

Only what a model says at temperature 0 is kept, and only where it has no effects: an answer in which tools were used
is not. What is kept belongs to the session in which it was asked first, and goes when that is deleted for good.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from datetime import timedelta
from functools import reduce

from pydantic import BaseModel, ConfigDict, ValidationError

from brim.core.agent import AgentInterface, AgentSource
from brim.core.around import AgentAround, SourceAround
from brim.core.errors import AgentError, StoreError
from brim.core.events import (
    CarriedOver,
    Done,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolFinished,
    ToolStarted,
    UsageReported,
)
from brim.core.parameters import Parameters
from brim.core.store.protocol import SessionStore
from brim.core.types import AgentContext, Carried, now
from brim.core.usage import Usage

_FORM = 1
"""Of the keys: a change in what makes them up makes all that was kept before unknown."""


class KeptAnswer(BaseModel):
    """An answer as it is kept."""

    model_config = ConfigDict(extra="forbid")

    text: str = ""
    reasoning: str = ""
    usage: Usage | None = None
    """What the provider counted when it was asked."""
    carried: Carried | None = None
    finish_reason: str = "stop"
    model: str | None = None

    def events(self) -> Iterator[StreamEvent]:
        """Yield the answer as an agent does."""
        if self.reasoning:
            yield ReasoningDelta(self.reasoning)
        if self.text:
            yield TextDelta(self.text)
        if self.carried is not None:
            yield CarriedOver(self.carried)
        if self.usage is not None:
            yield UsageReported(self.usage)
        yield Done(self.finish_reason, self.model, from_cache=True)


class CachedAgent(AgentAround):
    """Answers from the store what its agent was asked before, and keeps what the agent answers.

    Args:
        inner: who answers what is not kept.
        store: where answers are kept.
        holds: for how long.
        identity: what the answers depend on besides the context: the model and where it is.
        defaults: what holds where the context says nothing.
    """

    def __init__(
        self,
        inner: AgentInterface,
        store: SessionStore,
        holds: timedelta,
        identity: tuple[str, str],
        defaults: Callable[[], Parameters],
    ) -> None:
        super().__init__(inner)
        self._store = store
        self._holds = holds
        self._identity = identity
        self._defaults = defaults

    def why_not(self, parameters: Parameters) -> str:
        """Return why answers with these parameters are not kept, as a sentence; empty where they are."""
        effective = parameters.over(self._defaults())
        if "temperature" not in self.takes:
            return f"{self._identity[0]} takes no temperature, so its answers are not kept."
        if effective.temperature is None:
            return "Answers are kept at temperature 0 only, and none is set."
        if effective.temperature > 0:
            return f"Answers are kept at temperature 0 only, and it is {effective.temperature:g}."
        return ""

    async def process_stream(self, context: AgentContext) -> AsyncGenerator[StreamEvent, None]:
        """Answer from the store, or let the agent answer and keep that."""
        if not context.session_id or self.why_not(context.parameters):
            key = None
        else:
            key = self._key(context)
            if (kept := await self._kept(key)) is not None:
                for event in kept.events():
                    yield event
                return
        making: KeptAnswer | None = KeptAnswer()
        async with aclosing(super().process_stream(context)) as events:
            async for event in events:
                match event:
                    case ToolStarted() | ToolFinished():
                        making = None
                    case Done(finish_reason=reason, model=model):
                        if key is not None and making is not None:
                            making.finish_reason, making.model = reason, model
                            await self._keep(key, context.session_id, making)
                    case _ if making is not None:
                        _add(making, event)
                    case _:
                        pass
                yield event

    async def _kept(self, key: str) -> KeptAnswer | None:
        text = await self._store.kept_answer(key, now() - self._holds)
        if text is None:
            return None
        try:
            return KeptAnswer.model_validate_json(text)
        except ValidationError:  # another version's: it is asked anew, and kept in its place
            return None

    async def _keep(self, key: str, session_id: str, answer: KeptAnswer) -> None:
        text = json.dumps(answer.model_dump(mode="json"), ensure_ascii=False)
        try:
            await self._store.keep_answer(key, text, session_id, now() - self._holds)
        except StoreError:
            # The answer is there all the same. That it cannot be stored either is told by its turn.
            return

    def _key(self, context: AgentContext) -> str:
        said = [
            (
                message.role,
                message.content,
                [(one.id, one.name) for one in message.attachments],
                [call.model_dump() for call in message.tool_calls],
                message.carried and message.carried.model_dump(),
            )
            for message in context.conversation_history
        ]
        request = {
            "form": _FORM,
            "identity": self._identity,
            "parameters": context.parameters.over(self._defaults()).model_dump(),
            "said": said,
            "input": context.input,
            "attachments": [(one.id, one.name) for one in context.attachments],
            "more": context.additional_context,
        }
        return hashlib.sha256(json.dumps(request, sort_keys=True, default=repr).encode()).hexdigest()


class CachedAgents(SourceAround):
    """Agents that answer from the store what they were asked before.

    Args:
        source: the agents.
        store: where answers are kept.
        holds: for how long.
        address_of: tells where the requests for a model id go: the same name may mean another model elsewhere.
    """

    def __init__(
        self, source: AgentSource, store: SessionStore, holds: timedelta, address_of: Callable[[str], str]
    ) -> None:
        super().__init__(source)
        self._store = store
        self._holds = holds
        self._address_of = address_of

    def around(self, model: str, agent: AgentInterface) -> CachedAgent:
        """Return the agent behind what is kept."""

        def defaults() -> Parameters:
            return reduce(Parameters.over, (said for _, said in self.defaults(model)), Parameters())

        identity = (self.resolve(model), self._address_of(model))
        return CachedAgent(agent, self._store, self._holds, identity, defaults)

    async def why_not(self, model: str | None, parameters: Parameters) -> str:
        """Return why answers of a model are not kept, as a sentence; empty where they are, or nobody can say."""
        if model is None:
            return ""
        try:
            agent = await self.agent_for(model)
        except AgentError:  # the turn will say so
            return ""
        return agent.why_not(parameters) if isinstance(agent, CachedAgent) else ""


def _add(answer: KeptAnswer, event: StreamEvent) -> None:
    match event:
        case TextDelta(text=text):
            answer.text += text
        case ReasoningDelta(text=text):
            answer.reasoning += text
        case UsageReported(usage=usage):
            answer.usage = usage
        case CarriedOver(carried=carried):
            answer.carried = carried
        case _:
            pass
