"""The slash commands that a typed beginning may become, shown above the composer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from brim.tui.actions import Action

_ROWS = 8


class SlashList(Widget):
    """A few lines, one of them chosen. It never takes the focus: the composer moves the choice.

    Not called ``CommandList``: the palette's own widget has that name, and style sheets go by names.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"slash-list--chosen", "slash-list--help"}
    DEFAULT_CSS = """
    SlashList {
        height: auto; max-height: 8; display: none; background: $panel; color: $foreground;
        & > .slash-list--chosen { background: $primary; color: $background; text-style: bold; }
        & > .slash-list--help { color: $text-muted; }
    }
    """

    class Taken(Message):
        """A command was chosen with the mouse."""

        def __init__(self, slash: str) -> None:
            super().__init__()
            self.slash = slash

    def __init__(self) -> None:
        super().__init__()
        self._offered: Sequence[Action] = ()
        self._at = 0

    @property
    def chosen(self) -> Action | None:
        """The chosen command; ``None`` while the list is closed."""
        return self._offered[self._at] if self._offered else None

    def offer(self, actions: Sequence[Action]) -> None:
        """Show ``actions``, the first of them chosen; none closes the list."""
        if [action.id for action in actions] == [action.id for action in self._offered]:
            return
        self._offered = tuple(actions)
        self._at = 0
        self.display = bool(actions)
        self.refresh(layout=True)

    def move(self, by: int) -> None:
        """Move the choice, around the ends."""
        self._at = (self._at + by) % len(self._offered)
        self.refresh()

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """As many lines as there are commands, eight at most."""
        del container, viewport, width
        return min(_ROWS, len(self._offered))

    @property
    def _first(self) -> int:
        return max(0, min(self._at - _ROWS // 2, len(self._offered) - _ROWS))

    def render_line(self, y: int) -> Strip:
        """Draw one command."""
        index = self._first + y
        if index >= len(self._offered):
            return Strip.blank(self.size.width, self.rich_style)
        action = self._offered[index]
        name = f" /{action.slash} {action.argument}".ljust(28)
        if index == self._at:
            base = help_style = self.get_component_rich_style("slash-list--chosen")
        else:
            base, help_style = self.rich_style, self.get_component_rich_style("slash-list--help")
        return _line(name, action.help, self.size.width, base, help_style)

    def on_click(self, event: events.Click) -> None:
        """Take the command under the mouse."""
        if 0 <= (index := self._first + event.y) < len(self._offered):
            self.post_message(self.Taken(self._offered[index].slash))


def _line(name: str, explanation: str, width: int, base: RichStyle, help_style: RichStyle) -> Strip:
    strip = Strip([Segment(name, base), Segment(explanation, help_style)])
    return strip.adjust_cell_length(width, base)
