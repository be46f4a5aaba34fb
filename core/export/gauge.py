"""The gauge and its history as values that JSON knows: the same in exports and in `brim show --json`."""

from __future__ import annotations

from typing import Any

from brim.core.context import ContextUsage, Provenance
from brim.core.timeline import Column

_MARKS = {Provenance.ESTIMATE: ("~", ""), Provenance.PENDING: ("~", " …")}


def context_document(usage: ContextUsage) -> dict[str, Any]:
    """Return what fills the window. ``window_tokens`` and ``share`` are null where nobody knows the window."""
    return {
        "used_tokens": usage.used_tokens,
        "window_tokens": usage.window_tokens,
        "limit_tokens": usage.limit_tokens,
        "share": usage.share,
        "level": usage.level.value,
        "provenance": usage.provenance.value,
        "window_learnt": usage.window_learnt,
        "segments": {
            "system": usage.system_tokens,
            "summary": usage.summary_tokens,
            "pinned": usage.pinned_tokens,
            "history": usage.history_tokens,
            "draft": usage.draft_tokens,
            "reply_reserve": usage.reply_reserve_tokens,
            "free": usage.free_tokens,
        },
        "forecast": {
            "cleanup_share": usage.cleanup_share,
            "needs_cleanup": usage.needs_cleanup,
            "turn_tokens": usage.turn_tokens,
            "tokens_to_cleanup": usage.tokens_to_cleanup,
            "turns_to_cleanup": usage.turns_to_cleanup,
        },
    }


def context_line(usage: ContextUsage) -> str:
    """Return the gauge in words, with the marks of the meter, e.g. ``~12,345 of 200,000 tokens (6 %)``."""
    before, after = _MARKS.get(usage.provenance, ("", ""))
    used = f"{before}{usage.used_tokens:,}{after}"
    if usage.window_tokens is None or usage.share is None:
        return f"{used} tokens of a window that nobody knows"
    return f"{used} of {usage.window_tokens:,} tokens ({usage.share:.0%})"


def column_document(column: Column) -> dict[str, Any]:
    """Return one turn of the timeline."""
    return {
        "turn": column.turn,
        "message_id": column.message_id,
        "total_tokens": column.total_tokens,
        "reported_tokens": column.reported_tokens,
        "segments": {
            "system": column.system_tokens,
            "summary": column.summary_tokens,
            "pinned": column.pinned_tokens,
            "history": column.history_tokens,
        },
        "answer_tokens": column.answer_tokens,
        "window_tokens": column.window_tokens,
        "cleaned": column.cleaned.model_dump(mode="json") if column.cleaned else None,
    }
