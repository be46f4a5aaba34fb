"""What went wrong between an SDK and its server, as brim's own errors.

`openai_fault` and `anthropic_fault` take whatever the SDK raised, also while a stream is read, and return the
`AgentError` that says it to a person: who was asked, for which model, what happened, what to do next. Words of
a server are quoted short, with anything like a key taken out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from pydantic import SecretStr

from brim.core import errors
from brim.core.text import visible_line
from brim.providers.error_answers import Answer, is_overflow, names_no_model, read_answer

if TYPE_CHECKING:
    from collections.abc import Callable

QUOTED_CHARS = 300

_KEY_LIKE = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|ak)[-_][\w*.…-]{6,}|\bAIza[\w-]{20,}|\btgp_\w{8,}|(?<=Bearer )\S+", re.IGNORECASE
)
_OVERFLOW_KINDS = {"context_length_exceeded", "exceed_context_size_error", "request_too_large"}
# The last one is LiteLLM's without a database, for every key that is not its own.
_KEY_KINDS = {"authentication_error", "permission_error", "invalid_api_key", "no_db_connection"}
_QUOTA_KINDS = {"insufficient_quota", "billing_error", "billing_not_active"}
_RATE_KINDS = {"rate_limit_error", "rate_limit_exceeded"}
_BROKEN_KINDS = {"overloaded_error", "api_error", "server_error", "unavailable_error", "timeout_error"}
_REFUSED_KINDS = {
    "content_filter",
    "content_policy_violation",
    "refusal",
    "invalid_prompt",
    "bio_policy",
    "misalignment_policy_violation",
}
_LOW_CREDIT = "credit balance is too low"


@dataclass(frozen=True, slots=True)
class Asked:
    """Who was asked for what, for the sentences of an error."""

    provider: str
    name: str
    """The provider or server in words, as a sentence begins with it."""
    model: str
    place: str = ""
    """Host and port."""
    is_own: bool = True
    """Whether it is the provider itself rather than another server that speaks like it."""
    key: SecretStr | None = None
    secrets: tuple[SecretStr, ...] = ()
    """What else must not be shown, such as the values of a person's own headers."""
    key_variable: str = ""
    """Where a person sets the key."""
    silence_s: float | None = None
    """After how many seconds without a byte the request was given up."""


def openai_fault(error: Exception, asked: Asked, *, began: bool = False) -> errors.AgentError:
    """Return what an exception of the OpenAI SDK means.

    Args:
        error: what was raised by a request or while its stream was read.
        asked: who was asked.
        began: whether text of the answer had come.
    """
    import openai

    match error:
        case errors.AgentError():
            return error
        case openai.APIConnectionError():
            return _connection(error.__cause__ or error, asked, began=began)
        case openai.APIStatusError(response=response, body=body, message=message):
            return from_answer(read_answer(response.status_code, body, message, response.headers), asked)
        case openai.APIError(body=body, message=message):
            return from_answer(read_answer(None, body, message, {}), asked)
    return _other(error, asked, began=began)


def anthropic_fault(error: Exception, asked: Asked, *, began: bool = False) -> errors.AgentError:
    """Return what an exception of the Anthropic SDK means; see `openai_fault`."""
    import anthropic

    match error:
        case errors.AgentError():
            return error
        case anthropic.APIConnectionError():
            return _connection(error.__cause__ or error, asked, began=began)
        case anthropic.APIStatusError(response=response, body=body, message=message):
            return from_answer(read_answer(response.status_code, body, message, response.headers), asked)
        case anthropic.APIError(body=body, message=message):
            return from_answer(read_answer(None, body, message, {}), asked)
    return _other(error, asked, began=began)


def openai_errors() -> tuple[type[Exception], ...]:
    """Return what the OpenAI SDK may raise; call it only where an error of it has come."""
    import openai

    return (openai.OpenAIError, *_transport_errors())


def anthropic_errors() -> tuple[type[Exception], ...]:
    """Return what the Anthropic SDK may raise; call it only where an error of it has come."""
    import anthropic

    return (anthropic.AnthropicError, *_transport_errors())


def _transport_errors() -> tuple[type[Exception], ...]:
    """Errors of the connection, and of JSON and UTF-8 in a stream, which the SDKs let through as they are."""
    import httpx2

    return (errors.AgentError, httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError, ValueError)


def cut(asked: Asked, *, began: bool) -> errors.AgentError:
    """Return the error for a stream that ended before the answer did."""
    kept = " The text that had come is kept." if began else ""
    return errors.ConnectionFailedError(
        f"The connection to {_inside(asked)} was cut before the answer of {asked.model} was complete.{kept}",
        hint="Retry to ask again.",
        provider=asked.provider,
    )


