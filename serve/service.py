"""What the parts of the service share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from brim.core.errors import AgentError, StoreError
from brim.core.sessions import SessionManager
from brim.core.turns import Turn
from brim.core.types import Message, Status
from brim.serve.allowance import Allowance
from brim.serve.callers import Caller, Door
from brim.serve.care import Care
from brim.serve.faults import RefusedCallError
from brim.serve.metrics import Metrics
from brim.serve.offer import Offer
from brim.serve.options import ServeOptions
from brim.serve.turn_log import log_turn
from brim.serve.unstored import Unstored

_log = logging.getLogger(__name__)
_RETRY_S = 5.0

Check = Callable[[], Awaitable[str]]
"""Looks at something that the service needs; returns what is wrong, nothing if all is well."""


Moderate = Callable[[str], Awaitable[tuple[str, ...]]]
"""Returns what a text is flagged for, nothing if it is let through. Raises `AgentError`."""


@dataclass(slots=True)
class Service:
    """One running service."""

    manager: SessionManager
    options: ServeOptions
    door: Door
    allowance: Allowance
    offer: Offer
    care: Care
    metrics: Metrics
    checks: Mapping[str, Check]
    """What `/readiness` looks at, by name."""
    moderate: Moderate | None = None
    is_ending: bool = False
    """Whether the service was told to end: nothing new begins."""
    accounting: set[asyncio.Task[None]] = field(default_factory=set)
    unstored: Unstored = field(default_factory=Unstored)

    def check_open(self) -> None:
        """Raise `RefusedCallError` (503) once the service was told to end."""
        if self.is_ending:
            raise RefusedCallError(
                503, "The service is ending.", hint="Another may answer.", kind="ending", retry_after_s=1
            )

    async def end(self, grace_s: float, hurry: asyncio.Event) -> None:
        """Let running answers end for ``grace_s`` seconds, or until ``hurry``; those left end as interrupted."""
        self.is_ending = True
        ending = {asyncio.create_task(self._answers_ended()), asyncio.create_task(hurry.wait())}
        await asyncio.wait(ending, timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        left = self.manager.running()
        if left or self.unstored:
            _log.warning(
                "answers are interrupted", extra={"turns": len(left), "completions": len(self.unstored)}
            )
        self.unstored.interrupt()
        await asyncio.gather(*(self.manager.stop(each, stopped_as=Status.INTERRUPTED) for each in left))

    async def _answers_ended(self) -> None:
        await self._turns_ended()
        await self.unstored.ended()

    async def _turns_ended(self) -> None:
        with self.manager.subscribe() as watcher:
            if not self.manager.running():
                return
            async for _ in watcher.batches():
                if not self.manager.running():
                    return

    async def look_at(self, text: str, caller: Caller) -> None:
        """Hold what a user sends against the operator's wishes, before the model sees it.

        Raises:
            RefusedCallError: it is not let through (422), or could not be looked at (503).
        """
        self.care.look(text, owner=caller.name)
        if self.moderate is None:
            return
        try:
            flags = await self.moderate(text)
        except AgentError as error:
            _log.error("moderation failed: %s", error.kind)
            raise RefusedCallError(
                503, "The text cannot be checked now.", kind="moderation", retry_after_s=_RETRY_S
            ) from error
        if flags:
            self.metrics.moderated()
            _log.warning("moderated text", extra={"owner": caller.name, "kinds": flags, "chars": len(text)})
            said = ", ".join(flags)
            raise RefusedCallError(422, f"The text is not let through: {said}.", kind="moderation")

    def account(self, caller: Caller, turn: Turn) -> None:
        """Give the place of a turn back once it has ended, whoever is still there."""
        task = asyncio.create_task(self._account(caller, turn))
        self.accounting.add(task)
        task.add_done_callback(self.accounting.discard)

    async def _account(self, caller: Caller, turn: Turn) -> None:
        try:
            answer: Message = await turn.wait()
        except BaseException:
            await self.allowance.end_turn(caller.name, caller.key, 0)
            raise
        await self._count(answer, caller)

    async def ended(self, answer: Message, caller: Caller) -> None:
        """Count an answer that belongs to no session, and give its place back."""
        self.metrics.ended(answer)
        await self._count(answer, caller)
        try:
            await self.manager.budgets.count(answer)
        except StoreError as error:
            _log.error("what an answer took is missing in the day's sum: %s", error.sentence)

    async def _count(self, answer: Message, caller: Caller) -> None:
        log_turn(answer, caller.name)
        tokens = answer.usage.total_tokens if answer.usage else 0
        await self.allowance.end_turn(caller.name, caller.key, tokens)


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Served = Annotated[Service, Depends(_service)]
