"""How fast requests leave: a line for each provider, in which whoever came first goes first.

Every request goes through an agent, so the agents are where it is held: turns, summaries and titles alike.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator
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
        per_minute: how many requests may leave within a minute; ``None`` for no limit.
        at_once: how many may be answered at the same time; ``None`` for no limit.
        minute_s: how long a minute is, in seconds.
    """

    def __init__(self, *, per_minute: int | None, at_once: int | None, minute_s: float = MINUTE_S) -> None:
        self._per_minute = per_minute
        self._at_once = at_once
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
        self._move_up()
        return place

    def give_back(self, place: Place) -> None:
        """Forget a place, whether its request has left or not."""
        if place in self._on_the_way:
            self._on_the_way.remove(place)
        else:
            self._line.remove(place)
        self._move_up()

    def reason(self, place: Place) -> str:
        """Return why a place waits, and how many wait before it."""
        before = self._line.index(place) if place in self._line else 0
        behind = f", {before:,} before it" if before else ""
        if self._is_crowded:
            return f"waiting its turn: {self._at_once} at a time{behind}"
        return f"waiting {self._seconds_left():.0f} s: {self._per_minute} requests a minute{behind}"

    @property
    def _is_crowded(self) -> bool:
        return self._at_once is not None and len(self._on_the_way) >= self._at_once

    def _seconds_left(self) -> float:
        now = asyncio.get_running_loop().time()
        return max(1.0, self._left[0] + self._minute_s - now) if self._left else 1.0

    def _move_up(self) -> None:
        """Let those at the head of the line leave, as many as may."""
        loop = asyncio.get_running_loop()
        while self._left and self._left[0] <= loop.time() - self._minute_s:
            self._left.popleft()
        while self._line and not self._is_crowded and not self._is_too_soon:
            place = self._line.popleft()
            self._on_the_way.add(place)
            if self._per_minute is not None:
                self._left.append(loop.time())
            place.let_go()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._line and self._is_too_soon:
            self._timer = loop.call_at(self._left[0] + self._minute_s, self._move_up)

    @property
    def _is_too_soon(self) -> bool:
        return self._per_minute is not None and len(self._left) >= self._per_minute


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
    """Agents that wait their turn, those of each provider in a line of their own."""

    def __init__(self, source: AgentSource, limits: Limits) -> None:
        super().__init__(source)
        self._limits = limits
        self._paces: dict[str, Pace] = {}

    def around(self, model: str, agent: AgentInterface) -> AgentAround:
        """Return the agent behind the line of its provider."""
        provider = model.partition(":")[0]
        if provider not in self._paces:
            self._paces[provider] = Pace(
                per_minute=self._limits.requests_per_minute, at_once=self._limits.concurrent_requests
            )
        return PacedAgent(agent, self._paces[provider])


def paced(source: AgentSource, limits: Limits) -> AgentSource:
    """Return agents that keep to the limits: the same ones where there are none."""
    if limits.requests_per_minute is None and limits.concurrent_requests is None:
        return source
    return PacedAgents(source, limits)
