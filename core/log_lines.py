"""Reading the log: the newest entries first, however long its files are, and those that come."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from brim.core.log_file import LEVELS, log_files

_BLOCK = 1 << 16
_LONGEST = 1 << 20
"""Longer lines, which no brim has written, are passed over, in bytes."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the log."""

    time: str
    """As it stands there, in UTC."""
    level: str
    event: str
    session_id: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    """All else."""
    raw: str = ""
    """The line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Which entries are shown: those that fit all of it."""

    level: str = LEVELS[0]
    """The least grave."""
    session: str = ""
    """How the id of their session begins."""
    text: str = ""
    """What stands in them, letter case aside."""

    def fits(self, entry: LogEntry) -> bool:
        """Whether an entry is shown."""
        least = LEVELS.index(self.level)
        is_grave = entry.level not in LEVELS or LEVELS.index(entry.level) >= least
        is_of = not self.session or entry.session_id.startswith(self.session)
        return is_grave and is_of and (not self.text or self.text.casefold() in entry.raw.casefold())


def entry_of(line: bytes) -> LogEntry:
    """Return the entry of a line; of a line that is none what it says."""
    raw = line.decode("utf-8", "replace")
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return LogEntry("", LEVELS[-1], "unreadable", "", {"line": raw}, raw)
    time, level, event, session = (str(said.pop(name, "")) for name in ("time", "level", "event", "session"))
    return LogEntry(time, level, event, session, said, raw)


def entries_back(folder: Path, only: LogFilter) -> Iterator[LogEntry | None]:
    """Yield the entries that fit, the newest first, and ``None`` after each piece that was read.

    Raises:
        OSError: a file cannot be read.
    """
    seen: set[tuple[int, int]] = set()
    for path in log_files(folder):
        try:
            file = path.open("rb")
        except FileNotFoundError:
            continue
        with file:
            state = os.fstat(file.fileno())
            if (state.st_dev, state.st_ino) in seen:  # a new one was begun meanwhile
                continue
            seen.add((state.st_dev, state.st_ino))
            for line in _lines_back(file):
                if line is None:
                    yield None
                elif only.fits(entry := entry_of(line)):
                    yield entry


def _lines_back(file: BinaryIO) -> Iterator[bytes | None]:
    at = file.seek(0, os.SEEK_END)
    rest = b""
    is_too_long = False
    while at:
        size = min(_BLOCK, at)
        at -= size
        file.seek(at)
        first, *lines = (file.read(size) + rest).split(b"\n")
        for number, line in enumerate(reversed(lines)):
            if line.strip() and not (number == 0 and is_too_long):
                yield line
        if lines:
            is_too_long = False
        is_too_long = is_too_long or len(first) > _LONGEST
        rest = b"" if is_too_long else first
        yield None
    if rest.strip() and not is_too_long:
        yield rest


class LogTail:
    """What is added to the log from now on, through all changes of its files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None
        self._rest = b""
        self._open(at_end=True)

    def read(self) -> list[LogEntry]:
        """Return the entries since the last call, the oldest first. Raises `OSError`."""
        if self._file is None and not self._open(at_end=False):
            return []
        found = self._whole_lines()
        if self._is_behind():
            found += self._whole_lines()  # what came between the reading and the change
            self.close()
            if self._open(at_end=False):
                found += self._whole_lines()
        return [entry_of(line) for line in found]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._rest = b""

    def _open(self, *, at_end: bool) -> bool:
        try:
            self._file = log_files(self._folder)[0].open("rb")
        except FileNotFoundError:
            return False
        if at_end:
            self._file.seek(0, os.SEEK_END)
        return True

    def _whole_lines(self) -> list[bytes]:
        if self._file is None:
            return []
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        return [line for line in lines if line.strip()]

    def _is_behind(self) -> bool:
        """Whether another file is written now, or this one was emptied."""
        if self._file is None:
            return True
        try:
            now = log_files(self._folder)[0].stat()
        except FileNotFoundError:
            return False
        state = os.fstat(self._file.fileno())
        return not os.path.samestat(state, now) or state.st_size < self._file.tell()
