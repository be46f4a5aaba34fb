"""Signs of life while a local model cannot answer yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from brim.core.events import StreamEvent, Waiting

PULSE_S = 15.0
"""How often a long read of the prompt gives a sign of life, in seconds."""
LOOK_S = 0.5
"""How often it is looked how far a model is loaded, in seconds."""


async def until_done(
    task: asyncio.Task[Any], progress: Callable[[float], str], first: str
) -> AsyncGenerator[StreamEvent, None]:
    """Yield how far it is whenever that changes, until ``task`` has ended, which ends if nobody listens.

    Args:
        task: what is waited for; how it ends is the caller's business.
        progress: tells how far it is, after so many seconds.
        first: said before anything is known.
    """
    loop = asyncio.get_running_loop()
    began, told = loop.time(), first
    try:
        yield Waiting(told)
        while not (await asyncio.wait({task}, timeout=LOOK_S))[0]:
            now = progress(loop.time() - began)
            if now != told:
                told = now
                yield Waiting(told)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def with_pulse(events: AsyncGenerator[StreamEvent, None]) -> AsyncGenerator[StreamEvent, None]:
    """Yield ``events``, and while nothing comes a sign of life: a long prompt is read for minutes."""
    reason = "reading the prompt"
    async with aclosing(events):
        while True:
            following = asyncio.ensure_future(anext(events, None))
            try:
                while not (await asyncio.wait({following}, timeout=PULSE_S))[0]:
                    yield Waiting(reason)
            finally:
                if following.cancel():
                    await asyncio.gather(following, return_exceptions=True)
            if (event := following.result()) is None:
                return
            if isinstance(event, Waiting):
                reason = event.reason
            yield event
