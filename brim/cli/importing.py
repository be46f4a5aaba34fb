"""``brim import``: conversations from other programs, or from another brim."""

from __future__ import annotations

import asyncio
from pathlib import Path

from brim.cli.data import stored
from brim.cli.edge import DONE, FAILED, complain
from brim.cli.output import write
from brim.cli.pipe import Progress
from brim.core.importing import Kind, Position, Problem, detect
from brim.core.importing.taking import Report, take_in
from brim.core.importing.words import STOPPED, problems_line, progress_line, result_line
from brim.core.text import visible_line


async def run(path: Path, *, source: str | None, is_rehearsal: bool) -> int:
    """Import an archive and return the exit code.

    Args:
        path: a file, a zip or a folder.
        source: where it is from; ``None`` finds it out.
        is_rehearsal: tells what would come of it, and keeps nothing.
    """
    kind = Kind(source) if source else await asyncio.to_thread(detect, path)
    line = Progress()

    def progress(report: Report, position: Position) -> None:
        line.show(progress_line(kind, report, position))

    def problem(found: Problem) -> None:
        line.show("")
        complain(visible_line(f"{found.where}: {found.why}"))

    async with stored() as store:
        try:
            report = await take_in(
                store, path, kind, is_rehearsal=is_rehearsal, problem=problem, progress=progress
            )
        except asyncio.CancelledError:
            line.show("")
            complain(STOPPED)
            raise
        finally:
            line.show("")
    said = [result_line(kind, report, is_rehearsal=is_rehearsal), problems_line(report)]
    write(" ".join(filter(None, said)))
    return FAILED if report.problems and not report.sessions else DONE
