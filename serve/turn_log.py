"""Each turn in the log as it ended: sizes, times and costs, never a word of what was said."""

from __future__ import annotations

import logging

from brim.core.types import Message, Status

_log = logging.getLogger(__name__)


def log_turn(answer: Message, owner: str) -> None:
    """Log how a turn ended; one that failed is a warning, with the kind of its failure."""
    usage, failure = answer.usage, answer.failure
    said: dict[str, object] = {
        "owner": owner,
        "session_id": answer.session_id,
        "answer_id": answer.id,
        "model": answer.model or "",
        "status": str(answer.status),
        "chars": len(answer.content),
        "reasoning_chars": len(answer.reasoning),
        "tool_calls": len(answer.tool_calls),
        "first_token_s": _rounded(answer.first_token_s),
        "duration_s": _rounded(answer.duration_s),
        "cost_usd": None if answer.cost_usd is None else str(answer.cost_usd),
    }
    if usage is not None:
        said |= {
            "input_tokens": usage.input_tokens,
            "cache_read_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "output_tokens": usage.output_tokens,
            "reasoning_tokens": usage.reasoning_tokens,
            "are_tokens_estimated": usage.estimated,
        }
    if failure is not None:
        said |= {"failure": failure.kind, "provider_status": failure.status}
    level = logging.WARNING if answer.status is Status.FAILED else logging.INFO
    _log.log(level, "turn failed" if answer.status is Status.FAILED else "turn ended", extra=said)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
