"""An answer in OpenAI's shape as it is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from time import monotonic

from anyio import CancelScope
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from brim.core.errors import BrimError
from brim.core.events import ReasoningDelta, StreamEvent, TextDelta
from brim.serve.completion_answer import CompletionAnswer, line
from brim.serve.faults import answer_to, error_of
from brim.serve.stream import NO_BUFFER, PULSE, PULSE_S
from brim.serve.unstored import Unstored


class CompletionStream(StreamingResponse):
    """Sends an answer as it is written.

    What fails before anything came has its own status, as OpenAI's has; later it is told in the stream. While the
    model is silent comments are sent, which clients pass over.

    Args:
        events: what the agent says.
        answer: takes it in.
        unstored: knows of it while it is written.
        wants_usage: whether it tells at the end what it took.
        when_over: is called however it ends, also where nothing of it was sent.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[StreamEvent, None],
        answer: CompletionAnswer,
        unstored: Unstored,
        *,
        wants_usage: bool,
        when_over: Callable[[], Awaitable[None]],
    ) -> None:
        self._chunks = _chunks(events, answer, wants_usage=wants_usage)
        super().__init__(self._chunks, headers=NO_BUFFER)
        self._written = unstored.written(answer)
        self._when_over = when_over
        self._has_begun = False
        self._said_at = monotonic()
        self._saying = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await self._when_over()

    async def stream_response(self, send: Send) -> None:
        """Send it, with signs of life in between."""
        pulse = asyncio.create_task(self._pulse(send))
        try:
            async with self._written, aclosing(self._chunks) as chunks:
                async for chunk in chunks:
                    await self._say(chunk, send)
            await self._say(b"", send, is_last=True)
        except BrimError as error:
            await self._fail(error, send)
        finally:
            pulse.cancel()
            await asyncio.gather(pulse, return_exceptions=True)

    async def _say(self, body: bytes, send: Send, *, is_last: bool = False) -> None:
        async with self._saying:
            if not self._has_begun:
                self._has_begun = True
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            self._said_at = monotonic()
            await send({"type": "http.response.body", "body": body, "more_body": not is_last})

    async def _fail(self, error: BrimError, send: Send) -> None:
        async with self._saying:
            if self._has_begun:
                body = line({"error": error_of(error)})
            else:
                self._has_begun = True
                refused = answer_to(error)
                body = bytes(refused.body)
                await send(
                    {
                        "type": "http.response.start",
                        "status": refused.status_code,
                        "headers": refused.raw_headers,
                    }
                )
            await send({"type": "http.response.body", "body": body})

    async def _pulse(self, send: Send) -> None:
        while True:
            await asyncio.sleep(self._said_at + PULSE_S - monotonic())
            if monotonic() - self._said_at >= PULSE_S:
                await self._say(PULSE, send)


async def _chunks(
    events: AsyncGenerator[StreamEvent, None], answer: CompletionAnswer, *, wants_usage: bool
) -> AsyncGenerator[bytes, None]:
    has_begun = False
    async with aclosing(events):
        async for event in events:
            if not has_begun:
                has_begun = True
                yield answer.chunk({"role": "assistant", "content": ""})
            match event:
                case TextDelta(text=text):
                    yield answer.chunk({"content": text})
                case ReasoningDelta(text=text):
                    yield answer.chunk({"reasoning_content": text})
                case _:
                    pass
    yield answer.chunk({}, is_last=True)
    if wants_usage:
        yield answer.usage_chunk()
    yield b"data: [DONE]\n\n"
