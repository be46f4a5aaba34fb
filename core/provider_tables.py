"""Providers of the person's own, from the tables ``[providers.NAME]`` of ``config.toml``::

    [providers.work]
    kind = "openai"                          # or openai-responses, anthropic
    base_url = "https://llm.example.com/v1"
    key_command = "pass show work/llm"       # or key_env, key_file, key_keyring, api_key
    headers = { X-Team = "search" }
    max_tokens = 4096
    parameters = { top_k = 40 }              # goes into every request as it is
    no_stream_options = true

A table with the name of a preset only says what is different. The table decides where its key goes: only a
key that it names itself is sent to a base URL that it names.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args
from urllib.parse import urlsplit

from pydantic import SecretStr

from brim.core.errors import SettingsError
from brim.core.keys import KEY_WORDS, KeySource, checked_key, split_command
from brim.core.parameter_texts import EFFORTS, MUST_BE
from brim.core.parameters import Parameters
from brim.core.paths import expanded
from brim.core.places import PROVIDERS as TABLES
from brim.core.places import Found
from brim.core.presets import PRESETS, Kind, Preset
from brim.core.text import visible_line

SET_APART = ("openai", "anthropic")
"""The providers whose keys and base URLs are settings, which come before their tables."""

_RESERVED = ("local", "scripted", "agent")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ENTRY = re.compile(r"[^\s/][^\n]*/[^\s/]+")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
KEY_FIELDS = ("key_env", "key_command", "key_file", "key_keyring", "api_key")
"""The fields that name the place of a key; a table has one of them at most."""

_LACKS = {"no_stream_options": "stream_options", "no_temperature": "temperature", "no_system": "system"}
_OURS = ("model", "messages", "input", "instructions", "system", "stream", "stream_options", "store")
"""Fields of a request that are not a person's to set."""
_HTTP_HEADERS = frozenset({"connection", "content-length", "content-type", "transfer-encoding"})
"""Headers that follow from the request itself."""
_SECRET_HEADER = re.compile(r"auth|key|token|secret|cookie", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One provider as a table, a preset or both describe it."""

    name: str
    kind: Kind
    base_url: str
    key: KeySource | None = None
    key_env: str = ""
    """The variable that a person is told to set where no key is found."""
    headers: Mapping[str, SecretStr] = field(default_factory=dict)
    defaults: Parameters = field(default_factory=Parameters)
    """How its models are asked to answer where the session does not say it."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    lacks: frozenset[str] = frozenset()
    """What its server cannot do: ``stream_options``, ``temperature``, ``system``."""
    place: str = field(default="", compare=False)
    """Where its table stands, empty for a preset without one."""
    url_place: str = field(default="", compare=False)
    """Where its base URL stands, empty for that of a preset."""

    @property
    def preset(self) -> Preset | None:
        """What is known of its name."""
        return PRESETS.get(self.name)


def read_tables(text: str, variables: Mapping[str, Found], *, mode: int | None = None) -> dict[str, Provider]:
    """Return the providers that a ``config.toml`` describes, by name.

    Args:
        text: of the file; it is TOML.
        variables: the variables of the environment and of ``.env``, by name.
        mode: who may read the file; with ``None`` that is not looked at.

    Raises:
        SettingsError: something in a table is wrong. The sentence names the line and the field.
    """
    tables = _tables(text)
    if not isinstance(tables, dict):
        raise SettingsError(
            f"config.toml line {line_of(text, '')}: {TABLES} is no table.",
            hint="A provider has a table of its own: [providers.NAME].",
        )
    return {name: _Reader(name, table, text, variables, mode).provider() for name, table in tables.items()}


def all_providers(text: str, variables: Mapping[str, Found], mode: int | None = None) -> dict[str, Provider]:
    """Return all providers: those known by name, each replaced by its table, then the others; see `read_tables`."""
    tables = read_tables(text, variables, mode=mode)
    known = {name: tables.get(name) or preset_provider(name, variables) for name in PRESETS}
    return known | tables


def table_provider(name: str, table: object, variables: Mapping[str, Found]) -> Provider:
    """Return the provider of a table that stands in no file yet.

    Raises:
        SettingsError: something in it is wrong. The sentence names the field.
    """
    return _Reader(name, table, "", variables, None).provider()


def _tables(text: str) -> Any:
    return tomllib.loads(text).get(TABLES, {}) if TABLES in text else {}


def named_variables(text: str) -> set[str]:
    """Return the variables that tables name as holding a key, as far as they can be understood."""
    tables = _tables(text)
    listed = tables.values() if isinstance(tables, dict) else ()
    named = (table.get("key_env") for table in listed if isinstance(table, dict))
    return {name for name in named if isinstance(name, str)}


def preset_provider(name: str, variables: Mapping[str, Found]) -> Provider:
    """Return a provider that is known by name, with the key of its usual variable if that is set."""
    preset = PRESETS[name]
    return Provider(
        name=name,
        kind=preset.kind,
        base_url=preset.base_url,
        key=_from_variable(preset.key_env, variables),
        key_env=preset.key_env,
    )


def _from_variable(name: str, variables: Mapping[str, Found]) -> KeySource | None:
    """Return what a variable holds, looked at when it is needed: it may be meant for another program."""
    found = variables.get(name)
    return None if found is None else KeySource(place=found.place, value=SecretStr(str(found.value).strip()))


def is_url(url: object) -> bool:
    """Whether this is the address of a server."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        return (
            parts is not None
            and parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and str(url).isprintable()
        )
    except ValueError:
        return False


class _Reader:
    """Reads one table."""

    def __init__(
        self, name: str, table: object, text: str, variables: Mapping[str, Found], mode: int | None
    ) -> None:
        self._name = name
        self._text = text
        self._variables = variables
        self._mode = mode
        self._preset = PRESETS.get(name)
        if not _NAME.fullmatch(name) or name in _RESERVED:
            taken = "is taken" if name in _RESERVED else "may have small letters, digits, - and _"
            raise self._wrong("", f"this name {taken}")
        if not isinstance(table, dict):
            raise self._wrong("", "this is no table", f"Write [providers.{name}].")
        self._table: dict[str, Any] = table

    def provider(self) -> Provider:
        """Return what the table says.

        Raises:
            SettingsError: something in it is wrong.
        """
        for name in self._table:
            if name not in FIELDS:
                near = difflib.get_close_matches(name.lower(), FIELDS, n=1)
                hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(FIELDS)}."
                raise self._wrong(name, f"there is no field {visible_line(name)!r}", hint)
            fits, words = FIELDS[name]
            if not fits(self._table[name]):
                raise self._wrong(name, f"{self._shown(name)}, but it must be {words}")
        if self._preset is None and "base_url" not in self._table:
            known = ", ".join(PRESETS)
            raise self._wrong("", "base_url is missing", f"Only these are known without one: {known}.")
        given = [name for name in KEY_FIELDS if name in self._table]
        if len(given) > 1:
            raise self._wrong(given[1], f"{given[1]} stands beside {given[0]}, but a key has one place")
        return Provider(
            name=self._name,
            kind=self._table.get("kind", self._preset.kind if self._preset else "openai"),
            base_url=self._base_url(),
            key=self._key(given[0] if given else ""),
            key_env=self._key_env(),
            headers=self._headers(),
            defaults=self._defaults(),
            parameters=self._parameters(),
            lacks=frozenset(lack for name, lack in _LACKS.items() if self._table.get(name)),
            place=f"providers.{self._name} in config.toml line {line_of(self._text, self._name)}",
            url_place=self._place("base_url") if "base_url" in self._table else "",
        )

    def _base_url(self) -> str:
        if "base_url" in self._table:
            return str(self._table["base_url"])
        return self._preset.base_url if self._preset else ""

    def _is_elsewhere(self) -> bool:
        """Whether the table sends requests to another server than the one that its name is known for."""
        return self._preset is None or not is_at(self._preset, self._base_url())

    def _key_env(self) -> str:
        if "key_env" in self._table:
            return str(self._table["key_env"])
        return "" if self._is_elsewhere() or self._preset is None else self._preset.key_env

    def _key(self, name: str) -> KeySource | None:
        match name:
            case "" if self._name in SET_APART:
                return None
            case "":
                # The usual variable is for the provider's own server; another one gets what is named for it.
                return _from_variable(self._key_env(), self._variables)
            case "key_env":
                return _from_variable(self._table[name], self._variables)
            case "key_command":
                try:
                    split_command(self._table[name])
                except ValueError as error:
                    raise self._wrong(name, f"this is no command: {error}") from None
                return KeySource(place=self._place(name), command=self._table[name])
            case "key_file":
                try:
                    return KeySource(place=self._place(name), file=expanded(self._table[name]))
                except RuntimeError:
                    raise self._wrong(name, f"{self._shown(name)}, and nobody has that home") from None
            case "key_keyring":
                return KeySource(place=self._place(name), keyring=self._table[name])
        self._guard(name)
        return KeySource(place=self._place(name), value=checked_key(self._table[name]))

    def _headers(self) -> dict[str, SecretStr]:
        headers = self._table.get("headers", {})
        if any(_SECRET_HEADER.search(name) for name in headers):
            self._guard("headers")
        return {name: SecretStr(value) for name, value in headers.items()}

    def _parameters(self) -> dict[str, Any]:
        parameters = dict(self._table.get("parameters", {}))
        for name in parameters:
            if name in _OURS:
                raise self._wrong("parameters", f"{name} is brim's own to set")
        return {name: value for name, value in parameters.items() if name not in Parameters.model_fields}

    def _defaults(self) -> Parameters:
        """Return the parameters that sessions can set too, also those that stand among the others."""
        beside = self._table.get("parameters", {})
        given = {**{n: v for n, v in beside.items() if n in Parameters.model_fields}, **self._table}
        given = {name: value for name, value in given.items() if name in Parameters.model_fields}
        for name, value in given.items():
            if not FIELDS[name][0](value):
                raise self._wrong("parameters", f"{name} must be {FIELDS[name][1]}")
        if isinstance(stop := given.get("stop"), str):
            given["stop"] = (stop,)
        return Parameters(**given)

    def _guard(self, name: str) -> None:
        """Refuse a secret in a file that others can read."""
        if self._mode is not None and self._mode & 0o077:
            raise self._wrong(
                name,
                f"{name} holds a secret, and others can read the file ({self._mode:03o})",
                "chmod 600 the file, or use key_env, key_command or key_file.",
            )

    def _place(self, name: str) -> str:
        return f"providers.{self._name}.{name} in config.toml line {line_of(self._text, self._name, name)}"

    def _shown(self, name: str) -> str:
        if name in ("api_key", "headers"):
            return f"{name} is not right"
        text = visible_line(re.sub(r"//[^/@]*@", "//***@", str(self._table[name])))
        return f'{name} is "{text[:60]}{"…" if len(text) > 60 else ""}"'

    def _wrong(self, name: str, what: str, hint: str = "") -> SettingsError:
        table = visible_line(self._name)[:60]
        line = f"config.toml line {line_of(self._text, self._name, name)}, " if self._text else ""
        return SettingsError(f"{line}providers.{table}: {what}.", hint=hint)


def is_at(preset: Preset, url: str) -> bool:
    """Whether a URL leads to the provider's own server; for one that people run, to this very address."""
    own, there = urlsplit(preset.base_url), urlsplit(url)
    if preset.is_local:
        return (own.hostname, own.port) == (there.hostname, there.port)
    return there.scheme == "https" and there.hostname in (own.hostname, *preset.hosts)


def line_of(text: str, table: str, name: str = "") -> int:
    """Return the line of a field in a provider's table, or of the table; 1 where neither is found."""
    lines = text.split("\n")
    quoted = rf"""["']?{re.escape(table)}["']?"""
    head = re.compile(
        rf"""\s*(?:\[\s*)?["']?{TABLES}["']?\s*\.\s*{quoted}\s*[\].=]""" if table else rf"\s*\[*\s*{TABLES}\b"
    )
    inline = re.compile(rf"\s*{quoted}\s*[=.]")  # below [providers]
    starts = (place for start in (head, inline) for place, line in enumerate(lines) if start.match(line))
    start = next(starts, 0)
    if not table or not name:
        return start + 1
    key = re.compile(rf"""(?:\s*|.*[{{,.]\s*)["']?{re.escape(name)}["']?\s*[=.]""")
    sub = re.compile(rf"""\s*\[\s*{TABLES}\s*\.\s*{quoted}\s*\.\s*{re.escape(name)}\s*[\].]""")
    found = (
        number for number in range(start, len(lines)) if key.match(lines[number]) or sub.match(lines[number])
    )
    return next(found, start) + 1


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and one for one in value)


