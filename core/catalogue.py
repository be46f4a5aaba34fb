"""Windows and prices of known models, from the bundled data of genai-prices. Nothing is fetched.

The data takes half a second to import, so it is loaded in a thread, when the first question comes.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

from brim.core.types import ModelInfo
from brim.core.usage import Usage

if TYPE_CHECKING:
    from genai_prices import types as prices

_CHAT = ("gpt", "o1", "o3", "o4", "chatgpt", "claude")
_NOT_CHAT = (
    "audio",
    "realtime",
    "transcribe",
    "tts",
    "image",
    "instruct",
    "search",
    "codex",
    "vision",
    "ft:",
    "embedding",
)


async def lookup(model_id: str) -> ModelInfo:
    """Return what is known of a model id such as ``openai:gpt-4o``; a `ModelInfo` without figures if nothing is."""
    return await asyncio.to_thread(_lookup, model_id)


async def known(provider: str) -> list[ModelInfo]:
    """Return the current chat models of a provider (``openai``, ``anthropic``), by name; empty if it is not known."""
    return await asyncio.to_thread(_known, provider)


async def price(model_id: str, usage: Usage, at: datetime | None = None) -> Decimal | None:
    """Return what a request cost, in USD, by the prices of its day; ``None`` when no price is known.

    Args:
        model_id: ``provider:model``. Only ``openai`` and ``anthropic`` themselves have prices.
        usage: what the provider reported.
        at: the moment of the request, now by default.
    """
    return await asyncio.to_thread(_price, model_id, usage, at)


def _lookup(model_id: str) -> ModelInfo:
    model = _find(model_id)
    return ModelInfo(id=model_id) if model is None else _info(model_id, model)


@cache
def _find(model_id: str) -> prices.ModelInfo | None:
    from genai_prices.data_snapshot import get_snapshot

    provider, _, name = model_id.partition(":")
    for candidate in get_snapshot().providers:
        if candidate.id == provider:
            return candidate.find_model(name)
    return None


def _known(provider: str) -> list[ModelInfo]:
    from genai_prices.data_snapshot import get_snapshot

    return [
        _info(f"{provider}:{model.id}", model)
        for candidate in get_snapshot().providers
        if candidate.id == provider
        for model in sorted(candidate.models, key=lambda model: model.id)
        if model.context_window
        and not model.deprecated
        and model.id.startswith(_CHAT)
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
    if _find(model_id) is None:
        return None
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    provider, _, name = model_id.partition(":")
    counted = Counted(
        input_tokens=usage.prompt_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
    )
    return calc_price(counted, name, provider_id=provider, genai_request_timestamp=at).total_price
