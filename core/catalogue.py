"""Windows and prices of models: the person's own word, else the bundled data of genai-prices, else what the provider told.

Nothing is fetched here: what providers tell of their models is asked for where models are listed. A price
that a provider tells counts where the data has none for the model, as long as it is all that a request costs.
The data takes half a second to import, so it is loaded in a thread, when the first
question comes.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

from brim.core.overrides import Overrides
from brim.core.told import ToldLists, ToldModel
from brim.core.types import ModelInfo
from brim.core.usage import Usage

if TYPE_CHECKING:
    from genai_prices import types as prices

_PROVIDERS = {
    "anthropic": "anthropic",
    "deepseek": "deepseek",
    "gemini": "google",
    "groq": "groq",
    "mistral": "mistral",
    "openai": "openai",
    "openrouter": "openrouter",
    "together": "together",
    "xai": "x-ai",
}
"""What the data calls the providers."""
_CHAT = {
    "anthropic": ("claude",),
    "gemini": ("gemini", "gemma"),
    "openai": ("gpt", "o1", "o3", "o4", "chatgpt"),
}
"""How the chat models begin, of providers that list others beside them."""
_NOT_CHAT = (
    "audio",
    "realtime",
    "transcribe",
    "tts",
    "image",
    "search",
    "ft:",
    "embed",
    "guard",
    "live",
    "ocr",
    "orpheus",
    "gpt-3.5-turbo-instruct",
    "robotics",
    "voxtral",
    ":batch",
)

_own = Overrides()
_told = ToldLists()


def use_overrides(overrides: Overrides) -> None:
    """Let the person's word come first from now on, in place of what was used before."""
    global _own  # noqa: PLW0603 - one person, one file; whoever asks for a price need not know of it
    _own = overrides


def use_told(lists: ToldLists) -> None:
    """Take what providers tell of their models from here from now on."""
    global _told  # noqa: PLW0603 - as above
    _told = lists


def told() -> ToldLists:
    """Return where it is kept what providers tell of their models."""
    return _told


def told_abilities(model_id: str) -> frozenset[str] | None:
    """Return what the provider says that a model can do, ``None`` where it did not or has not been heard yet."""
    provider, _, name = model_id.partition(":")
    listed = _told.here(provider)
    model = listed.models.get(name) if listed else None
    return model.abilities if model else None


def has_own_price(model_id: str) -> bool:
    """Whether the person gives a price, which then counts whoever answers for the model."""
    return _own.of(model_id).prices is not None


def own_window(model_id: str) -> int | None:
    """Return the window that the person gives a model, which comes before the server's word; else ``None``."""
    return _own.of(model_id).limit_tokens


def own_abilities(model_id: str) -> frozenset[str] | None:
    """Return what the person says that a model can do, ``None`` where nothing is said."""
    return _own.of(model_id).abilities


def with_own_word(info: ModelInfo) -> ModelInfo:
    """Return what is known of a model with the person's word in front."""
    return _own.of(info.id).applied_to(info)


def own_models() -> list[ModelInfo]:
    """Return the models that the person's file names one by one."""
    return [with_own_word(ModelInfo(id=name)) for name in _own.ids()]


async def lookup(model_id: str) -> ModelInfo:
    """Return what is known of a model id such as ``openai:gpt-4o``; a `ModelInfo` without figures if nothing is."""
    return await asyncio.to_thread(_lookup, model_id)


async def known(provider: str) -> list[ModelInfo]:
    """Return the chat models of a provider such as ``openai``, by name; empty if it is not known.

    They are those that it has told, or else the current ones of the bundled data.
    """
    return await asyncio.to_thread(_known, provider)


async def price(
    model_id: str, usage: Usage, at: datetime | None = None, *, own_only: bool = False
) -> Decimal | None:
    """Return what a request cost, in USD, by the prices of its day; ``None`` when no price is known.

    Args:
        model_id: ``provider:model``.
        usage: the request's tokens.
        at: the moment of the request, now by default. The person's own prices have no dates.
        own_only: counts the person's own prices only: the published ones are not those of a compatible
            server that serves a model of the same name.
    """
    if (own := _own.of(model_id).prices) is not None:
        return own.of(usage)
    return None if own_only else await asyncio.to_thread(_price, model_id, usage, at)


