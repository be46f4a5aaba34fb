"""The files that went with a prompt, below its text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from brim.core.text import visible_line
from brim.tui.render.line import Line
from brim.tui.widgets import message_lines as shapes
from brim.tui.widgets.attached_line import SIGNS, size_words
from brim.tui.widgets.message_sections import Section
from brim.tui.widgets.transcript_inks import TranscriptInks

if TYPE_CHECKING:
    from brim.core.types import Message
    from brim.tui.thumbnails import Thumbnail

FILE = "file "
"""How the keys of these sections begin; the attachment's id follows."""
_INDENT = 2


def file_sections(
    message: Message, inks: TranscriptInks, width: int, pictures: Mapping[str, Thumbnail]
) -> Iterator[Section]:
    """Yield a line for each file, with its kind and its size, and below it a small picture of an image."""
    if message.attachments and message.content:
        yield Section("before files", [shapes.BLANK], 1)
    for one in message.attachments:
        words = [(f"{SIGNS[one.kind]} ", inks.marker), (visible_line(one.name), inks.markdown.text)]
        lines = [shapes.line_of([*words, (f" · {size_words(one)}", inks.markdown.dim)], width)]
        picture = pictures.get(one.id, ())
        if picture and len(picture[0]) + _INDENT <= width:
            lines += map(_picture_line, picture)
        yield Section(f"{FILE}{one.id}", lines, len(lines))


def _picture_line(row: tuple[tuple[tuple[int, int, int], tuple[int, int, int]], ...]) -> Line:
    segments = [Segment(" " * _INDENT, Style.null())]
    segments += [
        Segment("▀", Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower)))
        for upper, lower in row
    ]
    return Line(segments, _INDENT + len(row), 0, 0)
