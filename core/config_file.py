"""Changes to ``config.toml`` that leave its comments, its order and everything else in it as they were."""

from __future__ import annotations

import fcntl
import os
import stat
import tomllib
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brim.core.errors import SettingsError
from brim.core.places import PROVIDERS, read_text
from brim.core.saving import put_text
from brim.core.settings import check_config
from brim.core.text import visible_line

NAME = "config.toml"
_SECRET_SETTINGS = ("openai_api_key", "anthropic_api_key", "store")
_SECRET_FIELDS = ("api_key", "headers")
_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Edit:
    """One change: where a value stands, table by table, and what it becomes.

    A ``value`` of ``None`` takes it out. A dictionary is a table, which is set as a whole.
    """

    path: tuple[str, ...]
    value: Any = None


class ConfigFile:
    """The settings file. It is read again for each change, since a person or another brim may write it as well.

    Args:
        file: ``config.toml``, which may not be there yet.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._changes: list[tuple[str, str]] = []

    def text(self) -> str:
        """Return what is in it, nothing where it is not there. Raises `SettingsError` if it cannot be read."""
        return read_text(self.file, NAME) or ""

    def table(self, *path: str) -> dict[str, Any]:
        """Return a table as it stands, empty where there is none or the file is not TOML."""
        try:
            found: Any = tomllib.loads(self.text())
        except tomllib.TOMLDecodeError:
            return {}
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}

    @property
    def depth(self) -> int:
        """How many changes can be taken back."""
        return len(self._changes)

    def change(self, *edits: Edit, is_more: bool = False) -> None:
        """Make changes, all of them or none.

        The file keeps who may read it, but for one that holds a secret: that is then the owner's alone, as is
        a new one.

        Args:
            edits: the changes.
            is_more: whether something besides the file is changed with it, so that it counts as a change
                even where the text stays.

        Raises:
            SettingsError: the file would be wrong with them, or cannot be used. It stays as it was.
        """
        with self._alone():
            before = self.text()
            after = edited(before, *edits)
            check_config(after)
            if after != before:
                self._put(after)
            if after != before or is_more:
                self._changes.append((before, after))

    def undo(self) -> bool:
        """Take back the last change made here; false where there is none, or the file was changed since."""
        with self._alone():
            if not self._changes:
                return False
            before, after = self._changes.pop()
            if self.text() != after:
                self._changes.clear()
                return False
            if before != after:
                self._put(before)
            return True

    def _put(self, text: str) -> None:
        mode = 0o600
        if self.file.is_file():
            before = stat.S_IMODE(self.file.stat().st_mode)
            if not before & _WRITABLE or not os.access(self.file, os.W_OK):
                raise SettingsError(
                    f"{NAME} cannot be written ({self.file}): it is read-only.",
                    hint="Change it where it is made, or make it writable.",
                )
            mode = mode if _holds_secret(text) else before
        put_text(self.file, text, mode=mode)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other brims from changing the file at the same time: its folder is locked."""
        folder = Path(os.path.realpath(self.file)).parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise SettingsError(f"{NAME} cannot be written ({self.file}): {error.strerror}.") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def edited(text: str, *edits: Edit) -> str:
    """Return the text of a ``config.toml`` with changes.

    Raises:
        SettingsError: it is not TOML, or is written in a way that cannot be changed here.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document, wanted = tomlkit.parse(text), tomllib.loads(text)
        for edit in edits:
            if len(edit.path) > 1 and edit.value is not None and PROVIDERS not in document:
                document.append(PROVIDERS, tomlkit.table(is_super_table=True))
                wanted[PROVIDERS] = {}
            _set(document, edit)
            _set(wanted, edit)
        after = tomlkit.dumps(document)
        is_right = tomllib.loads(after) == wanted
    except (TOMLKitError, tomllib.TOMLDecodeError) as error:
        check_config(text)
        raise SettingsError(f"{NAME} cannot be changed: {visible_line(str(error))}.") from None
    if not is_right:
        names = ", ".join(visible_line(".".join(edit.path)) for edit in edits)
        raise SettingsError(
            f"{NAME} is written in a way that brim cannot change {names} in.", hint="Change it by hand."
        )
    return after


def _set(table: MutableMapping[str, Any], edit: Edit) -> None:
    """Make a change in a document or in plain dictionaries; tables that become empty go."""
    inside = [table]
    for name in edit.path[:-1]:
        if name not in inside[-1]:
            if edit.value is None:
                return
            inside[-1][name] = {}
        if not isinstance(inside[-1][name], MutableMapping):
            raise SettingsError(f"{visible_line('.'.join(edit.path))} cannot be set: {name} is no table.")
        inside.append(inside[-1][name])
    if edit.value is not None:
        inside[-1][edit.path[-1]] = edit.value
        return
    inside[-1].pop(edit.path[-1], None)
    for depth in range(len(inside) - 1, 0, -1):
        if inside[depth]:
            break
        inside[depth - 1].pop(edit.path[depth - 1])


def _holds_secret(text: str) -> bool:
    table = tomllib.loads(text)
    providers = [one for one in table.get(PROVIDERS, {}).values() if isinstance(one, dict)]
    return any(table.get(name) for name in _SECRET_SETTINGS) or any(
        one.get(name) for one in providers for name in _SECRET_FIELDS
    )
