"""Bringing an archive into the store: read in a thread, kept in batches, told how far it has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from brim.core.importing.archive import read
from brim.core.importing.items import Imported, Kind, Position, Problem
from brim.core.store.protocol import Conversation, SessionStore, Taken, TakenAs

BATCH = 1_000
"""Messages of one transaction, about."""
LARGEST = 2 * BATCH
"""Of a conversation with more, so many at a time."""

_MOST_WAITING = 50_000_000
"""Characters of one transaction."""


@dataclass(slots=True)
class Report:
    """What has come of an import so far."""

    new: int = 0
    grown: int = 0
    known: int = 0
    messages: int = 0
    """Added."""
    problems: int = 0

    @property
    def sessions(self) -> int:
        """All that could be read."""
        return self.new + self.grown + self.known


async def take_in(
    store: SessionStore,
    path: Path,
    kind: Kind,
    *,
    is_rehearsal: bool = False,
    problem: Callable[[Problem], None] = lambda _: None,
    progress: Callable[[Report, Position], None] = lambda *_: None,
) -> Report:
    """Bring the conversations of an archive into the store.

    What has been kept when it is cancelled stays; doing it again goes on from there.

    Args:
        store: where they go.
        path: the archive.
        kind: what it is, see `detect`.
        is_rehearsal: tells what would come of it, and keeps nothing.
        problem: told what cannot be read or kept.
        progress: told after each batch how far it has come.

    Raises:
        ImportFormatError: the archive itself cannot be read.
        StoreError: the store cannot be written.
    """
    position, report = Position(), Report()
    batches = _batches(read(path, kind, position))
    outcomes = _Outcomes(report)
    # One after the other: SQLite gives the interpreter away at each row, and another busy thread keeps it for 5 ms.
    while (batch := await asyncio.to_thread(next, batches, None)) is not None:
        items, problems = batch
        for each in problems:
            report.problems += 1
            problem(each)
        parts = [Conversation(part.session, part.messages) for part in items]
        taken = await store.import_sessions(parts, is_rehearsal=is_rehearsal) if parts else []
        for part, result in zip(items, taken, strict=True):
            for each in outcomes.note(part, result):
                report.problems += 1
                problem(each)
        progress(report, position)
    outcomes.close()
    if not is_rehearsal:
        await store.import_sessions(())
    return report


def _batches(items: Iterator[Imported | Problem]) -> Iterator[tuple[list[Imported], list[Problem]]]:
    """Yield what was read in batches; a long conversation is cut into parts."""
    parts: list[Imported] = []
    problems: list[Problem] = []
    messages = chars = 0
    for item in items:
        if isinstance(item, Problem):
            problems.append(item)
            if len(problems) < BATCH:
                continue
            yield parts, problems
            parts, problems, messages, chars = [], [], 0, 0
            continue
        for start in range(0, max(1, len(item.messages)), LARGEST):
            part = item.messages[start : start + LARGEST]
            parts.append(Imported(item.session, part, item.where))
            messages += len(part) + 1
            chars += sum(len(message.content) + len(message.reasoning) for message in part)
            if messages >= BATCH or chars >= _MOST_WAITING:
                yield parts, problems
                parts, problems, messages, chars = [], [], 0, 0
    yield parts, problems


class _Outcomes:
    """Counts conversations, of which several parts may come one after another."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._session_id = ""
        self._outcome: TakenAs | None = None

    def note(self, part: Imported, taken: Taken) -> Iterator[Problem]:
        """Count a part; yields what could not be kept of it."""
        if part.session.id != self._session_id:
            self.close()
            self._session_id = part.session.id
        self._report.messages += taken.messages
        if taken.outcome is TakenAs.REFUSED:
            yield Problem(part.where, taken.why)
        elif self._outcome in (None, TakenAs.KNOWN):
            self._outcome = taken.outcome
        if taken.differing:
            one = taken.differing == 1
            said = "1 message is" if one else f"{taken.differing:,} messages are"
            yield Problem(
                part.where, f"{said} here with another text, which {'it keeps' if one else 'they keep'}"
            )

    def close(self) -> None:
        """Count the conversation that was the last."""
        match self._outcome:
            case TakenAs.NEW:
                self._report.new += 1
            case TakenAs.GROWN:
                self._report.grown += 1
            case TakenAs.KNOWN:
                self._report.known += 1
        self._outcome = None
