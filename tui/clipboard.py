"""The platform's clipboard, beside the terminal's own: OSC 52 gives no answer and some terminals ignore it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping, Sequence

_PATIENCE_S = 3.0


def tool(environment: Mapping[str, str] | None = None) -> Sequence[str] | None:
    """Return the command that takes text on its standard input; ``None`` where there is none."""
    env = os.environ if environment is None else environment
    known: list[tuple[str, ...]] = []
    if sys.platform == "darwin":
        known.append(("pbcopy",))
    if env.get("WAYLAND_DISPLAY"):
        known.append(("wl-copy",))
    if env.get("DISPLAY"):
        known += [("xclip", "-selection", "clipboard"), ("xsel", "--clipboard", "--input")]
    if env.get("WSL_DISTRO_NAME"):
        known.append(("clip.exe",))
    return next((command for command in known if shutil.which(command[0], path=env.get("PATH"))), None)


async def hand_over(command: Sequence[str], text: str) -> bool:
    """Give ``text`` to a clipboard tool; true when it took it."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await process.communicate(text.encode("utf-8", "replace"))
    except TimeoutError:
        process.kill()
        await process.wait()
        return False
    return process.returncode == 0


async def copied(text: str) -> str:
    """Hand ``text`` to the platform's tool, where there is one, and return what happened in words."""
    amount = f"{len(text):,} characters" if len(text) != 1 else "1 character"
    command = tool()
    if command is not None and await hand_over(command, text):
        return f"Copied {amount} with {command[0]}."
    return f"Sent {amount} to the terminal's clipboard."
