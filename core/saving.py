"""Writing a file of the person's in one go: a reader finds the old one or the new one, and nothing else is left."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path

_LONGEST_NAME = 40
"""How much of a file's name is in that of the temporary one: longer names there may not be."""


def put_text(file: Path, text: str, *, mode: int = 0o600) -> None:
    """Put ``text`` in the place of a file at once and for good; a link's target is replaced.

    Args:
        file: where it goes; its folder is made where it is missing.
        text: all that is in it afterwards.
        mode: who may read it; by default its owner only.

    Raises:
        SettingsError: it cannot be written. What was there stays.
    """
    try:
        file = file.resolve()
        file.parent.mkdir(parents=True, exist_ok=True)
        put(file, text.encode(), mode=mode, is_lasting=True)
    except (OSError, RuntimeError) as error:  # the second is a link that leads to itself
        from brim.core.errors import SettingsError  # the first paint can do without what it brings

        why = getattr(error, "strerror", None) or "its link leads to itself"
        raise SettingsError(f"{file.name} cannot be written ({file}): {why}.") from None


def put(
    file: Path, data: bytes, *, mode: int = 0o600, is_new: bool = False, is_lasting: bool = False
) -> None:
    """Put ``data`` in the place of a file at once; a link is replaced itself.

    Args:
        file: where it goes, in a folder that is there.
        data: all that is in it afterwards.
        mode: who may read it; by default its owner only.
        is_new: whether nothing may be there yet.
        is_lasting: whether it has to outlive a power cut from now on, which takes the disk its time.

    Raises:
        OSError: it cannot be written, or is there already where it has to be new. What was there stays.
    """
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name[:_LONGEST_NAME]}.")
    try:
        with os.fdopen(descriptor, "wb") as temporary:
            temporary.write(data)
            temporary.flush()
            os.fchmod(temporary.fileno(), mode)
            if is_lasting:
                os.fsync(temporary.fileno())
        if is_new:
            _put_beside(name, file)
        else:
            Path(name).replace(file)
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink(missing_ok=True)


def _put_beside(name: str, file: Path) -> None:
    """Give a temporary file its name where nothing has that name yet. Raises `FileExistsError` where something has."""
    try:
        os.link(name, file)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        # A file system without hard links, as on a memory stick.
        if os.path.lexists(file):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(file)) from None
        Path(name).replace(file)
