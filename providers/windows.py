"""What a server of one's own says of the models that it serves. Quick, light, and silent when it says nothing.

The questions are asked with the standard library, in a thread: the list of models is wanted before any SDK
is, and a redirect must not carry the key elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr

from brim.providers.answers import count, mapping, text

if TYPE_CHECKING:
    from http.client import HTTPResponse

PROBE_TIMEOUT_S = 2.0
_LARGEST_BODY = 4_000_000
_WINDOW_FIELDS = (
    "n_ctx",
    "loaded_context_length",
    "max_model_len",
    "context_length",
    "context_window",
    "max_context_length",
    "max_input_tokens",
)


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that a server lists; ``window_tokens`` is ``None`` where it does not say."""

    name: str
    window_tokens: int | None


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What a server sent; the names of the headers are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Served:
    """What a server says of one of its models; ``None`` is what it does not say."""

    window_tokens: int | None = None
    sees: bool | None = None
    """Whether it sees images."""


_NO_NAMES = ("", "*")
"""Where a model should be named. A star stands for all of a provider's models."""


async def served_models(
    base_url: str, headers: Mapping[str, str], *, timeout_s: float = PROBE_TIMEOUT_S
) -> list[ServedModel] | None:
    """Return the models that a server lists, ``None`` if it cannot be reached or does not list any.

    Args:
        base_url: ends in ``/v1`` with most.
        headers: the key, and what else is sent.
        timeout_s: how long each question may take.
    """
    asked = Questions(base_url, headers, timeout_s)
    entries = _entries(await asked.get("models"), "data")
    if entries is None:
        return None
    # LM Studio and Ollama tell more in words of their own.
    native, loaded = await asyncio.gather(asked.get("/api/v0/models"), asked.get("/api/ps"))
    studio = {text(entry.get("id")): entry for entry in _entries(native, "data") or ()}
    windows = {name: _window(entry) for name, entry in studio.items()}
    windows |= {
        text(entry.get("name")): count(entry.get("context_length"))
        for entry in _entries(loaded, "models") or ()
    }
    return [
        ServedModel(name, windows.get(name) or _window(entry))
        for entry in entries
        if (name := text(entry.get("id"))).strip() not in _NO_NAMES
        and studio.get(name, {}).get("type") != "embeddings"
    ]


async def served_window(base_url: str, headers: Mapping[str, str], model: str) -> int | None:
    """Return the window that a server gives ``model``, in tokens, or ``None``; see `served`."""
    return (await served(base_url, headers, model)).window_tokens


async def served(base_url: str, headers: Mapping[str, str], model: str) -> Served:
    """Return what a server says of ``model``.

    llama.cpp tells what one conversation gets and whether there are images in it (``/props``). Ollama tells
    what the loaded model has (``/api/ps``) or will have by its own settings (``num_ctx`` in ``/api/show``), and
    what it can do. LM Studio, vLLM and most gateways say it in their lists of models. How long a model was
    trained is no answer: Ollama loads it with less.
    """
    asked = Questions(base_url, headers, PROBE_TIMEOUT_S)
    props, loaded, studio, listed = await asyncio.gather(
        asked.get("/props"),
        asked.get("/api/ps"),
        asked.get("/api/v0/models"),
        served_models(base_url, headers),
    )
    if slot := _slot(props):
        sees = mapping(mapping(props).get("modalities")).get("vision")
        return Served(slot, sees if isinstance(sees, bool) else None)
    models = listed or []
    named = [entry for entry in models if entry.name == model] or (models if len(models) == 1 else [])
    window = named[0].window_tokens if named else None
    if (running := _entries(loaded, "models")) is not None:
        shown = await asked.post("/api/show", {"model": model})
        able = mapping(shown).get("capabilities")
        sizes = (
            count(entry.get("context_length"))
            for entry in running
            if model in (entry.get("name"), entry.get("model"))
        )
        window = next(filter(None, sizes), 0) or _num_ctx(shown) or window
        return Served(window, "vision" in able if isinstance(able, list) else None)
    kinds = [entry.get("type") for entry in _entries(studio, "data") or () if entry.get("id") == model]
    return Served(window, kinds[0] == "vlm" if kinds and isinstance(kinds[0], str) else None)


def bearer(key: SecretStr | None) -> dict[str, str]:
    """Return the headers that carry a key."""
    return {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}


