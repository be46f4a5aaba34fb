"""The log: what was asked of whom, what it took and what went wrong, as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events, getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from brim.core.log_file import LEVELS, log_files
from brim.core.log_lines import LogEntry, LogFilter, LogTail, entries_back
from brim.core.text import visible_line
from brim.tui.behind import work_behind
from brim.tui.widgets.lines import Line
from brim.tui.widgets.log_list import LogList

if TYPE_CHECKING:
    from brim.tui.app import BrimApp

_AGAIN_S = 0.5
"""How often what has come is looked for, in seconds."""
_PAGE = 300
_PIECE_S = 0.2
"""How long the log is read before what was found is shown, in seconds."""
_HINTS = "/ filter · L level · S this session · Enter unfold · C copy · End follow · Esc close"
_SHORT_HINTS = "/ filter · L level · S session · Enter unfold · C copy · Esc"


def _key(keys: str, action: str, label: str) -> Binding:
    return Binding(keys, action, label, show=False, id=f"logs.{action}")


class LogScreen(ModalScreen[None]):
    """The entries of the log, the newest at the bottom.

    Args:
        folder: where the log is.
        session_id: the session whose entries `s` leaves; empty for none.
        text: what the entries shown at first must hold.
    """

    CSS_PATH = "log.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        _key("escape,q", "close", "Close"),
        _key("slash", "filter", "Filter"),
        _key("l", "level", "Level"),
        _key("s", "session", "This session"),
        _key("c,y", "copy", "Copy the entry"),
    ]

    rows = getters.query_one(LogList)
    box = getters.query_one("#log-box", Vertical)
    words = getters.query_one("#log-words", Input)

    def __init__(self, folder: Path, session_id: str = "", text: str = "") -> None:
        super().__init__()
        self._folder = folder
        self._session_id = session_id
        self._only = LogFilter(text=text)
        self._older: Iterator[LogEntry | None] = iter(())
        self._has_older = False
        self._tail: LogTail | None = None
        self._reading = asyncio.Lock()

    def compose(self) -> ComposeResult:
        """The entries, and below them the words that they must hold."""
        with Vertical(id="log-box"):
            yield LogList()
            yield Line(self._only.text, placeholder="words in the entry", id="log-words", compact=True)

    def on_mount(self) -> None:
        """Read the end, and follow what comes."""
        self.words.display = bool(self._only.text)
        self.rows.focus()
        self._read_anew()
        self.set_interval(_AGAIN_S, self._look)

    def on_unmount(self) -> None:
        """Let go of the file."""
        if self._tail is not None:
            self._tail.close()

    # --- reading --------------------------------------------------------------------------------------

    def _read_anew(self) -> None:
        self.rows.clear()
        self._show_filter()
        work_behind(self, self._begin, group="log", exclusive=True)

    async def _begin(self) -> None:
        async with self._reading:
            if self._tail is not None:
                self._tail.close()
            opening = asyncio.create_task(asyncio.to_thread(LogTail, self._folder))
            try:
                self._tail = await asyncio.shield(opening)
            except asyncio.CancelledError:
                opening.add_done_callback(_let_go)
                raise
            except OSError as error:
                self.rows.clear(f"The log cannot be read: {error.strerror}.")
                return
            self._older, self._has_older = entries_back(self._folder, self._only), True
        await self._read_older()

    async def _read_older(self) -> None:
        """Add a page of older entries, as they are found."""
        async with self._reading:
            wanted = _PAGE
            while self._has_older and wanted > 0:
                try:
                    found, is_all = await asyncio.to_thread(_piece, self._older, wanted)
                except OSError as error:
                    self.rows.hint = f"The log cannot be read: {error.strerror}."
                    found, is_all = [], True
                wanted -= len(found)
                self._has_older = not is_all
                self.rows.add_older(found)
                self._show_filter()
            if not self.rows.entries and self.rows.hint == "Reading …":
                there = log_files(self._folder)[0].exists()
                self.rows.hint = "Nothing fits." if there else "Nothing was logged yet."
                self.rows.refresh()

    @on(LogList.WantsOlder)
    def _go_back(self) -> None:
        if self._has_older and not self._reading.locked():
            work_behind(self, self._read_older, group="log")

    def _look(self) -> None:
        if self._tail is not None and not self._reading.locked():
            work_behind(self, partial(self._read_newer, self._tail), group="log")

    async def _read_newer(self, tail: LogTail) -> None:
        async with self._reading:
            if tail is not self._tail:
                return
            try:
                found = await asyncio.to_thread(tail.read)
            except OSError:  # it is looked for again
                return
            fitting = [entry for entry in found if self._only.fits(entry)]
            # What was written between the opening and the reading is here already.
            known = {entry.raw for entry in self.rows.entries[-len(fitting) :]} if fitting else set()
            if new := [entry for entry in fitting if entry.raw not in known]:
                self.rows.add_newer(new)
                self._show_filter()

    # --- filtering ------------------------------------------------------------------------------------

    def _show_filter(self) -> None:
        only = self._only
        parts = ["Log", f"{len(self.rows.entries):,}{'+' if self._has_older else ''} entries"]
        parts += [f"{only.level} and above"] if only.level != LEVELS[0] else []
        parts += ["this session"] if only.session else []
        parts += [f"“{only.text}”"] if only.text else []
        self.box.border_title = Content(visible_line(" · ".join(parts)))
        self.box.border_subtitle = _HINTS if self.app.size.width >= len(_HINTS) + 6 else _SHORT_HINTS

    def action_filter(self) -> None:
        """Write the words that entries must hold."""
        self.words.display = True
        self.words.focus()

    @on(Input.Changed, "#log-words")
    def _typed(self, event: Input.Changed) -> None:
        if event.value != self._only.text:
            self._only = replace(self._only, text=event.value)
            self._read_anew()

    @on(Input.Submitted, "#log-words")
    def _leave_words(self) -> None:
        self.words.display = bool(self._only.text)
        self.rows.focus()

    def action_level(self) -> None:
        """Leave out the least grave of the levels that are shown; after the last begin again with all."""
        following = (LEVELS.index(self._only.level) + 1) % len(LEVELS)
        self._only = replace(self._only, level=LEVELS[following])
        self._read_anew()

    def action_session(self) -> None:
        """Show the entries of one session, or of all again: of that of the entry, or else of the one shown in the chat."""
        current = self.rows.current
        of_entry = current.session_id if current is not None else ""
        session = "" if self._only.session else of_entry or self._session_id
        if session != self._only.session:
            self._only = replace(self._only, session=session)
            self._read_anew()

    # --- the rest -------------------------------------------------------------------------------------

    @on(events.Resize)
    def _fit(self) -> None:
        self._show_filter()

    def action_copy(self) -> None:
        """Copy the entry under the cursor as it stands in the file."""
        if (entry := self.rows.current) is not None:
            cast("BrimApp", self.app).copy_to_clipboard(entry.raw)

    def action_close(self) -> None:
        """From the words back to the entries, and from there to the chat."""
        if self.words.has_focus:
            self.words.value = ""
            self._leave_words()
        else:
            self.dismiss(None)


def _let_go(opening: asyncio.Task[LogTail]) -> None:
    """Close a file that nobody waits for any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _piece(older: Iterator[LogEntry | None], wanted: int) -> tuple[list[LogEntry], bool]:
    """Return some of the entries, the newest first, and whether these are the last."""
    until = monotonic() + _PIECE_S
    found: list[LogEntry] = []
    for entry in islice(older, None):
        if entry is not None:
            found.append(entry)
        if len(found) == wanted or (entry is None and monotonic() > until):
            return found, False
    return found, True
