"""Where a key goes that a person has entered."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path

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
    match keeper:
        case Keeper.CONFIG:
            return "api_key", key.get_secret_value()
        case Keeper.KEYRING:
            entry = f"brim/{provider}"
            await keyrings.write(entry, key.get_secret_value())
            return "key_keyring", entry
        case Keeper.FILE:
            file = config_folder / FOLDER / provider
            await asyncio.to_thread(_put, file, key)
            return "key_file", str(file)


def _put(file: Path, key: SecretStr) -> None:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{file.parent} cannot be made: {error.strerror}.") from None
    put_text(file, f"{key.get_secret_value()}\n")
