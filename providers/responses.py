"""OpenAI's Responses API, there or at any server that speaks it.

Nothing is kept by the provider (``store`` is false), so each request carries the whole conversation. The
reasoning of earlier turns is not carried: a session keeps what was said.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING, Any

from brim.core.events import Done, ReasoningDelta, StreamEvent, TextDelta, UsageReported
from brim.core.types import AgentConfig, AgentContext
from brim.core.usage import Usage
from brim.providers.answers import count, mapping, text
from brim.providers.error_answers import read_answer
from brim.providers.faults import Asked, cut, from_answer, no_answer, openai_errors, openai_fault, refused
from brim.providers.prompts import Turn, prompt_of
from brim.providers.retries import Retries, waiting
from brim.providers.server import CONNECT_TIMEOUT_S

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream

    from brim.providers.openai import OpenAIServer

_ONLY_RESPONSES = re.compile(
    r"(?:o\d|gpt-[\d.]+)(?:-[a-z]+)*-(?:pro|codex|deep-research|cyber|rosalind)\b|codex|computer-use"
)
"""The models of OpenAI that answer nowhere else."""
_REASONS = re.compile(r"o\d|gpt-(?:[5-9]|\d\d)(?!.*chat)|codex")
"""The models of OpenAI that think before they answer, and tell a summary of it if they are asked to."""
_FINISHES = {"max_output_tokens": "length", "max_tokens": "length"}
"""What this API calls the ends of answers, in the words of chat completions."""


def needs_responses(model: str) -> bool:
    """Whether one of OpenAI's models is known to answer over this API only."""
    return bool(_ONLY_RESPONSES.match(model))


def says_responses(error: Exception) -> bool:
    """Whether chat completions were refused because the model answers over this API only."""
    import openai

    return (
        isinstance(error, openai.APIStatusError)
        and error.status_code in (400, 404)
        and "v1/responses" in f"{error.message} {error.body}"
    )


async def stream_responses(
    server: OpenAIServer, config: AgentConfig, context: AgentContext
) -> AsyncGenerator[StreamEvent, None]:
    """Ask a server's Responses and yield what comes.

    The response is closed when the generator is. A failed request is tried again only while nothing of the
    answer has come; where summaries of reasoning are refused, it is asked once more without.

    Raises:
        AgentError: what failed, in words for a person.
    """
    client = await server.client()
    asked = server.asked(config.model, silence_s=config.timeout_s)
    retries = Retries(config.max_retries)
    stream: AsyncStream[object] | None = None
    while stream is None:
        try:
            stream = await _open(client, request_body(server, config, context), config.timeout_s)
        except openai_errors() as error:
            if config.model not in server.refuses_summaries and _refuses_summaries(error):
                server.refuses_summaries.add(config.model)
                continue
            fault = openai_fault(error, asked)
            if (pause_s := retries.pause_s(fault)) is None:
                raise fault from None
            yield waiting(fault, pause_s)
            await asyncio.sleep(pause_s)
    reader = ResponseReader(asked, config.max_tokens)
    async with stream:
        try:
            async for event in stream:
                for new in reader.read(event):
                    yield new
        except openai_errors() as error:
            if not reader.finish_reason:
                raise openai_fault(error, asked, began=reader.began) from None
    yield reader.done()


def request_body(server: OpenAIServer, config: AgentConfig, context: AgentContext) -> dict[str, Any]:
    """Return the request in the words of the Responses API."""
    lacks = server.profile.lacks
    prompt = prompt_of(context, config, takes_system="system" not in lacks)
    body: dict[str, Any] = {
        "model": config.model,
        "input": [_item(turn) for turn in prompt.turns],
        "stream": True,
        "store": False,
    }
    if prompt.system:
        body["instructions"] = prompt.system
    if config.temperature is not None and "temperature" not in lacks:
        body["temperature"] = config.temperature
    if config.max_tokens is not None:
        body["max_output_tokens"] = config.max_tokens
    reasons = server.is_openai and _REASONS.match(config.model)
    if reasons and config.model not in server.refuses_summaries:
        body["reasoning"] = {"summary": "auto"}
    return {**body, **server.profile.parameters}


def _item(turn: Turn) -> dict[str, Any]:
    """Return a turn in the long form: llama.cpp does not know the short one of an answer."""
    kind = "input_text" if turn.role == "user" else "output_text"
    return {"type": "message", "role": turn.role, "content": [{"type": kind, "text": turn.text}]}


