"""Where agents come from: model ids, the agents behind them, and the connections that they share."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from brim.core.agent import AgentInterface, AgentSource
from brim.core.catalogue import own_models, with_own_word
from brim.core.errors import AgentError
from brim.core.parameters import Parameters
from brim.core.presets import PRESETS
from brim.core.provider_tables import SET_APART, Provider
from brim.core.reached import Reached
from brim.core.types import AgentConfig, ModelInfo
from brim.providers import demo
from brim.providers.anthropic import AnthropicAgent, AnthropicServer
from brim.providers.hosted import Hosted
from brim.providers.listing import AnyServer, LocalServers, models_of, served
from brim.providers.local_models import LocalModels, LocalSettings
from brim.providers.names import CUSTOM, OURS, model_id
from brim.providers.openai import OpenAIAgent, OpenAIServer
from brim.providers.scripted import ScriptedAgent

GENERAL_MODELS = {name: preset.general_model for name, preset in PRESETS.items() if preset.general_model}
"""The model of a new session by provider: current, for everything, at a middling price."""

SCRIPTS: dict[str, Callable[[], AgentInterface]] = {
    "demo": lambda: ScriptedAgent(
        demo.script, tokens_per_s=demo.TOKENS_PER_S, model="demo", window=demo.WINDOW_TOKENS
    ),
    "echo": lambda: ScriptedAgent(model="echo"),
}
"""The models of the provider ``scripted``."""


class ModelSettings(LocalSettings, Protocol):
    """The settings that agents are made from; ``None`` means not set."""

    @property
    def openai_api_key(self) -> SecretStr | None: ...
    @property
    def openai_base_url(self) -> str | None: ...
    @property
    def anthropic_api_key(self) -> SecretStr | None: ...
    @property
    def anthropic_base_url(self) -> str | None: ...
    @property
    def providers(self) -> Mapping[str, Provider]: ...
    @property
    def default_model(self) -> str | None: ...
    @property
    def parameters(self) -> Parameters: ...
    @property
    def timeout_s(self) -> float: ...
    @property
    def max_retries(self) -> int: ...


async def _no_last_model() -> str | None:
    return None


class Registry(AgentSource):
    """All agents of one brim.

    Nothing is imported, connected or started before the first request needs it.

    Args:
        settings: keys, addresses and limits.
        log_folder: for what local models print.
        last_model: gives the id of the model used last, ``None`` if there was none.
    """

    def __init__(
        self,
        settings: ModelSettings,
        log_folder: Path,
        *,
        last_model: Callable[[], Awaitable[str | None]] = _no_last_model,
    ) -> None:
        self._settings = settings
        self._local = LocalModels(settings, log_folder)
        self._last_model = last_model
        self._agents: dict[str, AgentInterface] = {}
        self._lent: set[str] = set()
        self._retired: list[AgentInterface | AnyServer] = []
        self._heard: dict[str, list[ModelInfo]] = {}
        self._hosted = Hosted()
        self._hearing_own = asyncio.Lock()
        self._servers = {name: _server(provider, settings) for name, provider in settings.providers.items()}
        self._sort()

    def _sort(self) -> None:
        """Tell the servers that the person has named from those that are looked for on this machine."""
        unnamed = {
            name: server
            for name, server in self._servers.items()
            if server.profile.preset is not None
            and server.profile.preset.is_local
            and not server.profile.place
        }
        self._named = {name: server for name, server in self._servers.items() if name not in unnamed}
        self._local_servers = LocalServers(unnamed.values(), self._named.values())

    @property
    def servers(self) -> Mapping[str, AnyServer]:
        """The servers that the person has named or set a key for, and the two that have settings of their own."""
        return {
            name: server
            for name, server in self._named.items()
            if name in SET_APART or server.profile.place or server.has_key
        }

    async def found_files(self) -> dict[str, int]:
        """Return how many local models there are on this machine, by whose files they are."""
        await self._local.find()
        return self._local.counts()

    async def found_servers(self) -> dict[str, int]:
        """Return which servers run on this machine at their usual ports, and how many models each has."""
        return {name: len(models) for name, models in (await self._local_servers.find()).items()}

    def use(self, agent: AgentInterface, model: str) -> None:
        """Answer for ``model`` with an agent made elsewhere, e.g. for ``agent:my_module:MyAgent``."""
        self._agents[model] = agent
        self._lent.add(model)

    def take(self, settings: ModelSettings, *, renewed: Collection[str] = ()) -> None:
        """Go on with other settings; what they leave as it is stays, with its connections.

        Answers under way end with the agents that they began with, which are closed with all others.

        Args:
            settings: those that hold from now on.
            renewed: providers whose keys are fetched anew, whether or not anything else has changed.
        """
        before, self._settings = self._settings, settings
        self._local.take(settings)
        changed = {
            name
            for name in {*before.providers, *settings.providers, *OURS}
            if name in renewed or _made_of(name, before) != _made_of(name, settings)
        }
        for model in [one for one in self._agents if one not in self._lent]:
            if model.partition(":")[0] in changed:
                self._retired.append(self._agents.pop(model))
        self._heard = {name: models for name, models in self._heard.items() if name not in changed}
        self._hosted.forget(changed)
        self._retired += [server for name, server in self._servers.items() if name in changed]
        self._servers = {
            name: _server(provider, settings) if name in changed else self._servers[name]
            for name, provider in settings.providers.items()
        }
        for name, server in self._servers.items():
            server.profile = settings.providers[name]  # its lines in the file may be others now
        self._sort()

    async def look_at(self, provider: Provider, settings: ModelSettings) -> Reached:
        """Ask a provider's server for its models: the one in use, or for a provider that is tried out a new one.

        Raises:
            AgentError: it does not tell them.
        """
        from brim.providers.reaching import reach  # it brings an HTTP client, which the start can do without

        server = self._servers.get(provider.name)
        if server is None or server.profile is not provider:
            return await reach(_server(provider, settings))
        return await reach(server)  # its key need not be fetched again

    def resolve(self, name: str) -> str:
        """Return the id that a name means, e.g. ``openai:gpt-4`` for ``gpt-4``.

        Raises:
            AgentError: nothing has that name.
        """
        if name in self._agents:
            return name
        found = model_id(name, servers=self._servers, has_own_server=not self._servers["openai"].is_own)
        provider, _, model = found.partition(":")
        return f"{provider}:{self._local.whole(model)}" if provider == "local" else found

    def address_of(self, model: str) -> str:
        """Return where the requests for a model id go: a URL, a file, or nothing for what answers here."""
        provider, _, name = model.partition(":")
        if provider in self._servers:
            return self._servers[provider].base_url
        return str(self._local.file_of(name) or "") if provider == "local" else ""

    async def agent_for(self, model: str) -> AgentInterface:
        """Return the agent for a model id or a bare name; the same one for the same id."""
        found = self.resolve(model)
        provider, _, name = found.partition(":")
        if provider == "local" and found not in self._agents:
            await self._local.look_for(name)
        if found not in self._agents:
            self._agents[found] = self._make(found)
        return self._agents[found]

    async def models(self) -> list[ModelInfo]:
        """Return what can be named, that which can be used now first."""
        await asyncio.gather(*self._hearing())
        return self._listed()

    async def listing(self) -> AsyncIterator[list[ModelInfo]]:
        """Yield what `models` returns as far as it is known: at once, then the whole list again as servers answer."""
        waiting = {asyncio.ensure_future(one) for one in self._hearing()}
        try:
            yield self._listed()
            while waiting:
                heard, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for one in heard:
                    one.result()
                yield self._listed()
        finally:
            for one in waiting:
                one.cancel()

    def defaults(self, model: str) -> Sequence[tuple[str, Parameters]]:
        """Return what holds for a model where the session says nothing, with the place of each, strongest first."""
        server = self._servers.get(model.partition(":")[0])
        of_settings = ("settings", self._settings.parameters)
        if server is None:
            return (of_settings,)
        return ((server.profile.place, server.profile.defaults), of_settings)

    def _hearing(self) -> Iterator[Coroutine[None, None, object]]:
        """Give what asks each server for its models."""
        for name, server in self._named.items():
            yield self._hear(name, server)
            if server.is_own and server.has_key:
                yield self._ask(name, server)
        yield self._local_servers.find()
        yield self._local.find()

    async def _hear(self, name: str, server: AnyServer) -> None:
        if not server.is_own:
            self._heard[name] = await models_of(server)
            return
        async with self._hearing_own:  # what was known before a provider was asked must not replace its word
            self._heard[name] = [*await models_of(server), *self._hosted.note(name)]

    async def _ask(self, name: str, server: AnyServer) -> None:
        """Ask a provider's own server, and hear it once more."""
        await self._hosted.ask(server)
        await self._hear(name, server)

    def _listed(self) -> list[ModelInfo]:
        """Return the models as far as servers have told them, those that can be used now first."""
        listed = [
            *(ModelInfo(id=model) for model in self._agents if model.startswith(f"{CUSTOM}:")),
            *(model for name in self._named for model in self._heard.get(name, ())),
            *(model for models in self._local_servers.found.values() for model in models),
            *self._local.listed(),
            ModelInfo(id="scripted:demo", window_tokens=demo.WINDOW_TOKENS),
        ]
        named = {model.id for model in listed}
        listed += [
            model
            for model in own_models()
            if model.id not in named and model.id.partition(":")[0] in self._servers
        ]
        models = [
            replace(with_own_word(model), unavailable=model.unavailable or self.unavailable(model.id))
            for model in listed
        ]
        return sorted(models, key=lambda model: bool(model.unavailable))

    async def default_model(self) -> str | None:
        """Return the id of the model for a new session, ``None`` when no model can be used.

        A ``default_model`` of the settings is taken even if nothing has that name: the turn then says so.
        """
        if chosen := self._settings.default_model:
            try:
                return self.resolve(chosen)
            except AgentError:
                return chosen
        if (last := await self._last_model()) and self._is_usable(last):
            return self.resolve(last)
        for has_key in (True, False):
            for server in self._named.values():
                if has_key is server.has_key and (model := await self._general(server)):
                    return model
        if found := await self._found():
            return found[0].id
        return self._local.default_id if self._is_usable(self._local.default_id) else None

    def unavailable(self, model: str) -> str:
        """Return why a model id cannot be used now, as a sentence; empty if it can, as far as can be seen.

        No server is asked; of those on this machine it is known who answered last.
        """
        provider, _, name = model.partition(":")
        if provider in self._servers:
            return _without_key(self._servers[provider]) or self._local_servers.missing(provider)
        if provider == "local":
            return self._local.unavailable(name)
        if provider == CUSTOM and model not in self._agents:
            return f"Start brim with --agent {name}."
        return ""

    async def aclose(self) -> None:
        """Close all agents, then the connections; an agent that fails to close keeps no other open."""
        agents, self._agents = list(self._agents.values()), {}
        async with AsyncExitStack() as stack:
            for one in (*self._servers.values(), *self._retired, *agents):
                stack.push_async_callback(one.aclose)

    def _is_usable(self, model: str) -> bool:
        try:
            return not self.unavailable(self.resolve(model))
        except AgentError:
            return False

    async def _found(self) -> list[ModelInfo]:
        """Return the models of the servers that run on this machine at their usual ports."""
        return [model for models in (await self._local_servers.find()).values() for model in models]

    async def _general(self, server: AnyServer) -> str | None:
        """Return the id of a server's model for everything, ``None`` if it cannot be found out."""
        general = f"{server.provider}:{GENERAL_MODELS.get(server.provider, '')}"
        if server.is_own or server.provider == "anthropic":
            return general if server.has_key else None
        ids = [model.id for model in await served(server) or ()]
        return general if general in ids else next(iter(ids), None)

    def _make(self, model: str) -> AgentInterface:
        provider, _, name = model.partition(":")
        # An agent without a key is made: what it raises when it is asked is the better sentence.
        if provider not in self._servers and (reason := self.unavailable(model)):
            raise AgentError(f"The model {model} cannot be used.", hint=reason)
        server = self._servers.get(provider)
        config = AgentConfig(
            model=name,
            **reduce(Parameters.over, (said for _, said in self.defaults(model))).given(),
            timeout_s=self._settings.timeout_s,
            max_retries=self._settings.max_retries,
        )
        if isinstance(server, OpenAIServer):
            return OpenAIAgent(config, server)
        if isinstance(server, AnthropicServer):
            return AnthropicAgent(config, server)
        if provider == "local":
            return self._local.agent(config)
        if name not in SCRIPTS:
            raise AgentError(f"There is no script “{name}”.", hint=f"There are {', '.join(SCRIPTS)}.")
        return SCRIPTS[name]()


