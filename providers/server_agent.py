"""What the agents have in common that talk to a server through a provider's SDK."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Any, Generic, TypeVar

from brim.core.agent import AgentInterface
from brim.core.errors import AgentError
from brim.core.events import StreamEvent
from brim.core.types import AgentConfig, AgentContext, AgentResponse
from brim.providers.answers import collect
from brim.providers.keyless import KeylessAnswer
from brim.providers.server import Server

ServerT = TypeVar("ServerT", bound=Server[Any])


class ServerAgent(AgentInterface, Generic[ServerT]):
    """A model behind a server.

    Args:
        config: model, key, address, limits.
        server: the connections to use.
        owns_server: whether nobody else uses them, so that they are closed with the agent.
    """

    def __init__(self, config: AgentConfig, server: ServerT, *, owns_server: bool) -> None:
        self.config = config
        self.model = config.model
        self._server = server
        self._owns_server = owns_server
        self.is_priced = server.is_own

    @property
    def takes(self) -> frozenset[str]:  # type: ignore[override]  # nobody sets it from outside
        """The names of the `Parameters` that the model takes, as far as the server is known."""
        return self._server.takes(self.model)

    @property
    def sees(self) -> frozenset[str]:  # type: ignore[override]  # nobody sets it from outside
        """Images, if the model sees them, as far as the server is known."""
        return frozenset({"image"}) if self._server.sees(self.model) else frozenset()

    @abstractmethod
    def _answer(self, context: AgentContext) -> AsyncGenerator[StreamEvent, None]:
        """Return what the server answers, as it comes."""

    async def process_stream(self, context: AgentContext) -> AsyncGenerator[StreamEvent, None]:
        """Answer ``context.input`` as it comes, without the key that was sent."""
        keyless = KeylessAnswer(partial(self._server.asked, self.model))
        async with aclosing(self._answer(context)) as events:
            try:
                async for event in events:
                    for told in keyless.take(event):
                        yield told
            except AgentError:
                for told in keyless.rest():
                    yield told
                raise

    async def process(self, context: AgentContext) -> AgentResponse:
        """Answer ``context.input`` and return the whole answer."""
        return await collect(self.process_stream(context))

    async def window_tokens(self) -> int | None:
        """Return what the server says that the model's window is, ``None`` where it does not say."""
        return await self._server.window_tokens(self.model)

    async def check(self) -> None:
        """Raise `AuthenticationError` where the provider wants a key and there is none, or it cannot be read."""
        await self._server.client()

    async def aclose(self) -> None:
        """Close the connections, if they are the agent's own."""
        if self._owns_server:
            await self._server.aclose()
