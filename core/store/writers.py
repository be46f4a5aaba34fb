"""Who is writing: tells whether the process that was writing an answer still lives.

Each open store holds a lock on a file of its own. The kernel lets go of it when the process ends, however it
ends, so a lock that can be had belongs to nobody any more.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from brim.core.types import new_id


class Writer:
    """This store's own mark and lock.

    Args:
        folder: where the locks of all stores on the same data file are; made if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self.token = new_id()
        self._path = folder / self.token
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def is_gone(self, token: str) -> bool:
        """Whether the store with that mark is no longer open anywhere."""
        if token == self.token:
            return False
        try:
            descriptor = os.open(self._folder / token, os.O_RDWR)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    def sweep(self) -> None:
        """Remove the marks of stores that are gone."""
        for path in self._folder.iterdir():
            if self.is_gone(path.name):
                path.unlink(missing_ok=True)

    def release(self) -> None:
        """Give the lock back: what this store was writing belongs to nobody from now on."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
