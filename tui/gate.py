"""The last gate before the terminal: no control character of any widget passes, whatever it was told."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.filter import LineFilter

from brim.core.text import visible_line

if TYPE_CHECKING:
    from rich.segment import Segment
    from rich.style import Style
    from textual.color import Color


@lru_cache(maxsize=4096)
def safe(text: str) -> str:
    """Return ``text`` without control characters, as wide as it was.

    A widget that let one through has measured its line with it, so a glyph stands in only where it takes
    the same number of cells; elsewhere the character goes. Text is made visible with care where it enters;
    this is the net below.
    """
    return "".join(map(_stand_in, text))


@lru_cache(maxsize=1024)
def _stand_in(character: str) -> str:
    glyph = visible_line(character)
    if glyph == character or cell_len(glyph) == cell_len(character):
        return glyph
    return ""


@lru_cache(maxsize=1024)
def _safe_style(style: Style) -> Style:
    """Return ``style`` without its link where the address could end the escape sequence it is put into."""
    link = style.link
    return style if link is None or (link.isprintable() and link.isascii()) else style.update_link(None)


class ControlGate(LineFilter):
    """Never sends a control character: neither as text nor in the address of a link."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments as they may reach the terminal."""
        del background
        return [
            segment if _is_safe(segment) else segment._replace(text=safe(segment.text), style=_style(segment))
            for segment in segments
        ]


def _is_safe(segment: Segment) -> bool:
    style = segment.style
    return segment.text.isprintable() and (style is None or style.link is None)


def _style(segment: Segment) -> Style | None:
    return None if segment.style is None else _safe_style(segment.style)
