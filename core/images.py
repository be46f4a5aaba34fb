"""Images as models take them: of the four kinds that all of them know, whole, and not too large."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image as OpenImage

LARGEST_BYTES = 3_700_000
"""Providers refuse more than 5 MB of base64; a larger image is scaled down."""
LONGEST_SIDE_PX = 8_000
MOST_PIXELS = 80_000_000
"""An image of more is not opened: it might take gigabytes."""

_SCALED_SIDE_PX = 2_048
"""Models scale down to less than this themselves."""
_QUALITY = 88
_JPEG_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""The marks of a JPEG file behind which its size stands."""
_JPEG_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Marks that nothing belongs to."""

_OTHERS = (
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"\0\0\1\0", "icon"),
    (b"8BPS", "Photoshop"),
)


class BrokenImageError(Exception):
    """The image cannot be taken. The text says why, to stand behind its name."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that can be sent."""

    data: bytes
    media_type: str
    width_px: int
    height_px: int


def media_type_of(data: bytes) -> str:
    """Return the kind of an image that models take, by its first bytes; empty for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return ""


def other_kind(data: bytes) -> str:
    """Return the name of an image's kind that models do not take; empty for what is no image."""
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"mif1", b"avif"):
        return "AVIF" if data[8:12] == b"avif" else "HEIC"
    return next((name for begins, name in _OTHERS if data.startswith(begins)), "")


def picture(data: bytes) -> Picture:
    """Return an image as it can be sent; one that is too large comes scaled down.

    Raises:
        BrokenImageError: it is broken, or larger than can be opened.
    """
    try:
        width, height = _size(data)
    except (IndexError, struct.error):
        raise BrokenImageError("is broken: its size cannot be read") from None
    if not width or not height:
        raise BrokenImageError("is broken: it has no size")
    if width * height > MOST_PIXELS:
        raise BrokenImageError(f"is too large: {width:,} × {height:,} pixels")
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF", "WEBP")) as image:
            image.load()
            if len(data) <= LARGEST_BYTES and max(width, height) <= LONGEST_SIDE_PX:
                return Picture(data, media_type_of(data), width, height)
            return _scaled(image)
    except (OSError, ValueError, SyntaxError, EOFError, UnidentifiedImageError) as error:
        raise BrokenImageError("is broken: it cannot be decoded") from error


def _scaled(image: OpenImage) -> Picture:
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(image)
    has_alpha = upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info
    made = upright.convert("RGBA" if has_alpha else "RGB")
    made.thumbnail((_SCALED_SIDE_PX, _SCALED_SIDE_PX))
    if has_alpha:
        ground = Image.new("RGB", made.size, "white")
        ground.paste(made, mask=made.getchannel("A"))
        made = ground
    kept = io.BytesIO()
    made.save(kept, "JPEG", quality=_QUALITY)
    return Picture(kept.getvalue(), "image/jpeg", *made.size)


def _size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels, from the head of the file."""
    match media_type_of(data):
        case "image/png":
            width, height = struct.unpack(">II", data[16:24])
        case "image/gif":
            width, height = struct.unpack("<HH", data[6:10])
        case "image/jpeg":
            return _jpeg_size(data)
        case _:
            return _webp_size(data)
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        while data[at] == 0xFF:
            at += 1
        mark = data[at]
        at += 1
        if mark in _JPEG_SIZES:
            height, width = struct.unpack(">HH", data[at + 3 : at + 7])
            return width, height
        if mark not in _JPEG_ALONE:
            at += max(2, struct.unpack(">H", data[at : at + 2])[0])
        if data[at] != 0xFF:
            raise IndexError


def _webp_size(data: bytes) -> tuple[int, int]:
    form = data[12:16]
    if form == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if form == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack("<HH", data[26:30])
    return width & 0x3FFF, height & 0x3FFF
