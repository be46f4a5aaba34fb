"""The files that went with a prompt, below its text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from brim.core.text import visible_line
from brim.tui.widgets import message_lines as shapes
from brim.tui.widgets.attached_line import SIGNS, size_words
from brim.tui.widgets.message_sections import Section
from brim.tui.widgets.transcript_inks import TranscriptInks

if TYPE_CHECKING:
    from brim.core.types import Message

FILE = "file "
"""How the keys of these sections begin; the attachment's id follows."""


def file_sections(message: Message, inks: TranscriptInks, width: int) -> Iterator[Section]:
    """Yield a line for each file, with its kind and its size."""
    for one in message.attachments:
        words = [(f"{SIGNS[one.kind]} ", inks.marker), (visible_line(one.name), inks.markdown.text)]
        line = shapes.line_of([*words, (f" · {size_words(one)}", inks.markdown.dim)], width)
        yield Section(f"{FILE}{one.id}", [line], 1)
