"""Bringing in an archive: ``/import PATH``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from brim.core.paths import expanded
from brim.tui.choosing import ask
from brim.tui.screens.working import Say, WorkingScreen

if TYPE_CHECKING:
    from brim.core.importing import Position, Problem
    from brim.core.importing.taking import Report
    from brim.tui.controller import ChatController
    from brim.tui.screens.chat import ChatScreen


async def import_archive(screen: ChatScreen, controller: ChatController, argument: str) -> None:
    """Bring in the conversations of a file, a folder or a zip; without an argument the person is asked which.

    Raises:
        BrimError: there is no such archive, or it is none that brim can read.
    """
    from brim.core.importing import detect
    from brim.core.importing.words import NAMES, STOPPED, problems_line, progress_line, result_line

    named = argument or await ask(screen.brim, "Import: path of an export (ChatGPT, Claude, llm, brim)", "")
    if not named or not named.strip():
        return
    path = expanded(_unquoted(named.strip()))
    kind = await asyncio.to_thread(detect, path)

    async def work(show: Say, add: Say) -> Sequence[str]:
        def progress(report: Report, position: Position) -> None:
            show(progress_line(kind, report, position))

        def problem(found: Problem) -> None:
            add(f"{found.where}: {found.why}")

        show(f"{NAMES[kind]}: opening …")
        report = await controller.manager.library.take_in(path, kind, problem=problem, progress=progress)
        return [result_line(kind, report), problems_line(report)]

    await screen.brim.push_screen_wait(WorkingScreen(f"Import {path.name}", work, stopped=STOPPED))
    screen.sessions.reload()


def _unquoted(named: str) -> str:
    """Return a path without the quotes that a terminal puts around one that is dropped into it."""
    is_quoted = len(named) > 1 and named[0] == named[-1] and named[0] in "'\""
    return named[1:-1] if is_quoted else named.replace("\\ ", " ")
