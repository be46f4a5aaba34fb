"""A model server as its agents share it: address, key, one pool of connections, and what was learnt of it."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from brim.core.errors import AuthenticationError, BadRequestError
from brim.providers.faults import Asked
from brim.providers.windows import served_window

CONNECT_TIMEOUT_S = 10.0
WINDOW_HOLDS_S = 60.0
NO_KEY = "none"
"""What is sent to a server that wants no key, since the SDKs insist on one."""


class Closable(Protocol):
    """An SDK's client: it holds the pool of connections."""

    async def close(self) -> None:
        """Close all connections."""


ClientT = TypeVar("ClientT", bound=Closable)


class Server(ABC, Generic[ClientT]):
    """One server and the connections to it.

    The SDK is imported and its client made when `client` is first called, in a thread.

    Args:
        base_url: where the API is; ``None`` for the provider's own.
        api_key: ``None`` where no key is known. Only a server of one's own answers without one.
        name: what sentences call it; by default the provider, or the address of another server.
        key_variable: the environment variable that sentences tell people to set.

    Raises:
        BadRequestError: ``base_url`` is no address of a server.
    """

    provider: str
    own_url: str
    own_name: str
    own_key_variable: str

    def __init__(
        self,
        base_url: str | None = None,
        api_key: SecretStr | None = None,
        *,
        name: str | None = None,
        key_variable: str | None = None,
    ) -> None:
        self.base_url = _checked(base_url or self.own_url).rstrip("/")
        self.api_key = api_key if api_key and api_key.get_secret_value() else None
        self.is_own = _host(self.base_url) == _host(self.own_url)
        self.name = name or (self.own_name if self.is_own else f"The server at {_place(self.base_url)}")
        self.key_variable = self.own_key_variable if key_variable is None else key_variable
        self._client: ClientT | None = None
        self._lock = asyncio.Lock()
        self._windows: dict[str, tuple[float, int | None]] = {}

    @property
    def is_loopback(self) -> bool:
        """Whether the server runs on this machine."""
        host = _host(self.base_url)
        if host == "localhost":
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    @property
    def key(self) -> str:
        """The key as it goes into a request."""
        return self.api_key.get_secret_value() if self.api_key else NO_KEY

    def asked(self, model: str, *, silence_s: float | None = None) -> Asked:
        """Return what sentences about a request to this server need."""
        return Asked(
            provider=self.provider,
            name=self.name,
            model=model,
            place=_place(self.base_url),
            is_own=self.is_own,
            key=self.api_key,
            key_variable=self.key_variable,
            silence_s=silence_s,
        )

    async def client(self) -> ClientT:
        """Return the client that holds the connections.

        Raises:
            AuthenticationError: the provider wants a key and none is known.
        """
        if self.api_key is None and self.is_own:
            raise AuthenticationError(
                f"There is no key for {self.name}.",
                hint=f"Set {self.key_variable}, or switch to another model.",
                provider=self.provider,
            )
        async with self._lock:
            if self._client is None:
                self._client = await asyncio.to_thread(self._prepare)
            return self._client

    async def window_tokens(self, model: str) -> int | None:
        """Return what a server of one's own says that a model's window is; the providers themselves do not say.

        An answer, also that there is none, holds for a minute.
        """
        if self.is_own:
            return None
        now = asyncio.get_running_loop().time()
        asked_at, window = self._windows.get(model, (-WINDOW_HOLDS_S, None))
        if now - asked_at >= WINDOW_HOLDS_S:
            window = await served_window(f"{self.base_url.removesuffix('/v1')}/v1", self.api_key, model)
            self._windows[model] = (now, window)
        return window

    def _prepare(self) -> ClientT:
        """Import the SDK, what it would import with its first request, and make the client; runs in a thread."""
        import anyio

        with _without_collector():
            client = self._make_client()
            anyio.run(anyio.sleep, 0)
        return client

    @abstractmethod
    def _make_client(self) -> ClientT:
        """Import the SDK and make its client."""

    async def aclose(self) -> None:
        """Close all connections. A later `client` opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep the garbage collector away while modules are imported, and from their objects for ever.

    An SDK makes 200,000 objects that stay. Looking through them stopped the event loop for 85 ms at a time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # a port that is no number, half a pair of brackets
        port = 0
    if port != 0 and parts.scheme in ("http", "https") and parts.hostname:
        return url
    raise BadRequestError(
        f"The base URL {url!r} is not the address of a server.",
        hint="It begins with http:// or https:// and usually ends in /v1.",
    )


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _place(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2] or url
