"""Why an answer ended where it did, in words, where a person has to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brim.core.text import visible_line

if TYPE_CHECKING:
    from brim.core.types import Message

_WHOLE = frozenset(
    {
        "",
        "stop",
        "end_turn",
        "completed",
        "complete",
        "eos",
        "finished_successfully",
        "finished",
        "done",
        "none",
        "null",
    }
)
"""What providers call the end of an answer that is whole."""
_CUT = frozenset(
    {"length", "max_tokens", "max_output_tokens", "max_completion_tokens", "token_limit", "incomplete"}
)
_FULL = frozenset({"model_context_window_exceeded", "context_length_exceeded", "context_window_exceeded"})
_FILTERED = "cut off by the provider's content filter"
_WORDS = {
    "content_filter": _FILTERED,
    "safety": _FILTERED,
    "recitation": _FILTERED,
    "blocklist": _FILTERED,
    "prohibited_content": _FILTERED,
    "spii": _FILTERED,
    "moderation": _FILTERED,
    "refusal": "cut off: the model declined to go on",
    "stop_sequence": "ended at a stop text",
    "pause_turn": "paused by the provider: any message lets it go on",
    "tool_calls": "ended to call a tool, and it was given none",
    "tool_use": "ended to call a tool, and it was given none",
    "function_call": "ended to call a tool, and it was given none",
}
_LONGEST = 60


def stop_words(message: Message) -> str:
    """Return why a complete answer ended, as the rest of a sentence; empty where it ended by itself.

    Args:
        message: the answer. Its usage tells how long it became and whether the window was full.
    """
    reason = (message.finish_reason or "").strip()
    kind = reason.casefold()
    if message.role != "assistant" or kind in _WHOLE:
        return ""
    if kind in _FULL or (kind in _CUT and _fills_window(message)):
        return f"cut off: {_window(message)} is full"
    if kind in _CUT:
        count = message.usage.output_tokens if message.usage else 0
        reached = (
            f" at {count:,} tokens, the longest answer allowed"
            if count
            else ": the longest answer was reached"
        )
        return f"cut off{reached}"
    if kind == "stop_sequence" and message.usage is None:
        return ""  # Claude's exports call every end so
    said = visible_line(reason.replace("_", " "))[:_LONGEST]
    return _WORDS.get(kind, f"ended by the provider: {said}")


def _fills_window(message: Message) -> bool:
    window = message.prompt_parts.window_tokens if message.prompt_parts else None
    return bool(window and message.usage and message.usage.total_tokens >= window)


def _window(message: Message) -> str:
    window = message.prompt_parts.window_tokens if message.prompt_parts else None
    return f"the window of {window:,} tokens" if window else "the model's window"
