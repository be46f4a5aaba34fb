"""Answers that belong to no session: while they are written, only the service knows of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from brim.core.types import Status
from brim.serve.completion_answer import CompletionAnswer
from brim.serve.faults import RefusedCallError


class Unstored:
    """Holds the completions that are being written, so that an ending service waits for them as for turns."""

    def __init__(self) -> None:
        self._limits: set[asyncio.Timeout] = set()
        self._none_left = asyncio.Event()
        self._none_left.set()
        self._is_over = False

    def __len__(self) -> int:
        return len(self._limits)

    @asynccontextmanager
    async def written(self, answer: CompletionAnswer) -> AsyncIterator[None]:
        """Count an answer as one that is being written.

        Raises:
            RefusedCallError: it was interrupted (503).
        """
        limit = asyncio.timeout(0 if self._is_over else None)
        self._limits.add(limit)
        self._none_left.clear()
        try:
            async with limit:
                yield
        except TimeoutError as error:
            if not limit.expired():
                raise
            answer.stopped_as = Status.INTERRUPTED
            raise RefusedCallError(
                503,
                "The service is ending, and the answer was interrupted.",
                hint="Another may answer.",
                kind="ending",
                retry_after_s=1,
            ) from error
        finally:
            self._limits.discard(limit)
            if not self._limits:
                self._none_left.set()

    async def ended(self) -> None:
        """Return once none is being written."""
        await self._none_left.wait()

    def interrupt(self) -> None:
        """End those that are being written, and those that begin later at once."""
        self._is_over = True
        now = asyncio.get_running_loop().time()
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(now)
