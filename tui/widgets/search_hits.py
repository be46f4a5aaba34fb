"""What was said in any session, found while it is typed: under the titles in the sessions pane."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from textwrap import wrap
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.worker import WorkerCancelled

from brim.core.text import visible_line
from brim.tui.behind import work_behind
from brim.tui.search_rows import FoundLine, lay_out, order
from brim.tui.widgets.header import cut

if TYPE_CHECKING:
    from brim.core.search import Hit
    from brim.core.searching import Results

Look = Callable[[str], "Results | None"]
"""Begins a search for a text that is being typed; ``None`` where there is nothing to search yet."""

PAGE = 30
"""How many hits are read at once."""

_AHEAD = 20


class SearchHits(ScrollView, can_focus=True):
    """The hits, page by page. A search that is not done when the next one begins is given up.

    Args:
        look: begins a search.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", "Up", show=False, id="hits_up"),
        Binding("down,j", "step(1)", "Down", show=False, id="hits_down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="hits_page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="hits_page_down"),
        Binding("enter", "open", "Open", show=False, id="hits_open"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "hits--head",
        "hits--title",
        "hits--text",
        "hits--cursor",
        "hits--mark",
    }
    DEFAULT_CSS = """
    SearchHits {
        overflow-x: hidden;
        height: 1fr;
        display: none;
        background: $background;
        scrollbar-size-vertical: 1;
    }
    SearchHits > .hits--head { color: $dim; text-style: bold; background: $background; }
    SearchHits > .hits--title { color: $foreground; background: $background; }
    SearchHits > .hits--text { color: $text-muted; background: $background; }
    SearchHits > .hits--cursor { color: $foreground; background: $panel; }
    SearchHits > .hits--mark { color: $accent; text-style: bold; }
    """

    @dataclass
    class Chosen(Message):
        """The person wants to see a hit where it is."""

        hit: Hit

    class LeftUpwards(Message):
        """The cursor was moved up from the first hit."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._results: Results | None = None
        self._hits: list[Hit] = []
        self._lines: list[FoundLine] = []
        self._order: list[int] = []
        self._cursor = 0
        """The place of the hit under the cursor in the order in which they are shown."""
        self._is_reading = False
        self._trouble = ""
        """Why nothing could be read, in a sentence."""
        self.state = ""
        """What the line above the hits says."""

    @property
    def hits(self) -> list[Hit]:
        """What has been read so far, best first."""
        return self._hits

    def find(self, text: str) -> None:
        """Show what is found for ``text``, in place of what was found before; nothing where nothing is looked for."""
        self.workers.cancel_group(self, "hits")
        self._results = self._look(text) if text.strip() else None
        self._is_reading = False
        if self._results is None or self._results.query.is_empty:
            self._results = None
            self.display = False
            self._take([])
            return
        self.display = True
        work_behind(self, partial(self._read, self._results, is_first=True), group="hits", exclusive=True)

    async def _read(self, results: Results, *, is_first: bool = False) -> None:
        from brim.core.errors import BrimError

        if is_first and not self._hits:
            self._say("Searching messages …")
        self._is_reading = True
        try:
            found = await results.more(PAGE)
        except BrimError as error:
            if results is self._results:
                self._trouble = error.sentence
                self._take([])
                self._say("Search failed")
            return
        except WorkerCancelled:
            return
        if results is not self._results:
            return
        self._is_reading = False
        self._trouble = ""
        if is_first:
            self.scroll_to(y=0, animate=False)
            self._cursor = 0
        self._take(found if is_first else [*self._hits, *found])
        self._say(self._summary(results))

    def _summary(self, results: Results) -> str:
        count = len(self._hits)
        more = "" if results.is_whole else "+"
        words = f"{count}{more} in messages" if count else "Nothing in messages"
        return f"{words} · {results.unindexed:,} still to be read" if results.unindexed else words

    def _say(self, words: str) -> None:
        self.state = words
        self.refresh()

    def _take(self, hits: list[Hit]) -> None:
        self._hits = hits
        self._order = order(hits)
        self._lay_out()

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width
        self._lines = lay_out(self._hits, width) if width else []
        if self._trouble and width:
            self._lines = [FoundLine(line) for line in wrap(visible_line(self._trouble), max(8, width - 1))]
        self.virtual_size = Size(width, len(self._lines) + 1)
        self.refresh()
        self._look_ahead()

    def on_resize(self) -> None:
        """Lay the lines out anew."""
        self._lay_out()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Read the next page in time."""
        super().watch_scroll_y(old_value, new_value)
        self._look_ahead()

    def _look_ahead(self) -> None:
        results = self._results
        if results is None or results.is_whole or self._is_reading or not self._hits:
            return
        if self.scroll_offset.y + self.size.height + _AHEAD > len(self._lines):
            self._is_reading = True
            work_behind(self, partial(self._read, results), group="hits", exclusive=True)

    # --- keys and mouse -------------------------------------------------------------------------------

    @property
    def _current(self) -> int | None:
        """The number of the hit under the cursor."""
        return self._order[min(self._cursor, len(self._order) - 1)] if self._order else None

    def action_step(self, by: int) -> None:
        """Move the cursor by hits."""
        if self._cursor + by < 0 or not self._order:
            self.post_message(self.LeftUpwards())
            return
        self._cursor = min(len(self._order) - 1, self._cursor + by)
        lines = [at for at, line in enumerate(self._lines, 1) if line.hit == self._current]
        above = max(0, lines[0] - (2 if self._cursor == 0 else 1))
        self.scroll_to_region(Region(0, above, 1, lines[-1] - above + 1), animate=False, force=True)
        self.refresh()

    def action_page(self, by: int) -> None:
        """Move the cursor by a screenful."""
        step = by * max(1, self.size.height // 3)
        self.action_step(max(step, -self._cursor) or step)

    def action_open(self) -> None:
        """Go to the hit under the cursor."""
        if self._current is not None:
            self.post_message(self.Chosen(self._hits[self._current]))

    def on_click(self, event: events.Click) -> None:
        """Go to the hit that was clicked."""
        number = event.y + self.scroll_offset.y - 1
        if 0 <= number < len(self._lines) and (hit := self._lines[number].hit) is not None:
            self._cursor = self._order.index(hit)
            self.refresh()
            self.action_open()

    # --- drawing --------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        width = self.scrollable_content_region.width
        number = y + self.scroll_offset.y - 1
        if number < 0:
            return self._strip(cut(f" {self.state}", width), (), "head", width)
        if number >= len(self._lines):
            return Strip.blank(width, self.get_component_rich_style("hits--text"))
        line = self._lines[number]
        if line.hit is None:
            return self._strip(cut(f" {line.text}", width), (), "title", width)
        name = "cursor" if self.has_focus and line.hit == self._current else "text"
        marks = tuple((start + 2, end + 2) for start, end in line.marks)
        return self._strip(f"  {line.text}", marks, name, width)

    def _strip(self, text: str, marks: tuple[tuple[int, int], ...], name: str, width: int) -> Strip:
        style = self.get_component_rich_style(f"hits--{name}")
        mark = self.get_component_rich_style("hits--mark")
        marked = style + Style(color=mark.color, bold=mark.bold)
        segments = []
        at = 0
        for start, end in marks:
            segments += [Segment(text[at:start], style), Segment(text[start:end], marked)]
            at = end
        return Strip([*segments, Segment(text[at:], style)]).extend_cell_length(width, style).crop(0, width)
