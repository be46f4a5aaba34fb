"""Parameters as a person writes and reads them: on the command line, in a dialog, in the settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import ValidationError

from brim.core.errors import SettingsError
from brim.core.parameters import Effort, Parameters
from brim.core.text import visible_line

EFFORTS: tuple[str, ...] = get_args(Effort)
LABELS: Mapping[str, str] = {
    "temperature": "temperature",
    "top_p": "top-p",
    "max_tokens": "longest answer",
    "stop": "stop at",
    "seed": "seed",
    "reasoning_effort": "effort",
}
"""What a parameter is called on the screen, in the order in which they are shown."""
MUST_BE: Mapping[str, str] = {
    "temperature": "a number from 0 to 2",
    "top_p": "a number from 0 to 1",
    "max_tokens": "a whole number above 0",
    "stop": 'texts with commas between them, e.g. END, "a, b", \\n',
    "seed": "a whole number of at most 18 digits",
    "reasoning_effort": f"{', '.join(EFFORTS[:-1])} or {EFFORTS[-1]}",
}
"""What a right value is, in words that end the sentence "it must be ..."."""

_SHORT = {"temperature": "temp", "max_tokens": "max", "stop": "stop", "reasoning_effort": "effort"}
_OTHER_NAMES = {"temp": "temperature", "max": "max_tokens", "effort": "reasoning_effort"}
_SHOWN_CHARS = 60
_STOP = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*))\s*(?:,|$)')
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def parameter_named(name: str) -> str:
    """Return the field of `Parameters` that a person's name for it means, e.g. ``top_p`` for ``top-p``.

    Raises:
        SettingsError: there is no such parameter.
    """
    field = name.strip().lower().replace("-", "_")
    field = _OTHER_NAMES.get(field, field)
    if field not in LABELS:
        known = ", ".join(name.replace("_", "-") for name in LABELS)
        raise SettingsError(
            f"There is no parameter {visible_line(name)[:_SHOWN_CHARS]!r}.", hint=f"There are {known}."
        )
    return field


def parse_parameter(field: str, text: str) -> Any:
    """Return the value that a text means for a field of `Parameters`; an empty text is ``None`` or no texts.

    Raises:
        SettingsError: it is no right value; the sentence says what is.
    """
    if field == "stop":
        return stop_texts(text)
    bare = text.strip()
    if not bare:
        return None
    if field == "max_tokens":
        bare = bare.replace(",", "").replace("_", "")
    try:
        return getattr(Parameters.model_validate({field: bare.lower()}), field)
    except ValidationError:
        shown = visible_line(text.strip())
        shown = f"{shown[:_SHOWN_CHARS]}…" if len(shown) > _SHOWN_CHARS else shown
        raise SettingsError(
            f'{field.replace("_", "-")} is "{shown}", but it must be {MUST_BE[field]}.'
        ) from None


def stop_texts(text: str) -> tuple[str, ...]:
    r"""Return the stop texts in ``text``: commas between them, quotation marks around one with a comma.

    ``\n``, ``\t`` and ``\\`` are a line break, a tab and a backslash.
    """
    found = []
    at = 0
    while at < len(text) and (one := _STOP.match(text, at)):
        quoted, plain = one.groups()
        found.append(_unescaped(plain.strip() if quoted is None else quoted))
        at = max(one.end(), at + 1)
    return tuple(dict.fromkeys(stop for stop in found if stop))


def parameter_text(field: str, value: object) -> str:
    """Return a value as `parse_parameter` reads it; empty for ``None`` and no texts."""
    match value:
        case None:
            return ""
        case float():
            return f"{value:g}"
        case tuple():
            return ", ".join(_quoted(str(stop)) for stop in value)
        case int() if field == "max_tokens":
            return f"{value:,}"
    return str(value)


def in_short(parameters: Parameters) -> str:
    """Return the parameters that are set in a few words, e.g. ``temp 0.2 · effort high``."""
    return " · ".join(
        f"{_SHORT.get(field, LABELS[field])} {parameter_text(field, value)}"
        for field, value in parameters.given().items()
    )


def _quoted(stop: str) -> str:
    text = stop.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    if any(mark in text for mark in ',"') or text != text.strip():
        text = text.replace('"', '\\"')
        return f'"{text}"'
    return text


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text)
