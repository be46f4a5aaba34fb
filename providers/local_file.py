"""A model's file and its further parts, and in words what is wrong with it."""

from __future__ import annotations

import re
import stat
from dataclasses import replace
from pathlib import Path

from brim.core.errors import AgentError
from brim.providers.local_gguf import ModelHeader, NotAModelError, read_header

SUFFIX = ".gguf"
_PART = re.compile(r"(?P<name>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})", re.IGNORECASE)
_MOST_PARTS = 1000


def trouble(path: Path) -> str:
    """Return why a file cannot be a model, as far as can be seen from outside; empty if it may be one."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return f"{path} does not exist."
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}."
    if stat.S_ISDIR(mode):
        return f"{path} is a folder; name a {SUFFIX} file in it, or set local_models to it."
    if not stat.S_ISREG(mode):
        return f"{path} is no regular file."
    return "" if is_first(path) else f"{path} is a later part of a model; name its first, {_part(path, 1)}."


def look_at(path: Path) -> ModelHeader:
    """Read what a model's file says of itself; its size is that of all parts.

    Raises:
        AgentError: it is missing, unreadable, no model, or no model that answers.
    """
    if reason := trouble(path):
        raise AgentError(f"The model file {reason}", provider="local")
    try:
        header = read_header(path)
        sizes = [part.stat().st_size for part in parts_of(path)]
    except FileNotFoundError as error:
        raise AgentError(f"The model file {error.filename} does not exist.", provider="local") from error
    except (NotAModelError, OSError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        raise AgentError(f"The model file {path} cannot be used: {reason}.", provider="local") from error
    if header.other_use:
        raise AgentError(f"The model file {path} cannot be used: it is {header.other_use}.", provider="local")
    return replace(header, file_bytes=sum(sizes))


def parts_of(path: Path) -> list[Path]:
    """Return the files of a model whose first is ``path``: mostly that one alone."""
    match = _PART.fullmatch(path.stem)
    count = min(int(match["count"]), _MOST_PARTS) if match else 1
    return [path, *(_part(path, number) for number in range(2, count + 1))]


def is_first(path: Path) -> bool:
    """Return whether a file is a model's only or first one."""
    match = _PART.fullmatch(path.stem)
    return match is None or int(match["number"]) == 1


def name_of(path: Path) -> str:
    """Return what a model is called after its file."""
    match = _PART.fullmatch(path.stem)
    return match["name"] if match else path.stem


def _part(path: Path, number: int) -> Path:
    match = _PART.fullmatch(path.stem)
    return path.with_name(f"{match['name']}-{number:05}-of-{match['count']}{path.suffix}") if match else path
