"""Waiting for facts instead of sleeping."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from textual.pilot import Pilot


async def wait_until(
    pilot: Pilot[Any],
    predicate: Callable[[], object],
    message: str = "",
    *,
    seconds: float = 25.0,
) -> None:
    """Let the app work until ``predicate()`` is true.

    Args:
        pilot: drives the app; each round waits until the app has handled what waits for it.
        predicate: the fact; asked again after each round.
        message: says in the failure what was waited for.
        seconds: how long a fact may take on a busy machine before the test fails.

    Raises:
        AssertionError: the fact did not come true in time.
    """
    deadline = monotonic() + seconds
    while not predicate():
        if monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain for: {message or predicate}")
        await pilot.pause(0.005)
