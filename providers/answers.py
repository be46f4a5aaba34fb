"""From a stream of events to one whole answer, and the counts of providers to `Usage`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from brim.core.events import Done, StreamEvent, TextDelta, UsageReported
from brim.core.types import AgentResponse

LARGEST_COUNT = 10**12


async def collect(events: AsyncGenerator[StreamEvent, None]) -> AgentResponse:
    """Wait for a stream to end and return its answer, with counts, model and finish reason as metadata."""
    texts: list[str] = []
    metadata: dict[str, Any] = {}
    async with aclosing(events):
        async for event in events:
            match event:
                case TextDelta(text=text):
                    texts.append(text)
                case UsageReported(usage=usage):
                    metadata |= {
                        "tokens": usage.total_tokens,
                        "prompt_tokens": usage.prompt_tokens,
                        "completion_tokens": usage.output_tokens,
                    }
                case Done(finish_reason=finish_reason, model=model):
                    metadata |= {"finish_reason": finish_reason, **event.metadata}
                    metadata |= {"model": model} if model else {}
                case _:
                    pass
    return AgentResponse(output="".join(texts), metadata=metadata)


def mapping(value: object) -> dict[str, Any]:
    """Return ``value`` if it is a mapping, else an empty one: a server may send anything."""
    return value if isinstance(value, dict) else {}


def count(value: object) -> int:
    """Return ``value`` if it can be a count of tokens, else 0."""
    return value if isinstance(value, int) and value is not True and 0 < value <= LARGEST_COUNT else 0


def text(value: object) -> str:
    """Return ``value`` if it is text, the joined text parts if it is a list of parts, else nothing."""
    if isinstance(value, list):
        return "".join(text(mapping(part).get("text")) for part in value)
    return value if isinstance(value, str) else ""