async def is_llama(base_url: str, headers: Mapping[str, str]) -> bool:
    """Return whether the server is llama.cpp: only it tells what one conversation gets."""
    return bool(_slot(await Questions(base_url, headers, PROBE_TIMEOUT_S).get("/props")))


def _entries(page: object, name: str) -> list[dict[str, Any]] | None:
    listed = mapping(page).get(name)
    return [mapping(entry) for entry in listed] if isinstance(listed, list) else None


def _num_ctx(shown: object) -> int:
    found = re.search(r"^num_ctx\s+(\d{1,9})\s*$", text(mapping(shown).get("parameters")), re.MULTILINE)
    return count(int(found[1])) if found else 0


def _slot(props: object) -> int:
    return count(mapping(mapping(props).get("default_generation_settings")).get("n_ctx"))


def _window(model: dict[str, Any]) -> int | None:
    for fields in (mapping(model.get("meta")), model, mapping(model.get("top_provider"))):
        for name in _WINDOW_FIELDS:
            if size := count(fields.get(name)):
                return size
    return None


class Questions:
    """Questions to one server, each answered with JSON, or with ``None`` if there is none to be had."""

    def __init__(self, base_url: str, headers: Mapping[str, str], timeout_s: float) -> None:
        self._parts = urlsplit(base_url)
        self._headers = headers
        self._timeout_s = timeout_s

    async def get(self, path: str) -> object:
        """Return what is at ``path``: absolute, or below the base URL."""
        return await self._asked("GET", path, None)

    async def post(self, path: str, body: object) -> object:
        """Return the answer to ``body``."""
        return await self._asked("POST", path, json.dumps(body))

    async def _asked(self, method: str, path: str, body: str | None) -> object:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.to_thread(self._fetch, method, path, body)
        except (OSError, ValueError, RecursionError):  # the last one for brackets in brackets without end
            return None

    def _fetch(self, method: str, path: str, body: str | None) -> object:
        from http.client import HTTPException

        try:
            said = self.fetch(method, path, body)
        except HTTPException:
            return None
        return json.loads(said.body) if said.status == 200 else None

    def fetch(
        self, method: str, path: str, body: str | None = None, *, most_bytes: int = _LARGEST_BODY
    ) -> RawAnswer:
        """Return an answer as it came, cut after ``most_bytes``; call it in a thread.

        Raises:
            OSError: the server cannot be reached, or sends too slowly.
            HTTPException: what it sends is no HTTP.
        """
        from http.client import HTTPConnection, HTTPSConnection

        parts = self._parts
        make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        proxy = _proxy(parts)
        if proxy is None:
            connection = make(parts.hostname or "", parts.port, timeout=self._timeout_s)
        else:
            connection = make(proxy.hostname or "", proxy.port, timeout=self._timeout_s)
            connection.set_tunnel(parts.hostname or "", parts.port, _proxy_headers(proxy))
        try:
            whole = path if path.startswith("/") else f"{parts.path.rstrip('/')}/{path}"
            kind = {"Content-Type": "application/json"} if body else {}
            connection.request(method, whole, body, {**self._headers, **kind})
            # One that ends with its connection has it for itself, and must be closed as well.
            with connection.getresponse() as response:
                named = {name.lower(): value for name, value in response.getheaders()}
                return RawAnswer(response.status, _body(response, most_bytes, self._timeout_s), named)
        finally:
            connection.close()


def _body(response: HTTPResponse, most_bytes: int, timeout_s: float) -> bytes:
    """Read a body; a server that sends it byte by byte keeps no thread for longer than the time that is given."""
    until = time.monotonic() + timeout_s
    parts: list[bytes] = []
    while most_bytes > 0 and (part := response.read1(min(most_bytes, 1 << 16))):
        parts.append(part)
        most_bytes -= len(part)
        if time.monotonic() > until:
            raise TimeoutError
    return b"".join(parts)


def _proxy(parts: SplitResult) -> SplitResult | None:
    """Return the proxy that the environment wants for a server with TLS, as the SDKs would take it.

    It is for the network, not for this machine.
    """
    host = parts.hostname or ""
    if parts.scheme != "https" or host in ("localhost", "::1") or host.startswith("127."):
        return None
    from urllib.request import getproxies, proxy_bypass

    found = getproxies().get("https", "")
    proxy = urlsplit(found if "//" in found else f"//{found}")
    return None if not proxy.hostname or proxy_bypass(host) else proxy


def _proxy_headers(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    who = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(who.encode()).decode()}"}
