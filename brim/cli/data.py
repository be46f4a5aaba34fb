"""The data alone, for commands that only read: no agent is imported or made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from brim.cli.edge import complain
from brim.cli.store_option import chosen_store
from brim.core.overrides import load_overrides
from brim.core.paths import Paths
from brim.core.references import References, is_reference, use
from brim.core.settings import Settings, load_settings
from brim.core.store.protocol import SessionStore
from brim.core.store.urls import make_store, named_url


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
    store = make_store(await asyncio.to_thread(_url, settings), paths.database)
    await store.open()
    try:
        yield store
    finally:
        await store.aclose()


def _url(settings: Settings) -> SecretStr | None:
    if settings.store is not None and is_reference(settings.store.get_secret_value()):
        from brim.providers.vaults import fetchers

        use(References(fetchers()))
    return named_url(settings.store)


def _read(paths: Paths, options: dict[str, str]) -> Settings:
    settings = load_settings(paths, options)
    load_overrides(paths.config)
    paths.make()
    return settings
