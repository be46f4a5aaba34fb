"""Which store on a data file writes in which session: a locked file for each answer that is being written.

The kernel lets go of a lock when its process ends, however it ends, so nobody has to wait for a lease to run out.
Whoever wants the answer stopped writes so into the file.
"""

from __future__ import annotations

import fcntl
import os
from hashlib import blake2b
from pathlib import Path


class TurnLocks:
    """The locks of one store. The methods wait for nobody.

    Args:
        folder: where the locks of all stores on the same data file are; made with the first of them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}
        """Sessions, and the descriptors of their files."""

    def take(self, session_id: str) -> bool:
        """Lock a session; returns false while another store has it. Raises `OSError`."""
        while session_id not in self._held:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            path = self._path(session_id)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_there = _is_same(descriptor, path)  # who had it may have removed it meanwhile
                if is_there:
                    os.ftruncate(descriptor, 0)  # what one that was killed was asked is over
            except BlockingIOError:
                os.close(descriptor)
                return False
            except BaseException:
                os.close(descriptor)
                raise
            if is_there:
                self._held[session_id] = descriptor
            else:
                os.close(descriptor)
        return True

    def release(self, session_id: str) -> None:
        """Give the lock on a session back, if it is had."""
        descriptor = self._held.pop(session_id, None)
        if descriptor is not None:
            self._path(session_id).unlink(missing_ok=True)
            os.close(descriptor)

    def release_all(self) -> None:
        """Give all locks back."""
        for session_id in tuple(self._held):
            self.release(session_id)

    def ask_to_stop(self, session_id: str) -> bool:
        """Tell who has a session locked that its answer is to stop; returns false where no other store has it."""
        if session_id in self._held:
            return False
        try:
            descriptor = os.open(self._path(session_id), os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            os.write(descriptor, b"stop")
            return True
        finally:
            os.close(descriptor)
        return False

    def asked_to_stop(self) -> frozenset[str]:
        """Return the sessions that are locked here and whose answers are to stop."""
        return frozenset(each for each, descriptor in self._held.items() if os.fstat(descriptor).st_size)

    def _path(self, session_id: str) -> Path:
        name = blake2b(session_id.encode("utf-8", "replace"), digest_size=16).hexdigest()
        return self._folder / name


def _is_same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
