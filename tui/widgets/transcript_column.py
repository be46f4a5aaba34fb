"""The transcript as one tall column: messages with their heights kept true, and the part of it that is seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter

from rich.style import Style

from brim.core.text import visible
from brim.tui.render.document import estimate_height
from brim.tui.render.line import Line
from brim.tui.viewport import Anchor, Viewport
from brim.tui.widgets import message_lines as shapes
from brim.tui.widgets.message_sections import Mark
from brim.tui.widgets.message_view import MessageView
from brim.tui.widgets.plain_text import PlainText
from brim.tui.widgets.transcript_inks import TranscriptInks
from brim.tui.widgets.transcript_model import Place, TranscriptModel

_ESTIMATED_AT_ONCE = 4_000
MOVE_BUDGET_S = 0.015
"""Seconds of layout before a key press is answered."""


class TranscriptColumn:
    """Messages above each other, and below them the prompts that wait.

    Entries are numbered like the messages; the number after the last message is the waiting prompts.
    """

    def __init__(self, inks: TranscriptInks) -> None:
        self.model = TranscriptModel()
        self.viewport = Viewport()
        self.inks = inks
        self.width = 0
        self._queue: tuple[str, ...] = ()
        self._queue_lines: list[Line] = []
        self._kept: tuple[int, Mark] | None = None
        """The message at the top of the view and what of it is read, while it is to be laid out anew."""
        self._found: tuple[Anchor, Mark] | None = None
        """Where that was found, and what was looked for: a line rarely begins where the old one did."""
        self.viewport.heights.append(0)

    # --- what is there ----------------------------------------------------------------------------

    def show(self, model: TranscriptModel, place: Place | None) -> None:
        """Take other messages and go to ``place``, the end when `None`."""
        self.model = model
        self._kept = self._found = None
        self._queue, self._queue_lines = (), []
        self.viewport.heights.replace([*model.first_estimates(max(1, self.width)), 0])
        if place is None or place.following:
            self.viewport.follow()
        else:
            known = model.entry_of(place.message_id)
            entry = min(place.entry if known is None else known, model.count)
            self.viewport.hold(Anchor(entry, place.line))
            self._kept = (entry, place.mark) if place.mark else None

    def place(self) -> Place:
        """Return where the view is."""
        top = self.viewport.top
        ids = self.model.ids
        message_id = ids[top.entry] if top.entry < len(ids) else ""
        kept = self._mark_of(top)
        return Place(message_id, top.entry, top.line, kept[1] if kept else None, self.viewport.following)

    def _mark_of(self, anchor: Anchor) -> tuple[int, Mark] | None:
        """Return what an anchor shows; the same as before when nobody moved since it was found again."""
        if self._found is not None and self._found[0] == anchor:
            return anchor.entry, self._found[1]
        view = self.model.views.get(anchor.entry)
        return (anchor.entry, view.mark(anchor.line)) if view is not None and view.sections else None

    def append(self, entry: int) -> None:
        """Give the message ``entry``, the last, its place before the waiting prompts."""
        heights = self.viewport.heights
        heights.truncate(entry)
        heights.append(self.model.estimate(entry, max(1, self.width)))
        heights.append(len(self._queue_lines))

    def truncate(self, count: int) -> None:
        """Take away all messages from number ``count`` on."""
        self.model.truncate(count)
        self.viewport.truncate(count)
        self.viewport.heights.append(len(self._queue_lines))

    def set_queue(self, texts: Sequence[str]) -> None:
        """Show these prompts as waiting."""
        self._queue = tuple(texts)
        self._lay_out_queue()

    def _lay_out_queue(self) -> None:
        lines: list[Line] = []
        dim = self.inks.markdown.dim
        for text in self._queue:
            lines.append(shapes.line_of([("You", dim + Style(bold=True)), (" · queued", dim)], self.width))
            lines += PlainText(visible(text)).lines(max(1, self.width), dim)
            lines.append(shapes.BLANK)
        self._queue_lines = lines
        self.viewport.set_height(self.model.count, len(lines))

    # --- sizes ------------------------------------------------------------------------------------

    def resize(self, width: int, rows: int) -> bool:
        """Take a new size, keeping the place; returns whether the width, and so every line, is another."""
        self.viewport.rows = rows
        if width == self.width:
            return False
        anchor = self.viewport.anchor
        if self._kept is None and anchor is not None:
            self._kept = self._mark_of(anchor)
        self.width = width
        self.model.measured = bytearray(self.model.count)
        self._lay_out_queue()
        return True

    def reink(self, inks: TranscriptInks) -> None:
        """Draw with other styles."""
        self.inks = inks
        self._lay_out_queue()

    def estimates(self) -> Iterator[list[int]]:
        """Estimate all heights for the width of now, some at a time."""
        for start in range(0, self.model.count, _ESTIMATED_AT_ONCE):
            stop = min(start + _ESTIMATED_AT_ONCE, self.model.count)
            yield self.model.estimates(max(1, self.width), range(start, stop))

    def take_estimates(self, heights: Sequence[int]) -> None:
        """Take estimates for the first messages, except for those that are measured."""
        viewport, measured = self.viewport, self.model.measured
        anchor = viewport.anchor
        old = viewport.heights
        new = [
            old[entry] if entry < len(measured) and measured[entry] and entry < len(old) else height
            for entry, height in enumerate(heights)
        ]
        late = range(len(new), self.model.count)
        new += [old[entry] if entry < len(old) - 1 else 1 for entry in late]
        viewport.heights.replace([*new, len(self._queue_lines)])
        if anchor is not None:
            viewport.hold(anchor)

    def grow_unseen(self, entry: int, view: MessageView) -> None:
        """Estimate the height of an answer that grows outside of the view."""
        height = estimate_height(view.chars, view.breaks + 1, max(1, self.width)) + 2
        if height > self.viewport.heights[entry]:
            self.viewport.set_height(entry, height)
            self.model.measured[entry] = 0

    # --- measuring --------------------------------------------------------------------------------

    def _is_ready(self, entry: int) -> bool:
        """Whether there is nothing to do for an entry, or nothing that can be done now."""
        if entry >= self.model.count or entry not in self.model.messages:
            return True
        view = self.model.views.get(entry)
        return view is not None and view.is_laid_out(self.width, self.inks)

    def measure(self, budget_s: float, around: int = 0) -> tuple[bool, bool]:
        """Lay out what is seen, and ``around`` lines more, for about ``budget_s`` seconds.

        Returns whether all of it is laid out, and whether anything was.
        """
        until = perf_counter() + budget_s
        changed = False
        while self.width > 0:
            entries = self.viewport.visible(around, around)
            waiting = [entry for entry in entries if not self._is_ready(entry)]
            if self._kept is not None and not self._is_ready(self._kept[0]):
                waiting = [self._kept[0]]
            if not waiting:
                return True, changed
            entry = waiting[-1] if self.viewport.following else waiting[0]
            left_s = until - perf_counter()
            if left_s <= 0 or not self.measure_one(entry, left_s):
                return False, changed
            changed = True
        return True, changed

    def measure_one(self, entry: int, budget_s: float | None = None) -> bool:
        """Lay out a message and correct its height; tell whether it is laid out."""
        view = self.model.view(entry)
        if view is None:
            return False
        viewport = self.viewport
        anchor = viewport.anchor
        is_top = anchor is not None and anchor.entry == entry
        line, mark, old_height = anchor.line if anchor else 0, None, viewport.heights[entry]
        if is_top:
            if self._kept is not None and self._kept[0] == entry:
                mark = self._kept[1]
            elif view.sections and self.model.measured[entry]:
                mark = view.mark(line)
        if not self.model.lay_out(entry, self.width, self.inks, budget_s):
            return False
        if is_top:
            line = view.row(mark) if mark else line * view.height // max(1, old_height)
            if self._kept is not None:
                self._found = (Anchor(entry, line), self._kept[1])
                self._kept = None
        viewport.set_height(entry, view.height, line=line if is_top else None)
        return True

    # --- moving -----------------------------------------------------------------------------------

    def scroll_by(self, lines: int) -> None:
        """Move by so many lines, measuring what comes into view on the way if that is quick."""
        above, below = (-lines, 0) if lines < 0 else (0, lines)
        until = perf_counter() + MOVE_BUDGET_S
        for entry in reversed(self.viewport.visible(above, below)):
            if not self._is_ready(entry):
                self.measure_one(entry, max(0.0, until - perf_counter()))
        self.scroll_to(self.viewport.y + lines)

    def scroll_to(self, y: int) -> None:
        """Bring line ``y`` of all to the top of the view."""
        self._kept = None
        self.viewport.scroll_to(y)

    def go_to(self, entry: int, line: int) -> None:
        """Bring a line into view if it is not, with some lines above and below."""
        self._kept = None
        self.viewport.reveal(entry, line, margin=self.viewport.rows // 3)

    # --- what is seen -----------------------------------------------------------------------------

    def seen(self) -> list[tuple[int, int]]:
        """Return the entry and the line of it for every row of the view; fewer where the column ends."""
        rows: list[tuple[int, int]] = []
        heights = self.viewport.heights
        if not heights.total:
            return rows
        top = self.viewport.top
        entry, line = top.entry, top.line
        while len(rows) < self.viewport.rows and entry < len(heights):
            take = min(heights[entry] - line, self.viewport.rows - len(rows))
            rows += [(entry, number) for number in range(line, line + take)]
            entry, line = entry + 1, 0
        return rows

    def line(self, entry: int, number: int) -> Line | None:
        """Return a line; ``None`` while it is not known."""
        if entry >= self.model.count:
            return self._queue_lines[number] if number < len(self._queue_lines) else shapes.BLANK
        view = self.model.views.get(entry)
        return view.line(number) if view is not None and view.sections else None
