"""Deciding: something to read, and what can be done about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from brim.core.text import visible_line
from brim.tui.screens.picker import Choice

Take = Callable[[str], "Sequence[Choice] | None"]


class DecidingScreen(ModalScreen[str | None]):
    """Returns the value chosen, or ``None`` when the person thought better of it.

    Args:
        title: what it is about.
        body: what there is to read; it scrolls with PgUp and PgDn.
        choices: what can be done, the first one chosen.
        take: is asked about each choice taken. It returns the choices that stand there next when the
            screen stays open, ``None`` to end with the choice.
    """

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "cancel", "Cancel", id="decide_cancel", show=False),
        Binding("pagedown", "read(1)", "Read on", id="decide_page_down", priority=True, show=False),
        Binding("pageup", "read(-1)", "Read back", id="decide_page_up", priority=True, show=False),
    ]

    def __init__(
        self, title: str, body: Content, choices: Sequence[Choice], *, take: Take | None = None
    ) -> None:
        super().__init__()
        self._title = title
        self._body = body
        self._choices = choices
        self._take = take

    def compose(self) -> ComposeResult:
        """A box with a text and a list."""
        with Vertical(id="dialog", classes="-deciding") as box:
            box.border_title = Content(visible_line(self._title))
            box.border_subtitle = "Enter take · Esc back"
            with VerticalScroll(can_focus=False):
                yield Static(self._body)
            yield OptionList(markup=False, compact=True)

    def on_mount(self) -> None:
        """Show the choices."""
        self._fill(self._choices, 0)
        self.query_one(OptionList).focus()

    def _fill(self, choices: Sequence[Choice], chosen: int) -> None:
        shown = self.query_one(OptionList)
        shown.clear_options()
        shown.add_options(
            [Option(choice.prompt, id=choice.value, disabled=choice.disabled) for choice in choices]
        )
        shown.highlighted = chosen

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        more = self._take(event.option_id) if self._take is not None and event.option_id else None
        if more is None:
            self.dismiss(event.option_id)
        else:
            self._fill(more, event.option_index)

    def action_read(self, pages: int) -> None:
        """Scroll the text."""
        text = self.query_one(VerticalScroll)
        text.scroll_relative(y=pages * max(1, text.size.height - 1), animate=False)

    def action_cancel(self) -> None:
        """Choose nothing."""
        self.dismiss(None)
