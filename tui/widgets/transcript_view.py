"""The column on the screen: what is seen is drawn line by line, what is near is fetched and laid out ahead."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.theme import Theme
from textual.types import CallbackType
from textual.worker import Worker

from brim.tui.behind import work_behind
from brim.tui.selection import snap
from brim.tui.viewport import Anchor
from brim.tui.widgets.message_lines import line_of
from brim.tui.widgets.transcript_column import TranscriptColumn
from brim.tui.widgets.transcript_find import Finder
from brim.tui.widgets.transcript_inks import TranscriptInks
from brim.tui.widgets.transcript_model import PAGE
from brim.tui.widgets.transcript_paint import LinePainter, Span
from brim.tui.widgets.transcript_select import Selector

_PAINT_BUDGET_S = 0.02
"""Seconds of layout that what is seen may take before something is painted."""
_SEEN_BUDGET_S, _SEEN_PAUSE_S = 0.008, 0.001
"""A slice of layout of what is seen but was too long to be laid out at once, and the pause for the keyboard."""
_AHEAD_BUDGET_S, _AHEAD_PAUSE_S = 0.004, 0.006
"""The same for what is near the view."""
_AHEAD_MESSAGES = PAGE // 2


class TranscriptView(ScrollView):
    """Draws a `TranscriptColumn` and keeps the scrollbar true."""

    ALLOW_SELECT = False

    class Troubled(Message, namespace="transcript"):
        """Messages could not be read; ``sentence`` says why."""

        def __init__(self, sentence: str) -> None:
            super().__init__()
            self.sentence = sentence

    class FollowingChanged(Message, namespace="transcript"):
        """The view began or ceased to follow the end."""

        def __init__(self, following: bool) -> None:
            super().__init__()
            self.following = following

    # Links are found by hand. The height changes with every line of a growing answer, and no other widget's place depends on it.
    auto_links: Reactive[bool] = Reactive(False)  # noqa: FBT003 - the default, as in Textual
    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False, repaint=False)

    def __init__(self, hint: Sequence[str], *, id: str | None, classes: str | None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.column = TranscriptColumn(TranscriptInks.from_variables({}, dark=True))
        self.selector = Selector(self.column)
        self.finder: Finder | None = None
        self.current: int | None = None
        """The message that the keys speak of, when the person has chosen one."""
        self._hint = hint
        self._painter = LinePainter()
        self._is_placing = False
        self._shown_top: tuple[Anchor, int] = (Anchor(), 0)
        self._bar_look: tuple[int, int, int, bool] | None = None
        self._was_following = True
        self._chore_timer: asyncio.TimerHandle | None = None
        self._fetcher: Worker[None] | None = None

    # --- life -------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Take the theme's colours, now and whenever they change."""
        self._take_theme(self.app.current_theme)
        self.app.theme_changed_signal.subscribe(self, self._take_theme)

    def on_unmount(self) -> None:
        """Leave no timer behind."""
        self._stop_chores()

    def _take_theme(self, theme: Theme) -> None:
        self.column.reink(TranscriptInks.from_variables(self.app.theme_variables, dark=theme.dark))
        self._sync(repaint=True)

    def on_resize(self, event: events.Resize) -> None:
        """Lay out for the new width, with the same text at the top or the end still in view."""
        del event
        width = max(1, self.size.width - self.scrollbar_size_vertical - LinePainter.MARGIN - 1)
        self.selector.keep()
        if self.column.resize(width, self.size.height):
            self.selector.restore()
            self._estimate_all()
        self._sync(repaint=True)

    def _estimate_all(self) -> None:
        """Estimate all heights for the width of now: at once where that is quick, else in the background."""
        slices = self.column.estimates()
        first = next(slices, [])
        if len(first) == self.column.model.count:
            self.column.take_estimates(first)
        else:
            work_behind(
                self, partial(self._estimate_slowly, first, slices), group="estimates", exclusive=True
            )

    async def _estimate_slowly(self, first: list[int], slices: Iterator[list[int]]) -> None:
        heights = first
        for more in slices:
            await asyncio.sleep(0)
            heights += more
        self.column.take_estimates(heights)
        self._sync()

    # --- keeping things true ----------------------------------------------------------------------

    def _sync(self, *, repaint: bool = False) -> None:
        """Lay out what is seen, tell the scrollbar, and paint again if other lines are seen than before."""
        if not self.is_mounted or not self.column.width:
            return
        done, changed = self.column.measure(_PAINT_BUDGET_S)
        viewport = self.column.viewport
        y, top = viewport.y, viewport.top
        self.virtual_size = Size(self.size.width, viewport.heights.total)
        self._is_placing = True
        self.scroll_y = self.scroll_target_y = y
        self._is_placing = False
        self._show_bar(y, viewport.heights.total)
        seen = (top, y if not viewport.heights.total else 0)
        if repaint or changed or seen != self._shown_top:
            self._shown_top = seen
            self.refresh(self.size.region)
        if viewport.following != self._was_following:
            self._was_following = viewport.following
            self.post_message(self.FollowingChanged(viewport.following))
        self._fetch()
        if not done or not self.column.measure(0.0, around=viewport.rows)[0]:
            self._start_chores(_AHEAD_PAUSE_S if done else _SEEN_PAUSE_S)

    def _show_bar(self, y: int, total: int) -> None:
        """Tell the scrollbar where the view is, unless it would look the same: it is painted whole."""
        rows = self.size.height
        eighths = rows * 8 / max(1, total)
        look = (round(y * eighths), round(rows * eighths), rows, total > rows)
        if look != self._bar_look or self.is_vertical_scrollbar_grabbed:
            self._bar_look = look
            bar = self.vertical_scrollbar
            bar.window_virtual_size, bar.window_size, bar.position = total, rows, y

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Go where the scrollbar was dragged to, or only show where the view is.

        A view that grows is clamped by Textual before `on_resize`; that is nobody's wish to scroll.
        """
        del old_value
        if not self._is_placing and self.size.height == self.column.viewport.rows:
            self.column.scroll_to(round(new_value))
            self._sync()

    def scroll_to(
        self,
        x: float | None = None,
        y: float | None = None,
        *,
        force: bool = False,
        on_complete: CallbackType | None = None,
        **_: Any,
    ) -> None:
        """Scroll at once: an animation would run towards a number that is corrected on the way."""
        super().scroll_to(x, y, animate=False, force=force, on_complete=on_complete)

    def _start_chores(self, pause_s: float) -> None:
        if self._chore_timer is None:
            self._chore_timer = asyncio.get_running_loop().call_later(pause_s, self._call_chore)

    def _stop_chores(self) -> None:
        if self._chore_timer is not None:
            self._chore_timer.cancel()
            self._chore_timer = None

    def _call_chore(self) -> None:
        self.call_next(self._chore)

    def _chore(self) -> None:
        """Do a slice of what is not seen yet, or was too long to be laid out at once."""
        self._chore_timer = None
        if not self.is_mounted:
            return
        done, seen = self.column.measure(_SEEN_BUDGET_S)
        pause_s, ahead = (_AHEAD_PAUSE_S if done else _SEEN_PAUSE_S), False
        if done and not seen:
            done, ahead = self.column.measure(_AHEAD_BUDGET_S, around=self.column.viewport.rows)
        if seen or ahead:
            self._sync(repaint=seen)
        if seen or not done:
            self._start_chores(pause_s)
        else:
            self.column.model.forget_far(self._near())

    # --- texts ------------------------------------------------------------------------------------

    def _near(self) -> range:
        """Return the messages whose text should be here."""
        rows = self.column.viewport.rows
        seen = self.column.viewport.visible(rows, rows)
        count = self.column.model.count
        return range(max(0, seen.start - _AHEAD_MESSAGES), min(count, seen.stop + _AHEAD_MESSAGES))

    def _wanted(self) -> list[int]:
        """Return the messages to be fetched next: what is seen first, then whole pages of what is near."""
        model = self.column.model
        near = self._near()
        absent = model.absent(near)
        if not absent:
            return []
        seen = self.column.viewport.visible()
        urgent = model.absent(seen)
        if not urgent and len(absent) < _AHEAD_MESSAGES // 2 and near.start > 0 and near.stop < model.count:
            return []
        first = max(0, (urgent or absent)[0] - 2)
        if not urgent and absent[0] < seen.start:
            first = max(0, absent[-1] - PAGE + 1)
        return model.absent(range(first, min(model.count, first + PAGE)))

    def _fetch(self) -> None:
        model = self.column.model
        if model.source is None or (self._fetcher is not None and self._fetcher.is_running):
            return
        if not model.has_outline or self._wanted():
            self._fetcher = work_behind(self, self._read, group="texts")

    async def _read(self) -> None:
        """Read the outline, then texts, until all is here that is near the view."""
        from brim.core.errors import BrimError

        model = self.column.model
        source = model.source
        if source is None:
            return
        try:
            if not model.has_outline:
                rows = await source.outline()
                if model is self.column.model:
                    await self._take_outline(rows)
            while model is self.column.model and (wanted := self._wanted()):
                messages = await source.messages_by_id([model.ids[entry] for entry in wanted])
                model.put(wanted, messages)
                if model is self.column.model:
                    self._sync()
                await asyncio.sleep(0)
        except BrimError as error:
            self.post_message(self.Troubled(error.sentence))

    async def _take_outline(self, rows: Sequence[object]) -> None:
        model = self.column.model
        top = self.column.viewport.anchor
        at_top = model.ids[top.entry] if top is not None and top.entry < len(model.ids) else ""
        model.set_outline(rows)  # type: ignore[arg-type]
        heights: list[int] = []
        for some in self.column.estimates():
            heights += some
            await asyncio.sleep(0)
        self.column.take_estimates(heights)
        if top is not None and at_top and (entry := model.entry_of(at_top)) is not None:
            self.column.viewport.hold(Anchor(entry, top.line))
        self._sync()

    # --- drawing ----------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Return row ``y`` of the view."""
        self._prepare()
        seen = self.column.seen()
        if y < len(seen):
            return self._strip(*seen[y])
        return self._empty(y) if not seen else self._painter.blank()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the rows in ``crop``. They keep what Textual has made of them from paint to paint."""
        self._prepare()
        seen = self.column.seen()
        filters = self.get_line_filters()
        background = self.background_colors[1]
        strips: list[Strip] = []
        for y in crop.line_range:
            if y < len(seen):
                strip = self._strip(*seen[y])
            else:
                strip = self._empty(y) if not seen else self._painter.blank()
            for line_filter in filters:
                strip = strip.apply_filter(line_filter, background)
            strips.append(strip)
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def _prepare(self) -> None:
        self._painter.prepare(
            self.size.width, self.rich_style, self.column.inks.marker, self.background_colors[1]
        )

    def _empty(self, y: int) -> Strip:
        """Return a row of a transcript without messages."""
        row = y - max(0, (self.size.height - len(self._hint)) // 2)
        if not 0 <= row < len(self._hint):
            return self._painter.blank()
        width = self.column.width
        words = self._hint[row]
        blank = " " * max(0, (width - len(words)) // 2)
        ink = self.column.inks.markdown.dim if row else self.column.inks.markdown.text
        return self._painter.strip(line_of([(blank + words, ink)], max(1, width)))

    def _strip(self, entry: int, number: int) -> Strip:
        line = self.column.line(entry, number)
        if line is None:
            words = "…" if number == 0 else ""
            if entry in self.column.model.missing:
                words = "… this message could not be read" if number == 0 else ""
            return self._painter.strip(line_of([(words, self.column.inks.markdown.dim)], self.column.width))
        strip = self._painter.strip(
            line,
            dimmed=self.column.model.is_dimmed(entry),
            marked=entry == self.current,
        )
        spans = list(self._spans(entry, number))
        return self._painter.over(strip, spans) if spans else strip

    def _spans(self, entry: int, number: int) -> Iterator[Span]:
        line = self.column.line(entry, number)
        if line is None:
            return
        inks = self.column.inks
        view = self.column.model.views.get(entry)
        if self.finder is not None and view is not None:
            found = view.section_at(number)
            if found is not None and found[0].base is not None:
                for start, end, is_current in self.finder.cells(line, entry, found[0].base):
                    yield start, end, inks.current_hit if is_current else inks.hit
        selection = self.selector.selection
        cells = selection.cells(entry, number) if selection is not None else None
        if cells is not None:
            start, end = snap(line.text, *cells)
            yield start, max(end, start + (not line.text)), inks.selection

    def repaint_from(self, row: int) -> None:
        """Paint the rows of the view from ``row`` on."""
        row = max(0, row)
        if row < self.size.height:
            self.refresh(Region(0, row, self.size.width, self.size.height - row))
