"""The panel that a block of code stands in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style

from .code import highlight
from .inks import Inks
from .rows import MIN_BODY, Row
from .wrap import Run, break_anywhere, cells_of, cut_runs, fitting, is_narrow

_MARGINS_FROM = 2 * MIN_BODY


@dataclass(frozen=True, slots=True)
class Panel:
    """Code on a background as wide as the text. ``number`` is that of the fenced block, if it is one."""

    width: int
    inks: Inks
    number: int | None

    def label(self, language: str, start: int, end: int) -> Row:
        """Return the row above the code, which names its language."""
        return self._rows([(language, self.inks.code_label)], self.inks.code_label, start, end)[0]

    def bottom(self, start: int, end: int) -> Row:
        """Return the row below the code."""
        return Row([Segment(" " * self.width, self.inks.code_block)], self.width, start, end, self.number)

    def code(self, lines: list[str], language: str, starts: Sequence[int], *, settled: bool) -> Iterator[Row]:
        """Yield the rows of ``lines``; ``starts`` says where each stands, and where the last one ends.

        ``settled`` says that no more lines will come.
        """
        text = "\n".join([line.expandtabs(4) for line in lines])
        for place, runs in enumerate(highlight(text, language, self.inks, settled=settled) if lines else ()):
            yield from self._rows(runs, self.inks.code_block, starts[place], starts[place + 1] - 1)

    def _rows(self, runs: Sequence[Run], fill: Style, start: int, end: int) -> list[Row]:
        margin = 1 if self.width >= _MARGINS_FROM else 0
        body = self.width - 2 * margin
        runs = fitting(runs, body)
        if sum([len(text) for text, _ in runs]) <= body and all(is_narrow(text) for text, _ in runs):
            cut = [[Segment(*run) for run in runs if run[0]]]
        else:
            cut = cut_runs(runs, break_anywhere(runs, body))
        made: list[Row] = []
        for segments in cut:
            blank = self.width - margin - cells_of(segments)
            if margin:
                segments.insert(0, Segment(" ", fill))
            if blank > 0:
                segments.append(Segment(" " * blank, fill))
            made.append(Row(segments, self.width, start, end, self.number))
        return made
