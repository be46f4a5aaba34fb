"""Widgets of textual-image, so that nothing reaches the terminal but through Textual.

To be imported by `brim.tui.picturing` alone: textual-image asks the terminal when it is imported.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO

from PIL.Image import Image
from textual.app import ComposeResult, RenderResult
from textual.filter import LineFilter
from textual_image.renderable.sixel import Image as SixelRenderable
from textual_image.renderable.tgp import Image as KittyRenderable
from textual_image.widget import HalfcellImage, SixelImage, TGPImage
from textual_image.widget.sixel import _ImageSixelImpl

_PIECE = 4_096

CellPicture = HalfcellImage
"""An image as coloured half blocks, in any terminal."""


class SixelPicture(SixelImage, Renderable=SixelRenderable):
    """An image as sixels."""

    def compose(self) -> ComposeResult:
        """Let the sixels pass the gate, which takes them for control characters."""
        yield _Sixels(self.image)


class _Sixels(_ImageSixelImpl):
    """Draws nothing but what was made here from pixels."""

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Filter nothing: sixels are no text."""
        return []


class KittyPicture(TGPImage, Renderable=KittyRenderable):
    """An image by kitty's protocol; its pixels go to the terminal before the cells that show them."""

    def __init__(self, image: Image, write: Callable[[str], None]) -> None:
        self._write = write
        self._pixels = image
        super().__init__(image)

    def render(self) -> RenderResult:
        """Draw the cells that the terminal fills with the image."""
        if self._renderable is not None:
            self._renderable.cleanup()
        self._renderable = _Kitty(self._pixels, *self._get_styled_size(), write=self._write)
        return self._renderable

    def on_unmount(self) -> None:
        """Let the terminal forget the image."""
        if self._renderable is not None:
            self._renderable.cleanup()


class _Kitty(KittyRenderable):
    """Sends by ``write`` what the base class would write to standard output itself."""

    def __init__(
        self, image: Image, width: int | str | None, height: int | str | None, *, write: Callable[[str], None]
    ) -> None:
        super().__init__(image, width, height)
        self._write = write

    def cleanup(self) -> None:
        """Let the terminal forget the image."""
        if self.terminal_image_id:
            self._write(_command([("a", "d"), ("d", "I"), ("i", self.terminal_image_id), ("q", 2)]))
            self.terminal_image_id = None

    def _send_image_to_terminal(self, width: int, height: int) -> None:
        self.terminal_image_id = next(KittyRenderable._image_id_counter) & 0xFFFFFFFF
        kept = BytesIO()
        self._image_data.scaled(width, height).pil_image.save(kept, "PNG")
        data = b64encode(kept.getvalue()).decode()
        for at in range(0, len(data), _PIECE):
            more = int(at + _PIECE < len(data))
            head = [("i", self.terminal_image_id), ("m", more), ("f", 100), ("q", 2)]
            self._write(_command(head, data[at : at + _PIECE]))

    def _create_virtual_placement(self, width: int, height: int) -> None:
        self._write(
            _command(
                [("a", "p"), ("i", self.terminal_image_id), ("c", width), ("r", height), ("U", 1), ("q", 2)]
            )
        )


def _command(values: Iterable[tuple[str, object]], payload: str = "") -> str:
    said = ",".join(f"{name}={value}" for name, value in values)
    return f"\x1b_G{said}{';' + payload if payload else ''}\x1b\\"
