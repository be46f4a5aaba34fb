"""Completing the names of files behind an ``@``: which there are is read in a thread, so that no key waits for a disk."""

from __future__ import annotations

import asyncio
import os
from bisect import bisect_left
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brim.core.mentions import Typed

MOST_ENTRIES = 50_000
"""Of a folder; what comes behind that is not offered."""
MOST_OFFERS = 50
_FRESH_S = 3.0

_Entry = tuple[str, str]
"""The name as it is compared, letter case aside, and as it is."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A file or folder, as it would stand behind the ``@``."""

    path: str
    """With the folder that was typed."""
    name: str
    """Without it; of a folder with a ``/`` at its end."""

    @property
    def is_folder(self) -> bool:
        """Whether there is more to choose in it."""
        return self.name.endswith("/")


class Folders:
    """What is in the folders that were typed last.

    Args:
        working: where relative names are looked for.
    """

    def __init__(self, working: Path) -> None:
        self.working = working
        self._folder: str | None = None
        self._entries: list[_Entry] = []
        self._read_at = 0.0

    def knows(self, typed: Typed) -> bool:
        """Whether `offers` can tell without a look at the disk."""
        return self._folder == typed.folder and monotonic() - self._read_at < _FRESH_S

    async def read(self, typed: Typed) -> None:
        """Find out what is in the folder that is being typed."""
        found = await asyncio.to_thread(_entries, self.working, typed.folder)
        self._folder, self._entries, self._read_at = typed.folder, found, monotonic()

    def offers(self, typed: Typed) -> list[Offer]:
        """Return what the beginning that was typed may become. Hidden files only once a dot was typed."""
        if self._folder != typed.folder:
            return []
        start = typed.beginning.casefold()
        fitting: list[Offer] = []
        for folded, name in islice(self._entries, bisect_left(self._entries, (start, "")), None):
            if not folded.startswith(start) or len(fitting) >= MOST_OFFERS:
                break
            if start.startswith(".") or not folded.startswith("."):
                fitting.append(Offer(typed.folder + name, name))
        return [] if [offer.name for offer in fitting] == [typed.beginning] else fitting


def _entries(working: Path, typed: str) -> list[_Entry]:
    from brim.core.mentions import place_of

    try:
        with os.scandir(place_of(typed, working) if typed else working) as entries:
            names = map(_name, islice(entries, MOST_ENTRIES))
            return sorted((name.casefold(), name) for name in names if name)
    except (OSError, ValueError, RuntimeError):
        return []


def _name(entry: os.DirEntry[str]) -> str:
    """Return the name of an entry, empty for what is neither a file nor a folder, or cannot be typed."""
    if not entry.name.isprintable() or '"' in entry.name:
        return ""
    try:
        return f"{entry.name}/" if entry.is_dir() else entry.name if entry.is_file() else ""
    except OSError:
        return ""
