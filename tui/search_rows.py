"""What a search found as lines: under the titles of sessions, each hit with its words around it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len

from brim.core.text import visible_line

if TYPE_CHECKING:
    from brim.core.search import Hit

HIT_LINES = 2
_LEAD = 8
"""Cells before the words that were found, where there is more before them than fits."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A line: a session's title, or a part of a hit."""

    text: str
    marks: tuple[Span, ...] = ()
    """The characters that were looked for."""
    hit: int | None = None
    """The number of the hit; ``None`` for a title."""


def lay_out(hits: Sequence[Hit], width: int) -> list[FoundLine]:
    """Return the lines of hits, grouped by session in the order of the best hit of each."""
    groups: dict[str, list[int]] = {}
    for number, hit in enumerate(hits):
        groups.setdefault(hit.session_id, []).append(number)
    lines: list[FoundLine] = []
    for numbers in groups.values():
        lines.append(FoundLine(visible_line(hits[numbers[0]].session_title) or "New session"))
        for number in numbers:
            lines += _hit_lines(number, hits[number], max(8, width - 2))
    return lines


def order(hits: Sequence[Hit]) -> list[int]:
    """Return the numbers of hits in the order in which they are shown."""
    first: dict[str, int] = {}
    for number, hit in enumerate(hits):
        first.setdefault(hit.session_id, number)
    return sorted(range(len(hits)), key=lambda number: (first[hits[number].session_id], number))


def _hit_lines(number: int, hit: Hit, width: int) -> Iterable[FoundLine]:
    who = "› " if hit.role == "user" else ""
    text = who + visible_line(hit.snippet)
    marks = [(start + len(who), end + len(who)) for start, end in hit.ranges]
    start = _start(text, marks[0][0] if marks else 0, width)
    if start:
        text = "…" + text[start:]
        marks = [(first - start + 1, last - start + 1) for first, last in marks]
    for _ in range(HIT_LINES):
        end = _break(text, width)
        yield FoundLine(
            text[:end].rstrip(), tuple((a, min(b, end)) for a, b in marks if a < end and b > 0), number
        )
        text = text[end:]
        marks = [(max(0, a - end), b - end) for a, b in marks if b > end]


def _start(text: str, mark: int, width: int) -> int:
    """Return from where to show a text so that its first mark stands in the first line."""
    if cell_len(text[:mark]) < width - _LEAD or mark == 0:
        return 0
    start = mark
    while start > 0 and cell_len(text[start - 1 : mark]) <= _LEAD:
        start -= 1
    gap = text.find(" ", start, mark - 1)
    return start if gap < 0 or text[start - 1] == " " else gap + 1


def _break(text: str, width: int) -> int:
    """Return how much of a text goes on one line: whole words, if a word is no longer than half of it."""
    end = used = 0
    for end, character in enumerate(text):  # noqa: B007 - where it ended
        used += cell_len(character)
        if used > width:
            break
    else:
        return len(text)
    gap = text.rfind(" ", end // 2, end + 1)
    return gap + 1 if gap >= 0 else max(1, end)
