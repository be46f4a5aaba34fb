"""Writing the open session to a file: ``/export [md|json|txt] [path]``."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from brim.core.errors import BrimError
from brim.core.export import FORMATS, Format, file_name
from brim.core.export import export as as_text

if TYPE_CHECKING:
    from brim.core.sessions import SessionManager
    from brim.core.types import Session


def understood(argument: str) -> tuple[Format, str]:
    """Return the format and the path that ``argument`` means; an empty path is left to us.

    The format may stand in front, or be the ending of the path; Markdown without either.
    """
    first, _, rest = argument.strip().partition(" ")
    if first in FORMATS:
        return first, rest.strip()
    ending = Path(argument.strip()).suffix.removeprefix(".")
    return (ending if ending in FORMATS else "md"), argument.strip()


async def export(manager: SessionManager, session: Session, argument: str) -> str:
    """Write the session and return a sentence that names the file. Nothing is overwritten.

    Raises:
        BrimError: the file cannot be written.
    """
    file_format, named = understood(argument)
    session = await manager.session(session.id)
    messages = await manager.transcript(session.id)
    context = await manager.context_usage(session.id)
    path = await asyncio.to_thread(_place, named, file_name(session, file_format))
    text = await asyncio.to_thread(as_text, session, messages, file_format, context=context)
    try:
        written = await asyncio.to_thread(_write, path, text)
    except OSError as error:
        raise BrimError(f"The session could not be written to {path}: {error.strerror}.") from error
    return f"Exported {len(messages)} messages to {written}"


def _place(named: str, name: str) -> Path:
    path = Path(named or ".").expanduser()
    return path / name if path.is_dir() else path


def _write(path: Path, text: str) -> Path:
    """Write to ``path`` or, where that is taken, to the next free name beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number = 1
    free = path
    while True:
        try:
            handle = os.open(free, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            number += 1
            free = path.with_name(f"{path.stem}-{number}{path.suffix}")
            continue
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        return free
