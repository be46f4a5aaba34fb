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
_WITHHELD = frozenset(
    {"content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii", "moderation"}
)
_TOOLS = frozenset({"tool_calls", "tool_use", "function_call"})
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
        return (
            f"cut off at {count:,} tokens, the longest answer allowed"
            if count
            else "cut off: the longest answer was reached"
        )
    if kind in _WITHHELD:
        return "cut off by the provider's content filter"
    if kind == "refusal":
        return "cut off: the model declined to go on"
    if kind == "stop_sequence":
        # Claude's exports call every end so.
        return "ended at a stop text" if message.usage else ""
    if kind == "pause_turn":
        return "paused by the provider: any message lets it go on"
    if kind in _TOOLS:
        return "ended to call a tool, and it was given none"
    return f"ended by the provider: {visible_line(reason.replace('_', ' '))[:_LONGEST]}"


def _fills_window(message: Message) -> bool:
    window = message.prompt_parts.window_tokens if message.prompt_parts else None
    return bool(window and message.usage and message.usage.total_tokens >= window)


def _window(message: Message) -> str:
    window = message.prompt_parts.window_tokens if message.prompt_parts else None
    return f"the window of {window:,} tokens" if window else "the model's window"
