"""Why an answer ended, in words."""

from __future__ import annotations

import pytest

from brim.core.export.facts import ending
from brim.core.stop_reasons import stop_words
from brim.core.types import Message, PromptParts, Status
from brim.core.usage import Usage


def answer(reason: str | None, *, window: int | None = None, **usage: int) -> Message:
    return Message(
        role="assistant",
        content="So",
        finish_reason=reason,
        usage=Usage(**usage) if usage else None,
        prompt_parts=PromptParts(window_tokens=window),
    )


@pytest.mark.parametrize("reason", [None, "", "stop", "end_turn", "STOP", "finished_successfully"])
def test_a_whole_answer_needs_no_words(reason: str | None) -> None:
    assert stop_words(answer(reason, input_tokens=9, output_tokens=9)) == ""


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("length", "cut off at 1,024 tokens, the longest answer allowed"),
        ("max_tokens", "cut off at 1,024 tokens, the longest answer allowed"),
        ("content_filter", "cut off by the provider's content filter"),
        ("SAFETY", "cut off by the provider's content filter"),
        ("refusal", "cut off: the model declined to go on"),
        ("stop_sequence", "ended at a stop text"),
        ("pause_turn", "paused by the provider: any message lets it go on"),
        ("tool_use", "ended to call a tool, and it was given none"),
        ("model_context_window_exceeded", "cut off: the window of 8,192 tokens is full"),
        ("new_reason", "ended by the provider: new reason"),
        ("\x1b[31mred", "ended by the provider: ␛[31mred"),
    ],
)
def test_the_words(reason: str, words: str) -> None:
    assert stop_words(answer(reason, window=8_192, input_tokens=9, output_tokens=1_024)) == words


def test_a_full_window_is_told_from_a_limit() -> None:
    full = answer("length", window=100, input_tokens=60, output_tokens=40)
    assert stop_words(full) == "cut off: the window of 100 tokens is full"
    assert stop_words(answer("length")) == "cut off: the longest answer was reached"
    assert stop_words(answer("model_context_window_exceeded")) == "cut off: the model's window is full"


def test_what_others_exported_is_not_explained() -> None:
    assert stop_words(answer("stop_sequence")) == ""
    assert stop_words(Message(role="user", content="Hi", finish_reason="length")) == ""


def test_exports_say_it() -> None:
    assert ending(answer("max_tokens", output_tokens=7)) == "Cut off at 7 tokens, the longest answer allowed."
    assert ending(answer("stop")) == ""
    stopped = answer("max_tokens").model_copy(update={"status": Status.STOPPED})
    assert ending(stopped) == "Stopped here by you."