def refused(asked: Asked, said: str = "") -> errors.RefusedError:
    """Return the error for an answer that was withheld."""
    return errors.RefusedError(
        f"{asked.name} declined to answer with {asked.model}{_quoted(said, asked)}.",
        hint="Put the question differently, or switch to another model.",
        provider=asked.provider,
    )


def no_answer(asked: Asked, said: str = "") -> errors.BadResponseError:
    """Return the error for something that is no answer."""
    hint = "Retry, or switch to another model."
    if not asked.is_own:
        hint = "Check the base URL: it usually ends in /v1. Then retry."
    return errors.BadResponseError(
        f"What {_inside(asked)} sent for {asked.model} is not an answer{_quoted(said, asked)}.",
        hint=hint,
        provider=asked.provider,
    )


def from_answer(answer: Answer, asked: Asked) -> errors.AgentError:
    """Return the error that a server's error answer means."""
    status, kinds = answer.status or 0, answer.kinds
    meanings: tuple[tuple[bool, Callable[[Answer, Asked], errors.AgentError]], ...] = (
        (bool(kinds & _OVERFLOW_KINDS) or status == 413 or is_overflow(answer), _overflow),
        (status in (401, 403) or bool(kinds & _KEY_KINDS), _key),
        (status == 402 or bool(kinds & _QUOTA_KINDS) or _LOW_CREDIT in answer.message, _quota),
        (status == 429 or bool(kinds & _RATE_KINDS), _rate),
        (status >= 500 or bool(kinds & _BROKEN_KINDS), _broken),
        (bool(kinds & _REFUSED_KINDS), lambda answer, asked: refused(asked, answer.message)),
        (status == 408, lambda _, asked: _silent(asked, began=False)),
        (status >= 400, _bad_request),
        (300 <= status < 400, _elsewhere),
    )
    for fits, error in meanings:
        if fits:
            return error(answer, asked)
    return no_answer(asked, answer.message)


def redacted(text: str, key: SecretStr | None, secrets: tuple[SecretStr, ...] = ()) -> str:
    """Return ``text`` without ``key``, without ``secrets`` and without anything that looks like a key.

    Of a secret such as ``Bearer abc`` each word counts.
    """
    for word in sorted(_spellings(key, secrets), key=len, reverse=True):
        if len(word) >= 4:
            text = text.replace(word, "[key]")
    return _KEY_LIKE.sub("[key]", text)


def spellings(asked: Asked) -> set[str]:
    """Return the words that a server may echo of what it was asked with, and must not be shown."""
    return _spellings(asked.key, asked.secrets)


def _spellings(key: SecretStr | None, secrets: tuple[SecretStr, ...]) -> set[str]:
    words = {key.get_secret_value()} if key else set()
    words |= {word for secret in secrets for word in secret.get_secret_value().split() if len(word) >= 8}
    return words | {quote(word, safe="") for word in words}


def _quoted(said: str, asked: Asked) -> str:
    """Return a server's words as the end of a sentence; the sentence's full stop follows."""
    said = visible_line(redacted(said, asked.key, asked.secrets)).strip().rstrip(".")
    if len(said) > QUOTED_CHARS:
        said = said[: QUOTED_CHARS - 1].rstrip() + "…"
    return f": “{said}”" if said else ""


def _inside(asked: Asked) -> str:
    """Return the name as it stands inside a sentence."""
    return asked.name.replace("The ", "the ", 1) if asked.name.startswith("The ") else asked.name


def _key(answer: Answer, asked: Asked) -> errors.AgentError:
    what = f"does not let this key use {asked.model}" if answer.status == 403 else "refused the key"
    variable = f"Check {asked.key_variable}" if asked.key_variable else "Check the key"
    if asked.key is None:
        what = "wants a key"
        variable = f"Set {asked.key_variable}" if asked.key_variable else "Set the key"
    return errors.AuthenticationError(
        f"{asked.name} {what}{_quoted(answer.message, asked)}.",
        hint=f"{variable}, or switch to another model.",
        provider=asked.provider,
        status=answer.status,
    )


def _quota(answer: Answer, asked: Asked) -> errors.AgentError:
    error = errors.RateLimitError(
        f"The credit or quota of the key for {_inside(asked)} is used up{_quoted(answer.message, asked)}.",
        hint="Add credit where the key comes from, or switch to another model.",
        provider=asked.provider,
        status=answer.status,
    )
    error.retryable = False
    return error


def _rate(answer: Answer, asked: Asked) -> errors.AgentError:
    wait = answer.retry_after_s
    when = "in a moment" if wait is None else f"in {wait:.0f} s" if wait >= 1 else "now"
    return errors.RateLimitError(
        f"{asked.name} takes no more requests for {asked.model} at the moment{_quoted(answer.message, asked)}.",
        hint=f"Retry {when}, or switch to another model.",
        provider=asked.provider,
        status=answer.status,
        retry_after_s=wait,
    )


