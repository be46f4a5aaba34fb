"""Asking for a text: a title on one line, a system prompt on several."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, TextArea

from brim.core.text import visible_line
from brim.tui.pasted import typed
from brim.tui.widgets.lines import Line, Lines


class AskingScreen(ModalScreen[str | None]):
    """Returns the text, or ``None`` when the person thought better of it.

    Args:
        title: what is asked for.
        text: what stands there at first.
        has_several_lines: whether it is more than a line.
        goes_on: whether what is typed goes behind ``text`` rather than in place of it.
    """

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="ask_cancel", priority=True, show=False),
        Binding("ctrl+s", "save", "Save", id="ask_save", priority=True, show=False),
    ]

    def __init__(
        self, title: str, text: str, *, has_several_lines: bool = False, goes_on: bool = False
    ) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._has_several_lines = has_several_lines
        self._goes_on = goes_on

    def compose(self) -> ComposeResult:
        """A box with a field."""
        with Vertical(id="dialog", classes="-lines" if self._has_several_lines else "-line") as box:
            box.border_title = Content(visible_line(self._title))
            if self._has_several_lines:
                box.border_subtitle = "Ctrl+S save · Esc cancel"
                yield Lines(typed(self._text), compact=True, highlight_cursor_line=False)
            else:
                box.border_subtitle = "Enter save · Esc cancel"
                yield Line(visible_line(self._text), compact=True, select_on_focus=not self._goes_on)

    @on(Input.Submitted)
    def action_save(self) -> None:
        """Give the text back."""
        if self._has_several_lines:
            self.dismiss(self.query_one(TextArea).text)
        else:
            self.dismiss(self.query_one(Input).value)

    def action_cancel(self) -> None:
        """Give nothing back."""
        self.dismiss(None)
