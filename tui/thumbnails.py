"""Small pictures of images, as coloured half blocks: two pixels in each cell."""

from __future__ import annotations

import io

Pixel = tuple[int, int, int]
Thumbnail = tuple[tuple[tuple[Pixel, Pixel], ...], ...]
"""Rows of cells; of each cell the upper pixel and the lower one."""

COLUMNS, ROWS = 32, 10


def thumbnail(data: bytes, ground: Pixel) -> Thumbnail:
    """Return an image no larger than it has to be to be recognised; empty where it cannot be decoded.

    For a thread: decoding a photo takes a tenth of a second.

    Args:
        data: the file.
        ground: what is seen through it.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF", "WEBP")) as image:
            image.draft("RGB", (4 * COLUMNS, 8 * ROWS))
            made = image.convert("RGBA")
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        return ()
    made.thumbnail((COLUMNS, 2 * ROWS))
    flat = Image.new("RGBA", made.size, (*ground, 255))
    flat.alpha_composite(made)
    width, height = flat.size
    raw = flat.convert("RGB").tobytes()
    pixels = list(zip(raw[::3], raw[1::3], raw[2::3], strict=True))
    below = [ground] * width
    rows = [pixels[at : at + width] for at in range(0, width * height, width)] + [below]
    return tuple(tuple(zip(rows[y], rows[y + 1], strict=True)) for y in range(0, height, 2))
