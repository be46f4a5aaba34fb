"""Looking at the files that went with a message: images in the terminal's best way, texts as they are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Center, Middle, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from brim.core.text import visible, visible_line
from brim.tui.widgets.attached_line import size_words

if TYPE_CHECKING:
    from brim.core.attachments import Attachment

_MOST_CHARS = 100_000
"""Of a text; what comes behind that is not shown."""


class LookingScreen(ModalScreen[None]):
    """One file at a time.

    Args:
        files: the files, with their data.
        number: the one to begin with.
    """

    CSS_PATH = "looking.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,o", "app.pop_screen", "Close", id="looking_close", show=False),
        Binding("right,l,space", "step(1)", "Next file", id="looking_next", show=False, priority=True),
        Binding("left,h", "step(-1)", "Previous file", id="looking_previous", show=False, priority=True),
    ]

    def __init__(self, files: Sequence[Attachment], number: int = 0) -> None:
        super().__init__()
        self._files = files
        self._number = number

    def compose(self) -> ComposeResult:
        """A box for the file."""
        yield Vertical(id="dialog")

    async def on_screen_suspend(self) -> None:
        """Take the file away while another screen is above: pixels would shine through it."""
        await self.query_one("#dialog", Vertical).remove_children()

    async def on_screen_resume(self) -> None:
        """Show the file again."""
        await self._show()

    async def _show(self) -> None:
        one = self._files[self._number]
        box = self.query_one("#dialog", Vertical)
        several = len(self._files) > 1
        place = f" {self._number + 1}/{len(self._files)} ·" if several else ""
        box.border_title = Content(f"{visible_line(one.name)} ·{place} {size_words(one)}")
        box.border_subtitle = "← → other files · Esc close" if several else "Esc close"
        await box.remove_children()
        await box.mount(self._image(one) if one.kind == "image" else _text(one))
        self.query_one(VerticalScroll).focus() if one.kind == "text" else self.set_focus(None)

    def _image(self, one: Attachment) -> Widget:
        from brim.tui.picturing import picture, way_of

        way = "cells" if self.app.is_headless else way_of(os.environ)
        try:
            shown = picture(one.data, way, self._write)
        except (OSError, ValueError, SyntaxError, EOFError):
            return Static(Content("The image cannot be decoded."))
        shown.styles.width = shown.styles.height = "auto"
        return Middle(Center(shown))

    def _write(self, sequence: str) -> None:
        driver = self.app._driver
        if driver is not None:
            driver.write(sequence)

    async def action_step(self, by: int) -> None:
        """Show another file."""
        if len(self._files) > 1:
            self._number = (self._number + by) % len(self._files)
            await self._show()


def _text(one: Attachment) -> Widget:
    text = one.text
    shown = Content(visible(text[:_MOST_CHARS]))
    if len(text) > _MOST_CHARS:
        shown += Content.styled(f"\n… and {len(text) - _MOST_CHARS:,} characters more", "$dim")
    return VerticalScroll(Static(shown))
