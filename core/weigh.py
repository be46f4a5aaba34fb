"""The weight of each message in a prompt, made to add up to what the provider counted."""

from __future__ import annotations

from collections.abc import Sequence

from brim.core.types import Message


def reweigh(
    window: Sequence[Message], *, system_tokens: int, prompt_tokens: int, anew: bool = False
) -> dict[str, tuple[int, bool]]:
    """Return new weights for the messages of a prompt, as message id → (tokens, is an estimate).

    The difference between two reported prompts is exactly what came between them, so messages whose weight
    is settled keep it and the new ones share what is left, in the proportion of their estimates. Where that
    cannot be (another tokenizer counted the older ones), all weights are scaled together.

    Args:
        window: the messages of the prompt, in order.
        system_tokens: what is sent besides them.
        prompt_tokens: the provider's count of the whole prompt.
        anew: scales all weights together in any case.

    Returns:
        Weights that add up to ``prompt_tokens - system_tokens``; only those that change are named.
    """
    budget = prompt_tokens - system_tokens
    if not window or budget <= 0:
        return {}
    fresh = [message for message in window if message.tokens_estimated or message.tokens is None]
    settled = sum(message.tokens or 0 for message in window if message not in fresh)
    if not fresh and budget == settled:
        return {}
    if anew or not fresh or budget - settled < len(fresh):
        fresh, settled = list(window), 0
    shares = _share_out(budget - settled, [max(1, message.tokens or 1) for message in fresh])
    return {
        message.id: (tokens, False)
        for message, tokens in zip(fresh, shares, strict=True)
        if message.tokens != tokens or message.tokens_estimated
    }


def _share_out(total: int, weights: Sequence[int]) -> list[int]:
    """Split ``total`` in the proportion of ``weights`` into whole numbers that add up to it."""
    whole = sum(weights)
    shares, given, seen = [], 0, 0
    for weight in weights:
        seen += weight
        upto = total * seen // whole
        shares.append(upto - given)
        given = upto
    return shares