def _is_key(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(checked_key(value))
    except ValueError:
        return False


def _is_number(value: object, most: float) -> bool:
    return type(value) in (int, float) and 0 <= float(str(value)) <= most


def _are_headers(value: object) -> bool:
    return isinstance(value, dict) and all(
        _HEADER.fullmatch(name)
        and name.lower() not in _HTTP_HEADERS
        and isinstance(said, str)
        and said.isascii()
        and said.isprintable()
        for name, said in value.items()
    )


FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "kind": (lambda value: value in get_args(Kind), "openai, openai-responses or anthropic"),
    "base_url": (is_url, "a URL that begins with http:// or https://, e.g. http://127.0.0.1:8080/v1"),
    "key_env": (
        lambda value: isinstance(value, str) and bool(_VARIABLE.fullmatch(value)),
        "the name of an environment variable",
    ),
    "key_command": (_is_text, "a command that prints the key"),
    "key_file": (_is_text, "the path of a file that holds the key"),
    "key_keyring": (
        lambda value: isinstance(value, str) and bool(_ENTRY.fullmatch(value)),
        "an entry of the system keyring as service/user, e.g. brim/work",
    ),
    "api_key": (_is_key, KEY_WORDS),
    "headers": (
        _are_headers,
        f"a table of header names and printable ASCII texts, without {', '.join(sorted(_HTTP_HEADERS))}",
    ),
    "temperature": (lambda value: _is_number(value, 2), "a number from 0 to 2"),
    "top_p": (lambda value: _is_number(value, 1), "a number from 0 to 1"),
    "max_tokens": (lambda value: type(value) is int and value > 0, "a whole number above 0"),
    "stop": (lambda value: _is_text(value) or _are_texts(value), "a text or a list of texts"),
    "seed": (lambda value: type(value) is int, "a whole number"),
    "reasoning_effort": (lambda value: value in EFFORTS, MUST_BE["reasoning_effort"]),
    "parameters": (lambda value: isinstance(value, dict), "a table of request fields"),
    **{name: (lambda value: isinstance(value, bool), "true or false") for name in _LACKS},
}
"""The fields of a table: whether a value fits, and what a fitting one is."""
