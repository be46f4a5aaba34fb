"""What hosted providers tell of their models: read from their own lists, once a day, in words of ours."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Collection
from contextlib import suppress
from decimal import Decimal
from hashlib import blake2b
from secrets import token_hex
from typing import Any

from brim.core.catalogue import told
from brim.core.errors import AgentError
from brim.core.overrides import OwnPrices
from brim.core.told import ToldList, ToldModel
from brim.core.types import ModelInfo
from brim.providers.answers import count, mapping, text
from brim.providers.listing import AnyServer

TIMEOUT_S = 5.0
HOLDS_S = 86_400.0
FAILURE_HOLDS_S = 60.0
MOST_MODELS = 2_000
MOST_BYTES = 8_000_000
_LONGEST_NAME = 200
_MOST_USD = Decimal(1_000_000)
_MILLION = Decimal(1_000_000)
_SALT_CHARS = 16
_MARK_BYTES = 4
_NO_CHAT = (
    "aqa",
    "audio",
    "babbage",
    "computer-use",
    "dall-e",
    "davinci",
    "deep-research",
    "embed",
    "flux",
    "gpt-3.5-turbo-instruct",
    "guard",
    "image",
    "imagen",
    "imagine",
    "live",
    "lyria",
    "moderation",
    "nano-banana",
    "ocr",
    "orpheus",
    "realtime",
    "rerank",
    "robotics",
    "sora",
    "transcribe",
    "tts",
    "veo-",
    "video",
    "voxtral",
    "whisper",
)
"""Parts of the names of models that cannot chat, of providers that do not say what a model does."""


class Hosted:
    """Asks providers for their lists; what they tell is kept where the catalogue looks for it."""

    def __init__(self) -> None:
        self._failed: dict[str, tuple[float, str]] = {}
        self._forgotten: set[str] = set()

    async def ask(self, server: AnyServer) -> None:
        """Ask a provider's own, unless it has told its models within a day, or failed to within a minute.

        What it has told to another key does not count: that may use other models.
        """
        name = server.provider
        kept = await asyncio.to_thread(told().of, name)
        salt = kept.asked_as[:_SALT_CHARS] if kept is not None else ""
        asked_as = await asyncio.to_thread(_mark, server, salt or token_hex(_SALT_CHARS // 2))
        if name not in self._forgotten:
            is_same = kept is not None and kept.asked_as == asked_as
            if kept is not None and is_same and 0 <= time.time() - kept.told_at < HOLDS_S:
                return
            if name in self._failed and time.monotonic() - self._failed[name][0] < FAILURE_HOLDS_S:
                return
        try:
            heard = await ask(server)
        except AgentError as error:
            self._failed[name] = (time.monotonic(), error.sentence)
            return
        finally:
            self._forgotten.discard(name)
        heard.asked_as = asked_as
        self._failed.pop(name, None)
        await asyncio.to_thread(told().take, name, heard)

    def forget(self, providers: Collection[str]) -> None:
        """Ask these anew when they are wanted next: they may have other keys, which may use other models."""
        self._forgotten.update(providers)

    def note(self, provider: str) -> list[ModelInfo]:
        """Return the line that says what there is to say of a provider's list, nothing if there is nothing."""
        kept = told().here(provider)
        if provider in self._failed:
            says = f"As known before: {self._failed[provider][1]}"
        elif kept is not None and kept.left_out:
            all_told = len(kept.models) + kept.left_out
            says = f"The first {len(kept.models):,} of {all_told:,}: type the id of any other."
        else:
            return []
        return [ModelInfo(id=f"{provider}:*", unavailable=says)]


def _mark(server: AnyServer, salt: str) -> str:
    """Return what tells one key and address from another. Too short to tell anything of the key; it reads no key either.

    A key that a command prints or a keyring holds is known by its place: it may take a password to fetch it.
    """
    source, said = server.profile.key, server.named_key.get_secret_value()
    if not said and source is not None:
        written = 0
        if source.file is not None:
            with suppress(OSError):  # there is none to be had from it, which the question will tell
                written = source.file.stat().st_mtime_ns
        said = f"{source.command}\n{source.keyring}\n{source.file}\n{written}"
    parts = [server.base_url, said, *(f"{name}: {value}" for name, value in sorted(server.headers.items()))]
    digest = blake2b(
        "\0".join(parts).encode(errors="surrogateescape"), key=salt.encode(), digest_size=_MARK_BYTES
    )
    return f"{salt}{digest.hexdigest()}"


async def ask(server: AnyServer) -> ToldList:
    """Return what a provider tells of its models.

    Raises:
        AgentError: it does not tell them.
    """
    from brim.providers.reaching import fetch_list  # it brings an HTTP client, which the start can do without

    await server.find_key()
    path = "models?limit=1000" if server.protocol == "anthropic" else "models"
    body = await fetch_list(server, path, timeout_s=TIMEOUT_S, most_bytes=MOST_BYTES + 1)
    heard = await asyncio.to_thread(read_list, server.provider, body) if len(body) <= MOST_BYTES else None
    if heard is None:
        raise AgentError(f"{server.name} sent no list of models that can be read.", provider=server.provider)
    return heard


