"""Where brim keeps what: settings, data, state, cache."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Paths:
    """The four folders. Nothing is made or read until `make`."""

    config: Path
    """``config.toml`` and the person's own themes."""
    data: Path
    """The sessions."""
    state: Path
    """Logs, and what the screen remembers."""
    cache: Path
    """What can be deleted without loss."""

    @classmethod
    def find(cls, environment: Mapping[str, str] | None = None) -> Paths:
        """Return the folders of this person.

        ``BRIM_HOME`` names one folder for everything; without it (or with an empty one) the platform's
        folders are taken.

        Args:
            environment: where to look for ``BRIM_HOME``; ``None`` is the environment of the process.
        """
        environment = os.environ if environment is None else environment
        if named := environment.get("BRIM_HOME", "").strip():
            home = expanded(named).absolute()
            return cls(config=home, data=home, state=home, cache=home / "cache")
        from platformdirs import PlatformDirs

        dirs = PlatformDirs("brim", appauthor=False)
        return cls(
            config=dirs.user_config_path,
            data=dirs.user_data_path,
            state=dirs.user_state_path,
            cache=dirs.user_cache_path,
        )

    @property
    def config_file(self) -> Path:
        """The settings file."""
        return self.config / "config.toml"

    @property
    def themes(self) -> Path:
        """The folder of the person's own themes."""
        return self.config / "themes"

    @property
    def database(self) -> Path:
        """The file with all sessions."""
        return self.data / "brim.db"

    @property
    def logs(self) -> Path:
        """The folder of log files."""
        return self.state / "logs"

    @property
    def ui_state(self) -> Path:
        """What the screen remembers from one start to the next."""
        return self.state / "screen.json"

    def make(self) -> None:
        """Make the folders that are missing, open to nobody else (0700).

        Raises:
            SettingsError: a folder cannot be made.
        """
        for folder in (self.config, self.data, self.state, self.cache, self.logs):
            try:
                _make(folder)
            except OSError as error:
                from brim.core.errors import SettingsError

                raise SettingsError(
                    f"The folder {folder} cannot be made: {error.strerror or error}.",
                    hint="Set BRIM_HOME to a folder that you can write to.",
                ) from None


def _make(folder: Path) -> None:
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def expanded(named: str) -> Path:
    """Return the path that a person means; a ``~`` that is nobody's home stays as it is."""
    return Path(os.path.expanduser(named))  # noqa: PTH111 - unlike Path's, it never raises
