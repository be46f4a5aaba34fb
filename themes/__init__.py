"""Colour themes as TOML files: brim's own beside this module, a person's own in their config folder.

A theme file has a ``name``, ``dark`` (true or false), a table ``[colors]`` with Textual's ten colours and a
table ``[variables]`` with what brim draws besides. Colours are ``#rrggbb``. What is left out of the
variables is taken from the colours (`STAND_INS`).
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from textual.theme import Theme

DEFAULT_THEME = "brim"

STAND_INS = {
    "dim": "foreground",
    "rule": "secondary",
    "horizon": "secondary",
    "gauge-green": "success",
    "gauge-yellow": "warning",
    "gauge-red": "error",
    "role-user": "accent",
    "role-assistant": "primary",
    "syntax-keyword": "primary",
    "syntax-string": "success",
    "syntax-number": "warning",
    "syntax-comment": "foreground",
    "syntax-function": "accent",
    "syntax-type": "warning",
    "syntax-operator": "foreground",
    "syntax-error": "error",
}
"""The variables of a theme, and for each the colour that stands in where the theme leaves it out."""

_COLORS = (
    "primary", "secondary", "accent", "warning", "error", "success",
    "foreground", "background", "surface", "panel",
)  # fmt: skip
_SCROLLBAR_GROUNDS = (
    "scrollbar-background", "scrollbar-background-hover", "scrollbar-background-active", "scrollbar-corner-color",
)  # fmt: skip
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


class ThemeError(Exception):
    """A theme file is not as it should be; the text is one sentence that names the file and the place."""


@dataclass(frozen=True, slots=True)
class Themes:
    """The themes that can be chosen, and a sentence for each of the person's files that cannot be used."""

    found: list[Theme]
    problems: list[str]


def load(folder: Path) -> Themes:
    """Return brim's themes and those in ``folder``, which may be missing; a person's theme wins over ours."""
    found = {theme.name: theme for theme in map(read, _ours())}
    problems = []
    for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
        try:
            theme = read(path)
        except ThemeError as error:
            problems.append(str(error))
        else:
            found[theme.name] = theme
    return Themes(list(found.values()), problems)


def default_variables() -> dict[str, str]:
    """Return the variables of the default theme, for themes that are not from a file of ours."""
    return read(_ours()[0]).variables


def _ours() -> list[Traversable]:
    entries = [entry for entry in files(__name__).iterdir() if entry.name.endswith(".toml")]
    return sorted(entries, key=lambda entry: (entry.name != f"{DEFAULT_THEME}.toml", entry.name))


def read(path: Traversable) -> Theme:
    """Return the theme of a file. Raises `ThemeError`."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ThemeError(f"{path.name}: the theme cannot be read: {error}.") from error
    name, dark = values.get("name"), values.get("dark")
    if not isinstance(name, str) or not name.strip():
        raise ThemeError(f"{path.name}: `name` is missing.")
    if not isinstance(dark, bool):
        raise ThemeError(f"{path.name}: `dark` must be true or false.")
    colors: dict[str, Any] = {**_colors(path.name, "colors", values, frozenset(_COLORS))}
    if missing := [color for color in _COLORS if color not in colors]:
        raise ThemeError(f"{path.name}: [colors] lacks {', '.join(missing)}.")
    variables = {name: colors[stand_in] for name, stand_in in STAND_INS.items()}
    variables |= _colors(path.name, "variables", values, frozenset(STAND_INS))
    variables |= dict.fromkeys(_SCROLLBAR_GROUNDS, colors["background"])
    return Theme(name=name.strip(), dark=dark, variables=variables, **colors)


def _colors(file: str, table: str, values: dict[str, Any], known: frozenset[str]) -> dict[str, str]:
    found = values.get(table, {})
    if not isinstance(found, dict):
        raise ThemeError(f"{file}: [{table}] must be a table.")
    for key, value in found.items():
        if key not in known:
            raise ThemeError(f"{file}: [{table}] has no `{key}`; it knows {', '.join(sorted(known))}.")
        if not isinstance(value, str) or not _COLOR.fullmatch(value):
            raise ThemeError(f"{file}: `{key}` in [{table}] must be a colour such as #4fc1c4, not {value!r}.")
    return found
