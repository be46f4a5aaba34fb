"""How much a model behind Anthropic's messages is asked to think, in the form that it takes.

Models until 4.5 get a budget of tokens; those from 4.6 on decide for themselves how much of an effort is worth
it, and the newest take nothing else. Mythos and Fable cannot be told not to think. Other models that servers
offer over this protocol, such as llama.cpp's, know the budget.
See https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Any

from brim.core.parameters import Effort

LONGEST_ANSWER_TOKENS = 8192
"""What is asked for where nobody names a limit; the API wants one. What is thought comes on top."""

_BUDGETS: dict[Effort, int] = {
    "minimal": 1_024,
    "low": 4_096,
    "medium": 8_192,
    "high": 16_384,
    "xhigh": 23_000,
}
"""What may be thought, in tokens. The largest, with the answer, is below the 32,000 that Opus 4 may write."""
_LEAST_BUDGET = 1_024
_USUAL: Effort = "high"
"""What models that decide for themselves do where they are told nothing."""
_NAME = re.compile(
    r"claude-(?:(?P<family>[a-z]+)-)?(?P<major>\d{1,2})(?!\d)(?:[-.](?P<minor>\d{1,2})(?!\d))?", re.IGNORECASE
)
_ALWAYS = re.compile(r"claude-(?:mythos|fable)", re.IGNORECASE)


class Form(Enum):
    """How a model is told how much to think."""

    NOT = auto()
    """It does not think."""
    BUDGET = auto()
    EFFORT = auto()
    ALWAYS = auto()
    """By effort, and it cannot be told not to."""


def form_of(model: str) -> Form:
    """Return how a model is told how much to think, by its name."""
    if _ALWAYS.search(model):
        return Form.ALWAYS
    if "claude" not in model.lower():
        return Form.BUDGET
    version = _version(model)
    if version >= (4, 6):
        return Form.EFFORT
    return Form.BUDGET if version >= (3, 7) else Form.NOT


def is_claude(model: str) -> bool:
    """Whether a model is one of Anthropic's, wherever it is served."""
    return "claude" in model.lower()


def thinking_fields(model: str, effort: Effort | None, max_tokens: int | None) -> dict[str, Any]:
    """Return the fields of a request that say how much is thought, and how long the answer may be with it.

    Args:
        model: the provider's name of the model.
        effort: what is asked for; ``None`` leaves it to the model.
        max_tokens: the longest answer that is asked for, in tokens; what is thought counts towards it.
    """
    match form_of(model), effort:
        case (Form.NOT, _) | (Form.BUDGET, None):
            return {"max_tokens": max_tokens or LONGEST_ANSWER_TOKENS}
        case (_, None):
            return {"max_tokens": max_tokens or LONGEST_ANSWER_TOKENS + _BUDGETS[_USUAL]}
        case (Form.BUDGET | Form.EFFORT, "none"):
            return {"max_tokens": max_tokens or LONGEST_ANSWER_TOKENS, "thinking": {"type": "disabled"}}
        case (Form.BUDGET, wanted):
            return _with_budget(_BUDGETS[wanted], max_tokens)
        case (_, wanted):
            level = _level(model, wanted)
            return {
                "max_tokens": max_tokens or LONGEST_ANSWER_TOKENS + _BUDGETS[level],
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": level},
            }


def _with_budget(budget: int, max_tokens: int | None) -> dict[str, Any]:
    """Return the fields of a budget, which is smaller than the limit; no budget where there is no room for one."""
    if max_tokens is None:
        max_tokens = LONGEST_ANSWER_TOKENS + budget
    elif max_tokens < 2 * _LEAST_BUDGET:
        return {"max_tokens": max_tokens}
    else:
        budget = min(budget, max_tokens // 2)
    return {"max_tokens": max_tokens, "thinking": {"type": "enabled", "budget_tokens": budget}}


def _level(model: str, effort: Effort) -> Effort:
    """Return the nearest level that a model knows."""
    if effort in ("none", "minimal"):
        return "low"
    knows_all = form_of(model) is Form.ALWAYS or _version(model) >= (4, 7)
    return "high" if effort == "xhigh" and not knows_all else effort


def _version(model: str) -> tuple[int, int]:
    found = _NAME.search(model)
    return (int(found["major"]), int(found["minor"] or 0)) if found else (0, 0)
