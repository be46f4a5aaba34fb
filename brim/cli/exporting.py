"""``brim export``: sessions as files, or one of them on standard output."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from brim.cli.edge import DONE, complain
from brim.cli.output import write
from brim.cli.pipe import Progress
from brim.cli.reading import opened
from brim.core.errors import BrimError
from brim.core.export import FORMATS, Format, export, file_name
from brim.core.sessions import SessionManager
from brim.core.text import visible_line
from brim.core.types import Session

_PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to export and where to. ``target`` is ``None`` for standard output."""

    names: tuple[str, ...]
    is_all: bool
    file_format: Format | None
    target: str | None
    is_forced: bool


async def run(wish: Wish) -> int:
    """Export and return the exit code."""
    async with opened() as manager:
        sessions = [session async for session in _sessions(manager, wish)]
        if wish.target is None:
            (session,) = sessions
            text = await _text(manager, session, wish.file_format or "md")
            write(text.removesuffix("\n"))
            return DONE
        if not sessions:
            complain("No sessions yet.")
            return DONE
        await _write_files(manager, sessions, wish, wish.target)
    return DONE


async def _text(manager: SessionManager, session: Session, file_format: Format) -> str:
    messages = await manager.transcript(session.id)
    return export(session, messages, file_format, context=await manager.context_usage(session.id))


async def _sessions(manager: SessionManager, wish: Wish) -> AsyncIterator[Session]:
    for name in wish.names:
        yield await manager.find_session(name)
    last: Session | None = None
    while wish.is_all and (page := await manager.list_sessions(limit=_PAGE, after=last)):
        for session in page:
            yield session
        last = page[-1]


async def _write_files(manager: SessionManager, sessions: Sequence[Session], wish: Wish, target: str) -> None:
    targets = _targets(sessions, wish, target)
    if not wish.is_forced:
        _refuse_existing([file for _, file, _ in targets])
    progress = Progress(is_wanted=len(targets) > 1)
    try:
        for number, (session, file, file_format) in enumerate(targets, start=1):
            progress.show(f"{number} of {len(targets)}: {visible_line(session.display_title)[:50]}")
            text = await _text(manager, session, file_format)
            _write_file(file, text, is_forced=wish.is_forced)
    finally:
        progress.show("")
    where = str(targets[0][1]) if len(targets) == 1 else f"{len(targets)} files in {targets[0][1].parent}"
    complain(f"Exported {where}.")


def _refuse_existing(files: Sequence[Path]) -> None:
    """Raise before anything is written if one of the files is there."""
    for file in files:
        if os.path.lexists(file):
            raise _existing(file)


def _existing(file: Path) -> BrimError:
    return BrimError(f"{file} is there already.", hint="--force overwrites it.")


def _targets(sessions: Sequence[Session], wish: Wish, target: str) -> list[tuple[Session, Path, Format]]:
    """Return which session goes to which file: a folder takes one file for each, named after its title."""
    path = Path(target).expanduser()
    if len(sessions) == 1 and not wish.is_all and not path.is_dir() and not target.endswith("/"):
        return [(sessions[0], path, wish.file_format or _format_of(path))]
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BrimError(f"The folder {path} cannot be made: {error.strerror}.") from None
    file_format = wish.file_format or "md"
    return [(session, path / file_name(session, file_format), file_format) for session in sessions]


def _format_of(path: Path) -> Format:
    suffix = path.suffix.removeprefix(".").lower()
    return next((known for known in FORMATS if known == suffix), "md")


def _write_file(file: Path, text: str, *, is_forced: bool) -> None:
    """Write a file for its owner only, whole or not at all; only a forced one takes the place of another."""
    data = text.encode("utf-8", "replace")
    try:
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name[:40]}.")
        try:
            with os.fdopen(descriptor, "wb") as temporary:
                temporary.write(data)
            if is_forced:
                os.replace(name, file)  # noqa: PTH105 - the name is a string already
            else:
                os.link(name, file)
        finally:
            Path(name).unlink(missing_ok=True)
    except FileExistsError:
        raise _existing(file) from None
    except OSError as error:
        raise BrimError(f"{file} cannot be written: {error.strerror}.") from None
