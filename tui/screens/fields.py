"""Fields to look at and to change one by one: the parameters of a session, what a persona says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from brim.core.errors import BrimError
from brim.core.text import visible_line
from brim.tui.behind import work_behind
from brim.tui.pasted import typed
from brim.tui.screens.asking import AskingScreen
from brim.tui.widgets.header import cut
from brim.tui.widgets.lines import Line

if TYPE_CHECKING:
    from textual.events import Resize

_LABEL, _SOURCE, _LEAST_SOURCE = 16, 26, 60
_KEYS = "Enter change · Del default · Esc close"
_EDITING = "Enter save · Esc back"


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to change."""

    name: str
    label: str
    _: KW_ONLY
    set_here: str = ""
    """What is set here, as a person writes it; empty where nothing is."""
    shown: str = ""
    """What holds."""
    source: str = ""
    """The place that says so."""
    hint: str = ""
    """What a right value is."""
    has_several_lines: bool = False
    is_chosen: bool = False
    """Whether its value comes from a list of its own."""


class FieldsScreen(ModalScreen[None]):
    """Shows fields; each change is kept at once.

    Args:
        title: what they belong to.
        load: gives the fields as they are now.
        change: takes a field's name and the text for it, empty for the default; raises `BrimError` with what
            is wrong.
        choose: returns the text for a field whose value comes from a list, ``None`` for no change.
        note: something to say above the fields.
    """

    CSS_PATH: ClassVar = ["dialogs.tcss", "fields.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", id="fields_close", priority=True, show=False),
        Binding("delete,backspace", "reset", "Default", id="fields_reset", show=False),
    ]

    rows = getters.query_one(OptionList)
    value = getters.query_one(Input)
    told = getters.query_one("#told", Static)

    def __init__(
        self,
        title: str,
        load: Callable[[], Awaitable[Sequence[Field]]],
        change: Callable[[str, str], Awaitable[None]],
        *,
        choose: Callable[[str], Awaitable[str | None]] | None = None,
        note: str = "",
    ) -> None:
        super().__init__()
        self._title = title
        self._load = load
        self._change = change
        self._choose = choose
        self._note = note
        self._fields: Sequence[Field] = ()

    def compose(self) -> ComposeResult:
        """A box with the fields, a line to type in, and what is said of the field chosen."""
        with Vertical(id="dialog") as box:
            box.border_title = Content(visible_line(self._title))
            box.border_subtitle = _KEYS
            if self._note:
                yield Static(Content(visible_line(self._note)), id="fields-note")
            yield OptionList(markup=False, compact=True)
            yield Line(compact=True, disabled=True)
            yield Static(id="told")

    async def on_mount(self) -> None:
        """Show the fields."""
        self.rows.focus()
        await self._fill()

    async def _fill(self) -> None:
        self._fields = await self._load()
        self._draw()

    def _draw(self) -> None:
        chosen = self.rows.highlighted or 0
        width = self.rows.size.width or 68
        self.rows.clear_options()
        self.rows.add_options([Option(_line(field, width), id=field.name) for field in self._fields])
        self.rows.highlighted = min(chosen, len(self._fields) - 1) if self._fields else None

    def on_resize(self, _: Resize) -> None:
        """Give the columns the new width."""
        self.call_after_refresh(self._draw)

    @property
    def _field(self) -> Field | None:
        at = self.rows.highlighted
        return self._fields[at] if at is not None and at < len(self._fields) else None

    @on(OptionList.OptionHighlighted)
    def _highlighted(self) -> None:
        if not self.value.disabled:
            return
        field = self._field
        self._tell("" if field is None else " · ".join(filter(None, (field.hint, field.source))))

    def _tell(self, sentence: str, *, is_error: bool = False) -> None:
        self.told.set_class(is_error, "-error")
        self.told.update(Content(visible_line(sentence)))

    # --- changing -------------------------------------------------------------------------------------

    @on(OptionList.OptionSelected)
    def _selected(self) -> None:
        field = self._field
        if field is None:
            return
        if field.is_chosen or field.has_several_lines:
            work_behind(self, partial(self._ask, field), group="ask", exclusive=True)
            return
        self.value.disabled = False
        self.value.value = typed(field.set_here)
        self.value.placeholder = field.hint
        self.value.focus()
        self.query_one("#dialog").border_subtitle = _EDITING

    async def _ask(self, field: Field) -> None:
        text: str | None = None
        if field.has_several_lines:
            asking = AskingScreen(field.label.capitalize(), field.set_here, has_several_lines=True)
            text = await self.app.push_screen_wait(asking)
        elif self._choose is not None:
            text = await self._choose(field.name)
        if text is not None:
            await self._keep(field, text)

    @on(Input.Submitted)
    async def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if (field := self._field) is not None and await self._keep(field, event.value):
            self._leave_line()

    async def _keep(self, field: Field, text: str) -> bool:
        """Keep a change, or say what is wrong with it; returns whether it is kept."""
        try:
            await self._change(field.name, text)
        except BrimError as error:
            self._tell(f"{error.sentence} {error.hint}".strip(), is_error=True)
            return False
        await self._fill()
        return True

    def _leave_line(self) -> None:
        self.value.value = ""
        self.value.placeholder = ""
        self.value.disabled = True
        self.query_one("#dialog").border_subtitle = _KEYS
        self.rows.focus()
        self._highlighted()

    async def action_reset(self) -> None:
        """Take out what is set here."""
        if (field := self._field) is not None and field.set_here:
            await self._keep(field, "")

    def action_close(self) -> None:
        """Leave the line, or the screen."""
        if self.value.disabled:
            self.dismiss(None)
        else:
            self._leave_line()


def _line(field: Field, width: int) -> Content:
    source = _SOURCE if width >= _LEAST_SOURCE and field.source else 0
    room = max(8, width - _LABEL - source - 2)
    value = cut(visible_line(field.shown), room)
    return Content.assemble(
        (field.label.ljust(_LABEL), "$dim"),
        (value, "bold" if field.set_here else "$dim"),
        (" " * (room - Content(value).cell_length + 2) + cut(visible_line(field.source), source), "$dim"),
    )
