"""The rows of the settings screen: what there is, what holds, and where that comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from textual.content import Content

from brim.core.places import Source, variable, without_secrets
from brim.core.preferences import AT_NEXT_START, Preferences
from brim.core.presets import PRESETS
from brim.core.settings import Settings
from brim.core.text import visible_line
from brim.tui.widgets.header import cut

if TYPE_CHECKING:
    from brim.core.provider_tables import Provider

PROVIDERS = "Providers"
ADD = "(add)"

_GROUPS: Mapping[str, tuple[str, ...]] = {
    "Answers": (
        "default_model",
        "system_prompt",
        "temperature",
        "top_p",
        "max_tokens",
        "stop",
        "seed",
        "reasoning_effort",
        "timeout_s",
        "max_retries",
    ),
    "Window and cleanup": (
        "context_window_size",
        "cleanup_mode",
        "cleanup_threshold",
        "cleanup_target",
        "min_messages_to_keep",
        "summary_model",
    ),
    "Budgets and limits": (
        "session_budget_usd",
        "day_budget_usd",
        "max_input_chars",
        "requests_per_minute",
        "concurrent_requests",
    ),
    "Local models": (),
    "OpenAI and Anthropic, as settings": (
        "openai_api_key",
        "openai_base_url",
        "anthropic_api_key",
        "anthropic_base_url",
    ),
    "brim": (),
}
_UNITS = {"s": "s", "usd": "USD"}
_LABEL, _SOURCE = 21, 19
_OVERRULING = (Source.OPTION, Source.ENVIRONMENT, Source.DOTENV)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the list, and what is said of it below."""

    group: str
    name: str
    """A setting's field, a provider's name, or `ADD`."""
    label: str
    value: str = ""
    source: str = ""
    words: str = ""
    """What it is, and what a right value is."""
    note: str = ""
    """Why a change would not show, or what is wrong."""
    is_set: bool = False
    """Whether ``config.toml`` says it."""

    @property
    def is_provider(self) -> bool:
        """Whether it opens a provider's form."""
        return self.group == PROVIDERS

    def fits(self, text: str) -> bool:
        """Whether each word is in the name, the value or what is said of it."""
        said = f"{self.group} {self.name} {self.label} {self.value} {self.source} {self.words}".casefold()
        return all(word in said for word in text.casefold().split())

    def line(self, width: int) -> Content:
        """Return the line for a width in cells."""
        room = max(8, width - _LABEL - _SOURCE - 1)
        value = cut(visible_line(self.value), room)
        gap = " " * (room - Content(value).cell_length + 1)
        strong = self.is_set or self.is_provider
        style = "$warning" if self.note else "bold" if strong else "$text-muted"
        return Content.assemble(
            (_padded(self.label, _LABEL), "" if strong else "$dim"),
            (value, style),
            (gap + cut(visible_line(self.source), _SOURCE), "$warning" if self.note else "$dim"),
        )


def _padded(text: str, width: int) -> str:
    kept = cut(visible_line(text), width - 1)
    return kept + " " * (width - Content(kept).cell_length)


@dataclass(frozen=True, slots=True)
class State:
    """What was seen of a provider's server."""

    words: str
    trouble: str = ""


def rows(preferences: Preferences, states: Mapping[str, State]) -> list[Row]:
    """Return all rows, the providers first.

    Args:
        preferences: what holds.
        states: what was seen of the servers, by provider; also those that were found on this machine.
    """
    return [*_provider_rows(preferences, states), *_setting_rows(preferences)]


def choices(field: str) -> Sequence[str]:
    """Return the values of a setting that has only a few, nothing for the others."""
    for part in _parts(Settings.model_fields[field].annotation):
        if get_origin(part) is Literal:
            return tuple(str(one) for one in get_args(part))
        if part is bool:
            return ("true", "false")
    return ()


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _setting_rows(preferences: Preferences) -> Iterator[Row]:
    named = {field for fields in _GROUPS.values() for field in fields}
    others = [field for field in Settings.model_fields if field not in named]
    for group, fields in _GROUPS.items():
        more = {
            "Local models": [field for field in others if field.startswith("local_")],
            "brim": [field for field in others if not field.startswith("local_")],
        }.get(group, [])
        for field in (*fields, *more):
            yield _setting_row(preferences, group, field)


def _setting_row(preferences: Preferences, group: str, field: str) -> Row:
    settings = preferences.settings
    source, line = settings.source_of(field), settings.line_of(field)
    said = settings.said(field)
    description = Settings.model_fields[field].description or ""
    words = f"{description[:1].upper()}{description[1:]}."
    note = ""
    if source in _OVERRULING:
        note = f"{settings.place_of(field)} decides; what is set here counts once that is gone."
    elif field in AT_NEXT_START:
        words += " A change takes effect with the next start."
    return Row(
        group=group,
        name=field,
        label=_label(field),
        value="–" if said is None else _text(said),
        source=f"{'command line' if source is Source.OPTION else source}{f' line {line}' if line else ''}",
        words=f"{words} {variable(field)} sets it too.",
        note=note,
        is_set=source is Source.CONFIG,
    )


def _label(field: str) -> str:
    stem, _, unit = field.rpartition("_")
    return f"{stem} ({_UNITS[unit]})".replace("_", " ") if unit in _UNITS else field.replace("_", " ")


def _text(said: object) -> str:
    if isinstance(said, bool):
        return str(said).lower()
    if isinstance(said, float):
        return f"{said:g}"
    return ", ".join(map(str, said)) if isinstance(said, tuple) else str(said)


def _provider_rows(preferences: Preferences, states: Mapping[str, State]) -> Iterator[Row]:
    listed = preferences.listed()
    for provider in listed:
        yield _provider_row(preferences, provider, states.get(provider.name))
    for name, provider in preferences.settings.providers.items():
        if name in states and name not in {one.name for one in listed}:
            yield _provider_row(preferences, provider, states[name])
    yield Row(
        group=PROVIDERS,
        name=ADD,
        label="+ Add a provider …",
        words="OpenAI, Anthropic, OpenRouter, Groq and others by name, or any server that speaks their protocols.",
    )


def _provider_row(preferences: Preferences, provider: Provider, state: State | None) -> Row:
    key = preferences.key_place(provider)
    preset = PRESETS.get(provider.name)
    title = f"{preset.title}, " if preset is not None else "A server of yours, "
    return Row(
        group=PROVIDERS,
        name=provider.name,
        label=provider.name,
        value=without_secrets(preferences.base_url(provider)),
        source=state.words if state is not None else "asking …",
        words=f"{title}asked by the protocol {provider.kind}. {f'The key is {key}.' if key else 'No key.'}"
        + (f" Set up as {provider.place}." if provider.place else ""),
        note=state.trouble if state is not None else "",
        is_set=bool(provider.place),
    )
