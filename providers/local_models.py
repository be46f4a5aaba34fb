"""The provider ``local``: which models there are, what their names mean, and the agents for them."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from brim.core.errors import AgentError
from brim.core.types import AgentConfig, ModelInfo
from brim.providers.local import BUNDLED_MODEL, LocalAgent, find_model, is_installed, is_path, path_of
from brim.providers.local_file import look_at, trouble
from brim.providers.local_folders import Found, find_all
from brim.providers.local_memory import LocalMemory

FOUND_HOLDS_S = 10.0
_LATEST = ":latest"
"""What Ollama adds to a name without a tag."""


class LocalSettings(Protocol):
    """The settings of local models; ``None`` means not set."""

    @property
    def local_model(self) -> Path | None: ...
    @property
    def local_models(self) -> Path | None: ...
    @property
    def local_threads(self) -> int | None: ...
    @property
    def local_window(self) -> int | None: ...
    @property
    def local_idle_s(self) -> int: ...
    @property
    def local_memory(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFile:
    """A model that was found: its name, its file, whose that is, and its window where it tells."""

    name: str
    path: Path
    origin: str
    window_tokens: int | None


class LocalModels:
    """The local models of one brim, which share the memory.

    Args:
        settings: those of local models.
        log_folder: for what the child processes print.
    """

    def __init__(self, settings: LocalSettings, log_folder: Path) -> None:
        self._settings = settings
        self._log_folder = log_folder
        self._memory = LocalMemory(settings.local_memory or "")
        self._found: dict[str, LocalFile] | None = None
        self._own_window: int | None = None
        self._looked_at = 0.0
        self._looking = asyncio.Lock()
        self._windows: dict[tuple[Path, int, int], int | None] = {}

    def take(self, settings: LocalSettings) -> None:
        """Go on with other settings."""
        self._settings = settings
        self._memory.limit = settings.local_memory or ""
        self._looked_at = 0.0

    @property
    def default_id(self) -> str:
        """The model that a new session has where nothing else can be used."""
        file = self._settings.local_model
        return f"local:{file.stem if file else BUNDLED_MODEL}"

    async def find(self) -> None:
        """Look for models on this machine, again after some seconds."""
        async with self._looking:
            now = asyncio.get_running_loop().time()
            if self._found is None or now - self._looked_at >= FOUND_HOLDS_S:
                self._found = await asyncio.to_thread(self._look, self._settings.local_models)
                self._looked_at = now

    async def look_for(self, name: str) -> None:
        """Look for models on this machine where only that can tell what a name means."""
        if not is_path(name) and self.file_of(name) is None:
            await self.find()

    def counts(self) -> dict[str, int]:
        """Return how many models were found, by whose they are."""
        return dict(Counter(file.origin for file in (self._found or {}).values()))

    def listed(self) -> list[ModelInfo]:
        """Return what can be named, as far as it has been looked for."""
        own = ModelInfo(id=self.default_id, window_tokens=self._settings.local_window or self._own_window)
        return [
            own,
            *(
                ModelInfo(
                    id=f"local:{one.name}",
                    window_tokens=self._settings.local_window or one.window_tokens,
                    origin=one.origin,
                )
                for one in (self._found or {}).values()
                if f"local:{one.name}" != own.id
            ),
        ]

    def file_of(self, name: str) -> Path | None:
        """Return the file that a name means, which need not be there; ``None`` if nothing has that name."""
        file = self._settings.local_model
        if file is not None and name == file.stem:
            return file
        if is_path(name):
            return path_of(name)
        found = self._found or {}
        one = found.get(name) or found.get(name + _LATEST)
        return one.path if one is not None else find_model(name)

    def whole(self, name: str) -> str:
        """Return a name as it means the same in every working folder."""
        return str(path_of(name)) if is_path(name) else name

    def unavailable(self, name: str) -> str:
        """Return why a model cannot be used now, as a sentence; empty if it can, as far as can be seen."""
        if not is_installed():
            return "llama.cpp is not installed: pip install 'brim[local]'."
        if (path := self.file_of(name)) is not None:
            return trouble(path)
        if self._found is None and name != BUNDLED_MODEL:
            return ""
        return f"There is no file of the local model “{name}”."

    def agent(self, config: AgentConfig) -> LocalAgent:
        """Return an agent for the model that ``config`` names.

        Raises:
            AgentError: nothing has that name.
        """
        if (path := self.file_of(config.model or "")) is None:
            raise AgentError(f"There is no file of the local model “{config.model}”.", provider="local")
        return LocalAgent(
            config,
            model_path=path,
            log_folder=self._log_folder,
            threads=self._settings.local_threads,
            window_tokens=self._settings.local_window,
            idle_s=self._settings.local_idle_s,
            memory=self._memory,
        )

    def _look(self, folder: Path | None) -> dict[str, LocalFile]:
        """Look for models; a thread does it. One file has one name, but for Ollama's, where people gave several."""
        files: dict[str, LocalFile] = {}
        seen: set[tuple[int, int]] = set()
        windows: dict[tuple[Path, int, int], int | None] = {}
        for found in find_all(folder, os.environ, Path.home()):
            try:
                status = found.path.stat()
                key = (found.path, status.st_size, status.st_mtime_ns)
                windows[key] = self._windows[key] if key in self._windows else _window(found.path)
            except (AgentError, OSError):
                continue
            file = (status.st_dev, status.st_ino)
            is_new = file not in seen or found.origin == "Ollama"
            if is_new and (name := _name(found, files)):
                seen.add(file)
                files[name] = LocalFile(
                    name=name, path=found.path, origin=found.origin, window_tokens=windows[key]
                )
        self._windows = windows
        self._own_window = None
        if (own := self.file_of(self.default_id.partition(":")[2])) is not None:
            with contextlib.suppress(AgentError):
                self._own_window = look_at(own).window_tokens
        return files


def _window(path: Path) -> int | None:
    """Return the window of a model. Raises `AgentError` where a file is none that answers."""
    return look_at(path).window_tokens


def _name(found: Found, taken: dict[str, LocalFile]) -> str:
    """Return the shortest name that no other has, empty where there is none that can be shown."""
    free = (name for name in found.names if name not in taken and name != BUNDLED_MODEL)
    return next((name for name in free if name.isprintable() and not is_path(name)), "")