def _server(provider: Provider, settings: ModelSettings) -> AnyServer:
    """Return the server of a provider, with the key and the base URL that are settings."""
    url: str | None = None
    key: SecretStr | None = None
    if provider.name == "openai":
        url, key = settings.openai_base_url, settings.openai_api_key
    elif provider.name == "anthropic":
        url, key = settings.anthropic_base_url, settings.anthropic_api_key
    kind = AnthropicServer if provider.kind == "anthropic" else OpenAIServer
    return kind(url, key, profile=provider)


def _made_of(name: str, settings: ModelSettings) -> tuple[object, ...]:
    """Return all that agents of a provider are made from."""
    provider = settings.providers.get(name)
    shared = (settings.parameters, settings.timeout_s, settings.max_retries)
    if name == "local":
        own_file = (settings.local_model, settings.local_models)
        return (*shared, *own_file, settings.local_threads, settings.local_window, settings.local_idle_s)
    if provider is None or name not in SET_APART:
        return (*shared, provider)
    own = (getattr(settings, f"{name}_{what}") for what in ("api_key", "base_url"))
    return (*shared, provider, *own)


def _without_key(server: AnyServer) -> str:
    if server.has_key:
        return ""
    if server.profile.key is not None:
        return f"{server.profile.key.place} names no file."
    return f"Set {server.key_variable}." if server.is_own else ""
