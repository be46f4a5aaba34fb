"""What models can do beside answering text with text: ``images``, ``reasoning``, ``tools``."""

from __future__ import annotations

import re

from brim.core.catalogue import own_abilities, told_abilities

ABILITIES = ("images", "reasoning", "tools")
"""Seeing images, thinking before the answer, calling tools."""

_ALL = frozenset(ABILITIES)
_SEES_AND_ACTS = frozenset({"images", "tools"})
_THINKS_AND_ACTS = frozenset({"reasoning", "tools"})

_FAMILIES: tuple[tuple[str, frozenset[str]], ...] = (
    (r"claude-(?:2|instant)", frozenset()),
    (r"claude-(?:3[-.]7|(?:[a-z]+-)[4-9]|[4-9])", _ALL),
    (r"claude", _SEES_AND_ACTS),
    (r"o1-mini|o1-preview", frozenset({"reasoning"})),
    (r"gpt-oss|\bo3-mini|qwq|magistral-(?:small|medium)-250", _THINKS_AND_ACTS),
    (r"(?:gpt-(?:[5-9]|\d\d)[\d.]*-chat|chat-latest)", _SEES_AND_ACTS),
    (r"gpt-(?:[5-9]|\d\d)|\bo[134]\b|codex|magistral|gemini-(?:2\.5|[3-9])|grok-[4-9]", _ALL),
    (r"qwen-?3.*-vl|glm-[45][.\d]*v|kimi-k2\.[5-9]|kimi-vl.*thinking", _ALL),
    (r"gemma-?3n?[:-](?:270m|1b)\b", frozenset()),
    (
        r"gpt-4o|gpt-4\.1|gpt-4\.5|gpt-4-turbo|chatgpt-4o|gemini|pixtral|llama-?4|"
        r"mistral-(?:large-3|medium-3|small-3\.[1-9]|small-(?:25|26))|mistral-(?:medium|small)-latest",
        _SEES_AND_ACTS,
    ),
    (
        r"llava|bakllava|moondream|minicpm-?[vo]|smolvlm|internvl|-vl\b|vl[:-]\d|vision|multimodal|gemma-?[3-9]|paligemma",
        frozenset({"images"}),
    ),
    (
        r"deepseek-(?:r|reason|v3\.[1-9]|v[4-9])|qwen-?3|glm-[45]|kimi-k2.*thinking|minimax-m",
        _THINKS_AND_ACTS,
    ),
    (
        r"gpt-4|gpt-3\.5|m[ia][sx]tral|ministral|llama-?3|qwen-?2|deepseek|grok|command-|kimi|hermes|granite",
        frozenset({"tools"}),
    ),
)
"""A pattern of the model's own name and what it can do; the first that fits counts."""


def abilities_of(model_id: str) -> frozenset[str]:
    """Return what a model can do: by the person's ``models.toml``, else as its provider told, else as far as its name tells.

    A server of one's own may know better; see `brim.core.agent.AgentInterface.sees`.
    """
    own = own_abilities(model_id)
    if own is not None:
        return own
    told = told_abilities(model_id)
    if told is not None:
        return told
    name = model_id.partition(":")[2].casefold()
    return next((able for pattern, able in _FAMILIES if re.search(pattern, name)), frozenset())
