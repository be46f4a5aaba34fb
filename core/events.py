"""What happens, as values: `StreamEvent` from an agent to the core, `TurnEvent` from the core to watchers.

Events are frozen and carry copies, never live objects. Text events may be merged for a slow watcher (their
texts joined, none dropped); all others arrive one by one, in order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from brim.core.context import ContextUsage
from brim.core.stats import DayTotal
from brim.core.types import Carried, CleanupReceipt, Message, QueuedPrompt, Session, ToolCall
from brim.core.usage import Usage

# --- from an agent to the core ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Text of the answer, to be added at its end."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """Text of the model's reasoning, to be added at its end."""

    text: str

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """The agent has begun to use a tool. ``arguments`` is text as the tool was given it."""

    call_id: str
    name: str
    arguments: str = ""

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """The tool named by an earlier `ToolStarted` has answered."""

    call_id: str
    result: str
    is_error: bool = False

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class UsageReported:
    """The provider's count so far. A later report replaces an earlier one."""

    usage: Usage
    cost_usd: Decimal | None = None
    """What the request cost, where the agent knows; else it is reckoned with the model's prices, if those are known."""

    def __post_init__(self) -> None:
        """Raise `ValueError` for a cost that cannot be: what rests on it would be wrong too."""
        if self.cost_usd is not None and not (self.cost_usd.is_finite() and self.cost_usd >= 0):
            raise ValueError(f"a cost must be an amount of USD, 0 or more, not {self.cost_usd}")

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class CarriedOver:
    """The provider wants this back with the answer in later requests."""

    carried: Carried

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The agent is not answering yet, and ``reason`` says why ("loading smollm2")."""

    reason: str

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Done:
    """The answer is complete. ``finish_reason`` is the provider's word; ``metadata`` is the agent's own."""

    finish_reason: str = "stop"
    model: str | None = None
    """The model that answered, as the provider names it; ``None`` when it did not say."""
    metadata: dict[str, Any] = field(default_factory=dict)
    from_cache: bool = False
    """Whether the answer was kept from an earlier request, so that nobody was asked and nothing is paid."""

    def __str__(self) -> str:
        return ""


StreamEvent = (
    TextDelta | ReasoningDelta | ToolStarted | ToolFinished | UsageReported | CarriedOver | Waiting | Done
)

# --- from the core to watchers --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStarted:
    """A turn has begun: the prompt is on disk, the answer is empty and streaming.

    On a retry ``prompt`` is the message that was there before.
    """

    session_id: str
    prompt: Message
    answer: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class TextAdded:
    """Text of the answer ``message_id``, to be added at its end."""

    session_id: str
    message_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasoningAdded:
    """Reasoning of the answer ``message_id``, to be added at its end."""

    session_id: str
    message_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallChanged:
    """A tool call began or ended; it replaces the call with the same id."""

    session_id: str
    message_id: str
    call: ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnProgressed:
    """Figures of a running turn, about four times a second.

    ``output_tokens`` is an estimate until the provider reports. ``speed`` is tokens per second over the
    last second, and ``first_token_s`` is ``None`` until text has come. ``waiting`` is empty or says what
    the agent waits for.
    """

    session_id: str
    message_id: str
    output_tokens: int
    output_estimated: bool
    speed: float
    first_token_s: float | None
    elapsed_s: float
    waiting: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnFinished:
    """The turn is over and on disk: its answer is complete or was stopped."""

    session_id: str
    answer: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnFailed:
    """The turn ended in a failure, which stands on ``answer.failure``; the text that came is kept."""

    session_id: str
    answer: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowCleaned:
    """Messages have left the window, or a cleanup was taken back (``receipt.undone``).

    ``message_id`` is the message that keeps the receipt: the answer of the turn that it happened in, or the
    last message when the person asked for it between turns.
    """

    session_id: str
    message_id: str
    receipt: CleanupReceipt


@dataclass(frozen=True, slots=True, kw_only=True)
class SummarySkipped:
    """A cleanup went without the summary that was wanted; ``sentence`` says why."""

    session_id: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageChanged:
    """A message was pinned, left out, brought back or shortened; ``message`` is how it is now."""

    session_id: str
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextChanged:
    """The window is filled differently than before."""

    session_id: str
    usage: ContextUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueChanged:
    """The prompts that wait for the running turn to end, oldest first."""

    session_id: str
    prompts: tuple[QueuedPrompt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePaused:
    """The prompts that wait do not go on by themselves; ``sentence`` says what the person has to decide."""

    session_id: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetWarned:
    """A budget is nearly used up."""

    session_id: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayChanged:
    """What today has taken so far, after a turn of any session."""

    total: DayTotal

    @property
    def session_id(self) -> str:
        """Empty: it is for those who watch all sessions."""
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChanged:
    """A session is new, or its title, model, totals or place in the list changed."""

    session: Session

    @property
    def session_id(self) -> str:
        """The id of the session."""
        return self.session.id


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreChanged:
    """Another brim changed something on the same data: what is shown of it has to be read again."""

    answering_elsewhere: frozenset[str] = frozenset()
    """The ids of the sessions that other brims are answering in."""

    @property
    def session_id(self) -> str:
        """Empty: it is for those who watch all sessions."""
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchShown:
    """Another branch is shown: the one with the message ``message_id``."""

    session_id: str
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDeleted:
    """A session is gone from the list; `SessionManager.restore` brings it back."""

    session_id: str


TurnEvent = (
    TurnStarted
    | TextAdded
    | ReasoningAdded
    | ToolCallChanged
    | TurnProgressed
    | TurnFinished
    | TurnFailed
    | WindowCleaned
    | SummarySkipped
    | MessageChanged
    | ContextChanged
    | QueueChanged
    | QueuePaused
    | BudgetWarned
    | DayChanged
    | SessionChanged
    | SessionDeleted
    | BranchShown
    | StoreChanged
)