class ResponseReader:
    """Reads the events of one streamed response.

    Args:
        asked: who was asked.
        limit: the longest answer that was allowed, in tokens; ``None`` for no limit of ours.
    """

    def __init__(self, asked: Asked, limit: int | None = None) -> None:
        self._asked = asked
        self._limit = limit
        self._model: str | None = None
        self._heard = False
        self._reasoned = False
        self.began = False
        """Whether text of the answer has come."""
        self.finish_reason = ""
        """How the answer ended, empty until it has."""

    def read(self, event: object) -> Iterator[StreamEvent]:
        """Yield what is new in an event. What cannot be understood in it is passed over.

        Raises:
            AgentError: the event says that the answer failed.
        """
        fields = mapping(event)
        self._heard = True
        delta = text(fields.get("delta"))
        match fields.get("type"):
            case "response.output_text.delta" | "response.refusal.delta" if delta:
                self.began = True
                yield TextDelta(delta)
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" if delta:
                self._reasoned = True
                yield ReasoningDelta(delta)
            case "response.reasoning_summary_part.added" if self._reasoned:
                yield ReasoningDelta("\n\n")
            case "response.completed" | "response.incomplete":
                yield from self._ended(mapping(fields.get("response")))
            case "response.failed":
                raise self._failed(mapping(fields.get("response")).get("error"))
            case "error":
                raise self._failed(fields.get("error") or fields)

    def _ended(self, response: dict[str, Any]) -> Iterator[StreamEvent]:
        self._model = text(response.get("model")) or None
        reason = text(mapping(response.get("incomplete_details")).get("reason"))
        usage = usage_of(response.get("usage"))
        if reason or response.get("status") == "incomplete":
            self.finish_reason = _FINISHES.get(reason, reason or "incomplete")
        else:
            # llama.cpp calls an answer complete that filled all the room it had.
            is_full = usage is not None and self._limit is not None and usage.output_tokens >= self._limit
            self.finish_reason = "length" if is_full else "stop"
        if usage is not None:
            yield UsageReported(usage)

    def _failed(self, error: object) -> Exception:
        fields = {name: value for name, value in mapping(error).items() if value != "error"}
        return from_answer(read_answer(None, {"error": fields}, "", {}), self._asked)

    def done(self) -> Done:
        """Return the end of the answer.

        Raises:
            AgentError: the stream has ended and the answer has not, or it was withheld.
        """
        if not self.finish_reason:
            raise cut(self._asked, began=self.began) if self._heard else no_answer(self._asked)
        if self.finish_reason == "content_filter" and not self.began:
            raise refused(self._asked)
        return Done(finish_reason=self.finish_reason, model=self._model)


def usage_of(reported: object) -> Usage | None:
    """Map a server's count onto `Usage`; ``None`` where it did not count the prompt.

    ``input_tokens`` include those read from the cache and written to it, ``output_tokens`` those of reasoning.
    """
    fields = mapping(reported)
    prompt, output = count(fields.get("input_tokens")), count(fields.get("output_tokens"))
    if not prompt:
        return None
    details = mapping(fields.get("input_tokens_details"))
    read = min(prompt, count(details.get("cached_tokens")))
    written = min(prompt - read, count(details.get("cache_write_tokens")))
    reasoning = count(mapping(fields.get("output_tokens_details")).get("reasoning_tokens"))
    return Usage(
        input_tokens=prompt - read - written,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=output,
        reasoning_tokens=min(reasoning, output),
    )


async def _open(client: AsyncOpenAI, body: dict[str, Any], silence_s: float) -> AsyncStream[object]:
    """Send the request; returns once the head of the response is there. Events are taken as plain JSON."""
    import httpx2
    from openai import AsyncStream

    return await client.post(
        "/responses",
        cast_to=object,
        body=body,
        options={"timeout": httpx2.Timeout(silence_s, connect=min(CONNECT_TIMEOUT_S, silence_s))},
        stream=True,
        stream_cls=AsyncStream[object],
    )


def _refuses_summaries(error: Exception) -> bool:
    """Whether the request was refused for its wish to see a summary, as unverified organisations are."""
    import openai

    return (
        isinstance(error, openai.APIStatusError)
        and error.status_code in (400, 403)
        and any(word in f"{error.message} {error.body}" for word in ("reasoning.summary", "reasoning summar"))
    )
