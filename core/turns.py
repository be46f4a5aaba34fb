"""One turn: ask the agent, keep what comes, tell the watchers, and end in a message that says how it went.

The turn is a task of the core. Nothing on screen owns it, and it ends on disk whatever happens to those who
watch it.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from decimal import Decimal
from time import perf_counter
from typing import Protocol

from brim.core.agent import AgentInterface
from brim.core.errors import (
    AgentError,
    BadResponseError,
    BrimError,
    ContextOverflowError,
    RequestTimeoutError,
)
from brim.core.estimate import estimate_tokens
from brim.core.events import (
    CarriedOver,
    Done,
    ReasoningAdded,
    ReasoningDelta,
    StreamEvent,
    TextAdded,
    TextDelta,
    ToolCallChanged,
    ToolFinished,
    ToolStarted,
    TurnEvent,
    TurnProgressed,
    UsageReported,
    Waiting,
)
from brim.core.store.protocol import SessionStore
from brim.core.types import AgentContext, Carried, Failure, Message, Status, ToolCall
from brim.core.usage import Usage

TICK_S = 0.25
"""How often the figures of a running turn are published, in seconds."""

_log = logging.getLogger(__name__)

_LONGEST_REASON = 300
_GAP_S = 0.001
"""Events closer together than this come faster than they can be awaited, in seconds."""
_BURST_S = 0.003
"""How long such events are read in one go, and the pause after it, in seconds."""


class Turn:
    """A turn that was asked for: waiting in the queue, running or over."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self._answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

    async def wait(self) -> Message:
        """Return the answer once it is on disk. Its status says whether it is complete, stopped or failed."""
        return await asyncio.shield(self._answer)

    def finish(self, answer: Message) -> None:
        """Give the answer to those who wait."""
        if not self._answer.done():
            self._answer.set_result(answer)

    def withdraw(self) -> None:
        """Tell those who wait that the prompt was taken back: their `wait` is cancelled."""
        self._answer.cancel()


