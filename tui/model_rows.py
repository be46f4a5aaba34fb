"""The list of models to choose from: what stands in it for what was typed, group by group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from brim.core.abilities import ABILITIES, abilities_of
from brim.core.presets import PRESETS
from brim.core.types import ModelInfo
from brim.tui.gauges import short

RECENT = "Recent"
MORE = "With a key"
_ALL = ":*"
"""How the id ends of what stands for a provider as a whole."""

_TITLES = {"local": "On this machine", "scripted": "Made up, for trying brim", "agent": "Your own agents"}


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model in the list."""

    model: ModelInfo
    abilities: frozenset[str]
    searched: str
    """What typed words are looked for in, case-folded."""

    @property
    def provider(self) -> str:
        """What stands before the colon."""
        return self.model.id.partition(":")[0]

    @property
    def wants_key(self) -> bool:
        """Whether it could be used if its provider had a key."""
        preset = PRESETS.get(self.provider)
        return preset is not None and self.model.unavailable == f"Set {preset.key_env}."

    @property
    def is_whole(self) -> bool:
        """Whether it stands for its provider rather than for one model."""
        return self.model.id.endswith(_ALL)

    @property
    def window(self) -> str:
        """The window in a few characters, empty where it is unknown."""
        return short(self.model.window_tokens) if self.model.window_tokens is not None else ""

    @property
    def price(self) -> str:
        """The prices of a million tokens in and out, empty where they are unknown."""
        prices = (self.model.input_usd_per_million, self.model.output_usd_per_million)
        if prices == (Decimal(0), Decimal(0)):
            return "free"
        return "" if None in prices else " / ".join(_dollars(price) for price in prices if price is not None)

    def facts(self) -> str:
        """Return in words what is known of the model."""
        model = self.model
        parts = []
        if model.window_tokens is not None:
            parts.append(f"{model.window_tokens:,} tokens window")
        if model.max_output_tokens is not None:
            parts.append(f"answers up to {model.max_output_tokens:,}")
        if self.price:
            parts.append("free" if self.price == "free" else f"{self.price} per million tokens in / out")
        if able := [name for name in ABILITIES if name in self.abilities]:
            parts.append(", ".join(able))
        if model.origin:
            parts.append(f"from {model.origin}")
        return " · ".join(parts)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the list: a model, or without one the name of a group."""

    text: str
    """The group's name, or what the model is called in its group."""
    row: ModelRow | None = None
    note: str = ""
    """Why nothing in the group can be used, for the name of one; why the model cannot, where its group does not say."""

    @property
    def model_id(self) -> str | None:
        """The model's id, ``None`` for the name of a group."""
        return self.row.model.id if self.row else None


