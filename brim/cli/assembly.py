"""Where the parts are put together: settings, store, agents, manager."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from brim.cli.store_option import chosen_store
from brim.core import references
from brim.core.agent import AgentInterface, AgentSource
from brim.core.answer_cache import CachedAgents
from brim.core.catalogue import use_overrides, use_told
from brim.core.log_file import LogFile
from brim.core.logs import Log
from brim.core.overrides import Overrides, load_overrides
from brim.core.pace import PacedAgents
from brim.core.paths import Paths
from brim.core.references import References
from brim.core.session_settings import SessionSettings
from brim.core.sessions import SessionManager
from brim.core.settings import Settings, load_settings
from brim.core.store.protocol import Recovered
from brim.core.store.sqlite import SQLiteStore
from brim.core.store.urls import make_store, named_url
from brim.core.told import FOLDER, ToldLists
from brim.core.types import SessionFilter
from brim.providers.custom import load_agent
from brim.providers.registry import Registry
from brim.providers.vaults import fetchers

if TYPE_CHECKING:
    from brim.core.preferences import Preferences


async def connect(
    paths: Paths,
    options: Mapping[str, Any] | None = None,
    *,
    agent: str | None = None,
    save: bool = True,
    caches: bool | None = False,
    logs: bool = True,
    warn: Callable[[str], None],
    offer: Callable[[Preferences], None] | None = None,
) -> SessionManager:
    """Read the settings, open the data and return the manager; whoever gets it closes it.

    Args:
        paths: where settings and data are.
        options: settings from the command line, by field.
        agent: a person's own agent as ``module:Class``; new sessions talk to it unless ``options`` name
            another model.
        save: false keeps everything in memory.
        caches: whether the same request may be answered from what was kept; ``None`` leaves it to the settings.
        logs: whether what happens is logged, in the state folder; not where nothing is saved.
        warn: is given a sentence about each setting that was found and not used.
        offer: is given what changes the settings while the manager runs.

    Raises:
        SettingsError: a setting or ``models.toml`` is wrong.
        AgentLoadError: ``agent`` cannot be loaded.
        StoreError: the data file cannot be used.
    """
    chosen = {**chosen_store(), **(options or {})}
    if agent is not None and chosen.get("default_model") is None:
        chosen["default_model"] = agent_id(agent)
    settings, overrides, own = await asyncio.to_thread(_read, paths, chosen, agent)
    use_overrides(overrides)
    references.use(References(fetchers()))
    use_told(ToldLists(paths.cache / FOLDER))
    for warning in settings.warnings:
        warn(warning)
    url = await asyncio.to_thread(named_url, settings.store) if save else None
    store = make_store(url, paths.database) if save else SQLiteStore(None)

    async def last_model() -> str | None:
        newest = await store.list_sessions(limit=1, only=SessionFilter(owner=""))
        return newest[0].model if newest else None

    registry = Registry(settings, paths.logs, last_model=last_model)
    if agent is not None and own is not None:
        registry.use(own, agent_id(agent))
    agents: AgentSource = registry
    if save and (settings.cache_answers if caches is None else caches):
        # What was kept need not wait its turn.
        agents = CachedAgents(
            PacedAgents(registry, lambda: manager.in_force.now.limits),
            store,
            timedelta(days=settings.cache_days),
            registry.address_of,
        )
    manager = SessionManager(agents, store=store)
    manager.in_force.take(SessionSettings.of(settings))
    try:
        recovered = await manager.open()
    except BaseException:
        await registry.aclose()
        raise
    log = _started_log(settings, paths, manager, recovered) if logs and save else None
    if offer is not None:
        from brim.core.preferences import Preferences  # commands change nothing while they run

        def took(held: Settings) -> None:
            manager.in_force.take(SessionSettings.of(held))
            if log is not None:
                _set_log(log, held)

        offer(Preferences(paths, chosen, settings, registry, took))
    return manager


def _started_log(settings: Settings, paths: Paths, manager: SessionManager, recovered: Recovered) -> Log:
    log = Log(LogFile(paths.logs))
    _set_log(log, settings)
    log.start(manager.subscribe(None))
    if recovered.interrupted_ids:
        log.say("warning", "answers_interrupted", messages=recovered.interrupted_ids)
    if recovered.backup is not None:
        log.say("info", "data_migrated", backup=recovered.backup)
    return log


def _set_log(log: Log, settings: Settings) -> None:
    """Keep in a log what the settings say, and no key that stands in them."""
    secrets = [value for _, value in settings if isinstance(value, SecretStr)]
    for provider in settings.providers.values():
        secrets += provider.headers.values()
        if provider.key is not None and provider.key.value is not None:
            secrets.append(provider.key.value)
    log.keep(
        settings.log_level,
        has_messages=settings.log_messages,
        secrets=[secret.get_secret_value() for secret in secrets],
    )


def agent_id(name: str) -> str:
    """Return the model id of a person's own agent."""
    return f"agent:{name}"


def _read(
    paths: Paths, options: Mapping[str, Any], agent: str | None
) -> tuple[Settings, Overrides, AgentInterface | None]:
    settings = load_settings(paths, options)
    overrides = load_overrides(paths.config)
    paths.make()
    return settings, overrides, None if agent is None else load_agent(agent)