class LiveAnswer:
    """An answer while it is being made: takes the agent's events, journals and publishes them."""

    def __init__(self, answer: Message, store: SessionStore, publish: Callable[[TurnEvent], None]) -> None:
        self._answer = answer
        self._store = store
        self._publish = publish
        self._texts: list[str] = []
        self._chars = 0
        self._reasoning: list[str] = []
        self._calls: dict[str, ToolCall] = {}
        self.stopped_as = Status.STOPPED
        self._usage: Usage | None = None
        self._cost_usd: Decimal | None = None
        self._carried: Carried | None = None
        self._finish_reason: str | None = None
        self._from_cache = False
        self._waiting = ""
        self._started = perf_counter()
        self._first_token_s: float | None = None
        self._output_tokens = 0.0
        self._recent: deque[tuple[float, float]] = deque()
        self.last_event_at = self._started
        self.done = False
        self.is_stopped = False
        self._reader: asyncio.Task[None] | None = None

    def read_by(self, reader: asyncio.Task[None]) -> None:
        """Take note of the task that reads the agent's events."""
        self._reader = reader
        if self.is_stopped:
            reader.cancel()

    @property
    def has_begun(self) -> bool:
        """Whether anything of the answer has come."""
        return bool(self._texts or self._reasoning or self._calls)

    def wait_for(self, reason: str) -> None:
        """Say what the answer waits for; a sign of life."""
        self.take(Waiting(reason))

    def stop(self, stopped_as: Status = Status.STOPPED) -> None:
        """Stop reading; what came is kept."""
        self.is_stopped = True
        self.stopped_as = stopped_as
        if self._reader is not None:
            self._reader.cancel()

    def take(self, event: StreamEvent) -> None:
        """Take in one event of the agent.

        Raises:
            BadResponseError: it is no stream event, or a tool answered that was never started.
        """
        self.last_event_at = perf_counter()
        match event:
            case TextDelta(text=text):
                self._grow(text)
                self._texts.append(text)
                self._chars += len(text)
                self._store.journal(self._answer.id, text=text)
                self._publish(
                    TextAdded(session_id=self._answer.session_id, message_id=self._answer.id, text=text)
                )
            case ReasoningDelta(text=text):
                self._grow(text)
                self._reasoning.append(text)
                self._store.journal(self._answer.id, reasoning=text)
                self._publish(
                    ReasoningAdded(session_id=self._answer.session_id, message_id=self._answer.id, text=text)
                )
            case ToolStarted(call_id=call_id, name=name, arguments=arguments):
                self._change_call(ToolCall(id=call_id, name=name, arguments=arguments, at=self._chars))
            case ToolFinished(call_id=call_id, result=result, is_error=is_error):
                if call_id not in self._calls:
                    raise BadResponseError(
                        f"The agent finished a tool call that it never started: {call_id}."
                    )
                changed = self._calls[call_id].model_copy(update={"result": result, "is_error": is_error})
                self._change_call(changed)
            case UsageReported(usage=usage, cost_usd=cost_usd):
                self._usage, self._cost_usd = usage, cost_usd
            case CarriedOver(carried=carried):
                self._carried = carried
            case Waiting(reason=reason):
                self._waiting = reason
                self.publish_progress()
            case Done(finish_reason=finish_reason, from_cache=from_cache):
                self._finish_reason = finish_reason
                self._from_cache = from_cache
                self.done = True
            case _:
                raise BadResponseError(
                    f"The agent yielded {type(event).__name__} where a stream event belongs."
                )

    def _grow(self, text: str) -> None:
        if not isinstance(text, str):
            raise BadResponseError(f"The agent yielded {type(text).__name__} where text belongs.")
        if self._first_token_s is None:
            self._first_token_s = self.last_event_at - self._started
        self._waiting = ""
        tokens = len(text) / 4 if len(text) < 16 else float(estimate_tokens(text))
        self._output_tokens += tokens
        self._recent.append((self.last_event_at, tokens))

    def _change_call(self, call: ToolCall) -> None:
        self._calls[call.id] = call
        self._store.journal(self._answer.id, tool_call=call)
        self._publish(
            ToolCallChanged(session_id=self._answer.session_id, message_id=self._answer.id, call=call)
        )

    def publish_progress(self) -> None:
        """Tell the watchers how fast it goes."""
        now = perf_counter()
        while self._recent and self._recent[0][0] < now - 1.0:
            self._recent.popleft()
        elapsed = now - self._started
        writing = elapsed - (self._first_token_s or 0.0)
        speed = sum(tokens for _, tokens in self._recent) / min(1.0, max(TICK_S, writing))
        reported = self._usage.output_tokens if self._usage else 0
        self._publish(
            TurnProgressed(
                session_id=self._answer.session_id,
                message_id=self._answer.id,
                output_tokens=reported or round(self._output_tokens),
                output_estimated=not reported,
                speed=speed,
                first_token_s=self._first_token_s,
                elapsed_s=elapsed,
                waiting=self._waiting,
            )
        )

    def message(self, status: Status = Status.STREAMING, failure: Failure | None = None) -> Message:
        """Return a copy of the answer as far as it has come."""
        ended = status is not Status.STREAMING
        return self._answer.model_copy(
            update={
                "content": _joined(self._texts),
                "reasoning": _joined(self._reasoning),
                "tool_calls": tuple(self._calls.values()),
                "usage": self._usage,
                "cost_usd": self._cost_usd,
                "carried": self._carried,
                "finish_reason": self._finish_reason,
                "from_cache": self._from_cache,
                "first_token_s": self._first_token_s,
                "duration_s": perf_counter() - self._started if ended else None,
                "status": status,
                "failure": failure,
            }
        )


