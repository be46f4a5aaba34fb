"""The files that would go with the draft, each with its size and its tokens, in a line above the composer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget

from brim.core.text import visible_line
from brim.tui.gauges import short

if TYPE_CHECKING:
    from brim.core.attachments import Attachment

SIGNS = {"text": "≡", "image": "▣"}
"""What stands before the name of a file, by its kind."""


def size_words(one: Attachment) -> str:
    """Return the size of an attachment as a person reads it: ``640×480 · 12 kB``."""
    size = one.size_bytes
    words = (
        f"{size} B" if size < 1_000 else f"{size / 1e3:.0f} kB" if size < 999_500 else f"{size / 1e6:.1f} MB"
    )
    return f"{one.width_px}×{one.height_px} · {words}" if one.width_px and one.height_px else words


class AttachedLine(Widget):
    """Names the files; what does not fit is counted. It is not there while there is nothing to say."""

    DEFAULT_CSS = """
    AttachedLine {
        height: 1; padding: 0 1; display: none; color: $text-muted;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._parts: tuple[tuple[Content, Content], ...] = ()
        """Each file in a long form and in a short one."""

    def show(self, files: Sequence[tuple[Attachment, int]], problems: Sequence[str] = ()) -> None:
        """Show files with their tokens, and why others cannot go along."""
        said = [Content.styled(f"✗ {visible_line(problem)}", "$error") for problem in problems]
        parts = (*((each, each) for each in said), *(_part(one, tokens) for one, tokens in files))
        if parts != self._parts:
            self._parts = parts
            self.display = bool(parts)
            self.refresh()

    def render(self) -> Content:
        """Draw the line."""
        width = self.content_size.width
        gap = Content("   ")
        whole = gap.join([long for long, _ in self._parts])
        if whole.cell_length <= width:
            return whole
        line, shown = Content(""), 0
        for _, part in self._parts:
            joined = line + gap + part if line else part
            left = len(self._parts) - shown - 1
            if shown and joined.cell_length + (len(f"   +{left}") if left else 0) > width:
                break
            line, shown = joined, shown + 1
        if shown < len(self._parts):
            line += Content(f"   +{len(self._parts) - shown}")
        return line.truncate(width, ellipsis=True)


def _part(one: Attachment, tokens: int) -> tuple[Content, Content]:
    name = Content.assemble((f"{SIGNS[one.kind]} ", "$accent"), (visible_line(one.name), "$foreground"))
    weight = f"~{short(tokens)}"
    return name + Content(f" {size_words(one)} · {weight} tok"), name + Content(f" {weight}")
