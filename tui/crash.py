"""What a person sees when brim ends by an error of its own: short, without variables, without keys."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Mapping

from brim.core.text import visible, visible_line

_FRAMES = 6
_MESSAGE_CHARS = 500
_SECRET_NAMES = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)
_SECRET_SHAPES = re.compile(r"\b(?:sk|pk|rk|key|ghp|xox[abp])[-_][A-Za-z0-9_\-]{8,}|(?<=Bearer )\S+")
_HIDDEN = "•••"


def without_secrets(text: str, environment: Mapping[str, str] | None = None) -> str:
    """Return ``text`` with what looks like a key, or is one of the environment's, hidden."""
    for name, value in (os.environ if environment is None else environment).items():
        if len(value) >= 6 and _SECRET_NAMES.search(name):
            text = text.replace(value, _HIDDEN)
    return _SECRET_SHAPES.sub(_HIDDEN, text)


def report(error: BaseException) -> str:
    """Return the lines to print for an unexpected ``error``: its name, its words, and where it happened."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    words = without_secrets(str(error))[:_MESSAGE_CHARS]
    lines = [
        "brim ended by an error of its own. All that was sent and answered is stored.",
        f"  {type(error).__name__}: {visible(words)}" if words else f"  {type(error).__name__}",
        *(f"    {visible_line(frame.filename)}:{frame.lineno} in {frame.name}" for frame in frames),
    ]
    return "\n".join(lines)
