"""What the screen remembers from one start to the next, in one small file of its own."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from brim.core.saving import put

FILE_NAME = "screen.json"


@dataclass(slots=True)
class ScreenState:
    """The remembered choices of a person. Empty strings mean that nothing has been chosen yet."""

    theme: str = ""
    new_draft: str = ""
    """What stands in the composer of a session that does not exist yet."""
    hidden: list[str] = field(default_factory=list)
    """The side panes (``sessions``, ``context``) that are put away."""

    @classmethod
    def load(cls, folder: Path) -> ScreenState:
        """Read the state; a missing, unreadable or damaged file gives the defaults."""
        try:
            found = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return cls()
        state = cls()
        if isinstance(found, dict):
            for known in fields(cls):
                value = found.get(known.name)
                if _fits(value, getattr(state, known.name)):
                    setattr(state, known.name, value)
        return state

    def save(self, folder: Path) -> None:
        """Write the state so that a reader sees the old or the new one, readable by its owner alone.

        Raises:
            OSError: the folder cannot be written.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = json.dumps(asdict(self), ensure_ascii=True, indent=1)
        put(Path(os.path.realpath(folder / FILE_NAME)), text.encode())


def _fits(value: Any, default: object) -> bool:
    if isinstance(default, list):
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, str)