def read_list(provider: str, body: bytes) -> ToldList | None:
    """Return the models that can chat of a provider's list as it was sent, ``None`` if it is none."""
    try:
        page = json.loads(body, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return None
    listed = page if isinstance(page, list) else mapping(page).get("data")
    if not isinstance(listed, list):
        return None
    models = {model.name: model for entry in listed if (model := _model(provider, mapping(entry)))}
    kept = [models[name] for name in sorted(models)[:MOST_MODELS]]
    return ToldList(kept, time.time(), len(models) - len(kept))


def _model(provider: str, entry: dict[str, Any]) -> ToldModel | None:
    """Return a model as a provider lists it, ``None`` for one that cannot chat or has no usable name."""
    name = text(entry.get("id")).removeprefix("models/")
    usable = 0 < len(name) <= _LONGEST_NAME and name.isprintable() and " " not in name
    if not usable or not _chats(name, entry):
        return None
    top = mapping(entry.get("top_provider"))
    prices, is_flat = _prices(provider, mapping(entry.get("pricing")))
    windows = ("context_length", "context_window", "max_context_length", "max_input_tokens")
    answers = (top.get("max_completion_tokens"), entry.get("max_completion_tokens"), entry.get("max_tokens"))
    return ToldModel(
        name=name,
        window_tokens=next((size for field in windows if (size := count(entry.get(field)))), None),
        max_output_tokens=next((size for said in answers if (size := count(said))), None),
        prices=prices,
        is_flat=is_flat,
        abilities=_abilities(entry),
    )


def _chats(name: str, entry: dict[str, Any]) -> bool:
    """Whether a model answers text with text: OpenRouter, Mistral and Together say so, others name it so."""
    if entry.get("active") is False or entry.get("lifecycle") == "retired":
        return False
    outputs = _words(mapping(entry.get("architecture")).get("output_modalities"))
    if outputs:
        return "text" in outputs
    able = mapping(entry.get("capabilities")).get("completion_chat")
    if isinstance(able, bool):
        return able
    kind = entry.get("type")
    if isinstance(kind, str) and kind not in ("model", "base", "fine-tuned"):
        return kind == "chat"
    plain = name.casefold()
    return not any(word in plain for word in _NO_CHAT)


def _abilities(entry: dict[str, Any]) -> frozenset[str] | None:
    """Return what OpenRouter, Mistral or Anthropic says that a model can do, ``None`` where nothing is said."""
    inputs = _words(mapping(entry.get("architecture")).get("input_modalities"))
    takes = _words(entry.get("supported_parameters"))
    if inputs or takes:
        found = {"images": "image" in inputs, "reasoning": "reasoning" in takes, "tools": "tools" in takes}
        return frozenset(name for name, can in found.items() if can)
    able = mapping(entry.get("capabilities"))
    if "completion_chat" in able:
        names = {"images": "vision", "reasoning": "reasoning", "tools": "function_calling"}
        return frozenset(name for name, theirs in names.items() if able.get(theirs) is True)
    if "image_input" in able:
        names = {"images": "image_input", "reasoning": "thinking"}
        return frozenset(
            {"tools"}  # all of Anthropic's models call tools, which is why it does not say so
            | {name for name, theirs in names.items() if mapping(able.get(theirs)).get("supported") is True}
        )
    return None


def _prices(provider: str, pricing: dict[str, Any]) -> tuple[OwnPrices | None, bool]:
    """Return prices for a million tokens, and whether they are all that a request costs.

    OpenRouter tells those of one token, Together those of a million. Below zero stands for unknown ones.
    """
    if provider == "together":
        figures = [_usd(pricing.get(name)) for name in ("input", "output", "cached_input")]
        figures.append(None)
    elif provider == "openrouter":
        names = ("prompt", "completion", "input_cache_read", "input_cache_write")
        figures = [_usd(pricing.get(name), _MILLION) for name in names]
    else:
        return None, True
    fresh, output, read, write = figures
    if fresh is None or output is None:
        return None, True
    prices = OwnPrices(
        input_usd=fresh,
        output_usd=output,
        cache_read_usd=fresh if read is None else read,
        cache_write_usd=fresh if write is None else write,
    )
    return prices, not pricing.get("overrides") and not _usd(pricing.get("request"))


def _usd(value: object, times: Decimal = Decimal(1)) -> Decimal | None:
    """Return a price, ``None`` for what cannot be one."""
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)) or len(str(value)) > 40:
        return None
    try:
        price = Decimal(value) * times
    except ArithmeticError:
        return None
    return price.normalize() if price.is_finite() and 0 <= price <= _MOST_USD else None


def _words(value: object) -> list[str]:
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []
