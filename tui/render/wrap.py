"""Breaking text into rows by cells, as Textual measures them.

A *run* is a piece of text in one style. Runs are measured one by one, as the segments that they become will
be, and never cut inside a character that a terminal draws as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from rich.cells import cell_len, get_character_cell_size, split_graphemes
from rich.segment import Segment
from rich.style import Style

Run = tuple[str, Style]
Span = tuple[int, int]
"""Where a row starts and ends in the text of all its runs."""

_NOT_FIRST = frozenset("、。，．：；？！）」』】〉》〕ーぁぃぅぇぉっゃゅょァィゥェォッャュョ")
"""Characters that a row of Chinese or Japanese text does not start with."""


@lru_cache(maxsize=4096)
def _is_narrow(character: str) -> bool:
    return get_character_cell_size(character) == 1


def is_narrow(text: str) -> bool:
    """Tell whether every character of ``text`` takes exactly one cell."""
    return text.isascii() or all(map(_is_narrow, set(text)))


def fitting(runs: Sequence[Run], width: int) -> list[Run]:
    """Return ``runs`` with what is wider than ``width`` by itself (a wide character in one cell) replaced."""
    if width > 1:
        return list(runs)
    return [
        (
            text
            if is_narrow(text)
            else "".join("…" if cells > width else text[a:b] for a, b, cells in split_graphemes(text)[0]),
            style,
        )
        for text, style in runs
    ]


def break_words(runs: Sequence[Run], width: int) -> list[Span]:
    """Return the rows of ``runs`` at ``width``, broken at spaces, between wide characters, or where needed.

    A new line in the text ends a row. The spaces at a break belong to no row.
    """
    text = "".join([text for text, _ in runs])
    spans: list[Span] = []
    if is_narrow(text.replace("\n", "")):
        start = 0
        for line in text.split("\n"):
            _break_narrow(text, start, start + len(line), width, spans)
            start += len(line) + 1
    else:
        _break_wide(text, _clusters(runs), width, spans)
    return spans


def _break_narrow(text: str, start: int, end: int, width: int, spans: list[Span]) -> None:
    while end - start > width:
        cut = text.rfind(" ", start, start + width + 1)
        if cut <= start:
            spans.append((start, start + width))
            start += width
            continue
        last = cut
        while last > start and text[last - 1] == " ":
            last -= 1
        if last > start:
            spans.append((start, last))
        start = cut + 1
        while start < end and text[start] == " ":
            start += 1
    if start < end or not spans or spans[-1][1] < start - 1:
        spans.append((start, end))


def _clusters(runs: Sequence[Run]) -> list[tuple[int, int, int]]:
    """Return start, end and cells of every character as drawn."""
    clusters: list[tuple[int, int, int]] = []
    offset = 0
    for text, _ in runs:
        for number, line in enumerate(text.split("\n")):
            if number:
                clusters.append((offset, offset + 1, 0))
                offset += 1
            if is_narrow(line):
                clusters += [(place, place + 1, 1) for place in range(offset, offset + len(line))]
            else:
                clusters += [(a + offset, b + offset, cells) for a, b, cells in split_graphemes(line)[0]]
            offset += len(line)
    return clusters


def _break_wide(text: str, clusters: list[tuple[int, int, int]], width: int, spans: list[Span]) -> None:
    start = row_cells = before_break = 0
    can_break = -1
    wide_before = False

    def end_row(end: int) -> None:
        while end > start and text[end - 1] == " ":
            end -= 1
        spans.append((start, end))

    for first, last, cells in clusters:
        character = text[first:last]
        if character == "\n":
            end_row(first)
            start, row_cells, can_break, wide_before = last, 0, -1, False
            continue
        if (wide_before or cells == 2) and first > start and character[0] not in _NOT_FIRST:
            can_break, before_break = first, row_cells
        if character != " " and row_cells + cells > width:
            if can_break > start:
                end_row(can_break)
                start, row_cells = can_break, row_cells - before_break
            if row_cells + cells > width and first > start:
                end_row(first)
                start, row_cells = first, 0
            can_break = -1
        row_cells += cells
        wide_before = cells == 2
        if character == " ":
            can_break, before_break = last, row_cells
    end_row(len(text))


def break_anywhere(runs: Sequence[Run], width: int) -> list[Span]:
    """Return the rows of one line of code at ``width``, broken where the width ends, spaces kept."""
    length = sum([len(text) for text, _ in runs])
    if all(is_narrow(text) for text, _ in runs):
        return [(start, min(start + width, length)) for start in range(0, length, width)] or [(0, 0)]
    cuts = [0]
    row_cells = 0
    for first, _, cells in _clusters(runs):
        if row_cells + cells > width and first > cuts[-1]:
            cuts.append(first)
            row_cells = 0
        row_cells += cells
    return list(pairwise((*cuts, length)))


def cut_runs(runs: Sequence[Run], spans: Sequence[Span]) -> list[list[Segment]]:
    """Return the segments of every row, given the rows in order."""
    rows: list[list[Segment]] = []
    number = offset = 0
    for start, end in spans:
        row: list[Segment] = []
        while number < len(runs) and offset + len(runs[number][0]) <= start:
            offset += len(runs[number][0])
            number += 1
        place = start
        while place < end:
            text, style = runs[number]
            part = text[place - offset : end - offset]
            if part:
                row.append(Segment(part, style))
            place += len(part)
            if place < end:
                offset += len(text)
                number += 1
        rows.append(row)
    return rows


def cells_of(segments: Sequence[Segment]) -> int:
    """Return the cells that ``segments`` take."""
    return sum([cell_len(segment.text) for segment in segments])
