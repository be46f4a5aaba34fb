"""Asking a server for its models and saying in words why it does not tell them. It costs nothing."""

from __future__ import annotations

import asyncio
import json
import ssl
from http.client import HTTPException

from brim.core.errors import AgentError, AuthenticationError, BadRequestError, ConnectionFailedError
from brim.core.reached import Reached
from brim.core.text import visible_line
from brim.providers.error_answers import read_answer
from brim.providers.faults import from_answer, plain_http, redacted
from brim.providers.listing import AnyServer
from brim.providers.windows import PROBE_TIMEOUT_S, Questions, RawAnswer, served_models

TIMEOUT_S = 10.0
MOST_BYTES = 4_000_000


async def reach(server: AnyServer) -> Reached:
    """Return what a server lists.

    Raises:
        AgentError: it cannot be reached, refuses, or does not list its models. What it says of that is quoted
            without its key.
    """
    key = await server.find_key()
    if key is None and server.is_own:
        raise AuthenticationError(
            f"There is no key for {server.name}.", hint="Enter one.", provider=server.provider
        )
    models = await server.models(TIMEOUT_S)
    if models is None:
        raise await _reason(server, TIMEOUT_S)
    has_key = key is not None
    return Reached(
        models=tuple(model.name for model in models),
        is_key_tested=has_key
        and await served_models(server.listing_url, server.headers, timeout_s=TIMEOUT_S) is None,
    )


async def why_silent(server: AnyServer) -> AgentError:
    """Return why a server tells no models."""
    try:
        await server.find_key()
    except AgentError as error:
        return error
    return await _reason(server, PROBE_TIMEOUT_S)


async def _reason(server: AnyServer, timeout_s: float) -> AgentError:
    """Ask once more, and return why there is no list."""
    try:
        await fetch_list(server, "models", timeout_s=timeout_s)
    except AgentError as error:
        return error
    return BadRequestError(
        f"{server.name} can be reached, but lists no models (HTTP 200).",
        hint="Look at the path in the address: often it ends in /v1.",
        provider=server.provider,
    )


async def fetch_list(
    server: AnyServer, path: str, *, timeout_s: float = TIMEOUT_S, most_bytes: int = MOST_BYTES
) -> bytes:
    """Return what a server sends for its list of models, as it came, cut after ``most_bytes``.

    Raises:
        AgentError: it cannot be reached, or refuses. What it says of that is quoted without its key.
    """
    asked = server.asked("the list of models")
    hint = "Check the address, and that the server runs."
    try:
        questions = Questions(server.listing_url, server.probe_headers, timeout_s)
        async with asyncio.timeout(timeout_s):
            said = await asyncio.to_thread(questions.fetch, "GET", path, most_bytes=most_bytes)
    except TimeoutError:
        sentence = f"{server.name} did not answer within {timeout_s:g} s."
        raise ConnectionFailedError(sentence, hint=hint, provider=server.provider) from None
    except (OSError, HTTPException, ValueError) as error:
        what = visible_line(redacted(_words(error), asked.key, asked.secrets))
        sentence = f"{server.name} cannot be reached: {what}."
        raise ConnectionFailedError(sentence, hint=hint, provider=server.provider) from None
    if said.status == 200:
        return said.body
    if said.status in (404, 405):
        raise BadRequestError(
            f"{server.name} can be reached, but lists no models (HTTP {said.status}).",
            hint="Look at the path in the address: often it ends in /v1.",
            provider=server.provider,
        )
    raise from_answer(read_answer(said.status, _body(said), "", said.headers), asked)


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return plain_http(error.reason or "no secure connection can be made")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return type(error).__name__


def _body(said: RawAnswer) -> object:
    text = said.body.decode(errors="replace")
    try:
        return json.loads(text)
    except ValueError:
        return text
