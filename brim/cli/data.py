"""The data alone, for commands that only read: no agent is imported or made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from brim.cli.edge import complain
from brim.core.overrides import load_overrides
from brim.core.paths import Paths
from brim.core.settings import Settings, load_settings
from brim.core.store.protocol import SessionStore
from brim.core.store.sqlite import SQLiteStore


@asynccontextmanager
async def stored() -> AsyncIterator[SessionStore]:
    """Open the data for the length of a command.

    Raises:
        SettingsError: a setting or ``models.toml`` is wrong, which every command says.
        StoreError: the data file cannot be used.
    """
    paths = Paths.find()
    settings = await asyncio.to_thread(_read, paths)
    complain(*settings.warnings)
    store: SessionStore = SQLiteStore(paths.database)
    await store.open()
    try:
        yield store
    finally:
        await store.aclose()


def _read(paths: Paths) -> Settings:
    settings = load_settings(paths)
    load_overrides(paths.config)
    paths.make()
    return settings
