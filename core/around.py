"""Agents that stand before others: they do what those do, and something besides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing

from brim.core.agent import AgentInterface, AgentSource, Counted
from brim.core.events import StreamEvent
from brim.core.parameters import Parameters
from brim.core.turns import events_of
from brim.core.types import AgentContext, AgentResponse, Message, ModelInfo


class AgentAround(AgentInterface):
    """Does what another agent does, where a subclass says nothing else. Closing it is left to the other's owner."""

    def __init__(self, inner: AgentInterface) -> None:
        self.inner = inner

    # What an agent says of itself may change once its server was asked, so it is never copied.

    @property
    def model(self) -> str:  # type: ignore[override]  # nobody sets it from outside
        """The model's name as the provider knows it."""
        return self.inner.model

    @property
    def is_priced(self) -> bool:  # type: ignore[override]
        """Whether its answers cost what the public price list says."""
        return self.inner.is_priced

    @property
    def cache_holds_s(self) -> float | None:  # type: ignore[override]
        """How long the provider keeps a prompt that it has cached, in seconds; ``None`` if unknown."""
        return self.inner.cache_holds_s

    @property
    def takes(self) -> frozenset[str]:  # type: ignore[override]
        """The names of the `Parameters` that its model takes."""
        return self.inner.takes

    @property
    def sees(self) -> frozenset[str]:  # type: ignore[override]
        """The kinds of attachments that its model takes besides text."""
        return self.inner.sees

    async def process(self, context: AgentContext) -> AgentResponse:
        """Let the other answer."""
        return await self.inner.process(context)

    async def process_stream(self, context: AgentContext) -> AsyncGenerator[StreamEvent, None]:
        """Let the other answer, as events."""
        async with aclosing(events_of(self.inner, context)) as events:
            async for event in events:
                yield event

    async def window_tokens(self) -> int | None:
        """Return what the other says of its window."""
        return await self.inner.window_tokens()

    async def count_tokens(self, messages: Sequence[Message]) -> int | None:
        """Return what the other counts."""
        return await self.inner.count_tokens(messages)

    async def count_next(self, context: AgentContext) -> Counted | None:
        """Return what the other counts, or has counted."""
        return await self.inner.count_next(context)

    async def check(self) -> None:
        """Look whether the other could answer."""
        await self.inner.check()

    async def tokenizer(self) -> Callable[[str], int] | None:
        """Return the other's tokenizer."""
        return await self.inner.tokenizer()


class SourceAround(ABC):
    """A source of agents, each of which stands before one of another source."""

    def __init__(self, source: AgentSource) -> None:
        self.source = source
        self._around: dict[str, AgentAround] = {}

    @abstractmethod
    def around(self, model: str, agent: AgentInterface) -> AgentAround:
        """Return what stands before the agent of a model id."""

    async def agent_for(self, model: str) -> AgentInterface:
        """Return what stands before the agent of a model id; the same one while the agent is the same."""
        agent = await self.source.agent_for(model)
        known = self._around.get(model)
        if known is None or known.inner is not agent:
            known = self._around[model] = self.around(model, agent)
        return known

    def resolve(self, name: str) -> str:
        """Return the model id that a person's name for a model means."""
        return self.source.resolve(name)

    async def models(self) -> list[ModelInfo]:
        """Return the models that can be named."""
        return await self.source.models()

    def listing(self) -> AsyncIterator[list[ModelInfo]]:
        """Yield the models as far as they are known, again and again."""
        return self.source.listing()

    def defaults(self, model: str) -> Sequence[tuple[str, Parameters]]:
        """Return what holds for a model where the session says nothing."""
        return self.source.defaults(model)

    async def default_model(self) -> str | None:
        """Return the model id for a new session."""
        return await self.source.default_model()

    async def aclose(self) -> None:
        """Close the other source, with its agents."""
        await self.source.aclose()
