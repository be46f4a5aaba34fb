"""Completing the names of files behind an ``@``: which there are is read in a thread, so that no key waits for a disk."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brim.core.mentions import Typed

MOST_ENTRIES = 10_000
"""Of a folder; what comes behind that is not offered."""
MOST_OFFERS = 50
_FRESH_S = 3.0


@dataclass(frozen=True, slots=True)
class Offer:
    """A file or folder, as it would stand behind the ``@``."""

    path: str
    """With the folder that was typed."""
    name: str
    """Without it; of a folder with a ``/`` at its end."""
    note: str = ""

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
        self._offers: tuple[Offer, ...] = ()
        self._read_at = 0.0

    def knows(self, typed: Typed) -> bool:
        """Whether `offers` can tell without a look at the disk."""
        return self._folder == typed.folder and monotonic() - self._read_at < _FRESH_S

    async def read(self, typed: Typed) -> None:
        """Find out what is in the folder that is being typed."""
        found = await asyncio.to_thread(_entries, self.working, typed.folder)
        self._folder, self._offers, self._read_at = typed.folder, found, monotonic()

    def offers(self, typed: Typed) -> list[Offer]:
        """Return what the beginning that was typed may become. Hidden files only once a dot was typed."""
        if self._folder != typed.folder:
            return []
        start = typed.beginning.casefold()
        fitting = [
            offer
            for offer in self._offers
            if offer.name.casefold().startswith(start)
            and (start.startswith(".") or not offer.name.startswith("."))
        ]
        if len(fitting) == 1 and fitting[0].name == typed.beginning:
            return []
        return fitting[:MOST_OFFERS]


def _entries(working: Path, typed: str) -> tuple[Offer, ...]:
    from brim.core.mentions import place_of

    found: list[Offer] = []
    try:
        with os.scandir(place_of(typed, working) if typed else working) as entries:
            for entry in entries:
                if (offer := _offer(entry, typed)) is not None:
                    found.append(offer)
                if len(found) >= MOST_ENTRIES:
                    break
    except (OSError, ValueError, RuntimeError):
        return ()
    return tuple(sorted(found, key=lambda offer: (offer.name.casefold(), offer.name)))


def _offer(entry: os.DirEntry[str], typed: str) -> Offer | None:
    """Return an entry as an offer; what is neither a file nor a folder, or cannot be typed, is none."""
    if not entry.name.isprintable() or '"' in entry.name:
        return None
    try:
        if entry.is_dir():
            return Offer(f"{typed}{entry.name}/", f"{entry.name}/")
        return Offer(f"{typed}{entry.name}", entry.name) if entry.is_file() else None
    except OSError:
        return None
