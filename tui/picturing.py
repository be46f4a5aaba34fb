"""Images in as many pixels as the terminal can show."""

from __future__ import annotations

import fcntl
import io
import os
import struct
import sys
import termios
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from textual.widget import Widget

Way = Literal["kitty", "sixel", "cells"]

_SIXEL_TERMS = ("foot", "mlterm", "contour", "yaft")
_SIXEL_PROGRAMS = ("WezTerm", "iTerm.app", "mintty", "rio")


def way_of(environment: Mapping[str, str]) -> Way:
    """Return how images are shown best, by what the terminal calls itself.

    It cannot be asked: what it answers would be read as keys. A multiplexer between may pass nothing on.
    """
    term = environment.get("TERM", "")
    if environment.get("TMUX") or environment.get("STY") or term.startswith(("tmux", "screen")):
        return "cells"
    if environment.get("KITTY_WINDOW_ID") or term in ("xterm-kitty", "xterm-ghostty"):
        return "kitty"
    if term.startswith(_SIXEL_TERMS) or environment.get("TERM_PROGRAM") in _SIXEL_PROGRAMS:
        return "sixel"
    return "cells"


def picture(data: bytes, way: Way, write: Callable[[str], None]) -> Widget:
    """Return a widget that shows an image as large as it finds room.

    Args:
        data: the image, of a kind that models take.
        way: how.
        write: brings a sequence to the terminal, in turn with everything else that goes there.

    Raises:
        OSError: the image cannot be decoded.
    """
    from PIL import Image

    with _nobody_asked():
        from brim.tui.widgets.picture import CellPicture, KittyPicture, SixelPicture

    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF", "WEBP")) as image:
        image.load()
        shown = image.convert("RGBA")
    match way:
        case "kitty":
            return KittyPicture(shown, write)
        case "sixel":
            return SixelPicture(shown)
        case "cells":
            return CellPicture(shown)


@contextmanager
def _nobody_asked() -> Iterator[None]:
    """Let textual-image be imported without its questions to the terminal, which Textual would read the answers of.

    It asks where standard output is a terminal. The size of a cell is told by the variables that it knows.
    """
    names = ("TEXTUAL_CELL_WIDTH", "TEXTUAL_CELL_HEIGHT")
    before = {name: os.environ.get(name) for name in names}
    output = sys.__stdout__
    os.environ.update({name: str(size) for name, size in zip(names, _cell_pixels(), strict=True) if size})
    vars(sys)["__stdout__"] = io.StringIO()
    try:
        yield
    finally:
        vars(sys)["__stdout__"] = output
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _cell_pixels() -> tuple[int, int]:
    """Return the width and the height of a cell in pixels, zeros where the terminal does not tell."""
    try:
        told = fcntl.ioctl(sys.__stderr__ or 2, termios.TIOCGWINSZ, bytes(8))
    except (OSError, ValueError):
        return 0, 0
    rows, columns, width, height = struct.unpack("HHHH", told)
    return (width // columns, height // rows) if rows and columns else (0, 0)
