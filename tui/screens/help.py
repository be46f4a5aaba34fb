"""The help: every action with its key and its command, made from the table."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from brim.tui.actions import ACTIONS, GROUPS, Action, key_label

_KEYS_CELLS = 16
_SLASH_CELLS = 12


def help_text() -> Content:
    """Return all actions, group by group."""
    lines: list[Content] = []
    for group in GROUPS:
        lines += [Content.styled(group, "bold $primary")]
        lines += [_line(action) for action in ACTIONS if action.group == group]
        lines.append(Content(""))
    return Content("\n").join(lines[:-1])


def _line(action: Action) -> Content:
    keys = " ".join(key_label(key) for key in action.keys.split(",")[:2] if key)
    slash = f"/{action.slash}" if action.slash else ""
    return Content.assemble(
        (keys.ljust(_KEYS_CELLS), "bold"),
        (slash.ljust(_SLASH_CELLS), "$secondary"),
        (action.help, "$dim"),
    )


class HelpScreen(ModalScreen[None]):
    """All there is to press and to type."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q,enter", "app.pop_screen", "Close", id="help_close", show=False)
    ]

    def compose(self) -> ComposeResult:
        """A box that scrolls."""
        with Vertical(id="dialog") as box:
            box.border_title = "Help"
            box.border_subtitle = "Esc close"
            with VerticalScroll():
                yield Static(help_text())
