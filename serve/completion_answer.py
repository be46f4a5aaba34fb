"""An answer in the shape of OpenAI's chat completions, and what it took."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel

from brim.core.budgets import Quote, quote
from brim.core.catalogue import price
from brim.core.estimate import estimate_tokens
from brim.core.events import Done, ReasoningDelta, StreamEvent, TextDelta, UsageReported
from brim.core.types import AgentContext, Failure, Message, Status, new_id
from brim.core.usage import Usage
from brim.core.window import LARGEST_RESERVE_TOKENS


class Said(BaseModel):
    """What the model answers."""

    role: Literal["assistant"]
    content: str


class Choice(BaseModel):
    """The one answer to a request."""

    index: Literal[0]
    message: Said
    finish_reason: Literal["stop", "length", "content_filter"]


class Completed(BaseModel):
    """A whole answer in OpenAI's shape; ``usage`` as OpenAI counts it, estimated where the model told none."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: dict[str, Any]


_REASONS = {
    "length": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}


class CompletionAnswer:
    """One answer, as it comes.

    Args:
        model: the id of the model.
        context: what it was asked.
        is_priced: whether the model costs what the public price list says.
    """

    def __init__(self, model: str, context: AgentContext, *, is_priced: bool) -> None:
        self._model = model
        self._context = context
        self._is_priced = is_priced
        self._head = {"id": f"chatcmpl-{new_id()}", "created": int(time.time()), "model": model}
        self._texts: list[str] = []
        self._reasoning: list[str] = []
        self._reported: Usage | None = None
        self._cost_usd: Decimal | None = None
        self._started = time.perf_counter()
        self._first_token_s: float | None = None
        self._reason = "stop"
        self.failure: Failure | None = None
        self.stopped_as = Status.STOPPED
        """What became of it where it neither came whole nor failed."""
        self.is_done = False

    def take(self, event: StreamEvent) -> None:
        """Take in an event of the agent."""
        match event:
            case TextDelta(text=text):
                self._note_first()
                self._texts.append(text)
            case ReasoningDelta(text=text):
                self._note_first()
                self._reasoning.append(text)
            case UsageReported(usage=usage, cost_usd=cost_usd):
                self._reported, self._cost_usd = usage, cost_usd
            case Done(finish_reason=reason):
                self._reason = _REASONS.get(reason or "", "stop")
                self.is_done = True
            case _:
                pass

    def _note_first(self) -> None:
        if self._first_token_s is None:
            self._first_token_s = time.perf_counter() - self._started

    async def quote(self) -> Quote:
        """Return what the answer takes at most."""
        return await quote(
            self._model,
            prompt_tokens=self._estimated().input_tokens,
            reply_tokens=self._context.parameters.max_tokens or LARGEST_RESERVE_TOKENS,
            own_only=not self._is_priced,
        )

    async def message(self) -> Message:
        """Return the answer as it ended, for the books: what was not counted is estimated."""
        is_failed = self.failure is not None
        status = Status.FAILED if is_failed else Status.COMPLETE if self.is_done else self.stopped_as
        usage, cost = self._reported, self._cost_usd
        if usage is not None and not self.is_done:
            # The count of the output comes last; of an answer cut short it has mostly not come.
            written = self._estimated().output_tokens
            if written > usage.output_tokens:
                usage = replace(usage, output_tokens=written, estimated=True)
        if usage is not None and cost is None:
            cost = await price(self._model, usage, own_only=not self._is_priced)
        if usage is None and (self._first_token_s is not None or not is_failed):
            usage = self._estimated()
        return Message(
            role="assistant",
            model=self._model,
            content="".join(self._texts),
            reasoning="".join(self._reasoning),
            status=status,
            failure=self.failure,
            usage=usage,
            cost_usd=cost,
            first_token_s=self._first_token_s,
            duration_s=time.perf_counter() - self._started,
        )

    def _estimated(self) -> Usage:
        asked = [self._context.input, *(message.content for message in self._context.conversation_history)]
        told = ["".join(self._texts), "".join(self._reasoning)]
        return Usage(
            input_tokens=sum(map(estimate_tokens, asked)),
            output_tokens=sum(map(estimate_tokens, told)),
            estimated=True,
        )

    # --- in OpenAI's shape ----------------------------------------------------------------------------

    def whole(self) -> dict[str, Any]:
        """Return the answer as one document."""
        message = {"role": "assistant", "content": "".join(self._texts)}
        choice = {"index": 0, "message": message, "finish_reason": self._reason}
        return {**self._head, "object": "chat.completion", "choices": [choice], "usage": self._counts()}

    def chunk(self, delta: dict[str, Any], *, is_last: bool = False) -> bytes:
        """Return a part of the answer as an event."""
        choice = {"index": 0, "delta": delta, "finish_reason": self._reason if is_last else None}
        return line({**self._head, "object": "chat.completion.chunk", "choices": [choice]})

    def usage_chunk(self) -> bytes:
        """Return what the answer took as an event."""
        chunk = {**self._head, "object": "chat.completion.chunk", "choices": [], "usage": self._counts()}
        return line(chunk)

    def _counts(self) -> dict[str, Any]:
        usage = self._reported or self._estimated()
        return {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
            "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens},
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        }


def line(document: dict[str, Any]) -> bytes:
    """Return a document as a server-sent event."""
    return f"data: {json.dumps(document, ensure_ascii=False)}\n\n".encode("utf-8", "replace")
