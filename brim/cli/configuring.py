"""``brim config``: what the settings are, where they come from, and how one is set."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import SecretStr
from tomlkit.exceptions import TOMLKitError

from brim.cli.edge import DONE, complain
from brim.cli.output import write, write_json, write_table
from brim.core.errors import SettingsError
from brim.core.paths import Paths
from brim.core.places import Source, variable, without_secrets
from brim.core.provider_tables import Provider
from brim.core.settings import Settings, check_config, load_settings, parse_value
from brim.core.store.urls import parse_url

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
        (field, _text(_said(settings, field)), _from(settings, field), variable(field))
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


def set_value(key: str, value: str) -> int:
    """Set a value in ``config.toml``, keeping its comments; an empty value takes the setting out.

    Args:
        key: the setting's name, e.g. ``theme``.
        value: the value as text; ``-`` reads it from standard input, so that a key stays out of the shell's
            history.

    Raises:
        SettingsError: there is no such setting, the value is wrong, or the file cannot be used.
    """
    if value == _STANDARD_INPUT:
        value = sys.stdin.readline().strip()
    typed = _typed(key, value)
    paths = Paths.find()
    paths.make()
    file = paths.config_file.resolve()
    document = _read(file)
    if typed is None:
        document.pop(key, None)
    else:
        document[key] = typed
    text = tomlkit.dumps(document)
    check_config(text)
    _replace(file, text)
    _tell_if_hidden(load_settings(paths), key, is_set=typed is not None)
    return DONE


def _read(file: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(file.read_text(encoding="utf-8")) if file.exists() else tomlkit.document()
    except TOMLKitError as error:
        check_config(file.read_text(encoding="utf-8"))
        raise SettingsError(f"config.toml cannot be changed: {error}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"config.toml is not UTF-8 text ({file}).") from None
    except OSError as error:
        raise SettingsError(f"config.toml cannot be read ({file}): {error.strerror}.") from None


def _typed(key: str, value: str) -> str | int | float | list[str] | None:
    """Return a value as TOML keeps it: numbers as numbers, everything else as text, ``None`` for nothing."""
    match parse_value(key, value):
        case None | "" | ():
            return None
        case tuple() as texts:
            return list(texts)
        case SecretStr() as secret:
            return secret.get_secret_value()
        case Decimal() as amount:
            return int(amount) if amount == int(amount) else float(amount)
        case int() | float() as number:
            return number
        case text:
            return str(text)


def _replace(file: Path, text: str) -> None:
    """Put ``text`` in the place of the file at once, readable by its owner only."""
    try:
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as temporary:
                temporary.write(text)
                temporary.flush()
                os.fsync(temporary.fileno())
            Path(name).replace(file)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise SettingsError(f"config.toml cannot be written ({file}): {error.strerror}.") from None


def _tell_if_hidden(settings: Settings, key: str, *, is_set: bool) -> None:
    """Say so where the new value has no effect, because a stronger place sets another."""
    complain(*settings.warnings)
    source = settings.source_of(key)
    if is_set and source not in (Source.CONFIG, Source.DEFAULT):
        complain(f"{settings.place_of(key)} comes before it and still decides.")


def _said(settings: Settings, field: str) -> str | int | float | Decimal | tuple[str, ...] | None:
    """Return a value as it can be shown: no key, no secret in a URL; ``None`` where nothing is set."""
    value = getattr(settings, field)
    if field == "store" and value is not None:
        return parse_url(value.get_secret_value()).place
    if isinstance(value, SecretStr):
        return "***"
    if isinstance(value, Path):
        return str(value)
    if value is not None and field.endswith("_base_url"):
        return without_secrets(value)
    return None if value in ("", ()) else value


def _document(settings: Settings, field: str) -> dict[str, Any]:
    return {
        "value": _said(settings, field),
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
