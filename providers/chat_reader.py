"""The chunks of one streamed chat completion, read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from brim.core.events import Done, ReasoningDelta, StreamEvent, TextDelta, UsageReported, Waiting
from brim.core.usage import Usage
from brim.providers.answers import count, mapping, text
from brim.providers.faults import Asked, cut, no_answer, refused

if TYPE_CHECKING:
    import httpx2

SHORT_READ_TOKENS = 256
"""So few tokens are read in a moment, which nobody needs to be told of."""

# OpenAI and most others; DeepSeek; LiteLLM. In details or, like Kimi's ``cached_tokens``, beside them.
_READ_FIELDS = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")
_WRITE_FIELDS = ("cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens")

_ENDING_S = 0.1
"""How long a server may take to end the response once the answer has ended, in seconds; then it is cut off."""


async def chunks(response: httpx2.Response) -> AsyncGenerator[object, None]:
    """Yield the chunks of a streamed answer up to its ``[DONE]``: the data of server-sent events, as JSON.

    The SDK does the same for three times the CPU, which counts where many answers are read at once.

    Raises:
        openai.APIError: a chunk says that something failed.
        ValueError: a chunk is no JSON.
        httpx2.HTTPError: the connection broke, or was silent for too long.
    """
    pieces = response.aiter_bytes()
    unread = bytearray()
    said: list[str] = []
    async for piece in pieces:
        unread += piece
        if b"\n" not in piece:
            continue
        *lines, unread = unread.split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                said.append(line[5:].decode().strip())
            elif said and not line.rstrip(b"\r"):
                data = "\n".join(said)
                said = []
                if data.startswith("[DONE]"):
                    await _end(pieces)
                    return
                if data:
                    yield _checked(json.loads(data), response)


async def _end(pieces: AsyncIterator[bytes]) -> None:
    """Read a response to its end, so that its connection can be used again."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_ENDING_S):
            async for _ in pieces:
                pass


def _checked(chunk: object, response: httpx2.Response) -> object:
    """Return a chunk, unless it says that something failed."""
    if error := mapping(chunk).get("error"):
        import openai

        message = text(mapping(error).get("message")) or "An error occurred during streaming"
        raise openai.APIError(message, request=response.request, body=error)
    return chunk


class ChatReader:
    """Reads the chunks of one streamed answer."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._model: str | None = None
        self._usage: Usage | None = None
        self._heard = False
        self.began = False
        """Whether text of the answer has come."""
        self.finish_reason = ""
        """The provider's word, empty until it has come."""

    def read(self, chunk: object) -> Iterator[StreamEvent]:
        """Yield what is new in a chunk. What cannot be understood in it is passed over."""
        fields = mapping(chunk)
        self._heard = True
        self._model = text(fields.get("model")) or self._model
        progress = mapping(fields.get("prompt_progress"))
        total, read = count(progress.get("total")), count(progress.get("processed"))
        if total - read >= SHORT_READ_TOKENS and not self.began:
            yield Waiting(f"reading {read:,} of {total:,} tokens")
        listed = fields.get("choices")
        choices = [mapping(choice) for choice in listed] if isinstance(listed, list) else []
        for choice in choices:
            delta = mapping(choice.get("delta"))
            if reasoning := text(delta.get("reasoning_content")) or text(delta.get("reasoning")):
                yield ReasoningDelta(reasoning)
            if words := text(delta.get("content")) or text(delta.get("refusal")):
                self.began = True
                yield TextDelta(words)
            self.finish_reason = text(choice.get("finish_reason")) or self.finish_reason
        # Groq has it in a field of its own, Kimi inside the last choice.
        places = [fields, mapping(fields.get("x_groq")), *choices]
        usage = next((usage for place in places if (usage := usage_of(place.get("usage")))), None)
        if usage is not None and usage != self._usage:
            self._usage = usage
            yield UsageReported(usage)

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

    ``prompt_tokens`` include those read from the cache and written to it, ``completion_tokens`` those of
    reasoning. Where ``total_tokens`` is more than both, the server counts one of them apart: Gemini and xAI
    their reasoning, some gateways what the cache held.
    """
    fields = mapping(reported)
    prompt, output = count(fields.get("prompt_tokens")), count(fields.get("completion_tokens"))
    if not prompt:
        return None
    details = mapping(fields.get("prompt_tokens_details"))
    read = _first_count(details, _READ_FIELDS) or _first_count(fields, _READ_FIELDS)
    written = _first_count(details, _WRITE_FIELDS) or _first_count(fields, _WRITE_FIELDS)
    reasoning = count(mapping(fields.get("completion_tokens_details")).get("reasoning_tokens"))
    apart = count(fields.get("total_tokens")) - prompt - output
    if apart > 0 and apart == read + written:
        prompt += apart
    elif apart > 0 and reasoning in (0, apart):
        output += apart
        reasoning = apart
    read = min(read, prompt)
    written = min(written, prompt - read)
    return Usage(
        input_tokens=prompt - read - written,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=output,
        reasoning_tokens=min(reasoning, output),
    )


def _first_count(fields: dict[str, Any], names: tuple[str, ...]) -> int:
    return next((found for name in names if (found := count(fields.get(name)))), 0)
