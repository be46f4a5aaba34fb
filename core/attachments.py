"""Files that go with a prompt."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from brim.core.text import visible_line

Kind = Literal["text", "image"]

_LONGEST_SIDE_PX = 1_568
_PIXELS_PER_TOKEN = 750
_LARGEST_IMAGE_TOKENS = 1_600


class Attachment(BaseModel):
    """One file as it was when the prompt was sent.

    The data of a text is UTF-8, whatever the file's encoding was, and enters the prompt as text; that of a
    PDF file is the text found in it. An image is the file itself.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    """SHA-256 of the data in hexadecimal digits; the same data is kept once."""
    name: str
    """The file's name, without folders."""
    kind: Kind
    media_type: str
    """Of the file, such as ``image/png`` or ``application/pdf``."""
    size_bytes: int = Field(ge=0)
    """Of the data."""
    width_px: int | None = None
    height_px: int | None = None
    data: bytes = Field(default=b"", repr=False, exclude=True)
    """Only where it is needed: just after reading, in a request, in a lossless export."""

    @property
    def text(self) -> str:
        """The data of a text."""
        return self.data.decode("utf-8", "replace")

    @property
    def is_loaded(self) -> bool:
        """Whether the data is here."""
        return len(self.data) == self.size_bytes

    def bare(self) -> Attachment:
        """Return it without the data."""
        return self.model_copy(update={"data": b""})

    def loaded(self, data: bytes) -> Attachment:
        """Return it with the data."""
        return self.model_copy(update={"data": data})


def attachment(
    name: str,
    data: bytes,
    *,
    kind: Kind,
    media_type: str,
    width_px: int | None = None,
    height_px: int | None = None,
) -> Attachment:
    """Return an attachment of some data."""
    return Attachment(
        id=hashlib.sha256(data).hexdigest(),
        name=name,
        kind=kind,
        media_type=media_type,
        size_bytes=len(data),
        width_px=width_px,
        height_px=height_px,
        data=data,
    )


def loaded(attachments: Iterable[Attachment], data: Mapping[str, bytes]) -> tuple[Attachment, ...]:
    """Return attachments with their data, by id; one whose data is gone stays as it is."""
    return tuple(one.loaded(data[one.id]) if one.id in data else one for one in attachments)


def with_texts(text: str, attachments: Iterable[Attachment]) -> str:
    """Return a prompt followed by the texts that go with it, each under its file's name."""
    parts = [_framed(one) for one in attachments if one.kind == "text"]
    return "\n\n".join(part for part in (text, *parts) if part.strip())


def image_tokens(image: Attachment) -> int:
    """Return about how many tokens an image takes; of one whose size is not known, as many as the largest.

    Anthropic's rule (https://docs.claude.com/en/docs/build-with-claude/vision): a token for 750 pixels, after
    the longer side was brought down to 1,568. Others differ; what they report corrects it.
    """
    if not image.width_px or not image.height_px:
        return _LARGEST_IMAGE_TOKENS
    scale = min(1.0, _LONGEST_SIDE_PX / max(image.width_px, image.height_px))
    pixels = image.width_px * scale * image.height_px * scale
    return max(1, min(round(pixels / _PIXELS_PER_TOKEN), _LARGEST_IMAGE_TOKENS))


def _framed(one: Attachment) -> str:
    fence = "```"
    text = one.text
    while fence in text:
        fence += "`"
    return f"File {visible_line(one.name)}:\n{fence}\n{text.rstrip()}\n{fence}"
