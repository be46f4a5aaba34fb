"""The data alone, for commands that only read: no agent is imported or made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from brim.cli.edge import complain
from brim.cli.store_option import chosen_store
from brim.core.overrides import load_overrides
from brim.core.paths import Paths
from brim.core.settings import Settings, load_settings
from brim.core.store.protocol import SessionStore
from brim.core.store.urls import make_store


@asynccontextmanager
async def stored() -> AsyncIterator[SessionStore]:
    """Open the data for the length of a command.

    Raises:
        SettingsError: a setting or ``models.toml`` is wrong, which every command says.
        StoreError: the data file cannot be used.
    """
    paths = Paths.find()
    settings = await asyncio.to_thread(_read, paths, chosen_store())
    complain(*settings.warnings)
    store = make_store(settings.store, paths.database)
    await store.open()
    try:
        yield store
    finally:
        await store.aclose()


def _read(paths: Paths, options: dict[str, str]) -> Settings:
    settings = load_settings(paths, options)
    load_overrides(paths.config)
    paths.make()
    return settings
