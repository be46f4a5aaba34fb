"""The settings of the service: ``BRIM_SERVE_*`` in the environment, or options of ``brim serve``."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from brim.core.errors import SettingsError
from brim.core.references import is_reference, read_now
from brim.core.store.urls import WORDS, checked_url, named_url
from brim.core.text import visible_line


class ServeOptions(BaseSettings):
    """How the service behaves. Limits are for each key; a key of its own in the file of keys comes first."""

    model_config = SettingsConfigDict(
        env_prefix="BRIM_SERVE_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    keys: Path | None = None
    """The file of keys; ``service-keys.toml`` beside the settings if left out."""
    grace_s: float = Field(default=30.0, ge=0, le=86_400)
    """How long running turns may go on after the service was told to end, in seconds."""
    max_body_bytes: int = Field(default=1_048_576, gt=0)
    """The longest request."""
    patience_s: float = Field(default=30.0, gt=0, le=86_400)
    """How long the head of a request may take to come, and how long its body may, in seconds."""
    origins: tuple[str, ...] = ()
    """The web pages that may call the service (CORS), such as ``https://chat.example.com``."""
    requests_per_minute: int | None = Field(default=None, gt=0)
    tokens_per_day: int | None = Field(default=None, gt=0)
    concurrent_turns: int | None = Field(default=None, gt=0)
    limits_url: SecretStr | None = None
    """Where requests, tokens and turns are counted, for all replicas: ``redis://HOST:PORT``; ``None`` for this process."""
    models: tuple[str, ...] = ()
    """The models that callers may name besides that of new sessions: ids, with ``*`` and ``?``."""
    care: Literal["off", "log", "block"] = "log"
    """What happens to text that looks like an attempt to mislead the model."""
    moderation: bool = False
    """Whether OpenAI's moderation endpoint sees each text before the model does."""
    turn_alert_usd: Decimal | None = Field(default=None, gt=0)
    """A turn that costs more is logged and counted as a spike."""
    hour_alert_usd: Decimal | None = Field(default=None, gt=0)
    """The same of all turns of an hour together."""
    metrics_token: SecretStr | None = None
    """What `/metrics` wants as a bearer token; without one only this machine may read them."""
    archive: SecretStr | None = None
    """The URL of a store that keeps what is said, for when the one of the sessions lets go of it."""
    sentry_dsn: SecretStr | None = None

    @field_validator("limits_url")
    @classmethod
    def _limits_on_redis(cls, url: SecretStr | None) -> SecretStr | None:
        """Take the form of `limits` and the usual one."""
        if url is None:
            return None
        text = url.get_secret_value().removeprefix("async+")
        if text == "memory://":
            return None
        return SecretStr(text) if is_reference(text) else _on_redis(SecretStr(text))

    @field_validator("origins")
    @classmethod
    def _origins_as_browsers_send_them(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            parts = urlsplit(origin)
            if origin != f"{parts.scheme}://{parts.netloc}".lower() or not (parts.scheme and parts.netloc):
                raise ValueError("an origin looks like https://chat.example.com, without a path")
        return origins

    @field_validator("archive")
    @classmethod
    def _archive_is_a_store(cls, url: SecretStr | None) -> SecretStr | None:
        try:
            return None if url is None else checked_url(url)
        except ValueError:
            raise ValueError(f"it must be {WORDS}") from None


def with_secrets(options: ServeOptions) -> ServeOptions:
    """Return options with the secrets in them that are named by reference, read now; it blocks.

    The token of the metrics is read as well, but its reference stays: it may change while the service runs.

    Raises:
        SettingsError: a reference cannot be read, or leads to nothing that is right there.
    """
    limits_url = _read(options.limits_url)
    try:
        _on_redis(limits_url)
    except ValueError as error:
        reference = visible_line(str(options.limits_url and options.limits_url.get_secret_value()))
        raise SettingsError(
            f"BRIM_SERVE_LIMITS_URL: where {reference} leads is not right: {error}."
        ) from None
    _read(options.metrics_token)
    found = {
        "limits_url": limits_url,
        "archive": named_url(options.archive),
        "sentry_dsn": _read(options.sentry_dsn),
    }
    return options.model_copy(update=found)


def _read(given: SecretStr | None) -> SecretStr | None:
    if given is None or not is_reference(given.get_secret_value()):
        return given
    return read_now(given.get_secret_value())


def _on_redis(url: SecretStr | None) -> SecretStr | None:
    if url is not None and not url.get_secret_value().startswith(("redis://", "rediss://")):
        raise ValueError("it must be redis://HOST:PORT or rediss://HOST:PORT")
    return url
