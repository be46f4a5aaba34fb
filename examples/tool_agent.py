"""An agent around another one, with a prompt and a tool of its own: ``brim --agent tool_agent:ToolAgent``.

Language models, small ones above all, are poor at sums. This one looks for sums in the question, works them
out with a calculator, and gives the results to the model along with the question. Each use of the calculator
is reported, so that it can be seen in the transcript. Everything else (text, usage, errors) passes through.
"""

import ast
import operator
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from brim import (
    AgentContext,
    AgentInterface,
    AgentResponse,
    Message,
    StreamEvent,
    ToolFinished,
    ToolStarted,
)
from brim.providers.answers import collect
from brim.providers.local import local_agent

PROMPT = "You are a friendly assistant. Answer in one short sentence."
NUMBER = r"\d{1,15}(?:\.\d{1,15})?"
SUM = re.compile(rf"\b{NUMBER}(?:\s*[-+*/]\s*{NUMBER}){{1,15}}")
OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class ToolAgent(AgentInterface):
    """Works out the sums in a question before another agent answers it.

    Args:
        inner: who answers; the local model if left out.
    """

    def __init__(self, inner: AgentInterface | None = None) -> None:
        self.inner = inner or local_agent()
        self.model = self.inner.model

    async def process(self, context: AgentContext) -> AgentResponse:
        return await collect(self.process_stream(context))

    async def process_stream(self, context: AgentContext) -> AsyncGenerator[StreamEvent, None]:
        known = []
        for number, problem in enumerate(SUM.findall(context.input)):
            call_id = f"sum-{number}"
            yield ToolStarted(call_id, "calculator", problem)
            try:
                result = f"{calculate(problem):.12g}"
            except (SyntaxError, ZeroDivisionError) as error:
                yield ToolFinished(call_id, str(error), is_error=True)
            else:
                yield ToolFinished(call_id, result)
                known.append(f"{problem} = {result}")
        async with aclosing(self.inner.process_stream(with_prompt(context, known))) as events:
            async for event in events:
                yield event

    async def window_tokens(self) -> int | None:
        return await self.inner.window_tokens()

    async def count_tokens(self, messages: Sequence[Message]) -> int | None:
        return await self.inner.count_tokens([Message(role="system", content=PROMPT), *messages])

    async def aclose(self) -> None:
        await self.inner.aclose()


def with_prompt(context: AgentContext, known: list[str]) -> AgentContext:
    """Return the context with our prompt before the history, and what is known before the question."""
    history = [Message(role="system", content=PROMPT), *context.conversation_history]
    question = "\n".join([*known, context.input])
    return context.model_copy(update={"conversation_history": history, "input": question})


def calculate(problem: str) -> float:
    """Work out a sum of numbers. Nothing but numbers and + - * / is looked at, let alone run."""
    return _value(ast.parse(problem, mode="eval").body)


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](_value(left), _value(right))
    raise SyntaxError(f"{ast.unparse(node)} is no sum")
