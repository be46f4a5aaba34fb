"""Archives: a file, a zip or a folder; which kind it is, and what is in it."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, Any

from brim.core.importing import chatgpt, claude, llm, own
from brim.core.importing.items import Imported, ImportFormatError, Kind, Position, Problem
from brim.core.importing.stream import Value, Values

_LOOKED_AT = 20
"""How many values are looked at for one that tells the kind."""

_CONVERSATIONS = re.compile(r"conversations(-\d+)?\.json", re.IGNORECASE)
_READ_ERRORS = (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What a damaged, encrypted or oddly packed file raises while it is read."""


@dataclass(frozen=True, slots=True)
class _Reader:
    begins: tuple[str, ...]
    fits: Callable[[Any], bool]
    read: Callable[[int, dict[str, Any]], Iterator[Imported | Problem]]


_READERS = {
    Kind.CHATGPT: _Reader(chatgpt.BEGINS, chatgpt.fits, chatgpt.read),
    Kind.CLAUDE: _Reader(claude.BEGINS, claude.fits, claude.read),
    Kind.BRIM: _Reader(own.BEGINS, own.fits, own.read),
}
_ALL_BEGINS = tuple(dict.fromkeys(key for reader in _READERS.values() for key in reader.begins))


@dataclass(frozen=True, slots=True)
class _Member:
    """One file with conversations."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]


def detect(path: Path) -> Kind:
    """Find out of which kind an archive is, by what is in it.

    Raises:
        ImportFormatError: it is none, or cannot be read.
    """
    if _is_sqlite(path):
        if llm.is_log(path):
            return Kind.LLM
        raise ImportFormatError(f"{path} is a database, but no log of llm.")
    why = ""
    with _members(path) as members:
        for member in members:
            try:
                with member.open() as stream:
                    values = Values(stream, Position(), begins=_ALL_BEGINS, fits=_fits_any)
                    for value in islice(values, _LOOKED_AT):
                        if isinstance(value, Value):
                            for kind, reader in _READERS.items():
                                if reader.fits(value.value):
                                    return kind
                        else:
                            why = why or f"{value.where}: {value.why}."
            except _READ_ERRORS as error:
                why = why or f"{member.name} cannot be read: {error}."
    raise ImportFormatError(
        f"{path} holds no conversations that brim knows.",
        hint=why or "It reads the exports of ChatGPT and Claude, the logs.db of llm, and brim's own JSON.",
    )


def read(path: Path, kind: Kind, position: Position | None = None) -> Iterator[Imported | Problem]:
    """Yield the conversations of an archive, one at a time, and what could not be read of it.

    Args:
        path: a file, a zip or a folder.
        kind: what it is.
        position: told how far it has been read.

    Raises:
        ImportFormatError: the archive itself cannot be read.
    """
    position = position or Position()
    if _is_sqlite(path) is not (kind is Kind.LLM):
        raise ImportFormatError(f"{path} is not of the kind “{kind}”.")
    if kind is Kind.LLM:
        yield from llm.read_log(path, position)
        return
    with _members(path) as members:
        position.total = sum(member.size for member in members)
        for member in members:
            position.file = member.name if len(members) > 1 else ""
            before = f"{member.name}: " if len(members) > 1 else ""
            try:
                with member.open() as stream:
                    for item in _read_values(stream, _READERS[kind], position):
                        yield _placed(item, before)
            except _READ_ERRORS as error:
                yield Problem(member.name, f"it cannot be read on: {error}")


def _read_values(stream: IO[bytes], reader: _Reader, position: Position) -> Iterator[Imported | Problem]:
    for found in Values(stream, position, begins=reader.begins, fits=reader.fits):
        if isinstance(found, Problem):
            yield found
        elif not reader.fits(found.value):
            yield Problem(f"item {found.number}", "it is no conversation")
        else:
            try:
                yield from reader.read(found.number, found.value)
            except (ValueError, TypeError, AttributeError, KeyError, RecursionError, OverflowError) as error:
                yield Problem(
                    f"item {found.number}", f"it has a form that brim does not know: {error!r}"[:300]
                )


def _placed(item: Imported | Problem, before: str) -> Imported | Problem:
    if not before:
        return item
    if isinstance(item, Problem):
        return Problem(before + item.where, item.why)
    return Imported(item.session, item.messages, before + item.where)


def _fits_any(value: Any) -> bool:
    return any(reader.fits(value) for reader in _READERS.values())


def _is_sqlite(path: Path) -> bool:
    if path.is_dir():
        return False
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ImportFormatError(f"{path} is no file.")
        with path.open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError as error:
        raise ImportFormatError(f"{path} cannot be read: {error.strerror or error}.") from None


@contextmanager
def _members(path: Path) -> Iterator[list[_Member]]:
    """Give the files with conversations of an archive: those of ChatGPT's and Claude's name, else all JSON."""
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".json" and file.is_file())
        yield [_of_file(file) for file in _named(files, lambda file: file.name)]
    elif zipfile.is_zipfile(path):
        try:
            archive = zipfile.ZipFile(path)
        except _READ_ERRORS as error:
            raise ImportFormatError(f"{path} cannot be read: {error}.") from None
        with archive:
            infos = [
                info
                for info in sorted(archive.infolist(), key=lambda info: info.filename)
                if info.filename.lower().endswith(".json") and not info.filename.startswith("__MACOSX/")
            ]
            yield [
                _of_zip(archive, info)
                for info in _named(infos, lambda info: PurePosixPath(info.filename).name)
            ]
    else:
        yield [_of_file(path)]


def _named(files: list[Any], name: Callable[[Any], str]) -> list[Any]:
    return [file for file in files if _CONVERSATIONS.fullmatch(name(file))] or files


def _of_file(path: Path) -> _Member:
    return _Member(path.name, path.stat().st_size, lambda: path.open("rb"))


def _of_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    return _Member(info.filename, info.file_size, lambda: archive.open(info))
