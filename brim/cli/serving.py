"""``brim serve`` and ``brim keys``: the same agents and sessions for many people."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from brim.cli.edge import DONE, complain
from brim.core.errors import SettingsError
from brim.core.paths import Paths

KEYS_FILE = "service-keys.toml"
_NEEDED = ("fastapi", "uvicorn", "limits", "prometheus_client")


def serve(options: Mapping[str, Any], *, agent: str | None, model: str | None) -> int:
    """Run the service until it is told to end; returns the exit code.

    Args:
        options: what the command line says, by the names of `ServeOptions`; ``None`` leaves one to the environment.
        agent: a person's own agent as ``module:Class``.
        model: the model of new sessions.

    Raises:
        SettingsError: an option is wrong, the port is taken, or the service would be open to everyone.
    """
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise SettingsError(
            f"The service needs packages that are not installed: {', '.join(missing)}.",
            hint="pip install 'brim[serve]'.",
        )
    from brim.core import references
    from brim.core.references import References
    from brim.providers.vaults import fetchers
    from brim.serve.callers import check_start
    from brim.serve.keys import KeyFile
    from brim.serve.options import with_secrets
    from brim.serve.running import read_options, run_service

    paths = Paths.find()
    references.use(References(fetchers()))
    chosen = with_secrets(read_options(options))
    keys = KeyFile(chosen.keys or paths.config / KEYS_FILE, is_named=chosen.keys is not None)
    check_start(chosen.host, keys)

    async def connect() -> Any:
        from brim.cli.assembly import connect
        from brim.core.archive import Archive
        from brim.core.errors import StoreError
        from brim.core.store.urls import make_store

        # How long a request may be is an option of the service.
        options = {"default_model": model, "max_input_chars": 0}
        manager = await connect(paths, options, agent=agent, logs=False, warn=complain)
        if chosen.archive is None:
            return manager, None
        archive = Archive(manager, make_store(chosen.archive, paths.database))
        try:
            await archive.open()
        except StoreError:
            await manager.aclose()
            raise
        return manager, archive

    return run_service(connect, chosen, keys, moderate=_moderator(paths) if chosen.moderation else None)


def _moderator(paths: Paths) -> Any:
    """Return what asks OpenAI's moderation endpoint, with the key and base URL of the settings."""
    from brim.core.settings import load_settings
    from brim.providers.moderation import Moderator
    from brim.providers.openai import OpenAIServer

    settings = load_settings(paths)
    server = OpenAIServer(
        settings.openai_base_url, settings.openai_api_key, profile=settings.providers["openai"]
    )
    return Moderator(server).flags


def add_key(name: str, limits: Mapping[str, int | None]) -> int:
    """Make a key and print it, this once."""
    key = _keys().add(name, **limits)
    sys.stdout.write(key + "\n")
    complain("This key is shown once; only its hash is kept.")
    return DONE


def remove_key(name: str) -> int:
    """Take a key away."""
    _keys().remove(name)
    return DONE


def list_keys(*, as_json: bool) -> int:
    """Print the names of the keys and their limits."""
    keys = _keys().keys()
    if as_json:
        sys.stdout.write(json.dumps([key.model_dump(exclude={"sha256"}) for key in keys], indent=2) + "\n")
        return DONE
    for key in keys:
        limits = key.model_dump(exclude={"sha256", "name"}, exclude_none=True)
        said = ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in limits.items())
        sys.stdout.write(f"{key.name}  {said}".rstrip() + "\n")
    if not keys:
        complain("There are no keys. `brim keys add NAME` makes one.")
    return DONE


def _keys() -> Any:
    """Return the file that the service reads. Keys can be made where the service's packages are not installed."""
    from brim.serve.keys import KeyFile

    named = os.environ.get("BRIM_SERVE_KEYS")
    return KeyFile(Path(named) if named else Paths.find().config / KEYS_FILE)
