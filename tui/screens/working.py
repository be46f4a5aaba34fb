"""Working: something that takes a while, how far it has come, and what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static
from textual.worker import Worker

from brim.core.errors import BrimError
from brim.core.text import visible_line
from brim.tui.behind import work_behind

Say = Callable[[str], None]
Work = Callable[[Say, Say], Awaitable[Sequence[str]]]
"""Does it. The first argument shows how far it has come, the second adds a line that stays; what is returned
stands below them at the end."""

MOST_LINES = 500
"""How many of the lines that stay are shown; of the others only their number."""


class WorkingScreen(ModalScreen[str]):
    """Does something, and stays until the person has read what came of it. Returns what was not shown of that.

    Args:
        title: what is done.
        work: does it.
        stopped: what to say where the person stops it.
        closes: closes by itself at the end if no line stays.
    """

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "stop_or_close", "Close", id="work_close", show=False),
        Binding("pagedown,down", "read(1)", "Read on", id="work_down", priority=True, show=False),
        Binding("pageup,up", "read(-1)", "Read back", id="work_up", priority=True, show=False),
    ]

    def __init__(self, title: str, work: Work, *, stopped: str, closes: bool = False) -> None:
        super().__init__()
        self._title = title
        self._work = work
        self._stopped = stopped
        self._closes = closes
        self._lines: list[str] = []
        self._more = 0
        self._worker: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        """A box with what stays above what changes."""
        with Vertical(id="dialog") as box:
            box.border_title = Content(visible_line(self._title))
            box.border_subtitle = "Esc stop"
            with VerticalScroll(can_focus=False):
                yield Static(id="work-lines")
            yield Static(id="work-state")

    def on_mount(self) -> None:
        """Begin."""
        self._worker = work_behind(self, self._do)

    @property
    def is_done(self) -> bool:
        """Whether it has come to its end, whatever that is."""
        return self._worker is None

    async def _do(self) -> None:
        try:
            said = await self._work(self._show, self._add)
        except BrimError as error:
            said = [f"{error.sentence} {error.hint}".strip()]
        self._end(said)

    def _show(self, text: str) -> None:
        self.query_one("#work-state", Static).update(Content(visible_line(text)))

    def _add(self, line: str) -> None:
        if len(self._lines) == MOST_LINES:
            self._more += 1
        else:
            self._lines.append(visible_line(line))
        more = [f"… and {self._more:,} more"] if self._more else []
        self.query_one("#work-lines", Static).update(Content("\n".join([*self._lines, *more])))
        self.query_one("#dialog").add_class("-filled")

    def _end(self, said: Sequence[str]) -> None:
        self._worker = None
        sentence = " ".join(filter(None, said))
        if self._closes and not self._lines:
            self.dismiss(sentence)
            return
        self.query_one("#dialog").border_subtitle = "Enter close"
        self._show(sentence)

    def action_stop_or_close(self) -> None:
        """Stop what is being done; once it has ended, close."""
        if self._worker is None:
            self.dismiss("")
        else:
            self._worker.cancel()
            self._end([self._stopped])

    def action_read(self, pages: int) -> None:
        """Scroll the lines that stay."""
        text = self.query_one(VerticalScroll)
        text.scroll_relative(y=pages * max(1, text.size.height - 1), animate=False)
