"""A session's title from its first prompt."""

from __future__ import annotations

import re

LONGEST_TITLE = 60
"""In characters."""

_MARKS = re.compile(r"^[#>*\-\s`]+|[`*]+")
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s|(?<=[。！？])")


def title_from(prompt: str) -> str:
    """Return the first sentence of a prompt, cut at a word to `LONGEST_TITLE` characters."""
    for line in prompt.splitlines():
        words = " ".join(_MARKS.sub("", line).split())
        if words:
            break
    else:
        return ""
    sentence = _SENTENCE_END.split(words, maxsplit=1)[0].rstrip(".。")
    if len(sentence) <= LONGEST_TITLE:
        return sentence
    cut = sentence[: LONGEST_TITLE - 1]
    at_word = cut.rsplit(" ", 1)[0]
    return (at_word if len(at_word) > LONGEST_TITLE // 2 else cut).rstrip(" ,;:") + "…"
