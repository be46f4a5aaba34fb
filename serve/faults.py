"""What goes wrong, as answers of the service: a status and one sentence, never a traceback."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from brim.core.budgets import BudgetError
from brim.core.errors import (
    AgentError,
    AuthenticationError,
    BadRequestError,
    BrimError,
    CleanupWantedError,
    ContextOverflowError,
    OverloadedError,
    RateLimitError,
    RefusedError,
    RequestTimeoutError,
    SessionBusyError,
    SessionNotFoundError,
    StoreError,
    WindowFullError,
)
from brim.core.text import visible_line

_log = logging.getLogger(__name__)

_STATUS: tuple[tuple[type[BrimError], int], ...] = (
    (SessionNotFoundError, 404),
    (SessionBusyError, 409),
    (CleanupWantedError, 409),
    (WindowFullError, 413),
    (BudgetError, 402),
    (StoreError, 503),
    (ContextOverflowError, 400),
    (RefusedError, 400),
    (BadRequestError, 400),
    (RateLimitError, 429),
    (OverloadedError, 503),
    (RequestTimeoutError, 504),
    (AgentError, 502),
    (BrimError, 400),
)
_KINDS: tuple[tuple[type[BrimError], str], ...] = (
    (SessionNotFoundError, "not_found"),
    (SessionBusyError, "busy"),
    (CleanupWantedError, "cleanup_wanted"),
    (WindowFullError, "window_full"),
    (BudgetError, "budget"),
    (StoreError, "store"),
)
_CODES = {
    "context_overflow": "context_length_exceeded",
    "window_full": "context_length_exceeded",
    "key": "invalid_api_key",
    "rate_limit": "rate_limit_exceeded",
}
"""What OpenAI's clients know kinds of errors by, where that is another word."""
_WORDS = {
    "string_pattern_mismatch": "there is no text in it",
    "string_unicode": "it holds half of a character (a lone surrogate)",
}
"""What is said of a wrong field instead of pydantic's words."""
_STORE_RETRY_S = 5
_PROVIDER_RETRY_S = 5
"""When to ask a provider again that did not say when, in seconds."""
_LONGEST_DETAIL = 300
_PARTS = ("body", "query", "path", "header")


class RefusedCallError(BrimError):
    """The service does not do what it is asked.

    Args:
        status: the HTTP status, 400 to 499.
        sentence: why not.
        hint: what to do.
        kind: a word for programs.
        retry_after_s: seconds after which it may be asked again, ``None`` where that would not help.
    """

    def __init__(
        self, status: int, sentence: str, *, hint: str = "", kind: str, retry_after_s: float | None = None
    ) -> None:
        super().__init__(sentence, hint=hint)
        self.status = status
        self.kind = kind
        self.retry_after_s = retry_after_s


def add_handlers(app: FastAPI) -> None:
    """Let the service answer every fault in its own form."""
    app.add_exception_handler(BrimError, _on_brim_error)
    app.add_exception_handler(RequestValidationError, _on_bad_input)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_defect)


def fault(
    status: int, kind: str, sentence: str, *, hint: str = "", retry_after_s: float | None = None
) -> JSONResponse:
    """Return an answer that says what went wrong, in a form that OpenAI's clients read as well."""
    headers = {} if retry_after_s is None else {"Retry-After": str(max(1, round(retry_after_s)))}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": _detail(kind, sentence, hint)}, status, headers)


def _detail(kind: str, sentence: str, hint: str) -> dict[str, Any]:
    return {
        "type": kind,
        "code": _CODES.get(kind, kind),
        "param": None,
        "message": f"{sentence} {hint}".strip(),
        "sentence": sentence,
        "hint": hint,
    }


def error_of(error: BrimError) -> dict[str, Any]:
    """Return what callers are told of an error, where the status is sent already."""
    seen = told(error)
    return _detail(kind_of(seen), seen.sentence, seen.hint)


