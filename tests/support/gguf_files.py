"""Model files that hold nothing but a header."""

from __future__ import annotations

import struct
from typing import Any

LLAMA = {
    "general.architecture": "llama",
    "general.tags": ["small", "chat"],
    "llama.context_length": 8192,
    "llama.embedding_length": 576,
    "llama.block_count": 30,
    "llama.attention.head_count": 9,
    "llama.attention.head_count_kv": 3,
    "llama.rope.freq_base": 100_000.0,
}


def packed(value: Any) -> bytes:
    """Return a value as it stands in a header, after its kind."""
    match value:
        case float():
            return struct.pack("<If", 6, value)
        case int():
            return struct.pack("<II", 4, value)
        case str():
            return struct.pack("<I", 8) + text(value)
        case list():
            items = [packed(item) for item in value]
            return (
                struct.pack("<I", 9)
                + items[0][:4]
                + struct.pack("<Q", len(items))
                + b"".join(i[4:] for i in items)
            )
    raise TypeError(value)


def text(value: str) -> bytes:
    """Return a text as it stands in a header."""
    return struct.pack("<Q", len(value.encode())) + value.encode()


def gguf(pairs: dict[str, Any], *, version: int = 3) -> bytes:
    """Return a file with these pairs and without weights."""
    pairs = pairs | {"tokenizer.ggml.model": "gpt2"}
    head = b"GGUF" + struct.pack("<IQQ", version, 0, len(pairs))
    return head + b"".join(text(key) + packed(value) for key, value in pairs.items())
