"""OpenAI's Responses API, there or at any server that speaks it.

Nothing is kept by the provider (``store`` is false), so each request carries the whole conversation. OpenAI's
models hand out their reasoning encrypted; it is kept with the answer and stands before it in later requests to
the same model.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from brim.core.events import CarriedOver, Done, ReasoningDelta, StreamEvent, TextDelta, UsageReported
from brim.core.types import AgentConfig, AgentContext
from brim.core.usage import Usage
from brim.providers.answers import count, mapping, text
from brim.providers.asking import asked_for, learn_refusal
from brim.providers.carried import carried, items_of
from brim.providers.error_answers import read_answer
from brim.providers.faults import Asked, cut, from_answer, no_answer, openai_errors, openai_fault, refused
from brim.providers.prompts import Turn, check_images, data_url, prompt_of
from brim.providers.retries import Retries, waiting
from brim.providers.sending import sent
from brim.providers.server import CONNECT_TIMEOUT_S

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream

    from brim.providers.openai import OpenAIServer

PROTOCOL = "openai-responses"
COUNT_TIMEOUT_S = 20.0

_ONLY_RESPONSES = re.compile(
    r"(?:o\d|gpt-[\d.]+)(?:-[a-z]+)*-(?:pro|codex|deep-research|cyber|rosalind)\b|codex|computer-use"
)
"""The models of OpenAI that answer nowhere else."""
_REASONS = re.compile(r"o\d|gpt-(?:[5-9]|\d\d)(?!.*chat)|codex")
"""The models of OpenAI that think before they answer, and tell a summary of it if they are asked to."""
_FINISHES = {"max_output_tokens": "length", "max_tokens": "length"}
"""What this API calls the ends of answers, in the words of chat completions."""
_REASONING_WORDS = ("encrypted_content", "encrypted content", "of type 'reasoning'", "Item 'rs_", "rs_")
"""Words of servers that do not take back the reasoning of an earlier answer."""


def needs_responses(model: str) -> bool:
    """Whether one of OpenAI's models is known to answer over this API only."""
    return bool(_ONLY_RESPONSES.match(model))


