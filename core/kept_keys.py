"""Where a key goes that a person has entered, and how it is taken away again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from brim.core import keyrings
from brim.core.errors import SettingsError
from brim.core.saving import put_text

FOLDER = "keys"
"""The folder of key files, beside ``config.toml``."""


class Keeper(StrEnum):
    """What keeps a key."""

    KEYRING = "keyring"
    FILE = "file"
    """A file of its own, readable by its owner only."""
    CONFIG = "config"
    """``config.toml``, which is then readable by its owner only."""


@dataclass(frozen=True, slots=True)
class KeptKey:
    """The place of a key that brim itself keeps: an entry of its own in the keyring, or a file of its own."""

    keeper: Keeper
    name: str
    """The entry, or the file."""

    @property
    def provider(self) -> str:
        """Whose key it is."""
        return self.name.rpartition("/")[2] if self.keeper is Keeper.KEYRING else Path(self.name).name

    @property
    def field(self) -> str:
        """The field of a provider's table that leads to it."""
        return "key_keyring" if self.keeper is Keeper.KEYRING else "key_file"

    @property
    def place(self) -> str:
        """Where that is, for a person."""
        return "the system keyring" if self.keeper is Keeper.KEYRING else self.name

    async def read(self) -> SecretStr | None:
        """Return the key, ``None`` where there is none. Raises `SettingsError` where that cannot be told."""
        if self.keeper is Keeper.KEYRING:
            key = await keyrings.read(self.name)
        else:
            key = await asyncio.to_thread(_read, Path(self.name))
        return None if key is None else SecretStr(key)

    async def put(self, key: SecretStr | None) -> None:
        """Put a key there, or with ``None`` take away what is there. Raises `SettingsError` where that cannot be done."""
        if self.keeper is Keeper.KEYRING:
            if key is None:
                await keyrings.forget(self.name)
            else:
                await keyrings.write(self.name, key.get_secret_value())
        else:
            await asyncio.to_thread(_put, Path(self.name), key)


def place_for(keeper: Keeper, provider: str, config_folder: Path) -> KeptKey:
    """Return where a provider's key goes that the keyring or a file of its own shall keep."""
    if keeper is Keeper.KEYRING:
        return KeptKey(keeper, f"brim/{provider}")
    return KeptKey(keeper, str(config_folder / FOLDER / provider))


def kept_key(provider: str, table: Mapping[str, Any], config_folder: Path) -> KeptKey | None:
    """Return the key of brim's own keeping that a provider's table leads to; ``None`` for any other key.

    A link in the place of the file is a person's own.
    """
    for keeper in (Keeper.KEYRING, Keeper.FILE):
        own = place_for(keeper, provider, config_folder)
        if table.get(own.field) == own.name and not (keeper is Keeper.FILE and Path(own.name).is_symlink()):
            return own
    return None


async def keep(keeper: Keeper, provider: str, key: SecretStr, config_folder: Path) -> tuple[str, str]:
    """Keep a provider's key and return the field of its table that leads to it, with the value.

    Args:
        keeper: where to.
        provider: whose key it is; it names the file or the entry.
        key: the key.
        config_folder: where ``config.toml`` is. Nothing is written into that file here.

    Raises:
        SettingsError: the key cannot be kept there.
    """
    if keeper is Keeper.CONFIG:
        return "api_key", key.get_secret_value()
    place = place_for(keeper, provider, config_folder)
    await place.put(key)
    return place.field, place.name


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{file} cannot be read: it is no text.") from None


def _put(file: Path, key: SecretStr | None) -> None:
    try:
        if key is None:
            file.unlink(missing_ok=True)
            return
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        what = f"{file} cannot be deleted" if key is None else f"{file.parent} cannot be made"
        raise SettingsError(f"{what}: {error.strerror}.") from None
    put_text(file, f"{key.get_secret_value().strip()}\n")
