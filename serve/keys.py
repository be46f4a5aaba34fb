"""Who may use the service: keys, kept as hashes in a file that is read again when it changes.

::

    [keys.alice]
    sha256 = "9f86d081…"          # of the key; the key itself is nowhere
    requests_per_minute = 60      # the limits are optional
    tokens_per_day = 200000
    concurrent_turns = 4

A key is 32 random bytes, so a plain hash keeps it as safe as a slow one would.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from brim.core.errors import SettingsError

PREFIX = "brim-"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class ServiceKey(BaseModel):
    """One key, without itself. A limit that is ``None`` is that of the service."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """Whose it is: the owner of the sessions made with it."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", repr=False)
    requests_per_minute: int | None = Field(default=None, gt=0)
    tokens_per_day: int | None = Field(default=None, gt=0)
    concurrent_turns: int | None = Field(default=None, gt=0)


class KeyFile:
    """The keys of a service.

    Args:
        path: the file; none at all is a service without keys.
        is_named: whether the operator has named the file, so that it has to be there.
    """

    def __init__(self, path: Path, *, is_named: bool = False) -> None:
        self.path = path
        self._is_named = is_named
        self._stamp: tuple[int, int] | None = None
        self._keys: tuple[ServiceKey, ...] = ()

    def keys(self) -> tuple[ServiceKey, ...]:
        """Return the keys as they are in the file now.

        Raises:
            SettingsError: the file cannot be read, or something in it is wrong.
        """
        try:
            state = self.path.stat()
        except FileNotFoundError:
            self._stamp, self._keys = None, ()
            return ()
        except OSError as error:
            raise SettingsError(f"{self.path} cannot be read: {error.strerror or error}.") from error
        stamp = (state.st_mtime_ns, state.st_ino)
        if stamp != self._stamp:
            self._keys = self._read()
            self._stamp = stamp
        return self._keys

    @property
    def are_needed(self) -> bool:
        """Whether only those with a key may use the service, also where there are none."""
        return self._is_named or self.path.exists()

    def find(self, key: str) -> ServiceKey | None:
        """Return whose a key is, ``None`` if it is nobody's. Takes the same time for every wrong key."""
        digest = hash_of(key)
        found: ServiceKey | None = None
        for one in self.keys():
            if hmac.compare_digest(one.sha256, digest):
                found = one
        return found

    def add(self, name: str, **limits: int | None) -> str:
        """Make a key for ``name`` and return it; it cannot be shown again.

        Raises:
            SettingsError: the name is not one or is taken, or the file cannot be written.
        """
        if not _NAME.fullmatch(name):
            raise SettingsError(
                f"{name!r} cannot be the name of a key.", hint="Use letters, digits, -, _ and ., at most 64."
            )
        if any(one.name == name for one in self.keys()):
            raise SettingsError(
                f"There is a key {name} already.", hint=f"`brim keys remove {name}` takes it away."
            )
        key = PREFIX + secrets.token_urlsafe(32)
        given = {field: limit for field, limit in limits.items() if limit is not None}
        self._write([*self.keys(), ServiceKey(name=name, sha256=hash_of(key), **given)])
        return key

    def remove(self, name: str) -> None:
        """Take a key away; its sessions stay. Raises `SettingsError` if there is none of that name."""
        left = [one for one in self.keys() if one.name != name]
        if len(left) == len(self.keys()):
            raise SettingsError(f"There is no key {name!r}.", hint="`brim keys list` names them.")
        self._write(left)

    def _read(self) -> tuple[ServiceKey, ...]:
        try:
            tables: Any = tomllib.loads(self.path.read_text(encoding="utf-8")).get("keys", {})
            return tuple(ServiceKey(name=name, **table) for name, table in tables.items())
        except OSError as error:
            raise SettingsError(f"{self.path} cannot be read: {error.strerror or error}.") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise SettingsError(f"{self.path}: {where} is not right: {first['msg']}.") from None
        except (ValueError, AttributeError, TypeError) as error:
            raise SettingsError(f"{self.path} holds no table of keys: {error}.") from None

    def _write(self, keys: list[ServiceKey]) -> None:
        lines = ["# Keys of `brim serve`, as hashes. `brim keys` changes this file.\n"]
        for one in keys:
            lines.append(f'\n[keys."{one.name}"]\nsha256 = "{one.sha256}"\n')
            lines += [
                f"{field} = {value}\n"
                for field, value in one.model_dump(exclude={"name", "sha256"}, exclude_none=True).items()
            ]
        fresh = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}.new")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            fresh.write_text("".join(lines), encoding="utf-8")
            fresh.replace(self.path)
        except OSError as error:
            raise SettingsError(f"{self.path} cannot be written: {error.strerror or error}.") from error


def hash_of(key: str) -> str:
    """Return what is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
