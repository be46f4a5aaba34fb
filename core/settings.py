"""The settings: what there is, what values are right, and which place wins.

From the strongest place to the weakest: command-line options, environment variables, a ``.env`` file in the
working folder, ``config.toml``, defaults. `load_settings` reads them itself rather than through the sources
of pydantic-settings, because an error has to name the line, and because a base URL is judged by the place
of the key beside it before places are merged.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from pydantic import (
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from brim.core.errors import SettingsError
from brim.core.limits import MAX_INPUT_CHARS, Limits
from brim.core.parameters import Parameters
from brim.core.paths import Paths
from brim.core.places import (
    Found,
    Source,
    from_dotenv,
    from_environment,
    from_options,
    nearest,
    parse_config,
    read_text,
    without_secrets,
)
from brim.core.presets import PRESETS
from brim.core.provider_tables import SET_APART, Provider, all_providers, named_variables, preset_provider
from brim.core.setting_values import (
    Count,
    CountOrZero,
    Dollars,
    File,
    Folder,
    Key,
    LogLevel,
    Memory,
    Mode,
    MustBe,
    Name,
    Seconds,
    Seed,
    Share,
    Stop,
    Store,
    Temperature,
    Text,
    Thinking,
    TopP,
    Url,
    YesNo,
)
from brim.core.store.urls import shown_place
from brim.core.text import visible_line
from brim.core.trust import distrust, distrust_store, settle

_SHOWN_CHARS = 60


class Settings(BaseSettings):
    """All settings. Made by hand it takes nothing but its arguments; `load_settings` reads the places."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    openai_api_key: Key | None = Field(None, description="the key for OpenAI or a compatible server")
    openai_base_url: Url | None = Field(
        None, description="a server that speaks the OpenAI protocol, instead of OpenAI's own"
    )
    anthropic_api_key: Key | None = Field(None, description="the key for Anthropic")
    anthropic_base_url: Url | None = Field(
        None, description="a server that speaks the Anthropic protocol, instead of Anthropic's own"
    )
    default_model: Name | None = Field(
        None,
        description="the model of new sessions, e.g. anthropic:claude-sonnet-4-5; a bare name finds its provider",
    )
    store: Store | None = Field(None, description="where the sessions are; without it a file of yours")
    theme: Name | None = Field(
        None, description="the colours of the screen; without it the theme chosen last"
    )
    system_prompt: Text = Field("", description="the system prompt of new sessions")
    temperature: Temperature | None = Field(
        None,
        description="how freely the model chooses its words, 0 to 2; without it the provider's own; "
        "not sent to Anthropic itself",
    )
    max_tokens: Count | None = Field(
        None, description="the longest answer, in tokens; without it the provider's own"
    )
    top_p: TopP | None = Field(
        None,
        description="the share of likely words the model chooses from, 0 to 1; without it the provider's own",
    )
    stop: Stop = Field((), description="texts at which an answer ends")
    seed: Seed | None = Field(None, description="makes a model that takes it choose the same words again")
    reasoning_effort: Thinking | None = Field(
        None, description="how much a model thinks first: none, minimal, low, medium, high or xhigh"
    )
    timeout_s: Seconds = Field(
        120.0, description="seconds without a byte from the server before a request is given up"
    )
    max_retries: CountOrZero = Field(
        2, description="how often a failed request is sent again before the turn fails"
    )
    context_window_size: Count = Field(
        100_000,
        description="the window in tokens; any value but the default overrules what is known of a model",
    )
    cleanup_mode: Mode = Field(
        "auto",
        description="what happens at the threshold: old messages leave, you are asked, or nothing leaves",
    )
    cleanup_threshold: Share = Field(
        0.90, description="the share of the window from which old messages leave it"
    )
    cleanup_target: Share = Field(0.60, description="the share of the window that a cleanup comes down to")
    min_messages_to_keep: CountOrZero = Field(
        5, description="how many of the newest messages never leave the window"
    )
    summary_model: Name | None = Field(
        None,
        description="the model that sums up what leaves the window; `same` is the session's own; "
        "without it nothing is summed up",
    )
    session_budget_usd: Dollars | None = Field(
        None, description="what one session may cost, in USD; a turn that might exceed it is not sent"
    )
    day_budget_usd: Dollars | None = Field(
        None,
        description="what a day may cost over all sessions, in USD; a turn that might exceed it is not sent",
    )
    max_input_chars: CountOrZero = Field(
        MAX_INPUT_CHARS,
        description="the longest message, in characters; 0 for no limit; files and what is piped in do not count",
    )
    requests_per_minute: Count | None = Field(
        None, description="how many requests may go to one provider within a minute; others wait"
    )
    concurrent_requests: Count | None = Field(
        None, description="how many requests to one provider may be answered at once; others wait"
    )
    cache_answers: YesNo = Field(
        default=False,
        description="whether `brim ask` answers the same request at temperature 0 from what it kept",
    )
    cache_days: Count = Field(30, description="for how many days such answers are kept")
    log_level: LogLevel = Field(
        "info", description="what is logged: debug, info, warning, error, or off for nothing"
    )
    log_messages: YesNo = Field(default=False, description="whether prompts and answers are logged as well")
    local_model: File | None = Field(
        None, description="a GGUF file for the local model, instead of the bundled one"
    )
    local_models: Folder | None = Field(
        None, description="a folder of GGUF files, each a local model by its name"
    )
    local_threads: Count | None = Field(
        None, description="threads of the local model; without it all cores but one"
    )
    local_window: Count | None = Field(
        None, description="the local model's window in tokens; without it the model's own"
    )
    local_idle_s: CountOrZero = Field(
        600, description="seconds after which a local model that nobody asks leaves the memory; 0 for never"
    )
    local_memory: Memory | None = Field(
        None,
        description="what loaded local models may take together, e.g. 12GB or 60%; without it what is free",
    )

    _found: dict[str, Found] = PrivateAttr(default_factory=dict)
    _warnings: tuple[str, ...] = PrivateAttr(default=())
    _providers: dict[str, Provider] = PrivateAttr(
        default_factory=lambda: {name: preset_provider(name, {}) for name in PRESETS}
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the arguments only: `load_settings` has already merged the places into them."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @property
    def parameters(self) -> Parameters:
        """How models are asked to answer where neither the session nor the provider's table says it."""
        return Parameters(**{name: getattr(self, name) for name in Parameters.model_fields})

    @property
    def limits(self) -> Limits:
        """What may go out, and how fast."""
        return Limits(
            max_input_chars=self.max_input_chars,
            requests_per_minute=self.requests_per_minute,
            concurrent_requests=self.concurrent_requests,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about values that were found and not used."""
        return self._warnings

    @property
    def providers(self) -> Mapping[str, Provider]:
        """The providers by name: those known by name, then those that only ``config.toml`` describes.

        What `openai_api_key`, `openai_base_url` and their like say comes before it.
        """
        return self._providers

    def source_of(self, field: str) -> Source:
        """Return which place the value of a setting came from."""
        return self._found[field].source if field in self._found else Source.DEFAULT

    def line_of(self, field: str) -> int | None:
        """Return the line of its file that the value of a setting came from, ``None`` for other places."""
        return self._found[field].line if field in self._found else None

    def said(self, field: str) -> str | int | float | Decimal | tuple[str, ...] | None:
        """Return a value as it can be shown: no key, no secret in a URL; ``None`` where nothing is set."""
        value = getattr(self, field)
        if field == "store" and value is not None:
            return shown_place(value)
        if isinstance(value, SecretStr):
            return "***"
        if isinstance(value, Path):
            return str(value)
        if value is not None and field.endswith("_base_url"):
            return without_secrets(value)
        return None if value in ("", ()) else value

    def place_of(self, field: str) -> str:
        """Return where the value of a setting stands, in words, e.g. ``theme in config.toml line 4``."""
        return self._found.get(field, Found(None, Source.DEFAULT, field)).place


def load_settings(
    paths: Paths,
    options: Mapping[str, Any] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    dotenv: Path | None = None,
    config_text: str | None = None,
) -> Settings:
    """Read all places and return the settings.

    Args:
        paths: where ``config.toml`` is.
        options: values from the command line by field; ``None`` among them means not given.
        environment: ``None`` is the environment of the process.
        dotenv: the ``.env`` file; ``None`` is the one in the working folder.
        config_text: what ``config.toml`` would say; ``None`` reads it.

    Raises:
        SettingsError: a value or a file is wrong. The sentence names the place and, but for keys, the value.
    """
    fields = Settings.model_fields
    is_read = config_text is None
    text = read_text(paths.config_file, "config.toml") or "" if config_text is None else config_text
    config = parse_config(text, fields)
    key_variables = {preset.key_env for preset in PRESETS.values() if preset.key_env} | named_variables(text)
    dotenv_found = from_dotenv(dotenv or Path(".env"), fields, key_variables)
    environment_found = from_environment(
        os.environ if environment is None else environment, fields, key_variables
    )
    variables = {one.name: one for layer in (dotenv_found, environment_found) for one in layer.values()}
    layers = (from_options(options or {}), environment_found, dotenv_found, config)
    found: dict[str, Found] = {}
    for layer in reversed(layers):
        found |= {field: one for field, one in layer.items() if field in fields}
    mode = stat.S_IMODE(paths.config_file.stat().st_mode) if text and is_read else None
    providers = all_providers(text, variables, mode)
    warnings = [
        warning
        for name in SET_APART
        for warning in (settle(name, providers, found, text), distrust(name, found))
        if warning is not None
    ]
    warnings += distrust_store(found)
    settings = _checked(found)
    settings._warnings = tuple(warnings)
    settings._providers = providers
    return settings


def check_config(text: str) -> Settings:
    """Return the settings that a ``config.toml`` with this text makes by itself.

    Raises:
        SettingsError: something in it is wrong.
    """
    settings = _checked(parse_config(text, Settings.model_fields))
    settings._providers = all_providers(text, {})
    return settings


def parse_value(field: str, text: str) -> Any:
    """Return the value that a text means for a setting, e.g. a number; ``None`` for an empty text.

    Raises:
        SettingsError: there is no such setting, or the text is no right value for it.
    """
    if field not in Settings.model_fields:
        raise SettingsError(
            f"There is no setting {visible_line(field)!r}.", hint=nearest(field, Settings.model_fields)
        )
    found = {field: Found(text, Source.OPTION, field)} if text.strip() else {}
    return getattr(_checked(found, alone=True), field) if found else None


def _checked(found: dict[str, Found], *, alone: bool = False) -> Settings:
    """Return the settings with these values; ``alone`` is one that stands nowhere yet, whatever the others are."""
    try:
        settings = Settings(**{field: one.value for field, one in found.items()})
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        raise SettingsError(_wrong(str(first["loc"][0]), found, alone=alone)) from None
    settings._found = found
    if not alone and settings.cleanup_target >= settings.cleanup_threshold:
        target, threshold = (
            f"{settings.place_of(field)} is {getattr(settings, field):g}"
            for field in ("cleanup_target", "cleanup_threshold")
        )
        raise SettingsError(f"{target} and {threshold}, but the target must be below the threshold.")
    return settings


def _wrong(field: str, found: Mapping[str, Found], *, alone: bool) -> str:
    one = found[field]
    place = one.name if alone else one.place
    if field.endswith("_api_key"):
        return f"{place} is no usable key: a key is {must_be(field)}."
    if field == "store":
        return f"{place} is not the URL of a store, which is {must_be(field)}."
    return f"{place} is {shown(field, one.value)}, but it must be {must_be(field)}."


def must_be(field: str) -> str:
    """Return what a right value of a setting is, in words that end the sentence "it must be ..."."""
    info = Settings.model_fields[field]
    inside = (part for option in get_args(info.annotation) for part in getattr(option, "__metadata__", ()))
    return next(part.words for part in (*info.metadata, *inside) if isinstance(part, MustBe))


def shown(field: str, value: Any) -> str:
    """Return a setting's value for a person: keys as stars, URLs without what may be secret in them."""
    if field.endswith("_api_key"):
        return "***"
    text = visible_line(without_secrets(str(value)) if field.endswith("_base_url") else str(value))
    return f'"{text[:_SHOWN_CHARS]}…"' if len(text) > _SHOWN_CHARS else f'"{text}"'
