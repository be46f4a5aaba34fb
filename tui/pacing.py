"""How often a growing answer is painted: by what painting costs, not by how often text arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic, thread_time

SHORTEST_S = 1 / 32
"""Seconds between two paints, at least."""
SHARE = 2.0
"""A paint is followed by a pause of this many times the processor time that it took."""


class Pacer:
    """Calls ``draw`` soon after `wake`, the first time at once, and then not more often than is good.

    ``draw`` is called from the event loop. `painted` tells that what it drew is on the screen; what was
    spent up to then is the paint's cost. Without a wake no timer runs.
    """

    def __init__(
        self,
        draw: Callable[[], object],
        *,
        shortest_s: float = SHORTEST_S,
        clock: Callable[[], float] = monotonic,
        cost_clock: Callable[[], float] = thread_time,
    ) -> None:
        self._draw = draw
        self._shortest_s = shortest_s
        self._clock = clock
        self._cost_clock = cost_clock
        self._timer: asyncio.TimerHandle | None = None
        self._began_at = 0.0
        self._cost_mark = 0.0
        self._next_at = 0.0

    @property
    def waits(self) -> bool:
        """Whether a paint is due."""
        return self._timer is not None

    def wake(self) -> None:
        """Ask for a paint."""
        if self._timer is None:
            delay_s = max(0.0, self._next_at - self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._run)

    def stop(self) -> None:
        """Forget a paint that is due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run(self) -> None:
        self._timer = None
        self._began_at = self._clock()
        self._cost_mark = self._cost_clock()
        self._next_at = self._began_at + self._shortest_s
        self._draw()

    def painted(self) -> None:
        """Take note that the paint which began last is on the screen, and what it cost."""
        cost_s = self._cost_clock() - self._cost_mark
        self._next_at = max(self._next_at, self._began_at + cost_s * (1 + SHARE))
