"""Widgets of textual-image, so that nothing reaches the terminal but through Textual.

To be imported by `brim.tui.picturing` alone: textual-image asks the terminal when it is imported.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from itertools import count

from PIL.Image import Image
from textual.app import ComposeResult
from textual.filter import LineFilter
from textual_image.renderable.sixel import Image as SixelRenderable
from textual_image.widget import HalfcellImage, SixelImage
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


class KittyPicture(SixelImage, Renderable=SixelRenderable):
    """An image by kitty's protocol, laid over the cells; it is forgotten when the widget goes.

    Args:
        image: the image.
        write: brings a sequence to the terminal, in turn with everything else that goes there.
    """

    def __init__(self, image: Image, write: Callable[[str], None]) -> None:
        self._write = write
        self._pixels = image
        super().__init__(image)

    def compose(self) -> ComposeResult:
        """Let the commands pass the gate, which takes them for control characters."""
        yield _Kitty(self._pixels, self._write)


class _Kitty(_Sixels):
    """Sends the pixels once for each size, and with each painting where they belong."""

    def __init__(self, image: Image, write: Callable[[str], None]) -> None:
        super().__init__(image)
        self._write = write
        self._number = 0

    def _image_to_sixels(self, image: Image, *_: object, **__: object) -> str:
        """Let the terminal know the pixels; returns what puts them where the cursor is."""
        self._forget()
        self._number = next(_numbers)
        kept = BytesIO()
        image.save(kept, "PNG")
        data = b64encode(kept.getvalue()).decode()
        for at in range(0, len(data), _PIECE):
            more = int(at + _PIECE < len(data))
            self._write(_command({"i": self._number, "f": 100, "m": more}, data[at : at + _PIECE]))
        return _command({"a": "p", "i": self._number, "p": 1, "C": 1})

    def on_unmount(self) -> None:
        """Let the terminal forget the image."""
        self._forget()

    def _forget(self) -> None:
        if self._number:
            self._write(_command({"a": "d", "d": "I", "i": self._number}))
            self._number = 0


_numbers = count(secrets.randbelow(2**30) + 1)
"""Others may show images in the same terminal, so numbers begin anywhere."""


def _command(values: Mapping[str, object], payload: str = "") -> str:
    said = ",".join(f"{name}={value}" for name, value in {**values, "q": 2}.items())
    return f"\x1b_G{said}{';' + payload if payload else ''}\x1b\\"
