"""Brings a data file to the newest schema, after a copy, while no other brim does the same."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path

from brim.core.errors import NewerStoreError, StoreError

APPLICATION_ID = 0x6272696D
"""``brim`` in ASCII, in the file's header, so that another program's file is not taken for ours."""

BUSY_TIMEOUT_S = 30.0
"""How long a connection waits for another process's write to end."""


@cache
def migrations() -> tuple[tuple[int, str], ...]:
    """Return the schema's versions, as number and SQL, in order."""
    folder = files("brim.core.store") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple((int(name.split("_")[0]), (folder / name).read_text(encoding="utf-8")) for name in names)


def newest_version() -> int:
    """Return the newest version of the schema that this brim knows."""
    return migrations()[-1][0]


def migrate(path: Path) -> Path | None:
    """Create the file at ``path`` or bring it to the newest schema.

    Returns:
        The copy made before a migration, ``None`` where none was needed.

    Raises:
        NewerStoreError: the file was written by a newer version.
        StoreError: it is no data file of brim, or cannot be read or written.
    """
    newest = newest_version()
    try:
        _make_private(path)
        with (
            alone(path),
            closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as file,
        ):
            version = _version(file, path)
            if version > newest:
                raise NewerStoreError(
                    f"{path} was written by a newer brim (schema {version}, this one knows {newest}).",
                    hint="Update brim, or set BRIM_HOME to another folder.",
                )
            backup = _back_up(file, path, version) if 0 < version < newest else None
            file.execute("PRAGMA journal_mode = WAL")
            _bring_up(file, version)
            return backup
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"{path} cannot be used as brim's data file: {error}.",
            hint="Move it away, or set BRIM_HOME to another folder.",
        ) from error
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {error.strerror or error}.") from error


def create_in_memory(file: sqlite3.Connection) -> None:
    """Give a database in memory the newest schema."""
    _bring_up(file, 0)
    file.execute("PRAGMA foreign_keys = ON")


def _bring_up(file: sqlite3.Connection, version: int) -> None:
    file.execute("PRAGMA foreign_keys = OFF")  # tables are made anew
    file.create_function("casefold", 1, str.casefold, deterministic=True)
    for number, script in migrations():
        if number > version:
            file.executescript(
                f"BEGIN IMMEDIATE;\n{script}\n;PRAGMA application_id = {APPLICATION_ID}; "
                f"PRAGMA user_version = {number}; COMMIT;"
            )


def _version(file: sqlite3.Connection, path: Path) -> int:
    version = int(file.execute("PRAGMA user_version").fetchone()[0])
    owner = int(file.execute("PRAGMA application_id").fetchone()[0])
    is_empty = file.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if owner != APPLICATION_ID and not (is_empty and version == 0):
        raise StoreError(
            f"{path} is the data file of another program.", hint="Set BRIM_HOME to another folder."
        )
    return version


def _make_private(path: Path) -> None:
    """Create the file and its folder for the owner's eyes only, before SQLite does it for everyone's."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other processes out of the same block for the same data file."""
    descriptor = os.open(path.with_name(path.name + ".migrating"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _back_up(file: sqlite3.Connection, path: Path, version: int) -> Path:
    backup = path.with_name(f"{path.name}.v{version}.backup")
    os.close(os.open(backup, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600))
    with closing(sqlite3.connect(backup)) as copy:
        file.backup(copy)
    return backup
