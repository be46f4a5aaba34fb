"""The files of the log: several processes write them, each line in one go; the full one makes room for a new one."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import queue
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any, Final

NAME = "brim.jsonl"
LEVELS: Final = ("debug", "info", "warning", "error")
"""Of entries, from the least to the gravest."""
MOST_BYTES = 10_000_000
"""How long a file may become."""
KEPT_FILES = 4
"""How many full files are kept beside the one that is written."""

_MOST_WAITING = 10_000
_AGAIN_S = 30.0
"""How long nothing is written once that has failed, in seconds."""
_CLOSING_S = 1.0


def log_files(folder: Path) -> list[Path]:
    """Return the files of the log that there may be, the newest first."""
    return [folder / NAME, *(folder / f"brim.{number}.jsonl" for number in range(1, KEPT_FILES + 1))]


class LogFile:
    """Adds entries from a thread of its own, which begins with the first.

    Where that fails entries are lost, and nothing else happens; it is tried again after a while.

    Args:
        folder: where the files are; it must be there.
        most_bytes: how long a file may become.
    """

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._path = folder / NAME
        self._most_bytes = most_bytes
        self._waiting: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._descriptor: int | None = None
        self._lost = 0
        self._not_before = 0.0
        self._is_torn = False

    def put(self, entry: Mapping[str, Any]) -> None:
        """Have an entry written soon. Returns at once, and never raises."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="brim-log", daemon=True)
            self._thread.start()
        if self._waiting.qsize() < _MOST_WAITING:
            self._waiting.put(entry)
        else:
            self._lost += 1

    def close(self) -> None:
        """Write what waits, for a moment at most, and close."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(_CLOSING_S)
            self._thread = None

    def write(self, entry: Mapping[str, Any]) -> None:
        """Write an entry now. Raises `OSError` where that fails."""
        line = json.dumps(entry, ensure_ascii=True, default=str).encode() + b"\n"
        # A line that was cut off, as on a full disk, must not take the next one with it.
        data = b"\n" + line if self._is_torn else line
        descriptor = self._opened()
        if os.fstat(descriptor).st_size + len(data) > self._most_bytes:
            descriptor = self._renewed(len(data))
        written = os.write(descriptor, data)
        self._is_torn = 0 < written < len(data)
        if written < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _work(self) -> None:
        while (entry := self._waiting.get()) is not None:
            if monotonic() < self._not_before:
                self._lost += 1
                continue
            try:
                if self._lost:
                    lost, self._lost = self._lost, 0
                    self.write(new_entry("warning", "entries_lost", lost=lost))
                self.write(entry)
            except (OSError, ValueError):
                self._lost += 1
                self._not_before = monotonic() + _AGAIN_S
        self._let_go()

    def _opened(self) -> int:
        """Return the descriptor of the file that is written now: another process may have begun a new one."""
        if self._descriptor is not None:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._descriptor), self._path.stat()):
                    return self._descriptor
            self._let_go()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self._path, flags, 0o600)
        return self._descriptor

    def _let_go(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _renewed(self, bytes_wanted: int) -> int:
        """Put the full file behind the others, unless another process has, and return the new one's descriptor."""
        with self._alone():
            size = self._path.stat().st_size if self._path.exists() else 0
            if size and size + bytes_wanted > self._most_bytes:
                for name, next_name in reversed(list(pairwise(log_files(self._folder)))):
                    with contextlib.suppress(FileNotFoundError):
                        name.replace(next_name)
        return self._opened()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        descriptor = os.open(self._folder / ".brim.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def new_entry(level: str, event: str, **fields: Any) -> dict[str, Any]:
    """Return an entry of this moment and this process."""
    time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"time": time, "level": level, "event": event, "process": os.getpid(), **fields}
