"""What can be named: the models that the catalogue knows of a provider, and those that servers list."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from urllib.parse import urlsplit

from brim.core.catalogue import known
from brim.core.provider_tables import SET_APART
from brim.core.types import ModelInfo
from brim.providers.anthropic import AnthropicServer
from brim.providers.openai import OpenAIServer

AnyServer = OpenAIServer | AnthropicServer

FIND_TIMEOUT_S = 0.3
FOUND_HOLDS_S = 10.0


class LocalServers:
    """Finds the servers that run on this machine at their usual ports. No request leaves the machine.

    Args:
        servers: those to look for.
        configured: the servers that the person has named; what they serve is not found once more.
    """

    def __init__(self, servers: Iterable[AnyServer], configured: Iterable[AnyServer]) -> None:
        taken = {_port(server) for server in configured if server.is_loopback}
        self._servers = [server for server in servers if server.is_loopback and _port(server) not in taken]
        self.found: dict[str, list[ModelInfo]] = {}
        """What those that answered last list, by provider."""
        self._looked_at: float | None = None
        self._lock = asyncio.Lock()

    async def find(self) -> dict[str, list[ModelInfo]]:
        """Return what those that answer at once list, by provider; looked up again after some seconds."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._looked_at is None or now - self._looked_at >= FOUND_HOLDS_S:
                lists = await asyncio.gather(*(_quickly(server) for server in self._servers))
                self.found = {
                    server.provider: models
                    for server, models in zip(self._servers, lists, strict=True)
                    if models is not None
                }
                self._looked_at = now
            return self.found

    def missing(self, provider: str) -> str:
        """Return why a provider's models cannot be used, as a sentence; empty before anyone has looked."""
        if self._looked_at is None or provider in self.found:
            return ""
        server = next((server for server in self._servers if server.provider == provider), None)
        return "" if server is None else f"Nothing answers at {urlsplit(server.base_url).netloc}."


async def models_of(server: AnyServer) -> list[ModelInfo]:
    """Return the models of a server that the person can use or has named.

    The catalogue knows those of a provider's own, also as far as it has told them; it is not asked here. One
    that wants a key, and a server that cannot be asked, stand as one line that says so.
    """
    if server.is_own:
        wanted = server.provider in SET_APART or server.has_key or server.profile.place
        return await known(server.provider) if wanted else [ModelInfo(id=f"{server.provider}:*")]
    models = await served(server)
    if not models and server.provider == "anthropic":
        return await known("anthropic")
    if models:
        return models
    if models is not None:
        return [ModelInfo(id=f"{server.provider}:*", unavailable=f"{server.name} lists no models.")]
    from brim.providers.reaching import why_silent

    return [ModelInfo(id=f"{server.provider}:*", unavailable=(await why_silent(server)).sentence)]


async def served(server: AnyServer) -> list[ModelInfo] | None:
    """Return what a server lists, ``None`` if it cannot be reached or does not list any."""
    models = await server.models()
    if models is None:
        return None
    return [
        ModelInfo(id=f"{server.provider}:{model.name}", window_tokens=model.window_tokens) for model in models
    ]


async def _quickly(server: AnyServer) -> list[ModelInfo] | None:
    try:
        async with asyncio.timeout(FIND_TIMEOUT_S):
            return await served(server)
    except TimeoutError:
        return None


def _port(server: AnyServer) -> int:
    parts = urlsplit(server.base_url)
    return parts.port or (443 if parts.scheme == "https" else 80)
