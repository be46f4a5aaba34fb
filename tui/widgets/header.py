"""The line at the top: what is open on the left, who answers and what it has cost on the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.widget import Widget

from brim.core.text import visible_line
from brim.tui.gauges import cost_of

if TYPE_CHECKING:
    from brim.core.types import Session


_NOTE_GAP, _LEAST_NOTE = 2, 6


def cut(text: str, width: int) -> str:
    """Return ``text`` in at most ``width`` cells, with an ellipsis where something is missing."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


class Header(Widget):
    """Shows title, model and cost in one line; the title gives way first."""

    DEFAULT_CSS = """
    Header {
        dock: top;
        height: 1;
        padding: 0 1;
        background: $background;
        color: $foreground;
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._title = ""
        self._model = ""
        self._cost = ""
        self._note = ""

    def set_title(self, title: str) -> None:
        """Show the title of the session."""
        self._set("_title", visible_line(title))

    def set_model(self, model: str | None) -> None:
        """Show the model id; ``None`` says that there is no model."""
        self._set("_model", visible_line(model) if model else "no model")

    def set_cost(self, session: Session | None) -> None:
        """Show what the session has cost so far."""
        self._set("_cost", cost_of(session))

    def set_note(self, note: str) -> None:
        """Show what else there is to say of the session, where there is room."""
        self._set("_note", visible_line(note))

    def _set(self, name: str, value: str) -> None:
        if getattr(self, name) != value:
            setattr(self, name, value)
            self.refresh()

    def render(self) -> Content:
        """Draw the line."""
        width = self.content_size.width
        right = cut(" · ".join(part for part in (self._model, self._cost) if part), max(0, width - 8))
        room = width - cell_len(right) - len("brim · ") - 2
        left = cut(self._title, room)
        gap = width - cell_len("brim") - cell_len(right)
        if left:
            gap -= cell_len(left) + len(" · ")
        note = cut(self._note, room - cell_len(left) - _NOTE_GAP) if self._note else ""
        if cell_len(note) < min(_LEAST_NOTE, cell_len(self._note)):
            note = ""
        if note:
            gap -= cell_len(note) + _NOTE_GAP
        return Content.assemble(
            ("brim", "bold $primary"),
            (f" · {left}" if left else "", "$foreground"),
            (f"{' ' * _NOTE_GAP}{note}" if note else "", "$dim"),
            " " * max(1, gap),
            (right, "$text-muted"),
        )