def _joined(pieces: list[str]) -> str:
    """Join pieces of text, which are one piece from then on: a long text is there once."""
    joined = "".join(pieces)
    pieces[:] = [joined] if joined else []
    return joined


class TurnRequest(Protocol):
    """What a turn asks, and what it asks instead where the provider says that it is too long."""

    async def first(self, agent: AgentInterface) -> AgentContext:
        """Return what to ask."""
        ...

    async def smaller(self, agent: AgentInterface, error: ContextOverflowError) -> AgentContext:
        """Return something shorter to ask. Raises `ContextOverflowError` when nothing is left to try."""
        ...


async def run_turn(
    live: LiveAnswer,
    agent: Callable[[], Awaitable[AgentInterface]],
    request: TurnRequest,
    *,
    silence_s: float,
) -> Message:
    """Ask the agent and return the answer as it ended, stopped and failed ones with what had come.

    Args:
        live: where the events go.
        agent: finds the agent; its failure is the turn's failure.
        request: what to ask.
        silence_s: how many seconds without an event end the turn as a timeout.
    """
    reader = asyncio.create_task(_read(live, agent, request))
    live.read_by(reader)
    is_silent = False
    while not reader.done():
        try:
            await asyncio.wait({reader}, timeout=TICK_S)
        except asyncio.CancelledError:
            live.stop()
        if not reader.done():
            live.publish_progress()
            if perf_counter() - live.last_event_at > silence_s:
                is_silent = True
                reader.cancel()
    if reader.cancelled():
        if is_silent and not live.is_stopped:
            sentence = f"The model sent nothing for {silence_s:g} seconds."
            return live.message(Status.FAILED, RequestTimeoutError(sentence, hint="Try again.").failure())
        return live.message(live.stopped_as)
    error = reader.exception()
    if error is None:
        return live.message(Status.COMPLETE)
    return live.message(Status.FAILED, _failure(error))


def _failure(error: BaseException) -> Failure:
    """Return what the turn keeps of what the agent raised; what is no failure of an agent is raised again."""
    match error:
        case AgentError():
            return error.failure()
        case BrimError():
            return Failure(kind="agent", sentence=error.sentence, hint=error.hint)
        case Exception():
            said = f": {str(error)[:_LONGEST_REASON]}" if str(error) else "."
            _log.error("agent_raised", exc_info=error)
            return Failure(kind="defect", sentence=f"The agent raised {type(error).__name__}{said}")
        case _:
            raise error


async def _read(
    live: LiveAnswer, agent: Callable[[], Awaitable[AgentInterface]], request: TurnRequest
) -> None:
    chosen = await agent()
    context = await request.first(chosen)
    while True:
        try:
            async with aclosing(events_of(chosen, context)) as events:
                began = before = live.last_event_at
                async for event in events:
                    live.take(event)
                    if live.done:
                        break
                    # What has come already is read without waiting; whoever types wants to be heard meanwhile.
                    if live.last_event_at - before > _GAP_S:
                        began = live.last_event_at
                    elif live.last_event_at - began > _BURST_S:
                        await asyncio.sleep(_BURST_S)
                        began = perf_counter()
                    before = live.last_event_at
        except ContextOverflowError as error:
            if live.has_begun:
                raise
            context = await request.smaller(chosen, error)
        else:
            return


async def events_of(agent: AgentInterface, context: AgentContext) -> AsyncGenerator[StreamEvent, None]:
    """Yield the events of an answer, and close the agent's iterator at the end.

    Raises:
        BadResponseError: what the agent returned is no iterator.
    """
    stream = agent.process_stream(context)
    if not isinstance(stream, AsyncIterator):
        if inspect.iscoroutine(stream):
            stream.close()
        raise BadResponseError(
            f"The agent's process_stream returned {type(stream).__name__}, which is no async iterator.",
            hint="Write it as `async def` with `yield`.",
        )
    try:
        async for event in stream:
            yield event
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
