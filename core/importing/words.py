"""What an import says of itself: how far it has come, and what came of it."""

from __future__ import annotations

from brim.core.importing.items import Kind, Position
from brim.core.importing.taking import Report
from brim.core.text import visible_line

NAMES = {Kind.CHATGPT: "ChatGPT", Kind.CLAUDE: "Claude", Kind.LLM: "llm", Kind.BRIM: "brim"}

STOPPED = "Stopped. What has come is kept; the same command goes on from there."


def progress_line(kind: Kind, report: Report, position: Position) -> str:
    """Return how far it has come, in one line."""
    file = f" {visible_line(position.file)[:40]}," if position.file else ""
    return f"{NAMES[kind]}:{file} {position.share:.0%}, {report.sessions:,} sessions, {report.messages:,} messages"


def result_line(kind: Kind, report: Report, *, is_rehearsal: bool = False) -> str:
    """Return one sentence for what came of it."""
    if not report.sessions and not report.problems:
        return f"There is nothing in this archive of {NAMES[kind]}."
    counts = [
        f"{report.new:,} {'session' if report.new == 1 else 'sessions'} new",
        f"{report.grown:,} grown",
        f"{report.known:,} known already",
    ]
    messages = f"{report.messages:,} {'message' if report.messages == 1 else 'messages'}"
    added = f"{messages} {'would be added' if is_rehearsal else 'added'}"
    return f"{NAMES[kind]}: {', '.join(counts)}; {added}."


def problems_line(report: Report) -> str:
    """Return one sentence for what could not be read; empty where all could."""
    if not report.problems:
        return ""
    return f"{report.problems:,} {'thing' if report.problems == 1 else 'things'} could not be read, as told above."
