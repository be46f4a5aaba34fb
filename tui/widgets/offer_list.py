"""What a typed beginning may become, shown above the composer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.strip import Strip
from textual.widget import Widget

ROWS = 8

T = TypeVar("T")


class OfferList(Widget, Generic[T]):
    """A few lines, one of them chosen. It never takes the focus: the composer moves the choice."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"offer-list--chosen", "offer-list--note"}
    DEFAULT_CSS = """
    OfferList {
        height: auto; max-height: 8; display: none; background: $panel; color: $foreground;
        & > .offer-list--chosen { background: $primary; color: $background; text-style: bold; }
        & > .offer-list--note { color: $text-muted; }
    }
    """
    NAME_CELLS: ClassVar[int] = 28

    def __init__(self) -> None:
        super().__init__()
        self._offered: Sequence[T] = ()
        self._at = 0

    def words(self, offer: T) -> tuple[str, str]:
        """Return what stands for an offer: its name, and a note behind it. Safe to show."""
        raise NotImplementedError

    @property
    def chosen(self) -> T | None:
        """What is chosen; ``None`` while the list is closed."""
        return self._offered[self._at] if self._offered else None

    def offer(self, offered: Sequence[T]) -> None:
        """Show what is offered, the first of it chosen; nothing closes the list."""
        if tuple(offered) == tuple(self._offered):
            return
        rows = min(ROWS, len(self._offered))
        self._offered = tuple(offered)
        self._at = 0
        self.display = bool(offered)
        self.refresh(layout=min(ROWS, len(offered)) != rows)

    def move(self, by: int) -> None:
        """Move the choice, around the ends."""
        self._at = (self._at + by) % len(self._offered)
        self.refresh()

    def at(self, row: int) -> T | None:
        """Return what stands in a row, ``None`` below the last."""
        index = self._first + row
        return self._offered[index] if 0 <= index < len(self._offered) else None

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """As many lines as there are offers, eight at most."""
        del container, viewport, width
        return min(ROWS, len(self._offered))

    @property
    def _first(self) -> int:
        return max(0, min(self._at - ROWS // 2, len(self._offered) - ROWS))

    def render_line(self, y: int) -> Strip:
        """Draw one offer."""
        offer = self.at(y)
        if offer is None:
            return Strip.blank(self.size.width, self.rich_style)
        name, note = self.words(offer)
        base = note_style = self.get_component_rich_style("offer-list--chosen")
        if self._first + y != self._at:
            base, note_style = self.rich_style, self.get_component_rich_style("offer-list--note")
        return _line(f" {name} ".ljust(self.NAME_CELLS), note, self.size.width, base, note_style)


def _line(name: str, note: str, width: int, base: RichStyle, note_style: RichStyle) -> Strip:
    return Strip([Segment(name, base), Segment(note, note_style)]).adjust_cell_length(width, base)
