"""What models can do beside answering text with text, by the families that their names tell."""

from __future__ import annotations

import re

_FAMILIES: tuple[tuple[str, frozenset[str]], ...] = (
    (r"claude-(3-7|3\.7|(opus|sonnet|haiku)-?[4-9]|[4-9])", frozenset({"images", "reasoning", "tools"})),
    (r"claude", frozenset({"images", "tools"})),
    (r"gpt-oss|deepseek-(r|reason)|qwq|qwen3|magistral", frozenset({"reasoning", "tools"})),
    (r"gpt-[5-9]|\bo[134]\b|gemini-(2\.5|[3-9])|grok-[4-9]", frozenset({"images", "reasoning", "tools"})),
    (
        r"gpt-4o|gpt-4\.1|gpt-4-turbo|gemini|pixtral|llama-4|mistral-(small|medium)-3",
        frozenset({"images", "tools"}),
    ),
    (r"llava|moondream|-vl\b|vision|gemma-?3", frozenset({"images"})),
    (r"gpt-4|gpt-3\.5|mistral|llama-?3|qwen2|deepseek|grok|command-r", frozenset({"tools"})),
)
"""A pattern of the model's own name and what it can do; the first that fits counts."""


def abilities_of(model_id: str) -> frozenset[str]:
    """Return what a model can do as far as its name tells: ``images``, ``reasoning``, ``tools``."""
    name = model_id.partition(":")[2].casefold()
    return next((able for pattern, able in _FAMILIES if re.search(pattern, name)), frozenset())
