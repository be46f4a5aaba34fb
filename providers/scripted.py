"""An agent that says what it is told: for tests, demonstrations and pictures.

Nothing is asked of any server, and the same script always gives the same answer::

    agent = ScriptedAgent({"hello": ["Hello, ", "world.", Usage(input_tokens=5, output_tokens=3)]})
    answer = await agent.process(AgentContext(input="hello"))
    assert answer.output == "Hello, world."

A script is a sequence of steps, played in order:

==================  ======================================================================================
``"text"``          text of the answer, all at once or at ``tokens_per_s``
`Reasoning`         reasoning, likewise
`Tool`              a tool call: it starts, takes its time, and ends with its result
`Wait`              seconds of silence; with a reason it is shown
`Usage`             what the provider counted
an `AgentError`     the failure that ends the turn
any stream event    passed on as it is; a `Done` ends the answer
==================  ======================================================================================

An answer whose script ends without `Done` or a failure is complete.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from brim.core.agent import AgentInterface
from brim.core.errors import AgentError
from brim.core.events import (
    Done,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolFinished,
    ToolStarted,
    UsageReported,
    Waiting,
)
from brim.core.types import AgentContext, AgentResponse
from brim.core.usage import Usage
from brim.providers.answers import collect

if TYPE_CHECKING:
    from typing import TypeAlias

_TOKEN = re.compile(r"\s*\S{1,4}|\s+")
"""About what a model calls a token: up to four characters and the space before them."""


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Text of the model's reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool call that starts, runs for ``seconds`` and ends."""

    name: str
    arguments: str = ""
    result: str = ""
    is_error: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Wait:
    """Seconds without a word; ``reason`` is shown meanwhile, if there is one."""

    seconds: float
    reason: str = ""


Step: TypeAlias = "str | Reasoning | Tool | Wait | Usage | AgentError | StreamEvent"
Script: TypeAlias = "Sequence[Step]"


class ScriptedAgent(AgentInterface):
    """Plays a script.

    Args:
        script: the steps of every answer; or scripts by prompt, of which the one for ``""`` answers what has
            none; or a function from the context to the steps. Left out, the prompt comes back as the answer.
        tokens_per_s: how fast text comes; 0 is at once, each text as one event.
        model: the name that answers carry.
        window: the size of the model's window in tokens, ``None`` for unknown.
    """

    def __init__(
        self,
        script: Script | Mapping[str, Script] | Callable[[AgentContext], Script] | None = None,
        *,
        tokens_per_s: float = 0.0,
        model: str = "scripted",
        window: int | None = None,
    ) -> None:
        self.model = model
        self.contexts: deque[AgentContext] = deque(maxlen=100)
        """What was asked lately, oldest first."""
        self._script = script
        self._tokens_per_s = tokens_per_s
        self._window = window

    async def process(self, context: AgentContext) -> AgentResponse:
        """Play the script and return the whole answer."""
        return await collect(self.process_stream(context))

    async def process_stream(self, context: AgentContext) -> AsyncGenerator[StreamEvent, None]:
        """Play the script."""
        self.contexts.append(context)
        pace = _Pace(self._tokens_per_s)
        for number, step in enumerate(self._steps(context)):
            async with aclosing(_play(step, f"call-{number}", pace)) as events:
                async for event in events:
                    yield event
                    if isinstance(event, Done):
                        return
        yield Done(model=self.model)

    async def window_tokens(self) -> int | None:
        """Return the window that the agent was made with."""
        return self._window

    def _steps(self, context: AgentContext) -> Script:
        script = self._script
        if script is None:
            return [context.input]
        if callable(script):
            return script(context)
        if isinstance(script, Mapping):
            return script.get(context.input, script.get("", [context.input]))
        return [script] if isinstance(script, str) else script


class _Pace:
    """Cuts text into tokens and lets them through at a speed, which holds over the whole answer."""

    def __init__(self, tokens_per_s: float) -> None:
        self._tokens_per_s = tokens_per_s
        self._due = asyncio.get_running_loop().time()

    async def pieces(self, text: str) -> AsyncGenerator[str, None]:
        """Yield ``text`` piece by piece, each when its time has come."""
        if not self._tokens_per_s:
            await asyncio.sleep(0)
            yield text
            return
        now = asyncio.get_running_loop().time
        self._due = max(self._due, now() - 1.0)  # after a pause of the script no flood makes up for it
        for piece in _TOKEN.findall(text):
            self._due += 1 / self._tokens_per_s
            await asyncio.sleep(max(0.0, self._due - now()))
            yield piece


async def _play(step: Step, call_id: str, pace: _Pace) -> AsyncGenerator[StreamEvent, None]:
    match step:
        case str():
            async for piece in pace.pieces(step):
                yield TextDelta(piece)
        case Reasoning(text=text):
            async for piece in pace.pieces(text):
                yield ReasoningDelta(piece)
        case Tool():
            yield ToolStarted(call_id, step.name, step.arguments)
            await asyncio.sleep(step.seconds)
            yield ToolFinished(call_id, step.result, step.is_error)
        case Wait(seconds=seconds, reason=reason):
            if reason:
                yield Waiting(reason)
            await asyncio.sleep(seconds)
        case Usage():
            yield UsageReported(step)
        case AgentError():
            raise step.with_traceback(None)
        case _:
            yield step
