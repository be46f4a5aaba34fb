"""The personas: what there is, and what can be done with each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from brim.core.parameter_texts import in_short
from brim.core.text import visible_line
from brim.tui.widgets.header import cut

if TYPE_CHECKING:
    from brim.core.personas import Persona

Verb = Literal["begin", "new", "keep", "edit", "delete", "undo"]

_NAME, _PROMPT_CHARS = 24, 400
_KEYS = "Enter begin · N new · S from this session · E edit · D delete · Esc"
_EMPTY = (
    "There is no persona yet. A persona is a name for a system prompt, a model and parameters, "
    "to begin sessions with.\n\n"
    "N makes one; S makes one of the session that is open. They are kept in personas.toml in the config folder."
)


class PersonasScreen(ModalScreen[tuple[Verb, str] | None]):
    """Returns what to do and the name of the persona, ``None`` when the person thought better of it.

    Args:
        personas: what there is.
        chosen: the name under the cursor at first.
        told: what to say of what was done last.
    """

    CSS_PATH: ClassVar = ["dialogs.tcss", "fields.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Close", id="personas_close", show=False),
        Binding("n", "take('new')", "New", id="personas_new", show=False),
        Binding("s", "take('keep')", "From this session", id="personas_keep", show=False),
        Binding("e", "take('edit')", "Edit", id="personas_edit", show=False),
        Binding("d,delete", "take('delete')", "Delete", id="personas_delete", show=False),
        Binding("ctrl+z,u", "take('undo')", "Undo", id="personas_undo", priority=True, show=False),
    ]

    rows = getters.query_one(OptionList)

    def __init__(self, personas: Sequence[Persona], *, chosen: str = "", told: str = "") -> None:
        super().__init__()
        self._personas = personas
        self._chosen = chosen
        self._told = told

    def compose(self) -> ComposeResult:
        """A box with the list and what the persona chosen says."""
        with Vertical(id="dialog") as box:
            box.border_title = "Personas"
            box.border_subtitle = _KEYS
            rows = OptionList(markup=False, compact=True)
            rows.display = bool(self._personas)
            yield rows
            yield Static(id="persona-told")

    def on_mount(self) -> None:
        """Show them."""
        self.rows.add_options([Option(_line(one), id=str(at)) for at, one in enumerate(self._personas)])
        names = [one.name for one in self._personas]
        self.rows.highlighted = names.index(self._chosen) if self._chosen in names else 0 if names else None
        self.rows.focus()
        if not names:
            self.query_one("#persona-told", Static).update(
                Content("\n\n".join(filter(None, (self._told, _EMPTY))))
            )

    @on(OptionList.OptionHighlighted)
    def _highlighted(self) -> None:
        if (persona := self._persona) is None:
            return
        prompt = visible_line(persona.system_prompt)
        shown = f"{prompt[:_PROMPT_CHARS]}…" if len(prompt) > _PROMPT_CHARS else prompt
        lines = [
            Content.styled(shown, "$text-muted")
            if shown
            else Content.styled("The usual system prompt.", "$dim"),
            Content.styled(in_short(persona.parameters), "$dim"),
        ]
        if self._told:
            lines.insert(0, Content.styled(visible_line(self._told), "$accent"))
        self.query_one("#persona-told", Static).update(
            Content("\n").join(line for line in lines if line.plain)
        )

    @property
    def _persona(self) -> Persona | None:
        at = self.rows.highlighted
        return self._personas[at] if at is not None else None

    @on(OptionList.OptionSelected)
    def _selected(self) -> None:
        self.action_take("begin")

    def action_take(self, verb: Verb) -> None:
        """End with what to do."""
        persona = self._persona
        if persona is not None or verb in ("new", "keep", "undo"):
            self.dismiss((verb, persona.name if persona else ""))


def _line(persona: Persona) -> Content:
    name = cut(visible_line(persona.name), _NAME)
    gap = " " * (_NAME - Content(name).cell_length + 2)
    return Content.assemble(name, gap, (visible_line(persona.model) or "the usual model", "$dim"))
