"""What providers tell of their models in lists of their own, kept in the cache folder."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from brim.core.errors import SettingsError
from brim.core.overrides import OwnPrices
from brim.core.saving import put_text

FOLDER = "models"
_FORM = 1
_LARGEST_FILE = 8_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldModel:
    """A model that can chat, in its provider's words; ``None`` is what the provider does not say."""

    name: str
    window_tokens: int | None = None
    max_output_tokens: int | None = None
    prices: OwnPrices | None = None
    is_flat: bool = True
    """Whether the prices are all that a request costs: no fee beside them, no other price for long prompts."""
    abilities: frozenset[str] | None = None


class ToldList:
    """What one provider told.

    Args:
        models: those that can chat.
        told_at: when, in seconds since the epoch.
        left_out: how many more there were than are kept.
        asked_as: a mark of where and with which key it was asked, which tells nothing of the key.
    """

    def __init__(
        self, models: Iterable[ToldModel], told_at: float, left_out: int = 0, asked_as: str = ""
    ) -> None:
        self.models = {model.name: model for model in models}
        self.told_at = told_at
        self.left_out = left_out
        self.asked_as = asked_as


class ToldLists:
    """All lists told, in memory and, given a folder, from one start of brim to the next.

    Args:
        folder: where they are kept, one file a provider; ``None`` keeps none.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._lists: dict[str, ToldList] = {}

    def here(self, provider: str) -> ToldList | None:
        """Return what a provider told, if it has been asked for before; no file is read."""
        return self._lists.get(provider)

    def of(self, provider: str) -> ToldList | None:
        """Return what a provider told last, ``None`` where nothing is kept; it may read a file."""
        if provider not in self._lists and self._folder is not None:
            kept = _read(_file(self._folder, provider))
            if kept is not None:
                self._lists[provider] = kept
        return self._lists.get(provider)

    def take(self, provider: str, told: ToldList) -> None:
        """Keep what a provider has told, in place of what it told before; it writes a file."""
        self._lists[provider] = told
        if self._folder is not None:
            document = {
                "form": _FORM,
                "told_at": told.told_at,
                "left_out": told.left_out,
                "asked_as": told.asked_as,
                "models": [_document(model) for model in told.models.values()],
            }
            with suppress(SettingsError):  # it is asked again at the next start
                put_text(_file(self._folder, provider), json.dumps(document))


def _file(folder: Path, provider: str) -> Path:
    return folder / f"{provider}.json"


def _document(model: ToldModel) -> dict[str, Any]:
    prices = model.prices
    figures = prices and [prices.input_usd, prices.output_usd, prices.cache_read_usd, prices.cache_write_usd]
    return {
        "name": model.name,
        "window_tokens": model.window_tokens,
        "max_output_tokens": model.max_output_tokens,
        "prices": figures and [str(figure) for figure in figures],
        "is_flat": model.is_flat,
        "abilities": None if model.abilities is None else sorted(model.abilities),
    }


def _read(file: Path) -> ToldList | None:
    """Return what is kept in a file, ``None`` if there is none or it is not as it was written."""
    try:
        with file.open("rb") as opened:
            document = json.loads(opened.read(_LARGEST_FILE))
        if document["form"] != _FORM:
            return None
        models = [_model(entry) for entry in document["models"]]
        asked_as = str(document.get("asked_as", ""))
        return ToldList(models, float(document["told_at"]), int(document["left_out"]), asked_as)
    except (OSError, ValueError, ArithmeticError, LookupError, TypeError, RecursionError):
        return None


def _model(entry: dict[str, Any]) -> ToldModel:
    figures = entry["prices"]
    fresh, output, read, write = map(Decimal, figures) if figures else [Decimal(0)] * 4
    abilities = entry["abilities"]
    return ToldModel(
        name=str(entry["name"]),
        window_tokens=_count(entry["window_tokens"]),
        max_output_tokens=_count(entry["max_output_tokens"]),
        prices=OwnPrices(input_usd=fresh, output_usd=output, cache_read_usd=read, cache_write_usd=write)
        if figures
        else None,
        is_flat=bool(entry["is_flat"]),
        abilities=None if abilities is None else frozenset(abilities),
    )


def _count(value: Any) -> int | None:
    return None if value is None else int(value)