async def cache_saved(
    model_id: str, usage: Usage, at: datetime | None = None, *, own_only: bool = False
) -> Decimal | None:
    """Return what the provider's cache took off a request, in USD; ``None`` when no price is known.

    That is the price of the same tokens all fresh without what was paid: below zero for a request that
    mostly wrote to a cache that is dearer to write than not to use.
    """
    paid = await price(model_id, usage, at, own_only=own_only)
    if paid is None or usage.input_tokens == usage.prompt_tokens:
        return None if paid is None else Decimal(0)
    fresh = replace(usage, input_tokens=usage.prompt_tokens, cache_read_tokens=0, cache_write_tokens=0)
    full = await price(model_id, fresh, at, own_only=own_only)
    return None if full is None else full - paid


def _lookup(model_id: str) -> ModelInfo:
    model = _find(model_id)
    info = ModelInfo(id=model_id) if model is None else _info(model_id, model)
    heard = _heard(model_id)
    return with_own_word(_with_told(info, heard) if heard else info)


def _heard(model_id: str) -> ToldModel | None:
    """Return what the provider has told of a model."""
    provider, _, name = model_id.partition(":")
    listed = _told.of(provider) if provider in _PROVIDERS else None
    return listed.models.get(name) if listed else None


def _with_told(info: ModelInfo, heard: ToldModel) -> ModelInfo:
    """Return what is known of a model with what its provider told where nothing else is known."""
    info = replace(
        info,
        window_tokens=info.window_tokens or heard.window_tokens,
        max_output_tokens=info.max_output_tokens or heard.max_output_tokens,
    )
    if heard.prices is None or (info.input_usd_per_million, info.output_usd_per_million) != (None, None):
        return info
    return replace(
        info,
        input_usd_per_million=heard.prices.input_usd,
        output_usd_per_million=heard.prices.output_usd,
    )


@cache
def _find(model_id: str) -> prices.ModelInfo | None:
    provider, _, name = model_id.partition(":")
    if provider not in _PROVIDERS:
        return None
    from genai_prices.data_snapshot import get_snapshot

    for candidate in get_snapshot().providers:
        if candidate.id == _PROVIDERS[provider]:
            return candidate.find_model(name.lower())
    return None


def _known(provider: str) -> list[ModelInfo]:
    if (listed := _told.of(provider)) is not None:
        return [_lookup(f"{provider}:{name}") for name in sorted(listed.models)]
    from genai_prices.data_snapshot import get_snapshot

    return [
        with_own_word(_info(f"{provider}:{model.id}", model))
        for candidate in get_snapshot().providers
        if candidate.id == _PROVIDERS.get(provider)
        for model in sorted(candidate.models, key=lambda model: model.id)
        if model.context_window
        and not model.deprecated
        and model.id.startswith(_CHAT.get(provider, ""))
        and not any(word in model.id for word in _NOT_CHAT)
    ]


def _info(model_id: str, model: prices.ModelInfo) -> ModelInfo:
    today = model.get_prices(datetime.now(UTC))
    return ModelInfo(
        id=model_id,
        window_tokens=model.context_window,
        input_usd_per_million=_base(today.input_mtok),
        output_usd_per_million=_base(today.output_mtok),
    )


def _base(figure: Decimal | prices.TieredPrices | None) -> Decimal | None:
    """Return the price of the first token, which is the price of all for most models."""
    return figure if figure is None or isinstance(figure, Decimal) else figure.base


def _price(model_id: str, usage: Usage, at: datetime | None) -> Decimal | None:
    model = _find(model_id)
    that_day = model.get_prices(at or datetime.now(UTC)) if model else None
    if that_day is None or (that_day.input_mtok is None and that_day.output_mtok is None):
        heard = _heard(model_id)
        return heard.prices.of(usage) if heard and heard.prices and heard.is_flat else None
    from genai_prices import Usage as Counted

    counted = Counted(
        input_tokens=usage.prompt_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
    )
    return that_day.calc_price(counted)["total_price"]
