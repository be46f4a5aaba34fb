"""A look at a data file from outside, that changes nothing in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from brim.core.store.migrate import APPLICATION_ID, migrations

_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """What was seen. ``trouble`` is empty for a sound file of this or an older version."""

    schema_version: int | None = None
    """``None`` when it could not be read."""
    newest_version: int
    trouble: str = ""


def check_up(path: Path) -> Checkup:
    """Read the whole file at ``path``, which is there, and say whether it is sound.

    Other brims may have it open meanwhile.
    """
    newest = migrations()[-1][0]
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_PATIENCE_S)
        ) as file:
            file.execute("PRAGMA query_only = ON")
            version = int(file.execute("PRAGMA user_version").fetchone()[0])
            owner = int(file.execute("PRAGMA application_id").fetchone()[0])
            found = str(file.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return Checkup(newest_version=newest, trouble=f"it cannot be read: {error}")
    if version > newest:
        trouble = f"it was written by a newer brim (schema {version}, this one knows {newest})"
    elif found != "ok":
        trouble = f"it is damaged: {found}"
    else:
        trouble = "it belongs to another program" if owner != APPLICATION_ID and version else ""
    return Checkup(schema_version=version, newest_version=newest, trouble=trouble)
