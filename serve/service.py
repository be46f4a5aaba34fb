"""What the parts of the service share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from brim.core.sessions import SessionManager
from brim.core.turns import Turn
from brim.core.types import Message
from brim.serve.allowance import Allowance
from brim.serve.callers import Caller, Door
from brim.serve.options import ServeOptions

Check = Callable[[], Awaitable[str]]
"""Looks at something that the service needs; returns what is wrong, nothing if all is well."""


@dataclass(slots=True)
class Service:
    """One running service."""

    manager: SessionManager
    options: ServeOptions
    door: Door
    allowance: Allowance
    checks: Mapping[str, Check]
    """What `/readiness` looks at, by name."""
    accounting: set[asyncio.Task[None]] = field(default_factory=set)

    def account(self, caller: Caller, turn: Turn) -> None:
        """Give the place of a turn back once it has ended, whoever is still there."""
        task = asyncio.create_task(self._account(caller, turn))
        self.accounting.add(task)
        task.add_done_callback(self.accounting.discard)

    async def _account(self, caller: Caller, turn: Turn) -> None:
        tokens = 0
        try:
            answer: Message = await turn.wait()
            tokens = answer.usage.total_tokens if answer.usage else 0
        finally:
            await self.allowance.end_turn(caller.name, caller.key, tokens)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Served = Annotated[Service, Depends(_service)]
