"""``brim export``: sessions as files, or one of them on standard output."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from brim.cli.edge import DONE, complain
from brim.cli.output import write
from brim.cli.pipe import Progress
from brim.cli.reading import opened
from brim.core.errors import BrimError
from brim.core.export import CARRYING_FILES, FORMATS, Format, export, file_name
from brim.core.listing import filter_of, shelf_of
from brim.core.paths import expanded
from brim.core.saving import put
from brim.core.sessions import SessionManager
from brim.core.text import visible_line
from brim.core.types import Session, Shelf

_PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to export and where to. ``target`` is ``None`` for standard output."""

    names: tuple[str, ...]
    is_all: bool
    file_format: Format | None
    target: str | None
    is_forced: bool
    only: str = ""
    """What all sessions must fit, in the words of the search line."""
    is_tree: bool = False
    """Whether all branches are wanted, not the one shown alone; JSON always has them."""


@dataclass(frozen=True, slots=True)
class _Target:
    """Which session goes to which file."""

    session_id: str
    file: Path
    file_format: Format


async def run(wish: Wish) -> int:
    """Export and return the exit code."""
    async with opened() as manager:
        if wish.target is None:
            session = await manager.find_session(wish.names[0])
            text = await _text(manager, session.id, wish.file_format or "md", is_tree=wish.is_tree)
            write(text.removesuffix("\n"))
            return DONE
        path, is_folder = await asyncio.to_thread(_place, wish, wish.target)
        targets = await _targets(manager, wish, path, is_folder=is_folder)
        if not targets:
            complain("No session fits that." if wish.only else "No sessions yet.")
            return DONE
        if not wish.is_forced:
            _refuse_existing([target.file for target in targets])
        if is_folder:
            _make_folder(path)
        await _write_files(manager, targets, wish)
    return DONE


def _place(wish: Wish, target: str) -> tuple[Path, bool]:
    """Return where to, and whether that is a folder."""
    path = expanded(target)
    return path, wish.is_all or len(wish.names) > 1 or target.endswith("/") or path.is_dir()


async def _text(manager: SessionManager, session_id: str, file_format: Format, *, is_tree: bool) -> str:
    """Return a session as the text of a file. JSON has the whole tree, so that it can be imported as it was."""
    session = await manager.session(session_id)
    if is_tree or file_format == "json":
        messages = await manager.branches.tree(session_id)
    else:
        messages = await manager.transcript(session_id)
    context = await manager.context_usage(session_id)
    if file_format in CARRYING_FILES:
        session = await manager.library.with_queue(session)
        messages = await manager.library.with_files(messages)
    return await asyncio.to_thread(export, session, messages, file_format, context=context)


async def _sessions(manager: SessionManager, wish: Wish) -> AsyncIterator[Session]:
    for name in wish.names:
        yield await manager.find_session(name)
    named = shelf_of(wish.only)
    shelves = (Shelf.OPEN, Shelf.ARCHIVE) if named is None else (named,)
    for shelf in shelves if wish.is_all else ():
        last: Session | None = None
        only = replace(filter_of(wish.only), shelf=shelf)
        while page := await manager.list_sessions(limit=_PAGE, after=last, only=only):
            for session in page:
                yield session
            last = page[-1]


async def _targets(manager: SessionManager, wish: Wish, path: Path, *, is_folder: bool) -> list[_Target]:
    """Return which session goes to which file: a folder takes one file for each, named after its title.

    Of a session only its id and its file's name are kept, so that all of a library can be exported at once.
    """
    file_format = wish.file_format or ("md" if is_folder else _format_of(path))
    targets: dict[str, _Target] = {}
    taken: set[str] = set()
    async for session in _sessions(manager, wish):
        if session.id in targets:
            continue
        file = path
        if is_folder:
            name = file_name(session, file_format, taken)
            taken.add(name.casefold())
            file = path / name
        targets[session.id] = _Target(session.id, file, file_format)
    return list(targets.values())


async def _write_files(manager: SessionManager, targets: Sequence[_Target], wish: Wish) -> None:
    progress = Progress(is_wanted=len(targets) > 1)
    try:
        for number, target in enumerate(targets, start=1):
            progress.show(f"{number:,} of {len(targets):,}: {visible_line(target.file.name)[:60]}")
            text = await _text(manager, target.session_id, target.file_format, is_tree=wish.is_tree)
            await asyncio.to_thread(_write_file, target.file, text, is_forced=wish.is_forced)
    finally:
        progress.show("")
    where = (
        str(targets[0].file) if len(targets) == 1 else f"{len(targets):,} files in {targets[0].file.parent}"
    )
    complain(f"Exported {where}.")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BrimError(f"The folder {folder} cannot be made: {error.strerror}.") from None


def _refuse_existing(files: Sequence[Path]) -> None:
    """Raise before anything is written if one of the files is there."""
    for file in files:
        if os.path.lexists(file):
            raise _existing(file)


def _existing(file: Path) -> BrimError:
    return BrimError(f"{file} is there already.", hint="--force overwrites it.")


def _format_of(path: Path) -> Format:
    suffix = path.suffix.removeprefix(".").lower()
    return next((known for known in FORMATS if known == suffix), "md")


def _write_file(file: Path, text: str, *, is_forced: bool) -> None:
    """Write a file for its owner only, whole or not at all; only a forced one takes the place of another."""
    try:
        put(file, text.encode("utf-8", "replace"), is_new=not is_forced)
    except FileExistsError:
        raise _existing(file) from None
    except OSError as error:
        raise BrimError(f"{file} cannot be written: {error.strerror}.") from None
