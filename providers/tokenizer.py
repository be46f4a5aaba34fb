"""OpenAI's own tokenizer, where ``tiktoken`` is installed and its data lies on this machine. Nothing is fetched.

How its counts become prompts differs from model to model by a few tokens, so they are the basis of estimates
and not taken for what is billed.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

_DATA = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
_SHA256 = {
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}
"""The encodings of the models that chat, with the sums that ``tiktoken`` itself expects of their data."""


async def openai_tokenizer(model: str) -> Callable[[str], int] | None:
    """Return what counts the tokens of a text for one of OpenAI's models; ``None`` where that is not at hand.

    Import and data are loaded in a thread.
    """
    if importlib.util.find_spec("tiktoken") is None:
        return None
    return await asyncio.to_thread(_load, model)


def _load(model: str) -> Callable[[str], int] | None:
    from tiktoken.model import encoding_name_for_model
    from tiktoken.registry import get_encoding

    try:
        name = encoding_name_for_model(model)
        if not _has_data(name):
            return None
        encoding = get_encoding(name)
    except (KeyError, ValueError, OSError):  # a model that it does not know, data that cannot be read
        return None

    def count(text: str) -> int:
        return len(encoding.encode_ordinary(text))

    return count


def _has_data(encoding: str) -> bool:
    """Whether the data is where ``tiktoken`` looks, whole: it would fetch what is missing or damaged."""
    if encoding not in _SHA256 or not (folder := _data_folder()):
        return False
    name = hashlib.sha1(_DATA.format(encoding).encode(), usedforsecurity=False).hexdigest()
    try:
        data = (Path(folder) / name).read_bytes()
    except OSError:
        return False
    return hashlib.sha256(data).hexdigest() == _SHA256[encoding]


def _data_folder() -> str:
    for variable in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        if (folder := os.environ.get(variable)) is not None:
            return folder
    return str(Path(tempfile.gettempdir()) / "data-gym-cache")
