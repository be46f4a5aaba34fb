"""The one class to implement: an agent turns a context into an answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from brim.core.errors import AgentError, BadResponseError
from brim.core.events import Done, StreamEvent, TextDelta, UsageReported
from brim.core.parameters import Parameters
from brim.core.types import AgentContext, AgentResponse, Message, ModelInfo
from brim.core.usage import Usage


@dataclass(frozen=True, slots=True)
class Counted:
    """How many tokens a request is, and who counted them: a provider or a server in words."""

    tokens: int
    by: str


class AgentInterface(ABC):
    """Anything that answers.

    Implement `process`; implement `process_stream` too if the answer can be shown while it is made. An
    agent keeps no state of a conversation: all that it needs comes with the context, and its configuration
    with the constructor. Raise an `AgentError` to say what failed in words for a person; any other
    exception is shown by its name.
    """

    model: str = ""
    """The model's name as the provider knows it, empty for an agent without one."""

    is_priced = False
    """Whether its answers cost what the public price list of its provider says."""

    cache_holds_s: float | None = None
    """How long the provider keeps a prompt that it has cached, in seconds since its last use; ``None`` if unknown."""

    takes: frozenset[str] = frozenset()
    """The names of the `Parameters` that its model takes."""

    sees: frozenset[str] = frozenset()
    """The kinds of attachments that its model takes besides text: ``image``."""

    @abstractmethod
    async def process(self, context: AgentContext) -> AgentResponse:
        """Answer ``context.input`` and return the whole answer.

        Token counts belong into the response's ``metadata`` (``tokens``, ``prompt_tokens``,
        ``completion_tokens``), with the ``cost`` in USD if it is known; without them the gauges show
        estimates and mark them so.
        """

    async def process_stream(self, context: AgentContext) -> AsyncIterator[StreamEvent]:
        """Answer ``context.input`` as events, the last of them `Done`.

        The default waits for `process` and yields its output at once.

        Raises:
            AgentError: ``metadata["error"]`` says that the agent failed.
            BadResponseError: `process` returned something else than an `AgentResponse`.
        """
        response = await self.process(context)
        if not isinstance(response, AgentResponse):
            raise BadResponseError(
                f"The agent returned {type(response).__name__} where an AgentResponse belongs."
            )
        if (report := report_of(response)) is not None:
            yield report
        if error := response.metadata.get("error"):
            raise AgentError(error if isinstance(error, str) else response.output or "The agent failed.")
        yield TextDelta(response.output)
        yield Done(model=response.metadata.get("model"), metadata=response.metadata)

    async def window_tokens(self) -> int | None:
        """Return the size of the model's window in tokens by the server's own word, or ``None``."""
        return None

    async def count_tokens(self, messages: Sequence[Message]) -> int | None:
        """Return how many prompt tokens ``messages`` are by the model's own tokenizer, or ``None``."""
        del messages
        return None

    async def count_next(self, context: AgentContext) -> Counted | None:
        """Return how many tokens the request for ``context`` is, ``None`` where nobody can count it.

        A person asks for it, so it may take a question to the provider; `count_tokens` is called before every
        request.

        Raises:
            AgentError: whoever counts could not be asked.
        """
        tokens = await self.count_tokens(
            [*context.conversation_history, Message(role="user", content=context.input)]
        )
        return None if tokens is None else Counted(tokens, self.model or type(self).__name__)

    async def tokenizer(self) -> Callable[[str], int] | None:
        """Return what counts the tokens of a text as the model does, or ``None``.

        The estimates of prompts then rest on it. It is called while a person types: it must be fast.
        """
        return None

    async def check(self) -> None:
        """Look whether the agent could answer now, as far as can be seen without asking its provider.

        Raises:
            AgentError: it could not: there is no key, or it cannot be read.
        """

    async def aclose(self) -> None:
        """Give back what the agent holds: connections, processes."""


class OneAgent:
    """The agent source of someone who has just one agent: it answers for every model id."""

    def __init__(self, agent: AgentInterface) -> None:
        self._agent = agent
        self._id = f"agent:{agent.model or type(agent).__name__}"

    async def agent_for(self, model: str) -> AgentInterface:
        """Return the one agent."""
        del model
        return self._agent

    def resolve(self, name: str) -> str:
        """Return ``name`` as it is."""
        return name

    async def models(self) -> list[ModelInfo]:
        """Return the one agent's id."""
        return [ModelInfo(id=self._id)]

    async def listing(self) -> AsyncIterator[list[ModelInfo]]:
        """Yield the one agent's id."""
        yield await self.models()

    def defaults(self, model: str) -> Sequence[tuple[str, Parameters]]:
        """Return nothing: what the agent was made with is its own."""
        del model
        return ()

    async def default_model(self) -> str | None:
        """Return the one agent's id."""
        return self._id

    async def aclose(self) -> None:
        """Close the one agent."""
        await self._agent.aclose()


class AgentSource(Protocol):
    """Where the agent for a model id comes from."""

    async def agent_for(self, model: str) -> AgentInterface:
        """Return the agent for a model id such as ``openai:gpt-4o``; the same one for the same id.

        Raises:
            AgentError: the model cannot be used; the sentence says why.
        """
        ...

    def resolve(self, name: str) -> str:
        """Return the model id that a person's name for a model means, such as ``openai:gpt-4`` for ``gpt-4``.

        Raises:
            AgentError: nothing has that name.
        """
        ...

    async def models(self) -> list[ModelInfo]:
        """Return the models that can be named, those that can be used now first."""
        ...

    def listing(self) -> AsyncIterator[list[ModelInfo]]:
        """Yield what `models` returns as far as it is known: at once, then the whole list again as servers answer."""
        ...

    def defaults(self, model: str) -> Sequence[tuple[str, Parameters]]:
        """Return what holds for a model where the session says nothing, with the place of each, strongest first."""
        ...

    async def default_model(self) -> str | None:
        """Return the model id for a new session, or ``None`` when no model can be used."""
        ...

    async def aclose(self) -> None:
        """Close all agents that were made."""
        ...


def report_of(response: AgentResponse) -> UsageReported | None:
    """Read the counts that an agent put into ``metadata``, and what it cost; ``None`` when there are no counts.

    A lone ``tokens`` total counts as prompt, since the part of the answer in it is not known.
    """
    metadata = response.metadata
    prompt, completion, total = (
        value if isinstance(value := metadata.get(name), int) and value >= 0 else None
        for name in ("prompt_tokens", "completion_tokens", "tokens")
    )
    if prompt is None and completion is None and total is None:
        return None
    if prompt is None:
        prompt = max(0, (total or 0) - (completion or 0))
    if completion is None:
        completion = max(0, (total or 0) - prompt)
    return UsageReported(Usage(input_tokens=prompt, output_tokens=completion), _amount(metadata.get("cost")))


def _amount(cost: object) -> Decimal | None:
    """Return a cost in USD, ``None`` for what cannot be one."""
    if not isinstance(cost, int | float | Decimal) or isinstance(cost, bool):
        return None
    amount = Decimal(str(cost))
    return amount if amount.is_finite() and amount >= 0 else None