def answer_to(error: BrimError) -> JSONResponse:
    """Return the answer to a request that failed."""
    seen = told(error)
    if seen is not error:
        _log.error("a request failed: %s", error.sentence)
    status = status_of(seen)
    retry_after_s = getattr(seen, "retry_after_s", None)
    if retry_after_s is None and isinstance(seen, AgentError) and status in (429, 503):
        retry_after_s = _PROVIDER_RETRY_S
    answer = fault(status, kind_of(seen), seen.sentence, hint=seen.hint, retry_after_s=retry_after_s)
    if isinstance(seen, AuthenticationError):  # OpenAI's clients would ask again
        answer.headers["X-Should-Retry"] = "false"
    return answer


def status_of(error: BrimError) -> int:
    """Return the HTTP status that says what kind of error it is."""
    if isinstance(error, RefusedCallError):
        return error.status
    return next(status for kind, status in _STATUS if isinstance(error, kind))


def kind_of(error: BrimError) -> str:
    """Return the word for programs that says what kind of error it is."""
    given: str = getattr(error, "kind", "")
    return given or next((word for kind, word in _KINDS if isinstance(error, kind)), "refused")


def told(error: BrimError) -> BrimError:
    """Return an error as callers may see it: where the store and the keys are, is nothing for them.

    What all others have spent is none of theirs either.
    """
    if isinstance(error, StoreError):
        return RefusedCallError(
            503, "The sessions cannot be reached now.", kind="store", retry_after_s=_STORE_RETRY_S
        )
    if isinstance(error, BudgetError):
        of_what = "this session's" if error.scope == "session" else "today's"
        return RefusedCallError(402, f"What is left of {of_what} budget does not cover this.", kind="budget")
    if isinstance(error, AuthenticationError) and error.status is None:
        return RefusedCallError(
            503, "There is no key for the model now.", kind="provider_key", retry_after_s=_STORE_RETRY_S
        )
    return error


async def _on_brim_error(request: Request, error: Exception) -> JSONResponse:
    del request
    if not isinstance(error, BrimError):
        raise error
    return answer_to(error)


async def _on_bad_input(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    said = request.headers.get("content-type", "")
    is_json = said.partition(";")[0].strip().lower() in ("", "application/json")
    hint = "" if is_json else "Send JSON, with Content-Type: application/json."
    return fault(422, "bad_input", in_words(error.errors()), hint=hint)


def in_words(errors: Iterable[Any]) -> str:
    """Return what is wrong with a request's fields as one sentence, without what was sent."""
    said = [
        ": ".join(
            part
            for part in (
                ".".join(str(part) for part in _named(each["loc"])),
                _WORDS.get(each["type"], each["msg"]),
            )
            if part
        )
        for each in errors
    ]
    return visible_line(f"The request is not right: {'; '.join(said)}"[:_LONGEST_DETAIL]) + "."


def _named(place: Sequence[str | int]) -> Sequence[str | int]:
    """Return where a field is, without the part of the request that it is in."""
    return place[1:] or place if place and place[0] in _PARTS else place


def _methods_at(request: Request) -> set[str]:
    """Return what is possible where a request asks, over all routes."""
    found: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    return found


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    path = visible_line(request.url.path)[:_LONGEST_DETAIL]
    sentence = {
        404: f"There is nothing at {path}.",
        405: f"{request.method} is not possible at {path}.",
    }.get(error.status_code, visible_line(str(error.detail))[:_LONGEST_DETAIL].rstrip(".") + ".")
    answer = fault(error.status_code, "http", sentence)
    if error.headers:
        answer.headers.update(error.headers)
    if error.status_code == 405:
        answer.headers["Allow"] = ", ".join(sorted(_methods_at(request)))
    return answer


async def _on_defect(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s raised %s", request.method, request.url.path, type(error).__name__, exc_info=error)
    return fault(500, "defect", "Something in the service is broken.", hint="Its log says more.")
