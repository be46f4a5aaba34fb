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
from brim.core.text import visible_line

_NAMES = {Kind.CHATGPT: "ChatGPT", Kind.CLAUDE: "Claude", Kind.LLM: "llm", Kind.BRIM: "brim"}


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
        file = f" {visible_line(position.file)[:40]}," if position.file else ""
        line.show(
            f"{_NAMES[kind]}:{file} {position.share:.0%}, {report.sessions:,} sessions, "
            f"{report.messages:,} messages"
        )

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
            complain("Stopped. What has come is kept; the same command goes on from there.")
            raise
        finally:
            line.show("")
    write(_said(report, kind, is_rehearsal=is_rehearsal))
    return FAILED if report.problems and not report.sessions else DONE


def _said(report: Report, kind: Kind, *, is_rehearsal: bool) -> str:
    """Return one sentence for what came of it."""
    if not report.sessions and not report.problems:
        return f"There is nothing in this archive of {_NAMES[kind]}."
    counts = [
        f"{report.new:,} {'session' if report.new == 1 else 'sessions'} new",
        f"{report.grown:,} grown",
        f"{report.known:,} known already",
    ]
    messages = f"{report.messages:,} {'message' if report.messages == 1 else 'messages'}"
    added = f"{messages} {'would be added' if is_rehearsal else 'added'}"
    failed = (
        f" {report.problems:,} {'thing' if report.problems == 1 else 'things'} could not be read, as told above."
        if report.problems
        else ""
    )
    return f"{_NAMES[kind]}: {', '.join(counts)}; {added}.{failed}"