class ModelRows:
    """The models as far as they are known, and the lines that what was typed leaves of them.

    Args:
        recent: the ids of the models used last, newest first.
        resolve: returns the id that a name means, ``None`` where it means nothing.
    """

    def __init__(
        self, recent: Sequence[str] = (), resolve: Callable[[str], str | None] = lambda _: None
    ) -> None:
        self._recent = tuple(recent)
        self._resolve = resolve
        self._known: dict[str, ModelRow] = {model_id: row_of(ModelInfo(id=model_id)) for model_id in recent}
        self._text = ""
        self.lines: list[Line] = []
        self._fill()

    def take(self, models: Iterable[ModelInfo]) -> None:
        """Show these models. One used lately stays, also when nobody lists it."""
        listed = {model.id: row_of(model) for model in models if not model.id.endswith(_ALL)}
        silent = {model.id: row_of(model) for model in models if model.id.endswith(_ALL)}
        kept = {model_id: row for model_id in self._recent if (row := self._known.get(model_id))}
        self._known = kept | listed | silent
        self._fill()

    def find(self, text: str) -> None:
        """Leave those that fit what was typed."""
        self._text = text
        self._fill()

    def place_of(self, model_id: str | None) -> int | None:
        """Return the line of a model, ``None`` where it has none."""
        return next(
            (at for at, line in enumerate(self.lines) if line.row and line.model_id == model_id), None
        )

    def step(self, place: int, by: int) -> int:
        """Return the line of the model that is so many models further, or of the last one on the way."""
        places = [at for at, line in enumerate(self.lines) if line.row is not None]
        if not places:
            return 0
        now = next((number for number, at in enumerate(places) if at >= place), len(places) - 1)
        return places[max(0, min(len(places) - 1, now + by))]

    def _fill(self) -> None:
        fitting = list(_fitting(self._known.values(), self._text))
        self.lines = list(self._grouped(fitting))
        typed = self._text.strip()
        if typed and (not fitting or ":" in typed) and " " not in typed:
            meant = self._resolve(typed)
            if meant is not None and meant not in self._known:
                self.lines += [Line("As typed"), Line(meant, row_of(ModelInfo(id=meant)))]

    def _grouped(self, rows: Sequence[ModelRow]) -> Iterator[Line]:
        places = {model_id: at for at, model_id in enumerate(self._recent)}
        recent = sorted((row for row in rows if row.model.id in places), key=lambda row: places[row.model.id])
        if recent:
            yield Line(RECENT)
            yield from (Line(row.model.id, row, row.model.unavailable) for row in recent)
        wanting = [row for row in rows if row.is_whole and row.wants_key]
        others = [row for row in rows if row.model.id not in places and not (row.is_whole and row.wants_key)]
        usable = {row.provider for row in others if not row.model.unavailable}
        order = {name: at for at, name in enumerate(dict.fromkeys(row.provider for row in others))}
        others.sort(key=lambda row: (row.provider not in usable, order[row.provider]))
        for provider, group in groupby(others, key=lambda row: row.provider):
            if provider not in usable:
                yield from _wanting(wanting)
                wanting = []
            yield from _group(provider, list(group), is_usable=provider in usable)
        yield from _wanting(wanting)


def row_of(model: ModelInfo) -> ModelRow:
    """Return the row of a model."""
    abilities = abilities_of(model.id)
    words = " ".join(name for name in ABILITIES if name in abilities)
    title = title_of(model.id.partition(":")[0])
    return ModelRow(model, abilities, f"{model.id} {title} {model.origin} {words}".casefold())


def title_of(provider: str) -> str:
    """Return what a provider is called."""
    if provider in PRESETS:
        return PRESETS[provider].title
    return _TITLES.get(provider, provider)


def _wanting(rows: Sequence[ModelRow]) -> Iterator[Line]:
    if rows:
        yield Line(MORE)
        yield from (Line(title_of(row.provider), row, row.model.unavailable) for row in rows)


def _group(provider: str, rows: Sequence[ModelRow], *, is_usable: bool) -> Iterator[Line]:
    whole = next((row for row in rows if row.is_whole), None)
    reasons = {row.model.unavailable for row in rows}
    shared = reasons.pop() if len(reasons) == 1 and not is_usable else ""
    yield Line(title_of(provider), note=whole.model.unavailable if whole else shared)
    for row in rows:
        if row is not whole:
            yield Line(row.model.id.partition(":")[2], row, "" if shared else row.model.unavailable)


def _fitting(rows: Iterable[ModelRow], text: str) -> Iterator[ModelRow]:
    """Yield those that have each word typed; where none has, those that have its letters in their order."""
    words = text.casefold().split()
    rows = list(rows)
    found = [row for row in rows if all(word in row.searched for word in words)]
    if not found and words:
        letters = "".join(words)
        found = [row for row in rows if _in_order(letters, row.model.id.casefold())]
    yield from found


def _in_order(letters: str, text: str) -> bool:
    rest = iter(text)
    return all(letter in rest for letter in letters)


def _dollars(price: Decimal) -> str:
    cents = price.quantize(Decimal("0.01"))
    exact = price.normalize()
    return f"${cents:f}" if cents == exact and cents != cents.to_integral() else f"${exact:f}"
