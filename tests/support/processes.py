"""Processes as the kernel sees them, and waiting for a fact with a deadline."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

DEADLINE_S = 30.0


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that has ended and that nobody has asked about does not."""
    status = Path(f"/proc/{pid}/stat")
    if status.parent.parent.joinpath("self").exists():
        try:
            return status.read_text().rpartition(")")[2].split()[0] not in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def until(fact: Callable[[], bool]) -> None:
    """Wait until ``fact`` holds; `TimeoutError` if it does not come."""
    async with asyncio.timeout(DEADLINE_S):
        while not fact():
            await asyncio.sleep(0.02)
