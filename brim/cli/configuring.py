"""``brim config``: what the settings are, where they come from, and how one is set."""

from __future__ import annotations

import asyncio
import re
import sys
from decimal import Decimal
from getpass import getpass
from typing import Any

from brim.cli.edge import DONE, complain
from brim.cli.output import write, write_json, write_table
from brim.core.config_file import ConfigFile, Edit
from brim.core.edits import edits_of, is_secret
from brim.core.errors import SettingsError
from brim.core.kept_keys import Keeper, KeptKey, keep, kept_key
from brim.core.keys import KEY_WORDS, checked_key
from brim.core.paths import Paths
from brim.core.places import PROVIDERS, Source, variable, without_secrets
from brim.core.provider_tables import Provider
from brim.core.settings import Settings, load_settings

_STANDARD_INPUT = "-"


def show(*, as_json: bool) -> int:
    """Show every setting with its value, where that comes from, and the variable that sets it."""
    settings = load_settings(Paths.find())
    complain(*settings.warnings)
    if as_json:
        document = {field: _document(settings, field) for field in Settings.model_fields}
        tables = {name: _provider_document(one) for name, one in settings.providers.items() if one.place}
        write_json({**document, "providers": tables} if tables else document)
        return DONE
    rows = [
        (field, _text(settings.said(field)), _from(settings, field), variable(field))
        for field in Settings.model_fields
    ]
    write_table(("Setting", "Value", "From", "Variable"), rows)
    if named := [one for one in settings.providers.values() if one.place]:
        write("")
        rows = [(one.name, one.kind, without_secrets(one.base_url), _key_place(one) or "–") for one in named]
        write_table(("Provider", "Kind", "Base URL", "Key"), rows)
    return DONE


def path() -> int:
    """Tell where the settings file is, there or not."""
    write(str(Paths.find().config_file))
    return DONE


def set_value(name: str, value: str, *, keeper: str | None = None) -> int:
    """Set a value in ``config.toml``, keeping its comments; an empty value takes it out.

    Args:
        name: a setting such as ``theme``, or a field such as ``providers.work.base_url``.
        value: the value as text; ``-`` reads it from standard input, from a terminal without showing it. A
            key comes in no other way: arguments stay in the shell's history.
        keeper: where a provider's key is kept, one of `Keeper`; ``None`` is ``config.toml``.

    Raises:
        SettingsError: there is no such setting, the value is wrong, or the file or the keyring cannot be used.
    """
    if value == _STANDARD_INPUT:
        value = _read_value(name)
        if not value.strip() and is_secret(name):
            raise SettingsError(
                f"No key came, so {name} is left as it is.", hint=f"`brim config unset {name}` takes it out."
            )
    elif value.strip() and is_secret(name):
        raise SettingsError(
            f"{name} is not taken as an argument, which would stay in the history of your shell.",
            hint=f"`brim config set {name} -` asks for it, or reads what is piped in.",
        )
    paths = Paths.find()
    if keeper is not None:
        name, value = _kept(name, value, Keeper(keeper), paths)
    return _change(paths, edits_of(name, value), name if value.strip() else "")


def unset(name: str) -> int:
    """Take a setting, a provider's field or a provider's whole table out of ``config.toml``.

    Raises:
        SettingsError: there is no such setting, or the file cannot be changed.
    """
    return _change(Paths.find(), edits_of(name, ""), "")


def _change(paths: Paths, edits: tuple[Edit, ...], is_set: str) -> int:
    paths.make()
    file = ConfigFile(paths.config_file)
    before = _kept_keys(file, paths, edits)
    file.change(*edits)
    left = [key for key in before if key not in _kept_keys(file, paths, edits)]
    settings = load_settings(paths)
    complain(*settings.warnings, *(asyncio.run(_take_away(key)) for key in left))
    if is_set in Settings.model_fields:
        _tell_if_hidden(settings, is_set)
    return DONE


def _kept_keys(file: ConfigFile, paths: Paths, edits: tuple[Edit, ...]) -> list[KeptKey]:
    """Return the keys of brim's own keeping that the tables lead to which the edits are about."""
    names = dict.fromkeys(edit.path[1] for edit in edits if edit.path[0] == PROVIDERS and len(edit.path) > 1)
    found = (kept_key(name, file.table(PROVIDERS, name), paths.config) for name in names)
    return [key for key in found if key is not None]


async def _take_away(key: KeptKey) -> str:
    """Take away a key that no table leads to any more, and say so."""
    try:
        was = await key.read()
        await key.put(None)
    except SettingsError as error:
        return f"The key stays in {key.place}: {error.sentence}"
    return "" if was is None else f"The key is taken away too: it was in {key.place}."


def _read_value(name: str) -> str:
    if sys.stdin.isatty():
        return getpass(f"{name}: ") if is_secret(name) else input(f"{name}: ")
    return sys.stdin.readline().strip()


def _kept(name: str, value: str, keeper: Keeper, paths: Paths) -> tuple[str, str]:
    """Keep a provider's key and return the field that leads to it, with its value."""
    found = re.fullmatch(rf"{PROVIDERS}\.([a-z0-9][a-z0-9_-]*)\.api_key", name)
    if found is None:
        raise SettingsError(
            "--keep goes with a provider's key.", hint=f"Set {PROVIDERS}.NAME.api_key, with NAME its name."
        )
    try:
        key = checked_key(value)
    except ValueError:
        raise SettingsError("What came is no usable key.", hint=f"A key is {KEY_WORDS}.") from None
    paths.make()
    field, place = asyncio.run(keep(keeper, found[1], key, paths.config))
    return f"{PROVIDERS}.{found[1]}.{field}", place


def _tell_if_hidden(settings: Settings, key: str) -> None:
    """Say so where the new value has no effect, because a stronger place sets another."""
    source = settings.source_of(key)
    if source not in (Source.CONFIG, Source.DEFAULT):
        complain(f"{settings.place_of(key)} comes before it and still decides.")


def _document(settings: Settings, field: str) -> dict[str, Any]:
    return {
        "value": settings.said(field),
        "source": settings.source_of(field).value,
        "line": settings.line_of(field),
        "variable": variable(field),
    }


def _provider_document(provider: Provider) -> dict[str, Any]:
    """Return a provider's table as it can be shown: the names of its headers and the place of its key."""
    return {
        "kind": provider.kind,
        "base_url": without_secrets(provider.base_url),
        "key": _key_place(provider),
        "headers": sorted(provider.headers),
        "source": provider.place,
    }


def _key_place(provider: Provider) -> str | None:
    return provider.key.place if provider.key is not None else None


def _text(value: str | float | Decimal | tuple[str, ...] | None) -> str:
    return "–" if value is None else ", ".join(value) if isinstance(value, tuple) else str(value)


def _from(settings: Settings, field: str) -> str:
    source = settings.source_of(field)
    line = settings.line_of(field)
    return f"{source} line {line}" if line else str(source)
