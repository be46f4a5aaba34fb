"""The person's own word on models: windows, limits and prices from ``models.toml`` in the config folder.

Each table is a model id or a pattern; the fields are called what `brim models --json` calls them::

    ["openai:qwen3-32b"]
    window_tokens = 40960
    max_output_tokens = 8192
    input_usd_per_million = 0.10
    output_usd_per_million = 0.30
    abilities = ["images", "tools"]     # and "reasoning"

    ["openai:*"]            # what no table above says of a model
    input_usd_per_million = 0
    output_usd_per_million = 0
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from brim.core.errors import SettingsError
from brim.core.places import read_text, toml_sentence
from brim.core.text import visible_line
from brim.core.types import ModelInfo
from brim.core.usage import Usage

FILE_NAME = "models.toml"

_COUNTS = ("window_tokens", "max_input_tokens", "max_output_tokens")
_NEEDED_PRICES = ("input_usd_per_million", "output_usd_per_million")
_PRICES = (*_NEEDED_PRICES, "cache_read_usd_per_million", "cache_write_usd_per_million")
_ABILITIES = ("images", "reasoning", "tools")
_FIELDS = (*_COUNTS, *_PRICES, "abilities")
_MILLION = 1_000_000
_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPrices:
    """The person's prices, in USD for a million tokens."""

    input_usd: Decimal
    output_usd: Decimal
    cache_read_usd: Decimal
    cache_write_usd: Decimal

    def of(self, usage: Usage) -> Decimal:
        """Return what a request cost, in USD."""
        return (
            usage.input_tokens * self.input_usd
            + usage.cache_read_tokens * self.cache_read_usd
            + usage.cache_write_tokens * self.cache_write_usd
            + usage.output_tokens * self.output_usd
        ) / _MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What the person says of a model; ``None`` leaves a figure to the server and the catalogue."""

    window_tokens: int | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    prices: OwnPrices | None = None
    abilities: frozenset[str] | None = None

    @property
    def limit_tokens(self) -> int | None:
        """What a prompt may fill: the smaller one of window and input limit."""
        return min(filter(None, (self.window_tokens, self.max_input_tokens)), default=None)

    def applied_to(self, info: ModelInfo) -> ModelInfo:
        """Return what is known of a model with the person's word in front."""
        limit = self.limit_tokens
        if limit and not self.window_tokens and info.window_tokens:
            limit = min(limit, info.window_tokens)
        info = replace(
            info,
            window_tokens=limit or info.window_tokens,
            max_input_tokens=self.max_input_tokens or info.max_input_tokens,
            max_output_tokens=self.max_output_tokens or info.max_output_tokens,
        )
        if self.prices is None:
            return info
        return replace(
            info,
            input_usd_per_million=self.prices.input_usd,
            output_usd_per_million=self.prices.output_usd,
        )


class Overrides:
    """All tables of the file. The id itself comes before patterns, a longer pattern before a shorter one.

    Args:
        tables: what is said, by model id or pattern (``*`` and ``?``).
    """

    def __init__(self, tables: Iterable[tuple[str, Override]] = ()) -> None:
        self._tables = sorted(tables, key=lambda table: ("*" in table[0] or "?" in table[0], -len(table[0])))

    def __len__(self) -> int:
        return len(self._tables)

    def of(self, model_id: str) -> Override:
        """Return what the person says of a model, each figure from the first table that has it."""
        found = Override()
        for pattern, said in self._tables:
            if pattern == model_id or fnmatchcase(model_id, pattern.replace("[", "[[]")):
                found = Override(
                    window_tokens=found.window_tokens or said.window_tokens,
                    max_input_tokens=found.max_input_tokens or said.max_input_tokens,
                    max_output_tokens=found.max_output_tokens or said.max_output_tokens,
                    prices=found.prices or said.prices,
                    abilities=said.abilities if found.abilities is None else found.abilities,
                )
        return found

    def ids(self) -> Iterator[str]:
        """Give the model ids that have a table of their own, patterns left out."""
        return (name for name, _ in self._tables if "*" not in name and "?" not in name)


