"""Choosing one of many: a field that filters and a list, for sessions, models and themes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from brim.core.text import visible_line
from brim.tui.behind import work_behind
from brim.tui.widgets.lines import Line


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to choose. ``note`` stands dimmed behind the label; what is ``disabled`` cannot be taken."""

    value: str
    label: str
    note: str = ""
    disabled: bool = False

    @property
    def prompt(self) -> Content:
        """The line to show, safe whatever it says."""
        label = Content(visible_line(self.label))
        if not self.note:
            return label
        return label + Content.styled(f"  {visible_line(self.note)}", "$dim")


Load = Callable[[str], Awaitable[Sequence[Choice]]]


def among(choices: Sequence[Choice]) -> Load:
    """Return a loader that filters ``choices``: each word typed must be in the label or the note."""

    async def load(text: str) -> Sequence[Choice]:
        words = text.casefold().split()
        return [c for c in choices if all(word in f"{c.label} {c.note}".casefold() for word in words)]

    return load


class PickerScreen(ModalScreen[str | None]):
    """Returns the value chosen, or ``None`` when the person thought better of it.

    Args:
        title: what is chosen.
        load: gives the choices for what was typed.
        current: the value that is chosen at first.
        preview: is told each value the choice moves to.
        verb: says what Enter does.
    """

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="picker_cancel", show=False),
        Binding("down", "move(1)", "Down", id="picker_down", priority=True, show=False),
        Binding("up", "move(-1)", "Up", id="picker_up", priority=True, show=False),
        Binding("pagedown", "move(10)", "Page down", id="picker_page_down", priority=True, show=False),
        Binding("pageup", "move(-10)", "Page up", id="picker_page_up", priority=True, show=False),
    ]

    def __init__(
        self,
        title: str,
        load: Load,
        *,
        current: str = "",
        preview: Callable[[str], None] | None = None,
        verb: str = "take",
    ) -> None:
        super().__init__()
        self._title = title
        self._load = load
        self._current = current
        self._preview = preview
        self._verb = verb

    def compose(self) -> ComposeResult:
        """A box with a field and a list."""
        with Vertical(id="dialog") as box:
            box.border_title = Content(visible_line(self._title))
            box.border_subtitle = f"Enter {self._verb} · Esc cancel"
            yield Line(placeholder="Type to filter", compact=True)
            yield OptionList(markup=False, compact=True)

    async def on_mount(self) -> None:
        """Show everything there is."""
        self.query_one(OptionList).can_focus = False
        await self._fill("")

    @on(Input.Changed)
    def _filter(self, event: Input.Changed) -> None:
        work_behind(self, partial(self._fill, event.value), group="fill", exclusive=True)

    async def _fill(self, text: str) -> None:
        choices = await self._load(text)
        shown = self.query_one(OptionList)
        shown.clear_options()
        shown.add_options([Option(c.prompt, id=c.value, disabled=c.disabled) for c in choices])
        values = [choice.value for choice in choices]
        if self._current in values:
            shown.highlighted = values.index(self._current)
        elif choices:
            shown.action_first()

    def action_move(self, by: int) -> None:
        """Move the choice."""
        shown = self.query_one(OptionList)
        move = shown.action_cursor_down if by > 0 else shown.action_cursor_up
        for _ in range(min(abs(by), shown.option_count)):
            move()

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if self._preview is not None and event.option.id is not None:
            self._preview(event.option.id)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        option = self.query_one(OptionList).highlighted_option
        if option is not None and not option.disabled:
            self.dismiss(option.id)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)

    def action_cancel(self) -> None:
        """Choose nothing."""
        self.dismiss(None)
