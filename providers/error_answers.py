"""What a server says went wrong, read from an error answer of any of a dozen shapes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from brim.providers.answers import count
from brim.providers.headers import retry_after_s

_N = r"\d[\d,_]{0,14}"
_OVERFLOWS = (
    # llama.cpp, also over its Anthropic endpoint
    re.compile(
        rf"request \((?P<prompt>{_N}) tokens\) exceeds the available context size \((?P<window>{_N}) tokens\)"
    ),
    re.compile(rf"prompt is too long: (?P<prompt>{_N}) tokens > (?P<window>{_N})"),
    # Gemini; xAI; SGLang and Together; vLLM; Mistral; Kimi; TGI; LM Studio; GitHub's models; dasLLAMA
    re.compile(
        rf"input token count(?: \((?P<prompt>{_N})\))? exceeds the maximum number of tokens allowed(?: \(?(?P<window>{_N}))?"
    ),
    re.compile(
        rf"maximum prompt length is (?P<window>{_N}) but the request contains (?P<prompt>{_N}) tokens"
    ),
    re.compile(
        rf"input \((?P<prompt>{_N}) tokens\) is longer than the model'?s context length \((?P<window>{_N}) tokens\)"
    ),
    re.compile(
        rf"prompt \(length (?P<prompt>{_N})\) is longer than the maximum model length of (?P<window>{_N})"
    ),
    re.compile(
        rf"contains (?P<prompt>{_N}) tokens[^\n]{{0,80}} too large for model with (?P<window>{_N}) maximum context length"
    ),
    re.compile(rf"exceeded model token limit: (?P<window>{_N}) \(requested: (?P<prompt>{_N})\)"),
    re.compile(
        rf"`inputs` tokens \+ `max_new_tokens` must be <= (?P<window>{_N})\. Given: (?P<prompt>{_N}) `inputs`"
    ),
    re.compile(
        rf"keep the first (?P<prompt>{_N}) tokens when[^\n]{{0,200}} context length of only (?P<window>{_N}) tokens"
    ),
    re.compile(rf"prompt token count of (?P<prompt>{_N}) exceeds the limit of (?P<window>{_N})"),
    re.compile(rf"prompt is (?P<prompt>{_N}) tokens; the model context is (?P<window>{_N})"),
    re.compile(rf"maximum context length is (?P<window>{_N}) tokens.*?(?P<prompt>{_N}) tokens", re.DOTALL),
    re.compile(rf"limit of (?P<window>{_N}) tokens.*?resulted in (?P<prompt>{_N}) tokens", re.DOTALL),
    re.compile(rf"`max_tokens` exceed context limit: (?P<prompt>{_N}) \+ {_N} > (?P<window>{_N})"),
    re.compile(r"exceeds? the (?:available |model'?s? )?(?:context (?:window|size|length)|maximum context)"),
    re.compile(r"maximum context length|prompt is too long|context window exceeded"),
    re.compile(
        r"greater than the context length|context window exceeds limit|[Ii]nput is too long for requested model"
    ),
    re.compile(r"ContextWindowExceededError"),  # LiteLLM, before the words of the server behind it
)
_UNKNOWN_MODEL = re.compile(
    r"\binvalid model name|\bunknown model\b|\bmodel [^\n]{1,200}?\b(?:not found|does not exist)",
    re.IGNORECASE,
)
_EVENT = re.compile(r"\s*(?:event:[^\n]*\n)?data:\s*(\{[^\n]*\})")


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's error, as far as it could be understood. ``None`` is what it did not say."""

    status: int | None
    kinds: frozenset[str]
    message: str
    prompt_tokens: int | None
    window_tokens: int | None
    retry_after_s: float | None
    location: str = ""
    """Where else a server that redirects wants to be asked."""


def read_answer(status: int | None, body: object, message: str, headers: Mapping[str, str]) -> Answer:
    """Read an error answer.

    Args:
        status: the HTTP status; in a stream that broke later it is 200, and the body's own code counts.
        body: the JSON or the text that came, ``None`` if nothing did.
        message: the SDK's words, for a body that has none.
        headers: names in lower case, or of any case if the mapping does not care.
    """
    body = _unwrapped(body)
    outer: dict[str, Any] = body if isinstance(body, dict) else {}
    inner = outer.get("error", outer)
    fields: dict[str, Any] = inner if isinstance(inner, dict) else {}
    said = fields.get("message") or fields.get("detail") or outer.get("message") or outer.get("detail")
    if not isinstance(said, str):
        said = inner if isinstance(inner, str) else body if isinstance(body, str) else message
    kinds = {str(fields[name]) for name in ("type", "code") if fields.get(name) is not None}
    if status is None or status < 300:
        status = next((int(kind) for kind in kinds if re.fullmatch(r"[45]\d\d", kind)), None)
    prompt, window = _sizes(fields, said)
    retry = retry_after_s(headers, said)
    return Answer(status, frozenset(kinds), said, prompt, window, retry, headers.get("location", ""))


def is_overflow(answer: Answer) -> bool:
    """Whether the words say that the prompt is too long."""
    return any(pattern.search(answer.message) for pattern in _OVERFLOWS)


def names_no_model(answer: Answer) -> bool:
    """Whether it says that there is no model of that name, whatever the status."""
    return "model_not_found" in answer.kinds or _UNKNOWN_MODEL.search(answer.message) is not None


def _unwrapped(body: object) -> object:
    """Return the JSON of a body that is an event, as gateways send it for a stream that never began."""
    if isinstance(body, str) and (found := _EVENT.match(body)) is not None:
        with suppress(ValueError, RecursionError):
            return json.loads(found[1])
    return body


def _sizes(fields: dict[str, Any], said: str) -> tuple[int | None, int | None]:
    """Return the prompt's size and the window's, as far as the server named them."""
    prompt, window = count(fields.get("n_prompt_tokens")), count(fields.get("n_ctx"))
    if prompt and window:
        return prompt, window
    for pattern in _OVERFLOWS:
        if (found := pattern.search(said)) is not None:
            sizes = found.groupdict()
            return _number(sizes.get("prompt")), _number(sizes.get("window"))
    return None, None


def _number(digits: str | None) -> int | None:
    return int(re.sub(r"[,_]", "", digits)) if digits else None
