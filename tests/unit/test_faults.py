"""The words of servers, and the errors they mean."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from brim.core import errors
from brim.providers.error_answers import read_answer
from brim.providers.faults import Asked, from_answer, redacted
from brim.providers.headers import retry_after_s
from brim.providers.retries import LONGEST_PAUSE_S, Retries

ASKED = Asked(
    provider="openai", name="OpenAI", model="gpt-9", key=SecretStr("sk-mine"), key_variable="OPENAI_API_KEY"
)

LLAMA = {
    "error": {
        "code": 400,
        "message": "request (3000 tokens) exceeds the available context size (2048 tokens), try increasing it",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 3000,
        "n_ctx": 2048,
    }
}


def fault(status: int | None, body: object) -> errors.AgentError:
    return from_answer(read_answer(status, body, "Error code", {}), ASKED)


@pytest.mark.parametrize(
    ("body", "prompt", "window"),
    [
        (LLAMA, 3000, 2048),
        ({"error": {"message": LLAMA["error"]["message"]}}, 3000, 2048),
        (
            {
                "message": "This model's maximum context length is 8192 tokens. However, your messages resulted "
                "in 9000 tokens. Please reduce the length of the messages.",
                "code": "context_length_exceeded",
            },
            9000,
            8192,
        ),
        (
            {
                "object": "error",
                "message": "This model's maximum context length is 4096 tokens. However, you requested 5,000 "
                "tokens (4000 in the messages, 1000 in the completion).",
            },
            5000,
            4096,
        ),
        (
            {
                "message": "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted "
                "in 300000 tokens. Please reduce the length of the messages."
            },
            300_000,
            272_000,
        ),
        (
            {"error": {"message": "prompt is too long: 208310 tokens > 200000 maximum"}},
            208_310,
            200_000,
        ),
        (
            {
                "error": {
                    "message": "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, "
                    "decrease input length or `max_tokens` and try again"
                }
            },
            190_000,
            200_000,
        ),
        (
            {
                "error": {
                    "message": "the rendered prompt is 4035 tokens; the model context is 2048 — shorten the "
                    "conversation or raise --ctx",
                    "type": "invalid_request_error",
                }
            },
            4035,
            2048,
        ),
        (
            {
                "error": {
                    "code": 400,
                    "message": "The input token count (1200293) exceeds the maximum number of tokens allowed "
                    "(1048576).",
                    "status": "INVALID_ARGUMENT",
                }
            },
            1_200_293,
            1_048_576,
        ),
        (
            {"error": "The input token count exceeds the maximum number of tokens allowed 1048576."},
            None,
            1_048_576,
        ),
        (
            {
                "code": "Client specified an invalid argument",
                "error": "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
            },
            537_812,
            131_072,
        ),
        (
            {"message": "The input (4031 tokens) is longer than the model's context length (2048 tokens)."},
            4031,
            2048,
        ),
        (
            {"message": "The decoder prompt (length 4031) is longer than the maximum model length of 2048."},
            4031,
            2048,
        ),
        (
            {
                "message": "Prompt contains 40022 tokens and 0 draft tokens, too large for model with 32768 "
                "maximum context length"
            },
            40_022,
            32_768,
        ),
        (
            {"error": {"message": "Your request exceeded model token limit: 8192 (requested: 9001)"}},
            9001,
            8192,
        ),
        (
            {
                "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: "
                "4000 `inputs` tokens and 512 `max_new_tokens`",
                "error_type": "validation",
            },
            4000,
            4096,
        ),
        (
            {
                "error": "Trying to keep the first 15857 tokens when context the overflows. However, the model "
                "is loaded with context length of only 4096 tokens, which is not enough."
            },
            15_857,
            4096,
        ),
        (
            {"error": {"message": "prompt token count of 140000 exceeds the limit of 128000"}},
            140_000,
            128_000,
        ),
        (
            {
                "error": {
                    "message": "litellm.ContextWindowExceededError: litellm.BadRequestError: "
                    "ContextWindowExceededError: OpenAIException - request (4031 tokens) exceeds the available "
                    "context size (2048 tokens), try increasing it\nmodel=m. context_window_fallbacks=None.",
                    "type": "invalid_request_error",
                    "param": None,
                    "code": "400",
                }
            },
            4031,
            2048,
        ),
        ({"error": {"message": "litellm.ContextWindowExceededError: of a new kind"}}, None, None),
        ({"message": "Input is too long for requested model."}, None, None),
        ({"error": f"prompt is too long: {'9' * 5000} tokens > 8 maximum"}, None, None),
        (
            {"error": {"type": "exceed_context_size_error", "n_ctx": True, "n_prompt_tokens": 10**40}},
            None,
            None,
        ),
        ({"error": "the prompt exceeds the model's context window"}, None, None),
        ({"error": {"code": "context_length_exceeded", "message": "no"}}, None, None),
    ],
)
def test_a_prompt_that_is_too_long_in_the_words_of_servers(
    body: object, prompt: int | None, window: int | None
) -> None:
    error = fault(400, body)
    assert isinstance(error, errors.ContextOverflowError)
    assert (error.prompt_tokens, error.window_tokens) == (prompt, window)


@pytest.mark.parametrize(
    ("status", "body", "error_class"),
    [
        (401, None, errors.AuthenticationError),
        (403, "<html>no</html>", errors.AuthenticationError),
        (400, {"error": {"type": "authentication_error"}}, errors.AuthenticationError),
        (
            400,
            {"error": {"message": "No connected db.", "type": "no_db_connection", "code": "400"}},
            errors.AuthenticationError,
        ),
        (429, {"error": {"message": "Too many tokens per minute: limit of 3000"}}, errors.RateLimitError),
        (500, 'data: {"error": {"type": "overloaded_error"}}\n\ndata: [DONE]\n\n', errors.OverloadedError),
        (400, {"error": {"message": "Your credit balance is too low to access"}}, errors.RateLimitError),
        (429, {"error": {"code": "rate_limit_exceeded"}}, errors.RateLimitError),
        (400, {"error": {"code": "content_filter", "message": "flagged"}}, errors.RefusedError),
        (408, {}, errors.RequestTimeoutError),
        (422, {"detail": [{"loc": ["body"]}]}, errors.BadRequestError),
        (500, {}, errors.OverloadedError),
        (None, {"code": "503", "message": "Loading model"}, errors.OverloadedError),
        (200, {"type": "error", "error": {"type": "overloaded_error"}}, errors.OverloadedError),
        (None, {"message": "something odd"}, errors.BadResponseError),
        (None, ["odd"], errors.BadResponseError),
    ],
)
def test_an_error_answer_in_any_shape(
    status: int | None, body: object, error_class: type[errors.AgentError]
) -> None:
    error = fault(status, body)
    assert type(error) is error_class
    assert error.provider == "openai"
    assert "OpenAI" in error.sentence or "gpt-9" in error.sentence


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"error": {"message": "no"}}),
        (400, {"error": {"message": "The requested model 'x' does not exist.", "code": "model_not_found"}}),
        (400, {"error": {"message": "/chat/completions: Invalid model name passed in model=x. Call …"}}),
        (404, {"error": {"message": "model 'x' not found", "type": "model_not_found"}}),
    ],
)
def test_a_model_that_a_server_does_not_know(status: int, body: object) -> None:
    error = fault(status, body)
    assert isinstance(error, errors.BadRequestError)
    assert "does not know gpt-9" in error.sentence
    assert error.hint == "F4 in the app, or `brim models`, lists what can be used."


def test_what_a_server_sent_as_an_event_is_quoted_without_its_wrapping() -> None:
    body = 'data: {"error": {"message": "Error processing stream start", "code": "500"}}\n\ndata: [DONE]\n\n'
    assert fault(500, body).sentence.endswith("(HTTP 500): “Error processing stream start”.")


@pytest.mark.parametrize("body", ["data: {]}", "data: " + '{"a":' * 100_000 + "}", "data: 7"])
def test_an_event_that_is_none_is_taken_as_words(body: str) -> None:
    assert type(fault(400, body)) is errors.BadRequestError


@pytest.mark.parametrize(
    "text",
    [
        "key sk-mine is wrong",
        "key sk-other-0123456789 is wrong",
        "key sk-proj-ab***************wxyz is wrong",
        "Authorization: Bearer abc.def-ghi",
        "gsk_0123456789abcdef",
    ],
)
def test_keys_are_taken_out(text: str) -> None:
    clean = redacted(text, SecretStr("sk-mine"))
    assert "[key]" in clean
    assert not any(part in clean for part in ("sk-", "wxyz", "abc.def", "gsk_"))


def test_a_key_at_the_cut_of_a_long_quotation_is_taken_out() -> None:
    error = fault(400, {"error": {"message": "x" * 290 + " sk-mine-0123456789"}})
    assert "sk-m" not in error.sentence


def test_plain_words_are_not_taken_for_keys() -> None:
    assert redacted("the task-force asks about sk-8", None) == "the task-force asks about sk-8"


@pytest.mark.parametrize(
    ("headers", "said", "seconds"),
    [
        ({"retry-after": "7"}, "", 7.0),
        ({"retry-after": "0.5"}, "", 0.5),
        ({"retry-after": "7", "retry-after-ms": "250"}, "", 0.25),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:30 GMT"}, "", 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 11:00:00 GMT"}, "", 0.0),
        ({"retry-after": "soon"}, "", None),
        ({"retry-after": "-5"}, "", None),
        ({"retry-after": "inf"}, "", None),
        ({"retry-after": "nan"}, "", None),
        ({"retry-after": "1e300"}, "", None),
        ({}, "Please try again in 20ms.", 0.02),
        ({}, "Please try again in 1.5s. Visit", 1.5),
        ({}, "Please try again later.", None),
    ],
)
def test_how_long_a_server_asks_to_wait(headers: dict[str, str], said: str, seconds: float | None) -> None:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert retry_after_s(headers, said, now=noon) == seconds


def test_pauses_grow_and_end() -> None:
    retries = Retries(6)
    pauses = [retries.pause_s(errors.OverloadedError("busy")) for _ in range(7)]
    assert pauses[-1] is None
    assert all(pause is not None and 0 < pause <= LONGEST_PAUSE_S for pause in pauses[:-1])
    assert pauses[0] < pauses[2] < pauses[4]  # type: ignore[operator] - none of them is None


@pytest.mark.parametrize(
    "error",
    [
        errors.BadRequestError("no"),
        errors.AuthenticationError("no"),
        errors.RequestTimeoutError("silent for two minutes"),
        errors.RateLimitError("later", retry_after_s=3600),
    ],
)
def test_what_is_not_tried_again(error: errors.AgentError) -> None:
    assert Retries(5).pause_s(error) is None


def test_the_wait_that_is_asked_for_is_kept() -> None:
    assert Retries(1).pause_s(errors.RateLimitError("later", retry_after_s=3.0)) == 3.0
