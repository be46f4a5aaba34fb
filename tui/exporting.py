"""Writing the open session to a file: ``/export [md|json|txt|html] [tree] [path]``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from brim.core.errors import BrimError
from brim.core.export import CARRYING_FILES, FORMATS, Format, file_name
from brim.core.export import export as as_text
from brim.core.paths import expanded
from brim.core.saving import put

if TYPE_CHECKING:
    from brim.core.sessions import SessionManager
    from brim.core.types import Session


def understood(argument: str) -> tuple[Format, bool, str]:
    """Return what ``argument`` means: the format, whether all branches are wanted, and the path.

    The format may stand in front, or be the ending of the path; Markdown without either. JSON always has all
    branches, since it can be imported again. An empty path is left to us.
    """
    first, _, rest = argument.strip().partition(" ")
    file_format = next((known for known in FORMATS if known == first), None)
    named = rest.strip() if file_format else argument.strip()
    first, _, rest = named.partition(" ")
    is_tree = first == "tree"
    named = rest.strip() if is_tree else named
    ending = Path(named).suffix.removeprefix(".")
    by_ending: Format = next((known for known in FORMATS if known == ending), "md")
    return file_format or by_ending, is_tree or (file_format or by_ending) == "json", named


async def export(manager: SessionManager, session: Session, argument: str) -> str:
    """Write the session and return a sentence that names the file. Nothing is overwritten.

    Raises:
        BrimError: the file cannot be written.
    """
    file_format, is_tree, named = understood(argument)
    session = await manager.session(session.id)
    messages = await (manager.branches.tree if is_tree else manager.transcript)(session.id)
    context = await manager.context_usage(session.id)
    if file_format in CARRYING_FILES:
        session = await manager.library.with_queue(session)
        messages = await manager.library.with_files(messages)
    path = await asyncio.to_thread(_place, named, file_name(session, file_format))
    text = await asyncio.to_thread(as_text, session, messages, file_format, context=context)
    try:
        written = await asyncio.to_thread(_write, path, text)
    except OSError as error:
        raise BrimError(f"The session could not be written to {path}: {error.strerror}.") from error
    return f"Exported {len(messages)} messages to {written}"


def _place(named: str, name: str) -> Path:
    path = expanded(named or ".")
    return path / name if path.is_dir() else path


def _write(path: Path, text: str) -> Path:
    """Write to ``path`` or, where that is taken, to the next free name beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number = 1
    free = path
    while True:
        try:
            put(free, text.encode("utf-8", "replace"), is_new=True)
        except FileExistsError:
            number += 1
            free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        else:
            return free
