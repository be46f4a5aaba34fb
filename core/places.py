"""The places that settings are read from, each value with the words that lead a person back to it.

The working folder's ``.env`` may have come with somebody else's repository. So nothing in it is expanded:
``${OPENAI_API_KEY}`` there is plain text, not the key.
"""

from __future__ import annotations

import difflib
import io
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from brim.core.errors import SettingsError
from brim.core.text import visible_line

PROVIDERS = "providers"
"""The table of ``config.toml`` that holds a table for each provider."""

_PLAIN_NAMES = {
    "openai_api_key": "OPENAI_API_KEY",
    "openai_base_url": "OPENAI_BASE_URL",
    "anthropic_api_key": "ANTHROPIC_API_KEY",
    "anthropic_base_url": "ANTHROPIC_BASE_URL",
    "default_model": "DEFAULT_MODEL",
}


class Source(StrEnum):
    """A place that settings come from; declared from the strongest to the weakest."""

    OPTION = "option"
    ENVIRONMENT = "environment"
    DOTENV = ".env"
    CONFIG = "config.toml"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Found:
    """A value as it stands in its place, not checked yet. ``line`` is ``None`` where there are no lines."""

    value: Any
    source: Source
    name: str
    """What the value is called there, e.g. ``BRIM_THEME`` or ``theme``."""
    line: int | None = None

    @property
    def place(self) -> str:
        """The name and where it stands, e.g. ``theme in config.toml line 4``."""
        match self.source:
            case Source.OPTION:
                return f"{self.name} on the command line"
            case Source.ENVIRONMENT:
                return f"{self.name} in the environment"
            case Source.DEFAULT:
                return f"{self.name} by default"
            case Source.DOTENV | Source.CONFIG:
                return f"{self.name} in {self.source} line {self.line}"


def variable(field: str) -> str:
    """Return the environment variable of a setting."""
    return _PLAIN_NAMES.get(field, f"BRIM_{field.upper()}")


def from_options(options: Mapping[str, Any]) -> dict[str, Found]:
    """Return what the command line sets, by field; ``None`` is an option that was not given."""
    return {
        field: Found(value, Source.OPTION, field) for field, value in options.items() if value is not None
    }


def from_environment(
    environment: Mapping[str, str], fields: Collection[str], variables: Collection[str] = ()
) -> dict[str, Found]:
    """Return what the environment sets, by field and, for further ``variables``, by their names.

    An empty variable is one that is not set.
    """
    return {
        ours: Found(value, Source.ENVIRONMENT, name)
        for name, ours in _named(fields, variables).items()
        if (value := environment.get(name, "")).strip()
    }


def from_dotenv(file: Path, fields: Collection[str], variables: Collection[str] = ()) -> dict[str, Found]:
    """Return what a ``.env`` file sets, by field and, for further ``variables``, by their names.

    Other names in it are somebody else's and left alone.

    Raises:
        SettingsError: the file, or a line with one of our names, cannot be read.
    """
    text = read_text(file, ".env")
    if text is None:
        return {}
    from dotenv.parser import parse_stream  # most folders have no such file

    ours = _named(fields, variables)
    found: dict[str, Found] = {}
    for binding in parse_stream(io.StringIO(text)):
        written = binding.original.string
        line = binding.original.line + written[: len(written) - len(written.lstrip())].count("\n")
        if binding.error:
            if named := next((name for name in ours if re.search(rf"\b{name}\b", written)), None):
                raise SettingsError(f".env line {line} cannot be read: {named} is not followed by a value.")
        elif binding.key in ours and (binding.value or "").strip():
            found[ours[binding.key]] = Found(binding.value, Source.DOTENV, binding.key, line)
    return found


def _named(fields: Collection[str], variables: Collection[str]) -> dict[str, str]:
    """Return what each variable sets: a field, or else itself."""
    return {name: name for name in variables} | {variable(field): field for field in fields}


def parse_config(text: str, fields: Collection[str]) -> dict[str, Found]:
    """Return what the text of a ``config.toml`` sets, by field. An empty text counts as not set.

    The tables of providers are left to `brim.core.provider_tables`.

    Raises:
        SettingsError: it is not TOML, or has an unknown key.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(toml_sentence(str(error), text, "config.toml")) from None
    found: dict[str, Found] = {}
    for name, value in table.items():
        if name == PROVIDERS:
            continue
        line = _line_of(name, text)
        if name not in fields:
            raise SettingsError(
                f"config.toml line {line}: there is no setting {visible_line(name)!r}.",
                hint=nearest(name, fields),
            )
        if value != "":
            found[name] = Found(value, Source.CONFIG, name, line)
    return found


def nearest(name: str, fields: Collection[str]) -> str:
    """Return the hint for a name that no setting has."""
    near = difflib.get_close_matches(name.lower(), fields, n=1)
    return f"Did you mean {near[0]}?" if near else "`brim config show` lists all settings."


def toml_sentence(message: str, text: str, name: str) -> str:
    """Return the sentence for a text that is not TOML, from what the parser says of it."""
    what, _, where = message.rpartition(" (at ")
    if found := re.match(r"line (\d+)", where):
        line = int(found[1])
    else:
        what, line = what or message, text.count("\n") + 1
    return f"{name} line {line} is not TOML: {visible_line(what)[:80]}."


def _line_of(key: str, text: str) -> int:
    """Return the line of a key at the top of a TOML text, not misled by what stands inside long strings."""
    start = re.compile(rf"""\s*\[*\s*["']?{re.escape(key)}["']?\s*[=.\]]""")
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if start.match(line):
            try:
                tomllib.loads("\n".join(lines[:index]))
            except tomllib.TOMLDecodeError:
                continue
            return index + 1
    return 1


def without_secrets(url: str) -> str:
    """Return a URL without the parts that may hold a password or a key."""
    return re.sub(r"//[^/@]*@", "//***@", url.partition("?")[0])


def read_text(file: Path, name: str) -> str | None:
    """Return the text of a settings file, ``None`` where there is no such file (a folder is none).

    Raises:
        SettingsError: it cannot be read, or is not UTF-8.
    """
    try:
        return file.read_text(encoding="utf-8-sig") if file.is_file() else None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SettingsError(f"{name} line {line} is not UTF-8 text ({file.absolute()}).") from None
    except OSError as error:
        raise SettingsError(f"{name} cannot be read ({file.absolute()}): {error.strerror}.") from None
