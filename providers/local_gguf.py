"""What a model file says of itself, and how much of the model's window this machine can hold.

A GGUF file starts with key-value pairs. The few that tell the window and the cost of a token come before the
vocabulary, so that only the first few kilobytes are read, whatever the size of the file.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

MOST_SLOTS = 4
"""How many answers one model writes at the same time, at most."""
FALLBACK_WINDOW_TOKENS = 4096
"""The window asked for when the file does not tell how long its model was trained."""
SMALLEST_WINDOW_TOKENS = 2048
_STEP_TOKENS = 256
"""llama.cpp rounds a window to multiples of this."""
_CACHE_VALUE_BYTES = 2

_SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_STRING, _ARRAY = 8, 9
_MOST_PAIRS = 100_000
_LONGEST_TEXT_BYTES = 1 << 20
_LONGEST_ARRAY = 1 << 20
_MOST_LAYERS = 10_000


class NotAModelError(ValueError):
    """The file is no GGUF file, or its header is broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelHeader:
    """What matters here of a model file's header.

    ``window_tokens`` is the length the model was trained for, ``token_bytes`` what one token costs in the
    cache of one answer; both are ``None`` where the file does not tell. ``other_use`` is empty for a model that
    answers, else what the file is for.
    """

    file_bytes: int
    window_tokens: int | None
    token_bytes: int | None
    other_use: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How the server is set up: ``slots`` answers at once, each with a whole window of its own."""

    window_tokens: int
    slots: int


def read_header(path: Path) -> ModelHeader:
    """Read the start of a model file.

    Raises:
        NotAModelError: it is not a GGUF file of version 2 or 3.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        try:
            pairs = _read_pairs(file)
        except (struct.error, UnicodeDecodeError) as error:
            raise NotAModelError("its header is broken") from error
        return ModelHeader(
            file_bytes=os.fstat(file.fileno()).st_size,
            window_tokens=_window_tokens(pairs),
            token_bytes=_token_bytes(pairs),
            other_use=_other_use(pairs),
        )


def choose_shape(header: ModelHeader, *, memory_bytes: int, window_tokens: int | None = None) -> Shape:
    """Choose a window and a number of slots that the memory can hold.

    Every slot gets a whole window, since answers that share one fail together when it is full. A window may
    grow until two of them take a quarter of what the weights leave of the memory; further slots only come
    where all of them stay within a sixteenth.

    Args:
        header: of the model file.
        memory_bytes: the memory of the machine.
        window_tokens: the person's own wish, which is not questioned; ``None`` chooses.
    """
    left_bytes = max(0, memory_bytes - header.file_bytes)
    if header.token_bytes is None:
        return Shape(window_tokens=window_tokens or header.window_tokens or FALLBACK_WINDOW_TOKENS, slots=1)
    if window_tokens is None:
        trained = header.window_tokens or FALLBACK_WINDOW_TOKENS
        affordable = left_bytes // 8 // header.token_bytes // _STEP_TOKENS * _STEP_TOKENS
        window_tokens = min(trained, max(SMALLEST_WINDOW_TOKENS, affordable))
    slot_bytes = header.token_bytes * window_tokens
    slots = max(left_bytes // 16 // slot_bytes, min(2, left_bytes // 4 // slot_bytes))
    return Shape(window_tokens=window_tokens, slots=max(1, min(MOST_SLOTS, slots)))


def _read_pairs(file: BinaryIO) -> dict[str, Any]:
    """Return the header's pairs up to the vocabulary."""
    if file.read(4) != b"GGUF":
        raise NotAModelError("it is not a GGUF file")
    version, _tensors, count = _unpack(file, "<IQQ")
    if version not in (2, 3):
        raise NotAModelError(f"its GGUF version {version} is not known")
    pairs: dict[str, Any] = {}
    for _ in range(min(count, _MOST_PAIRS)):
        key = _read_text(file)
        if key.startswith("tokenizer."):
            break
        (kind,) = _unpack(file, "<I")
        pairs[key] = _read_value(file, kind)
    return pairs


def _read_value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _read_text(file)
    if kind == _ARRAY:
        item_kind, count = _unpack(file, "<IQ")
        if item_kind == _ARRAY or count > _LONGEST_ARRAY:
            raise NotAModelError("its header is broken")
        return [_read_value(file, item_kind) for _ in range(count)]
    if kind not in _SCALARS:
        raise NotAModelError("its header is broken")
    return _unpack(file, _SCALARS[kind])[0]


def _read_text(file: BinaryIO) -> str:
    (size,) = _unpack(file, "<Q")
    if size > _LONGEST_TEXT_BYTES:
        raise NotAModelError("its header is broken")
    return file.read(size).decode()


def _unpack(file: BinaryIO, layout: str) -> tuple[Any, ...]:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))


def _window_tokens(pairs: dict[str, Any]) -> int | None:
    value = pairs.get(f"{pairs.get('general.architecture')}.context_length")
    return value if isinstance(value, int) and value > 0 else None


def _other_use(pairs: dict[str, Any]) -> str:
    architecture = pairs.get("general.architecture")
    if architecture == "clip" or pairs.get("general.type") == "mmproj":
        return "the eye of another model"
    if pairs.get("general.type") in ("adapter", "imatrix"):
        return "an addition to another model"
    return "a model for embeddings" if pairs.get(f"{architecture}.pooling_type") else ""


def _token_bytes(pairs: dict[str, Any]) -> int | None:
    """Return the size of the keys and values of one token over all layers: an upper bound where a model
    has layers that look at a part of the window only."""
    architecture = pairs.get("general.architecture")

    def number(name: str) -> int:
        value = pairs.get(f"{architecture}.{name}")
        return value if isinstance(value, int) else 0

    layers, heads = number("block_count"), number("attention.head_count")
    by_layer = pairs.get(f"{architecture}.attention.head_count_kv", heads)
    if not isinstance(by_layer, list):
        by_layer = [by_layer] * min(layers, _MOST_LAYERS)
    head_sum = sum(count for count in by_layer if isinstance(count, int))
    head_size = number("embedding_length") // heads if heads else 0
    key_size = number("attention.key_length") or head_size
    value_size = number("attention.value_length") or head_size
    token_bytes = head_sum * (key_size + value_size) * _CACHE_VALUE_BYTES
    return token_bytes if token_bytes > 0 else None
