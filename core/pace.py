"""How fast requests leave: a line for each provider, in which whoever came first goes first.

Every request goes through an agent, so the agents are where it is held: turns, summaries and titles alike.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from brim.core.agent import AgentInterface, AgentSource
from brim.core.around import AgentAround, SourceAround
from brim.core.events import StreamEvent, Waiting
from brim.core.limits import Limits
from brim.core.types import AgentContext, AgentResponse

MINUTE_S = 60.0
_TELL_S = 1.0
"""How often whoever waits is told how things stand, in seconds."""


class Place:
    """A request's place in the line: waiting, on its way, or given back."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._may_leave = asyncio.Event()

    @property
    def has_come(self) -> bool:
        """Whether the request may leave."""
        return self._may_leave.is_set()

    def let_go(self) -> None:
        """Let the request leave."""
        self._may_leave.set()

    async def comes(self, *, within_s: float) -> None:
        """Wait until the request may leave, or for so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._may_leave.wait()
                return
        self._pace.move_up()  # the limits may be others now

    @property
    def reason(self) -> str:
        """Why it waits, in words."""
        return self._pace.reason(self)

    def give_back(self) -> None:
        """Leave the line, or make room for the next."""
        self._pace.give_back(self)


class Pace:
    """The line before one provider.

    Args:
        limits: gives what holds now. Who waits is held against others within a second.
        minute_s: how long a minute is, in seconds.
    """

    def __init__(self, limits: Callable[[], Limits], *, minute_s: float = MINUTE_S) -> None:
        self._limits = limits
        self._minute_s = minute_s
        self._line: deque[Place] = deque()
        self._on_the_way: set[Place] = set()
        self._left: deque[float] = deque()
        """When the requests of the last minute left, by the loop's clock."""
        self._timer: asyncio.TimerHandle | None = None

    def line_up(self) -> Place:
        """Return a place at the end of the line; whoever takes it gives it back."""
        place = Place(self)
        self._line.append(place)
        self.move_up()
        return place

    def give_back(self, place: Place) -> None:
        """Forget a place, whether its request has left or not."""
        if place in self._on_the_way:
            self._on_the_way.remove(place)
        else:
            self._line.remove(place)
        self.move_up()

    def reason(self, place: Place) -> str:
        """Return why a place waits, and how many wait before it."""
        before = self._line.index(place) if place in self._line else 0
        behind = f", {before:,} before it" if before else ""
        if self._is_crowded:
            return f"waiting its turn: {self._limits().concurrent_requests} at a time{behind}"
        most = self._limits().requests_per_minute
        return f"waiting {self._seconds_left():.0f} s: {most} requests a minute{behind}"

    @property
    def _is_crowded(self) -> bool:
        most = self._limits().concurrent_requests
        return most is not None and len(self._on_the_way) >= most

    def _seconds_left(self) -> float:
        now = asyncio.get_running_loop().time()
        return max(1.0, self._next_at - now) if self._left else 1.0

    @property
    def _next_at(self) -> float:
        """When so many of the last minute's requests are a minute old that one more may leave."""
        most = self._limits().requests_per_minute or 1
        return self._left[max(0, len(self._left) - most)] + self._minute_s

    def move_up(self) -> None:
        """Let those at the head of the line leave, as many as may."""
        loop = asyncio.get_running_loop()
        while self._left and self._left[0] <= loop.time() - self._minute_s:
            self._left.popleft()
        while self._line and not self._is_crowded and not self._is_too_soon:
            place = self._line.popleft()
            self._on_the_way.add(place)
            self._left.append(loop.time())
            place.let_go()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._line and self._is_too_soon:
            self._timer = loop.call_at(self._next_at, self.move_up)

    @property
    def _is_too_soon(self) -> bool:
        most = self._limits().requests_per_minute
        return most is not None and len(self._left) >= most


class PacedAgent(AgentAround):
    """Asks its agent when its turn has come."""

    def __init__(self, inner: AgentInterface, pace: Pace) -> None:
        super().__init__(inner)
        self._pace = pace

    async def process(self, context: AgentContext) -> AgentResponse:
        """Wait, and let the agent answer."""
        place = self._pace.line_up()
        try:
            while not place.has_come:
                await place.comes(within_s=_TELL_S)
            return await self.inner.process(context)
        finally:
            place.give_back()

    async def process_stream(self, context: AgentContext) -> AsyncGenerator[StreamEvent, None]:
        """Wait, saying why, and let the agent answer."""
        place = self._pace.line_up()
        try:
            while not place.has_come:
                yield Waiting(place.reason)
                await place.comes(within_s=_TELL_S)
            async with aclosing(super().process_stream(context)) as events:
                async for event in events:
                    yield event
        finally:
            place.give_back()


class PacedAgents(SourceAround):
    """Agents that wait their turn, those of each provider in a line of their own.

    Args:
        source: the agents.
        limits: gives what holds now. Requests that left while there was no limit are not counted.
    """

    def __init__(self, source: AgentSource, limits: Callable[[], Limits]) -> None:
        super().__init__(source)
        self._limits = limits
        self._paces: dict[str, Pace] = {}

    async def agent_for(self, model: str) -> AgentInterface:
        """Return the agent behind its line; the agent itself while there is no limit."""
        limits = self._limits()
        if limits.requests_per_minute is None and limits.concurrent_requests is None:
            return await self.source.agent_for(model)
        return await super().agent_for(model)

    def around(self, model: str, agent: AgentInterface) -> AgentAround:
        """Return the agent behind the line of its provider."""
        provider = model.partition(":")[0]
        if provider not in self._paces:
            self._paces[provider] = Pace(self._limits)
        return PacedAgent(agent, self._paces[provider])


def paced(source: AgentSource, limits: Callable[[], Limits]) -> AgentSource:
    """Return agents that keep to the limits: the same ones where they do already."""
    inner = source
    while isinstance(inner, SourceAround):
        if isinstance(inner, PacedAgents):
            return source
        inner = inner.source
    return PacedAgents(source, limits)
