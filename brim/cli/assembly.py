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
from brim.core.cleanup import CleanupMode
from brim.core.limits import Limits
from brim.core.log_file import LEVELS, LogFile
from brim.core.logs import Log
from brim.core.overrides import Overrides, load_overrides
from brim.core.pace import paced
from brim.core.paths import Paths
from brim.core.references import References
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
    if offer is not None:
        from brim.core.preferences import Preferences  # commands change nothing while they run

        offer(Preferences(paths, chosen, settings, registry))
    agents: AgentSource = registry
    limits = settings.limits
    if save and (settings.cache_answers if caches is None else caches):
        # What was kept need not wait its turn.
        agents = CachedAgents(
            paced(registry, limits), store, timedelta(days=settings.cache_days), registry.address_of
        )
        limits = Limits(max_input_chars=limits.max_input_chars)
    manager = SessionManager(
        agents,
        store=store,
        context_window_size=settings.context_window_size,
        cleanup_threshold=settings.cleanup_threshold,
        cleanup_target=settings.cleanup_target,
        min_messages_to_keep=settings.min_messages_to_keep,
        default_system_prompt=settings.system_prompt,
        max_tokens=settings.max_tokens,
        cleanup_mode=CleanupMode(settings.cleanup_mode),
        summary_model=settings.summary_model,
        session_budget_usd=settings.session_budget_usd,
        day_budget_usd=settings.day_budget_usd,
        limits=limits,
    )
    try:
        recovered = await manager.open()
    except BaseException:
        await registry.aclose()
        raise
    if logs and save:
        _start_log(settings, paths, manager, recovered)
    return manager


def _start_log(settings: Settings, paths: Paths, manager: SessionManager, recovered: Recovered) -> None:
    secrets = [value for _, value in settings if isinstance(value, SecretStr)]
    for provider in settings.providers.values():
        secrets += provider.headers.values()
        if provider.key is not None and provider.key.value is not None:
            secrets.append(provider.key.value)
    is_off = settings.log_level == "off"
    log = Log(
        None if is_off else LogFile(paths.logs),
        level=LEVELS[-1] if is_off else settings.log_level,
        has_messages=settings.log_messages,
        secrets=[secret.get_secret_value() for secret in secrets],
    )
    log.start(manager.subscribe(None))
    if recovered.interrupted_ids:
        log.say("warning", "answers_interrupted", messages=recovered.interrupted_ids)
    if recovered.backup is not None:
        log.say("info", "data_migrated", backup=recovered.backup)


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
