"""``brim`` itself: open the app.

The screen is painted first. Settings, store and agents are made while the person already sees it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from brim.cli.edge import WRONG, complain, exit_code
from brim.core.paths import Paths

if TYPE_CHECKING:
    from brim.core.preferences import Preferences
    from brim.core.sessions import SessionManager

_PAINT_CHECKS = "250"
"""How often a second Textual may paint. At its own 60 a key that comes after a paint waits up to 17 ms."""


def open_app(
    *,
    session: str | None = None,
    model: str | None = None,
    agent: str | None = None,
    persona: str | None = None,
) -> int:
    """Open the app and return its exit code when the person has left it.

    Args:
        session: the session to show, as the person named it; ``None`` for a new one.
        model: the model to talk to; ``None`` for the default.
        agent: a person's own agent as ``module:Class``.
        persona: the persona to begin with, by its name; ``None`` for none.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        complain("brim needs a terminal to open its screen; in a pipe use `brim ask`.")
        return WRONG
    os.environ.setdefault("TEXTUAL_FPS", _PAINT_CHECKS)
    from brim.tui.app import run

    paths = Paths.find()
    warnings: list[str] = []
    codes: list[int] = []
    offered: list[Preferences] = []

    async def connect() -> SessionManager:
        import asyncio
        from importlib import import_module

        await asyncio.to_thread(import_module, "brim.cli.assembly")
        from brim.cli.assembly import connect
        from brim.core.errors import BrimError

        try:
            manager = await connect(
                paths, {"default_model": model}, agent=agent, warn=warnings.append, offer=offered.append
            )
            if session is not None:
                await _look_for(session, manager)
        except BrimError as error:
            codes.append(exit_code(error))
            raise
        return manager

    code = run(
        connect,
        session=session,
        model=model or (f"agent:{agent}" if agent else None),
        persona=persona,
        theme=_wanted_theme(paths),
        state_folder=paths.state,
        config_folder=paths.config,
        warnings=warnings,
        preferences=lambda: offered[-1] if offered else None,
    )
    complain(*warnings)
    return codes[0] if codes else code


async def _look_for(session: str, manager: SessionManager) -> None:
    """Raise if there is no such session, with nothing left open."""
    try:
        await manager.find_session(session)
    except BaseException:
        await manager.aclose()
        raise


def _wanted_theme(paths: Paths) -> str:
    """Return the theme that the settings name, empty where they name none.

    The first paint needs it, and the settings come after that: they tell what is wrong in a file.
    """
    try:
        found = os.environ.get("BRIM_THEME", "").strip() or _theme_in_dotenv() or _theme_in(paths.config_file)
    except (OSError, ValueError):
        return ""
    return found


def _theme_in_dotenv() -> str:
    if not os.path.isfile(".env"):  # noqa: PTH113 - most folders have none, and this is the start
        return ""
    from dotenv import dotenv_values

    return (dotenv_values(".env", interpolate=False).get("BRIM_THEME") or "").strip()


def _theme_in(config_file: Path) -> str:
    if not config_file.is_file():
        return ""
    import tomllib

    theme = tomllib.loads(config_file.read_text(encoding="utf-8")).get("theme")
    return theme if isinstance(theme, str) else ""