def load_overrides(folder: Path) -> Overrides:
    """Read ``models.toml``; a missing file says nothing.

    Args:
        folder: the config folder.

    Raises:
        SettingsError: the file or a figure in it is wrong. The sentence names the line and the field.
    """
    text = read_text(folder / FILE_NAME, FILE_NAME)
    return Overrides() if text is None else parse_overrides(text)


def parse_overrides(text: str) -> Overrides:
    """Return what the text of a ``models.toml`` says.

    Raises:
        SettingsError: see `load_overrides`.
    """
    try:
        # Not floats: 0.1 is meant as it stands.
        document = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            toml_sentence(str(error), text, FILE_NAME),
            hint='The name of a model stands in quotation marks: ["openai:gpt-4o"].',
        ) from None
    return Overrides([(name, _override(name, table, text)) for name, table in document.items()])


def _override(name: str, table: Any, text: str) -> Override:
    if not isinstance(table, dict):
        raise _wrong(
            text, name, "", "stands outside a table", 'A model has a table: ["openai:gpt-4o"].', at_top=True
        )
    for field, value in table.items():
        if field not in _FIELDS:
            near = difflib.get_close_matches(field.lower(), _FIELDS, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(_FIELDS)}."
            raise _wrong(text, name, field, f"there is no field {visible_line(field)!r}", hint)
        if field in _COUNTS and not (type(value) is int and value > 0):
            raise _wrong(text, name, field, f"{_shown(field, value)}, but it must be a whole number above 0")
        if field in _PRICES and not _is_price(value):
            must = "a price in USD for a million tokens, 0 or more"
            raise _wrong(text, name, field, f"{_shown(field, value)}, but it must be {must}")
        if field == "abilities" and not (isinstance(value, list) and set(map(str, value)) <= set(_ABILITIES)):
            must = f"a list of {', '.join(_ABILITIES)}"
            raise _wrong(text, name, field, f"{_shown(field, value)}, but it must be {must}")
    return Override(
        **{field: table.get(field) for field in _COUNTS},
        prices=_prices(name, table, text),
        abilities=frozenset(table["abilities"]) if "abilities" in table else None,
    )


def _prices(name: str, table: dict[str, Any], text: str) -> OwnPrices | None:
    """Return the prices of a table. What the cache costs is the price of fresh tokens unless it is said."""
    if not any(field in table for field in _PRICES):
        return None
    for field in _NEEDED_PRICES:
        if field not in table:
            raise _wrong(text, name, "", f"{field} is missing beside the other prices")
    fresh, output, read, write = (Decimal(table.get(field, table[_PRICES[0]])) for field in _PRICES)
    return OwnPrices(input_usd=fresh, output_usd=output, cache_read_usd=read, cache_write_usd=write)


def _is_price(value: Any) -> bool:
    return type(value) in (int, Decimal) and Decimal(value).is_finite() and value >= 0


def _shown(field: str, value: Any) -> str:
    text = visible_line(str(value))
    return f'{field} is "{text[:_SHOWN_CHARS]}{"…" if len(text) > _SHOWN_CHARS else ""}"'


def _wrong(
    text: str, name: str, field: str, what: str, hint: str = "", *, at_top: bool = False
) -> SettingsError:
    line = line_of(text, field=name) if at_top else line_of(text, table=name, field=field)
    model = visible_line(name)[:_SHOWN_CHARS]
    return SettingsError(f"{FILE_NAME} line {line}, {model}: {what}.", hint=hint)


def line_of(text: str, table: str = "", field: str = "") -> int:
    """Return the line of a field in its table, or of the table; 1 where neither is found."""
    lines = text.split("\n")
    start = 0
    if table:
        head = re.compile(rf"""\s*\[\s*["']?{re.escape(table)}["']?\s*[\].]""")
        start = next((number for number, line in enumerate(lines) if head.match(line)), 0)
    if not field:
        return start + 1
    key = re.compile(rf"""\s*["']?{re.escape(field)}["']?\s*[=.]""")
    return next((number for number in range(start, len(lines)) if key.match(lines[number])), start) + 1
