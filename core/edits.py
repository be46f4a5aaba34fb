"""What a person types for a setting, or for a field of a provider's table, as changes to ``config.toml``."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from typing import Any

from pydantic import SecretStr

from brim.core.config_file import Edit
from brim.core.errors import SettingsError
from brim.core.parameter_texts import stop_texts
from brim.core.places import PROVIDERS
from brim.core.provider_tables import FIELDS, KEY_FIELDS
from brim.core.settings import parse_value
from brim.core.text import visible_line

_TEXTS = ("kind", "base_url", *KEY_FIELDS, "reasoning_effort")
_TABLES = ("headers", "parameters")


def edits_of(name: str, text: str) -> tuple[Edit, ...]:
    """Return the changes that set ``name`` to what a text means; an empty text takes it out.

    Args:
        name: a setting such as ``theme``, a field such as ``providers.work.base_url``, one of its headers or
            parameters (``providers.work.headers.X-Team``), or with an empty text a provider's whole table.
        text: the value.

    Raises:
        SettingsError: there is no such setting or field, or a setting cannot have that value. Fields are
            looked at when the file is changed.
    """
    path = tuple(name.split(".", 3))
    if path[0] != PROVIDERS:
        return (Edit((name,), typed(name, text)),)
    field = path[2] if len(path) > 2 else ""
    is_table = len(path) == 2 or (len(path) == 3 and field in _TABLES)
    if len(path) == 1 or not all(path) or (is_table and text.strip()):
        raise SettingsError(
            f"{visible_line(name)} is not one value.",
            hint=f"Say {PROVIDERS}.NAME.FIELD, e.g. {PROVIDERS}.work.base_url.",
        )
    if len(path) == 4 and field not in _TABLES:
        raise SettingsError(
            f"There is no field {visible_line('.'.join(path[2:]))!r}.", hint=f"There are {', '.join(FIELDS)}."
        )
    if not text.strip():
        return (Edit(path),)
    others = key_edits(path[1], keeping=field) if field in KEY_FIELDS else ()
    return (*others, Edit(path, _field_value(path, text)))


def key_edits(provider: str, *, keeping: str = "") -> tuple[Edit, ...]:
    """Return the changes that take out every place of a provider's key but ``keeping``."""
    return tuple(Edit((PROVIDERS, provider, field)) for field in KEY_FIELDS if field != keeping)


def is_secret(name: str) -> bool:
    """Whether a setting or a field is a key, which may not be shown or stand in a shell's history."""
    return name.endswith("api_key")


def typed(setting: str, text: str) -> str | int | float | bool | list[str] | None:
    """Return a setting's value as TOML keeps it: numbers as numbers, everything else as text, ``None`` for nothing.

    Raises:
        SettingsError: there is no such setting, or the text is no right value for it.
    """
    match parse_value(setting, text):
        case None | "" | ():
            return None
        case tuple() as texts:
            return list(texts)
        case SecretStr() as secret:
            return secret.get_secret_value()
        case Decimal() as amount:
            return int(amount) if amount == int(amount) else float(amount)
        case bool() | int() | float() as plain:
            return plain
        case other:
            return str(other)


def _field_value(path: tuple[str, ...], text: str) -> Any:
    """Return the value of a field: as TOML means it where it is a number, a truth or a list, else the text."""
    field = path[2]
    if field in _TEXTS or field == "headers":
        return text.strip()
    if field == "stop":
        return list(stop_texts(text))
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()