def _broken(answer: Answer, asked: Asked) -> errors.AgentError:
    full = "overloaded_error" in answer.kinds or answer.status in (503, 529)
    what = "is overloaded" if full and asked.is_own else "could not answer"
    number = f" (HTTP {answer.status})" if answer.status else ""
    return errors.OverloadedError(
        f"{asked.name} {what} for {asked.model}{number}{_quoted(answer.message, asked)}.",
        hint="Retry in a moment, or switch to another model.",
        provider=asked.provider,
        status=answer.status,
        retry_after_s=answer.retry_after_s,
    )


def _bad_request(answer: Answer, asked: Asked) -> errors.AgentError:
    what, hint = (
        f"did not accept the request for {asked.model}",
        "Check the settings, or switch to another model.",
    )
    if answer.status == 404 or names_no_model(answer):
        what, hint = (
            f"does not know {asked.model}",
            "F4 in the app, or `brim models`, lists what can be used.",
        )
        if not asked.is_own and not names_no_model(answer):
            hint = f"{hint} A base URL usually ends in /v1."
    return errors.BadRequestError(
        f"{asked.name} {what}{_quoted(answer.message, asked)}.",
        hint=hint,
        provider=asked.provider,
        status=answer.status,
    )


def _elsewhere(answer: Answer, asked: Asked) -> errors.AgentError:
    return errors.BadRequestError(
        f"{asked.name} sends requests on to another address{_quoted(answer.location, asked)}.",
        hint="Set the base URL to where it leads: brim does not follow by itself, so that the key stays here.",
        provider=asked.provider,
        status=answer.status,
    )


def _overflow(answer: Answer, asked: Asked) -> errors.AgentError:
    prompt, window = answer.prompt_tokens, answer.window_tokens
    sizes = _quoted(answer.message, asked)
    if prompt is not None and window is not None:
        sizes = f": {prompt:,} tokens, and its window holds {window:,}"
    return errors.ContextOverflowError(
        f"The prompt is too long for {asked.model}{sizes}.",
        hint="Shorten the message, start a new session, or switch to a model with a larger window.",
        provider=asked.provider,
        status=answer.status,
        prompt_tokens=prompt,
        window_tokens=window,
    )


def _connection(cause: BaseException, asked: Asked, *, began: bool) -> errors.AgentError:
    """Return the error for a connection that was not made, went silent or was cut."""
    import httpx2

    match cause:
        case httpx2.ConnectTimeout():
            return _unreachable("it does not answer", asked)
        case httpx2.PoolTimeout():
            return _unreachable("too many requests are under way", asked)
        case httpx2.TimeoutException():
            return _silent(asked, began=began)
        case httpx2.ConnectError() | httpx2.UnsupportedProtocol() | httpx2.ProxyError():
            return _unreachable(plain_http(str(cause)), asked)
    if type(cause).__name__ == "APITimeoutError":
        return _silent(asked, began=began)
    return cut(asked, began=began)


def plain_http(said: str) -> str:
    """Return what OpenSSL says of a server that does not speak TLS in words, anything else as it is."""
    return "it speaks http://, not https://" if "WRONG_VERSION_NUMBER" in said else said


def _unreachable(why: str, asked: Asked) -> errors.AgentError:
    hint = "Check the network, then retry." if asked.is_own else "Check that the server runs, then retry."
    where = f" at {asked.place}" if asked.is_own else ""
    return errors.ConnectionFailedError(
        f"{asked.name} cannot be reached{where}{_quoted(why, asked)}.",
        hint=hint,
        provider=asked.provider,
    )


def _silent(asked: Asked, *, began: bool) -> errors.AgentError:
    seconds = f" for {asked.silence_s:g} s" if asked.silence_s else ""
    kept = " The text that had come is kept." if began else ""
    return errors.RequestTimeoutError(
        f"{asked.name} sent nothing{seconds} while {asked.model} was asked.{kept}",
        hint="Retry, or switch to another model.",
        provider=asked.provider,
    )


def _other(error: Exception, asked: Asked, *, began: bool) -> errors.AgentError:
    import httpx2

    if isinstance(error, (httpx2.HTTPError, httpx2.StreamError, OSError)):
        return _connection(error, asked, began=began)
    if isinstance(error, ValueError):
        return no_answer(asked, f"{type(error).__name__}: {error}")
    return errors.AgentError(
        f"The request for {asked.model} failed{_quoted(f'{type(error).__name__}: {error}', asked)}.",
        hint="Retry, or switch to another model.",
        provider=asked.provider,
    )
