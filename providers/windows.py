"""What a server of one's own says of the models that it serves. Quick, light, and silent when it says nothing.

The questions are asked with the standard library, in a thread: the list of models is wanted before any SDK
is, and a redirect must not carry the key elsewhere.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from brim.providers.answers import count, mapping, text

PROBE_TIMEOUT_S = 2.0
_LARGEST_BODY = 4_000_000
_WINDOW_FIELDS = ("n_ctx", "max_model_len", "context_length", "context_window", "max_context_length")


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that a server lists; ``window_tokens`` is ``None`` where it does not say."""

    name: str
    window_tokens: int | None


async def served_models(base_url: str, api_key: SecretStr | None) -> list[ServedModel] | None:
    """Return the models that a server lists, ``None`` if it cannot be reached or does not list any."""
    listed = mapping(await _get(base_url, "models", api_key)).get("data")
    if not isinstance(listed, list):
        return None
    models = [mapping(entry) for entry in listed]
    return [ServedModel(name, _window(model)) for model in models if (name := text(model.get("id")))]


async def served_window(base_url: str, api_key: SecretStr | None, model: str) -> int | None:
    """Return the window that a server gives ``model``, in tokens, or ``None``.

    llama.cpp tells what one conversation gets (``/props``), Ollama what the loaded model has (``/api/ps``),
    vLLM, LM Studio and most gateways say it in their list of models.
    """
    props, loaded, models = await asyncio.gather(
        _get(base_url, "/props", api_key),
        _get(base_url, "/api/ps", api_key),
        served_models(base_url, api_key),
    )
    if slot := _slot(props):
        return slot
    running = mapping(loaded).get("models")
    for entry in map(mapping, running if isinstance(running, list) else ()):
        if model in (entry.get("name"), entry.get("model")) and (size := count(entry.get("context_length"))):
            return size
    served = models or []
    named = [entry for entry in served if entry.name == model] or (served if len(served) == 1 else [])
    return named[0].window_tokens if named else None


async def is_llama(base_url: str, api_key: SecretStr | None) -> bool:
    """Return whether the server is llama.cpp: only it tells what one conversation gets."""
    return bool(_slot(await _get(base_url, "/props", api_key)))


def _slot(props: object) -> int:
    return count(mapping(mapping(props).get("default_generation_settings")).get("n_ctx"))


def _window(model: dict[str, Any]) -> int | None:
    for fields in (mapping(model.get("meta")), model, mapping(model.get("top_provider"))):
        for name in _WINDOW_FIELDS:
            if size := count(fields.get(name)):
                return size
    return None


async def _get(base_url: str, path: str, api_key: SecretStr | None) -> object:
    """Return the JSON at ``path`` (absolute, or below the base URL), ``None`` if there is none to be had."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            return await asyncio.to_thread(_fetch, base_url, path, api_key)
    except (OSError, ValueError):
        return None


def _fetch(base_url: str, path: str, api_key: SecretStr | None) -> object:
    from http.client import HTTPConnection, HTTPException, HTTPSConnection

    parts = urlsplit(base_url)
    make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = make(parts.hostname or "", parts.port, timeout=PROBE_TIMEOUT_S)
    headers = {"Authorization": f"Bearer {api_key.get_secret_value()}"} if api_key else {}
    try:
        connection.request(
            "GET", path if path.startswith("/") else f"{parts.path.rstrip('/')}/{path}", headers=headers
        )
        response = connection.getresponse()
        return json.loads(response.read(_LARGEST_BODY)) if response.status == 200 else None
    except HTTPException:
        return None
    finally:
        connection.close()
