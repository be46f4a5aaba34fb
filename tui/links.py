"""Opening a link that a model wrote: only what a browser opens, and only where there is one to see."""

from __future__ import annotations

import asyncio
import os
import sys
import webbrowser
from collections.abc import Mapping
from urllib.parse import urlsplit

from brim.core.text import visible_line


def is_openable(href: str) -> bool:
    """Whether ``href`` is a web address without anything in it that could be read otherwise."""
    if not href.isprintable() or any(character.isspace() for character in href):
        return False
    try:
        parts = urlsplit(href)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def has_browser(environment: Mapping[str, str] | None = None) -> bool:
    """Whether a browser would open in a window of its own, and not in this terminal."""
    env = os.environ if environment is None else environment
    return sys.platform in ("darwin", "win32") or bool(env.get("DISPLAY") or env.get("WAYLAND_DISPLAY"))


async def open_link(href: str) -> str | None:
    """Open ``href`` and return what happened in words; ``None`` when it can only be copied."""
    if not is_openable(href):
        return f"This link is not opened: {visible_line(href)[:200]}"
    if has_browser() and await asyncio.to_thread(webbrowser.open, href):
        return f"Opened {href[:200]}"
    return None