def reasons(model: str) -> bool:
    """Whether one of OpenAI's models thinks before it answers."""
    return bool(_REASONS.match(model))


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
    answer has come. Where summaries of reasoning, a parameter, or the reasoning of earlier answers is refused, it
    is asked once more without.

    Raises:
        AgentError: what failed, in words for a person.
    """
    client = await server.client()
    asked = server.asked(config.model, silence_s=config.timeout_s)
    check_images(context, asked, sees=server.sees(config.model))
    retries = Retries(config.max_retries)
    stream: AsyncStream[object] | None = None
    with_reasoning = True
    while stream is None:
        body = request_body(server, config, context, with_reasoning=with_reasoning)
        try:
            stream = await sent(partial(_open, client, body, config.timeout_s))
        except openai_errors() as error:
            if config.model not in server.refuses_summaries and _refuses_summaries(error):
                server.refuses_summaries.add(config.model)
                continue
            if with_reasoning and _carries(body) and _refuses_reasoning(error):
                with_reasoning = False
                continue
            if (learnt := learn_refusal(error, body, server, config.model)) is not None:
                yield learnt
                continue
            fault = openai_fault(error, asked)
            if (pause_s := retries.pause_s(fault)) is None:
                raise fault from None
            yield waiting(fault, pause_s)
            await asyncio.sleep(pause_s)
    reader = ResponseReader(asked, body.get("max_output_tokens"))
    async with stream:
        try:
            async for event in stream:
                for new in reader.read(event):
                    yield new
        except openai_errors() as error:
            if not reader.finish_reason:
                raise openai_fault(error, asked, began=reader.began) from None
    done = reader.done()
    if kept := reader.kept:
        yield CarriedOver(carried(PROTOCOL, config.model, kept))
    yield done


async def count_responses(server: OpenAIServer, config: AgentConfig, context: AgentContext) -> int | None:
    """Ask a server how many tokens a request is; ``None`` where it does not say.

    Raises:
        AgentError: what failed, in words for a person.
    """
    client = await server.client()
    asked = server.asked(config.model, silence_s=COUNT_TIMEOUT_S)
    check_images(context, asked, sees=server.sees(config.model))
    body = request_body(server, config, context)
    wanted = {name: body[name] for name in ("model", "input", "instructions", "reasoning") if name in body}
    try:
        answer = await client.post(
            "/responses/input_tokens", cast_to=object, body=wanted, options={"timeout": COUNT_TIMEOUT_S}
        )
    except openai_errors() as error:
        raise openai_fault(error, asked) from None
    return count(mapping(answer).get("input_tokens")) or None


def request_body(
    server: OpenAIServer, config: AgentConfig, context: AgentContext, *, with_reasoning: bool = True
) -> dict[str, Any]:
    """Return the request in the words of the Responses API.

    Args:
        server: where it goes.
        config: model and limits.
        context: what is asked.
        with_reasoning: whether the encrypted reasoning of earlier answers goes along.
    """
    model, lacks = config.model, server.lacks(config.model)
    asks = asked_for(context, config, server.takes(model))
    prompt = prompt_of(
        context,
        config,
        takes_system="system" not in lacks,
        sees=server.sees(model),
        protocol=PROTOCOL if with_reasoning else "",
    )
    body: dict[str, Any] = {
        "model": model,
        "input": [item for turn in prompt.turns for item in _items(turn)],
        "stream": True,
        "store": False,
    }
    if prompt.system:
        body["instructions"] = prompt.system
    if asks.temperature is not None:
        body["temperature"] = asks.temperature
    if asks.top_p is not None:
        body["top_p"] = asks.top_p
    if asks.max_tokens is not None:
        body["max_output_tokens"] = asks.max_tokens
    reasoning: dict[str, Any] = {"effort": asks.reasoning_effort} if asks.reasoning_effort else {}
    if server.is_openai and reasons(model):
        body["include"] = ["reasoning.encrypted_content"]
        if model not in server.refuses_summaries:
            reasoning |= {"summary": "auto"}
    if reasoning:
        body["reasoning"] = reasoning
    return {**body, **server.profile.parameters}


def _items(turn: Turn) -> list[dict[str, Any]]:
    """Return a turn in the long form, since llama.cpp does not know the short one of an answer.

    What an answer carries ends in the head of its message, which belongs to the reasoning before it.
    """
    kept = items_of(turn.carried) if turn.carried is not None else ()
    *before, head = kept or ({"type": "message", "role": turn.role},)
    kind = "input_text" if turn.role == "user" else "output_text"
    content = [{"type": "input_image", "detail": "auto", "image_url": data_url(one)} for one in turn.images]
    if turn.text or not content:
        content.append({"type": kind, "text": turn.text})
    return [*before, head | {"content": content}]


def _carries(body: dict[str, Any]) -> bool:
    return any(item.get("type") == "reasoning" for item in body["input"])


def _refuses_reasoning(error: Exception) -> bool:
    """Whether the request was refused for the reasoning of earlier answers in it."""
    import openai

    return (
        isinstance(error, openai.APIStatusError)
        and error.status_code in (400, 404)
        and any(word in f"{error.message} {error.body}" for word in _REASONING_WORDS)
    )


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
        self._items: list[dict[str, Any]] = []
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
            case "response.output_item.done":
                self._items.append(mapping(fields.get("item")))
            case "response.completed" | "response.incomplete":
                yield from self._ended(mapping(fields.get("response")))
            case "response.failed":
                raise self._failed(mapping(fields.get("response")).get("error"))
            case "error":
                raise self._failed(fields.get("error") or fields)

    @property
    def kept(self) -> list[dict[str, Any]]:
        """The reasoning as it has to come back, and the head of the message that it belongs to.

        Empty where it is not encrypted, which would not be understood, or where there are several messages.
        """
        kinds = [item.get("type") for item in self._items]
        thoughts = [item for item in self._items if item.get("type") == "reasoning"]
        if not thoughts or kinds != ["reasoning"] * len(thoughts) + ["message"]:
            return []
        if not all(text(item.get("encrypted_content")) for item in thoughts):
            return []
        message = self._items[-1]
        return [*thoughts, {name: value for name, value in message.items() if name != "content"}]

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
