"""A model server as its agents share it: address, key, one pool of connections, and what was learnt of it."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from brim.core import references
from brim.core.abilities import abilities_of
from brim.core.catalogue import own_abilities
from brim.core.errors import AuthenticationError, BadRequestError, SettingsError
from brim.core.provider_tables import SET_APART, Provider, is_at, preset_provider
from brim.core.references import is_reference
from brim.providers.faults import Asked
from brim.providers.windows import PROBE_TIMEOUT_S, Served, ServedModel, bearer, served, served_models

if TYPE_CHECKING:
    import httpx2

CONNECT_TIMEOUT_S = 10.0
MOST_CONNECTIONS = 1_000
LOCAL_IDLE_S, REMOTE_IDLE_S = 2.0, 5.0
WINDOW_HOLDS_S = 60.0
UNKNOWN_HOLDS_S = 10.0
FAILURE_HOLDS_S = 1.0
"""How long a key is not fetched again that could not be fetched, in seconds: a turn asks for it twice."""
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
        profile: all else that is known of it; without it the provider that the protocol comes from.

    Raises:
        BadRequestError: ``base_url`` is no address of a server.
    """

    protocol: str
    """The provider that the protocol comes from."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: SecretStr | None = None,
        *,
        name: str | None = None,
        key_variable: str | None = None,
        profile: Provider | None = None,
    ) -> None:
        self.profile = profile or preset_provider(self.protocol, {})
        self.provider = self.profile.name
        preset = self.profile.preset
        self.base_url = _checked(base_url or self.profile.base_url).rstrip("/")
        source = self.profile.key
        given = api_key or (source.value if source is not None else None)
        named = given.get_secret_value() if given is not None else ""
        self.named_key = SecretStr(named)
        """The key, or the reference to it, where it need not be fetched; else empty."""
        self._reference = named if is_reference(named) else ""
        """Where the key is read again and again, since it may be changed there."""
        self.api_key = None if self._reference or not (api_key and named) else api_key
        self.is_own = preset is not None and not preset.is_local and is_at(preset, self.base_url)
        """Whether it is a provider's own rather than one that people run: it wants a key and has public prices."""
        title = preset.title if preset is not None and (self.is_own or preset.is_local) else ""
        self.name = name or title or f"The server at {_place(self.base_url)}"
        usual = preset.key_env if preset is not None and self.provider in SET_APART else self.profile.key_env
        self.key_variable = usual if key_variable is None else key_variable
        self._client: ClientT | None = None
        self._retired: list[ClientT] = []
        self._lock = asyncio.Lock()
        self._key_lock = asyncio.Lock()
        self._key_failure: tuple[float, SettingsError | None] = (0.0, None)
        self._served: dict[str, tuple[float, Served]] = {}
        self._refuses: dict[str, set[str]] = {}

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

    def connection_limits(self) -> httpx2.Limits:
        """Return how many connections are kept open, and for how long.

        llama.cpp closes an idle connection after 5 seconds. A request that is sent on it just then is lost, so
        connections on this machine, which cost nothing, are given up before.
        """
        import httpx2

        return httpx2.Limits(
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=MOST_CONNECTIONS // 10,
            keepalive_expiry=LOCAL_IDLE_S if self.is_loopback else REMOTE_IDLE_S,
        )

    @property
    def has_key(self) -> bool:
        """Whether there is a key, as far as can be seen without fetching it."""
        source = self.profile.key
        return bool(self.api_key or self._reference) or (source is not None and source.is_there())

    async def find_key(self) -> SecretStr | None:
        """Return the key, fetched where it comes from if it is not here yet; ``None`` where none is known.

        Raises:
            AuthenticationError: it cannot be fetched.
        """
        async with self._key_lock:
            if self._reference or (self.api_key is None and self.profile.key is not None):
                now = asyncio.get_running_loop().time()
                failed_at, error = self._key_failure
                if error is None or now - failed_at > FAILURE_HOLDS_S:
                    error = await self._fetch_key()
                    self._key_failure = (asyncio.get_running_loop().time(), error)
                if error is not None:
                    raise AuthenticationError(error.sentence, hint=error.hint, provider=self.provider)
            return self.api_key

    async def _fetch_key(self) -> SettingsError | None:
        """Fetch the key; returns why that failed."""
        try:
            if not self._reference:
                self.api_key = await self.profile.key.fetch() if self.profile.key is not None else None
                return None
            fresh = await references.read(self._reference)
        except SettingsError as error:
            return error
        if self._client is not None and fresh != self.api_key:
            # Its answers go on; the next request goes out with the new key.
            self._retired.append(self._client)
            self._client = None
        self.api_key = fresh
        return None

    @property
    def headers(self) -> dict[str, str]:
        """The further headers that the person wants sent."""
        return {name: value.get_secret_value() for name, value in self.profile.headers.items()}

    @property
    def probe_headers(self) -> dict[str, str]:
        """The headers of a question about models, the key among them."""
        return bearer(self.api_key) | self.headers

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
            secrets=tuple(self.profile.headers.values()),
            key_variable=self.key_variable if self.profile.key is None else self.profile.key.place,
            silence_s=silence_s,
        )

    async def client(self) -> ClientT:
        """Return the client that holds the connections.

        Raises:
            AuthenticationError: the provider wants a key and none is known, or it cannot be fetched.
        """
        if await self.find_key() is None and self.is_own:
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

        An answer holds for a minute; that there is none, for some seconds: a model may be loaded by then.
        """
        if self.is_own:
            return None
        now = asyncio.get_running_loop().time()
        asked_at, said = self._served.get(model, (-WINDOW_HOLDS_S, Served()))
        if now - asked_at >= (WINDOW_HOLDS_S if said.window_tokens else UNKNOWN_HOLDS_S):
            await self._try_key()
            said = await served(f"{self._root}/v1", self.probe_headers, model)
            self._served[model] = (now, said)
        return said.window_tokens

    @abstractmethod
    def takes(self, model: str) -> frozenset[str]:
        """Return the names of the `Parameters` that a model takes."""

    def sees(self, model: str) -> bool:
        """Whether a model sees images: by the person's word, the server's, as far as it was asked, else its name."""
        model_id = f"{self.provider}:{model}"
        _, said = self._served.get(model, (0.0, Served()))
        if said.sees is None or own_abilities(model_id) is not None:
            return "images" in abilities_of(model_id)
        return said.sees

    def lacks(self, model: str) -> frozenset[str]:
        """Return what a model of the server takes not: by the person's word, or since the server refused it."""
        return self.profile.lacks | self._refuses.get(model, set())

    def learn_refusal(self, model: str, name: str) -> None:
        """Take in that the server has refused a parameter of a request to a model."""
        self._refuses.setdefault(model, set()).add(name)

    async def models(self, timeout_s: float = PROBE_TIMEOUT_S) -> list[ServedModel] | None:
        """Return the models that the server lists, ``None`` if it cannot be reached or does not list any."""
        await self._try_key()
        return await served_models(self.listing_url, self.probe_headers, timeout_s=timeout_s)

    @property
    def listing_url(self) -> str:
        """The URL below which the server lists its models."""
        return f"{self._root}/v1" if self.protocol == "anthropic" else self.base_url

    @property
    def _root(self) -> str:
        return self.base_url.removesuffix("/v1")

    async def _try_key(self) -> None:
        """Fetch the key if there is one; a question about models is asked without it, too."""
        with suppress(AuthenticationError):
            await self.find_key()

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
        clients = [*self._retired, *([self._client] if self._client is not None else [])]
        self._retired, self._client = [], None
        for client in clients:
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
