"""Processes that are killed at random moments while they work on a data file."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

KILLS = int(os.environ.get("BRIM_KILLS", "6"))
"""How many times each kind of work is killed: a few times in passing, a hundred times where it is asked for."""

TIMEOUT_S = 180 + 6 * KILLS
"""How long a test may take for all of it, in seconds."""


def chance(kind: str) -> random.Random:
    """Return the moments, the same for the same ``BRIM_SEED``."""
    return random.Random(f"{kind} {os.environ.get('BRIM_SEED', '7')}")


async def killed(
    program: str, *arguments: str, lines: int, wait_s: float
) -> tuple[list[dict[str, Any]], bool]:
    """Run a program until it has said so many lines, wait, and kill it.

    Returns:
        What it said, each line one JSON object, and whether it was still at work when it was killed.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    said: list[bytes] = []
    for _ in range(lines):
        said.append(line := await process.stdout.readline())
        if not line:
            break
    try:
        await asyncio.wait_for(process.wait(), wait_s)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
    rest, _ = await process.communicate()
    said += rest.splitlines()
    assert process.returncode in (0, -9), said
    return [json.loads(line) for line in said if line.rstrip().endswith(b"}")], process.returncode != 0


def assert_whole(path: Path) -> None:
    """Fail unless SQLite finds nothing wrong with a data file."""
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert file.execute("PRAGMA foreign_key_check").fetchall() == []
