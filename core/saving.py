"""Writing a file of the person's in one go."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from brim.core.errors import SettingsError


def put_text(file: Path, text: str, *, mode: int = 0o600) -> None:
    """Put ``text`` in the place of a file at once; a link's target is replaced.

    Args:
        file: where it goes; its folder is made where it is missing.
        text: all that is in it afterwards.
        mode: who may read it; by default its owner only.

    Raises:
        SettingsError: it cannot be written. What was there stays.
    """
    file = file.resolve()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as temporary:
                temporary.write(text)
                temporary.flush()
                os.fchmod(temporary.fileno(), mode)
                os.fsync(temporary.fileno())
            Path(name).replace(file)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise SettingsError(f"{file.name} cannot be written ({file}): {error.strerror}.") from None
