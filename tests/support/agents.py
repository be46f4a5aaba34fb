"""Agents that do exactly what a test needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from brim.core.agent import AgentInterface
from brim.core.errors import AgentError
from brim.core.events import Done, StreamEvent, TextDelta, UsageReported
from brim.core.types import AgentContext, AgentResponse
from brim.core.usage import Usage


class Plain(AgentInterface):
    """Implements `process` only and keeps what it was asked."""

    def __init__(self, output: str = "An answer.", **metadata: object) -> None:
        self.output = output
        self.metadata = metadata
        self.asked: list[AgentContext] = []

    async def process(self, context: AgentContext) -> AgentResponse:
        self.asked.append(context)
        return AgentResponse(output=self.output, metadata=dict(self.metadata))


class Gated(AgentInterface):
    """Streams what the test puts in, when it puts it in: `say`, then `end` or `fail`."""

    def __init__(self) -> None:
        self.asked: list[AgentContext] = []
        self.closed = 0
        self._events: dict[str, asyncio.Queue[StreamEvent | AgentError]] = {}
        self.changed = asyncio.Event()

    def _queue(self, prompt: str) -> asyncio.Queue[StreamEvent | AgentError]:
        return self._events.setdefault(prompt, asyncio.Queue())

    def say(self, prompt: str, *texts: str) -> None:
        for text in texts:
            self._queue(prompt).put_nowait(TextDelta(text))

    def put(self, prompt: str, event: StreamEvent | AgentError) -> None:
        self._queue(prompt).put_nowait(event)

    def end(self, prompt: str, usage: Usage | None = None) -> None:
        if usage:
            self.put(prompt, UsageReported(usage))
        self.put(prompt, Done())

    async def process(self, context: AgentContext) -> AgentResponse:
        return AgentResponse(output="".join([str(event) async for event in self.process_stream(context)]))

    async def process_stream(self, context: AgentContext) -> AsyncIterator[StreamEvent]:
        self.asked.append(context)
        self.changed.set()
        try:
            while True:
                event = await self._queue(context.input).get()
                if isinstance(event, AgentError):
                    raise event
                yield event
        finally:
            self.closed += 1


class Counting(AgentInterface):
    """Answers with a fixed text and reports as usage what the prompt really weighs, by characters."""

    def __init__(self, answer: str = "ok " * 30, window: int | None = None) -> None:
        self.answer = answer
        self.window = window
        self.prompts: list[int] = []

    async def window_tokens(self) -> int | None:
        return self.window

    async def process(self, context: AgentContext) -> AgentResponse:
        texts: Iterable[str] = [*(m.content for m in context.conversation_history), context.input]
        prompt = sum(len(text) for text in texts)
        self.prompts.append(prompt)
        return AgentResponse(
            output=self.answer, metadata={"prompt_tokens": prompt, "completion_tokens": len(self.answer)}
        )
