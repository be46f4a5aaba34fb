"""Finding text in the open session: a line above the composer."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from brim.tui.widgets.lines import Line


class FindBar(Horizontal):
    """Hidden until it is opened. It says what to find; who owns the transcript does it."""

    DEFAULT_CSS = """
    FindBar {
        height: 1; display: none; background: $panel; padding: 0 1;
        & > Static { width: auto; color: $text-muted; }
        & > Input { width: 1fr; padding: 0 1; background: $panel; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down,ctrl+g", "step(1)", "Next", id="find_next", priority=True, show=False),
        Binding("up,shift+enter", "step(-1)", "Previous", id="find_previous", priority=True, show=False),
    ]

    class Changed(Message):
        """Other text is to be found; empty: none."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class StepWanted(Message):
        """The next place (1) or the one before (-1) is wanted."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    class Closed(Message):
        """The bar was put away."""

    async def open(self, text: str) -> None:
        """Show the bar with ``text`` in it, ready to be typed in. Its parts are made the first time."""
        if not self.children:
            await self.mount(
                Static("Find "),
                Line(id="find", compact=True),
                Static(id="found"),
                Static("Enter next · ↑ previous · Esc close"),
            )
        field = self.query_one(Input)
        self.display = True
        if text:
            field.value = text
        field.focus()

    def close(self) -> None:
        """Put the bar away."""
        self.query_one(Input).value = ""
        self.display = False
        self.query_one("#found", Static).update("")
        self.post_message(self.Closed())

    def show_count(self, current: int, total: int, *, is_searching: bool) -> None:
        """Say which of how many places is shown; more may come while ``is_searching``."""
        if not self.display:
            return
        count = f"{current} of {total}" if total else "nothing"
        self.query_one("#found", Static).update("…" if is_searching and not total else f"{count}   ")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    def action_step(self, by: int) -> None:
        """Ask for another place."""
        self.post_message(self.StepWanted(by))
