"""Selecting in the transcript with the mouse, across messages and beyond the edges of the view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brim.core.text import visible
from brim.tui.selection import END, Point, Selection, excerpt, word_at
from brim.tui.widgets.message_sections import Mark
from brim.tui.widgets.transcript_column import TranscriptColumn
from brim.tui.widgets.transcript_model import PAGE

if TYPE_CHECKING:
    from brim.core.types import Message


class Selector:
    """The selection of a transcript and how it is made."""

    def __init__(self, column: TranscriptColumn) -> None:
        self._column = column
        self.selection: Selection | None = None
        self.is_dragging = False
        self._origin: Selection | None = None
        self._marks: tuple[Mark | None, Mark | None] | None = None

    @property
    def has_text(self) -> bool:
        """Whether something is selected."""
        return self.selection is not None and not self.selection.is_empty

    def point(self, x: int, y: int) -> Point:
        """Return the point at a cell and row of the view; beyond an edge, that at the edge."""
        rows = self._column.seen()
        if not rows:
            return Point(0, 0, 0)
        if y < 0:
            return Point(*rows[0], 0)
        if y >= len(rows):
            return Point(*rows[-1], END)
        return Point(*rows[y], max(0, x))

    def begin(self, x: int, y: int) -> None:
        """Press the button: what was selected is not any more."""
        point = self.point(x, y)
        self.selection = self._origin = Selection(point, point)
        self.is_dragging = True

    def extend(self, x: int, y: int) -> None:
        """Move with the button held, or click with Shift."""
        point = self.point(x, y)
        origin = self._origin or Selection(point, point)
        if point < origin.first:
            self.selection = Selection(origin.last, point)
        else:
            self.selection = Selection(origin.first, max(point, origin.last))

    def end(self) -> None:
        """Let go of the button."""
        self.is_dragging = False

    def clear(self) -> bool:
        """Select nothing; returns whether something was selected."""
        had = self.has_text
        self.selection = self._origin = None
        self.is_dragging = False
        return had

    def select_word(self, x: int, y: int) -> None:
        """Select the word at a place."""
        point = self.point(x, y)
        line = self._column.line(point.entry, point.row)
        start, end = word_at(line.text, point.cell) if line else (0, 0)
        self.selection = self._origin = Selection(point._replace(cell=start), point._replace(cell=end))

    def select_paragraph(self, x: int, y: int) -> None:
        """Select the lines around a place up to the next blank ones."""
        entry, row, _ = self.point(x, y)
        first = last = row
        while first > 0 and self._has_text(entry, first - 1):
            first -= 1
        while self._has_text(entry, last + 1):
            last += 1
        self.selection = self._origin = Selection(Point(entry, first, 0), Point(entry, last, END))

    def _has_text(self, entry: int, row: int) -> bool:
        view = self._column.model.views.get(entry)
        found = view.section_at(row) if view else None
        return (
            found is not None and found[0].source is not None and bool(found[0].lines[found[1]].text.strip())
        )

    # --- a new width ------------------------------------------------------------------------------

    def keep(self) -> None:
        """Remember what the ends of the selection show, before lines are made for another width."""
        if self.selection is None:
            return
        marks: list[Mark | None] = []
        for entry, row, _ in self.selection:
            view = self._column.model.views.get(entry)
            marks.append(view.mark(row) if view is not None and view.sections else None)
        self._marks = (marks[0], marks[1])

    def restore(self) -> None:
        """Find the ends of the selection again: to the line."""
        if self.selection is None or self._marks is None:
            return
        points: list[Point] = []
        for (entry, row, cell), mark in zip(self.selection, self._marks, strict=True):
            view = self._column.model.views.get(entry)
            if mark is None or view is None or not self._column.measure_one(entry):
                points.append(Point(entry, row, cell))
            else:
                points.append(Point(entry, view.row(mark), cell))
        self._marks = None
        self.selection = self._origin = Selection(points[0], points[1])

    # --- its text ---------------------------------------------------------------------------------

    async def text(self) -> str:
        """Return what is selected; texts that are not here are fetched."""
        if self.selection is None or self.selection.is_empty:
            return ""
        first, last = self.selection.first, self.selection.last
        found: list[str] = []
        for start in range(first.entry, last.entry + 1, PAGE):
            entries = range(start, min(start + PAGE, last.entry + 1))
            away = await self._fetch(self._column.model.absent(entries))
            for entry in entries:
                begin = first[1:] if entry == first.entry else (0, 0)
                end = last[1:] if entry == last.entry else (END, END)
                text = self._text_of(entry, begin, end, away)
                if text:
                    found.append(text)
        return "\n\n".join(found)

    async def _fetch(self, entries: list[int]) -> dict[str, Message]:
        model = self._column.model
        if not entries or model.source is None:
            return {}
        messages = await model.source.messages_by_id([model.ids[entry] for entry in entries])
        return {message.id: message for message in messages}

    def _text_of(
        self, entry: int, begin: tuple[int, int], end: tuple[int, int], away: dict[str, Message]
    ) -> str:
        model = self._column.model
        if entry >= model.count:
            return ""
        view = model.view(entry)
        if view is None:
            message = away.get(model.ids[entry])
            return visible(message.content) if message else ""
        if (begin, end) == ((0, 0), (END, END)):
            return visible(view.content)
        self._column.measure_one(entry)
        return excerpt(view, begin, (min(end[0], view.height - 1), end[1] if end[0] < view.height else END))
