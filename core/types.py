"""The values that everything else speaks of: messages, sessions, contexts, responses, configuration.

Models that cross a boundary (agent, file, wire) are pydantic models and check what they are given. What is
made many times a second is a frozen dataclass.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from brim.core.attachments import Attachment
from brim.core.parameters import Parameters
from brim.core.usage import Usage

Role = Literal["system", "user", "assistant", "tool"]


def new_id() -> str:
    """Return a random id of 16 hexadecimal digits, so that a few digits usually name it."""
    return secrets.token_hex(8)


def now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


class Status(StrEnum):
    """How far a message has come."""

    COMPLETE = "complete"
    STREAMING = "streaming"
    STOPPED = "stopped"
    """The person stopped the answer; what had come is kept."""
    INTERRUPTED = "interrupted"
    """The process that was writing the answer is gone; what had come is kept."""
    FAILED = "failed"


class ToolCall(BaseModel):
    """One use of a tool that an agent reports.

    ``at`` is the place in the answer's text, in characters, at which the call happened. ``result`` is
    ``None`` while the tool runs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str
    arguments: str = ""
    result: str | None = None
    is_error: bool = False
    at: int = 0


class Failure(BaseModel):
    """Why a turn failed, in words for a person. ``kind`` is a name from `brim.core.errors`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    sentence: str
    hint: str = ""
    retryable: bool = False
    retry_after_s: float | None = None
    status: int | None = None  # of HTTP


class Carried(BaseModel):
    """What a provider wants back with an answer in later requests, such as signed thinking."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    protocol: str
    """Whose form it has: ``anthropic`` or ``openai-responses``."""
    model: str
    """The provider's name of the model that wrote it, the only one that understands it."""
    items: tuple[dict[str, Any], ...]


class QueuedPrompt(BaseModel):
    """A prompt that waits for the running turn to end."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    attachments: tuple[Attachment, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        """A prompt without attachments is written as its text."""
        return {"text": value} if isinstance(value, str) else value


class Message(BaseModel):
    """One message of a session.

    ``tokens`` is what the message weighs in a prompt; ``None`` means not counted yet, and
    ``tokens_estimated`` says whether the figure is an estimate. ``parent_id`` is ``None`` for the first
    message of a session. ``in_window`` is false once cleanup has taken the message out of what the model
    sees.
    """

    model_config = ConfigDict(extra="forbid")

    role: Role
    content: str = ""
    tokens: int | None = Field(default=None, ge=0)
    tokens_estimated: bool = True
    id: str = Field(default_factory=new_id)
    session_id: str = ""
    parent_id: str | None = None
    status: Status = Status.COMPLETE
    created_at: datetime = Field(default_factory=now)
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    model: str | None = None
    """The model id (``provider:model``) that wrote this answer."""
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    """The turn's price; ``None`` when no price is known."""
    finish_reason: str | None = None
    first_token_s: float | None = None
    """Seconds from the request to the first text."""
    duration_s: float | None = None
    """Seconds from the request to the end of the answer."""
    failure: Failure | None = None
    pinned: bool = False
    in_window: bool = True
    receipt: CleanupReceipt | None = None
    """The cleanup of the turn that made this answer, if there was one."""
    left_out: bool = False
    """The person took the message out of the window, so only the person brings it back."""
    shortened_chars: int | None = None
    """How many characters of the content are sent, its middle left out; ``None`` sends all of it."""
    prompt_parts: PromptParts | None = None
    """What filled the window when this answer was asked for, as the meter showed it before the request left."""
    cache_saved_usd: Decimal | None = None
    """What the provider's cache took off the turn's price; negative where writing to it cost more."""
    attachments: tuple[Attachment, ...] = ()
    """The files that go with a prompt, without their data unless it is needed."""
    carried: Carried | None = None
    from_cache: bool = False
    """Whether the answer was kept from an earlier request: it used no tokens and cost nothing."""


class PromptParts(BaseModel):
    """What brim expected one prompt to be made of, in tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system_tokens: int = 0
    summary_tokens: int = 0
    pinned_tokens: int = 0
    history_tokens: int = 0
    """With the question itself."""
    window_tokens: int | None = None
    """The model's window as it was known then."""

    @property
    def total_tokens(self) -> int:
        """The whole prompt: what is compared with the provider's count."""
        return self.system_tokens + self.summary_tokens + self.pinned_tokens + self.history_tokens


class Summary(BaseModel):
    """What stands in the window in place of messages that left it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    tokens: int
    replaced_tokens: int
    """What it replaces weighed: the messages that left and the summary before it."""
    model: str
    """The model id that wrote it."""
    cost_usd: Decimal | None = None
    edited: bool = False
    """Whether the person changed it."""


class CleanupReceipt(BaseModel):
    """The visible record of one cleanup. Token figures are estimates unless the provider counted them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    before_tokens: int
    after_tokens: int
    left_ids: tuple[str, ...]
    """The messages that left the window, oldest first."""
    kept: int
    """How many messages stayed."""
    pinned: int
    reached_target: bool
    after_answer: bool = False
    """Whether it happened after the answer that keeps this record, rather than before its request."""
    reason: Literal["threshold", "asked", "too_long"] = "threshold"
    """What called for it: the threshold, the person, or a provider that refused the request."""
    shortened_ids: tuple[str, ...] = ()
    """The messages of which the middle is no longer sent."""
    summary: Summary | None = None
    undone: bool = False
    """Whether the person took it back."""


class Session(BaseModel):
    """One conversation and its totals, as the session list shows it."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(default_factory=new_id)
    title: str = ""
    """Empty until the first exchange or the person gives one."""
    model: str | None = None
    system_prompt: str = ""
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)
    head_id: str | None = None
    """The last message of the branch shown; ``None`` in a session without messages."""
    messages: int = 0
    tokens: int = 0
    """Sum of the usage of all turns."""
    cost_usd: Decimal = Decimal(0)
    turns: int = 0
    priced_turns: int = 0
    """Turns with a known price; ``cost_usd`` is complete when it equals ``turns``."""
    window_tokens: int = 0
    """What the messages in the window weigh together, without the system prompt and the summary."""
    pinned_tokens: int = 0
    """The part of ``window_tokens`` that is pinned."""
    summary_id: str | None = None
    """The message whose receipt keeps the summary that is sent; ``None`` where there is none."""
    summary_tokens: int = 0
    turn_tokens: int = 0
    """How much a turn adds to the window, on average over the latest ones; 0 before the first."""
    cache_saved_usd: Decimal = Decimal(0)
    """What the provider's cache took off ``cost_usd``."""
    draft: str = ""
    queued: tuple[QueuedPrompt, ...] = ()
    """Prompts waiting for the running turn to end, oldest first."""
    deleted_at: datetime | None = None
    forked_from: str | None = None
    """The message of another session up to which this one was copied."""
    pinned: bool = False
    """Whether it is kept at the top of the list."""
    archived: bool = False
    """Whether it is put away, out of the list."""
    tags: tuple[str, ...] = ()
    parameters: Parameters = Parameters()
    persona: str = ""
    """The name of the persona that it was begun with, empty for none."""
    owner: str = ""
    """Whose it is where a service keeps the sessions of many, empty for the person's own."""

    @property
    def display_title(self) -> str:
        """The title, or words that say that there is none yet."""
        return self.title or "New session"


class Shelf(StrEnum):
    """Where a session is kept."""

    OPEN = "open"
    ARCHIVE = "archive"
    BIN = "bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFilter:
    """Which sessions are listed: those that fit all of it, letter case aside."""

    shelf: Shelf = Shelf.OPEN
    title: str = ""
    """What the title must hold."""
    tags: tuple[str, ...] = ()
    """All of which a session must have."""
    models: tuple[str, ...] = ()
    """Of which the model id must hold one."""
    after: datetime | None = None
    """Sessions that were changed from that moment on."""
    before: datetime | None = None
    """Sessions that were begun before that moment."""
    not_title: tuple[str, ...] = ()
    """None of which the title may hold."""
    not_tags: tuple[str, ...] = ()
    not_models: tuple[str, ...] = ()
    """None of which the model id may hold."""
    pinned_first: bool = False
    owner: str | None = None
    """Whose it must be; ``None`` for everyone's."""


ALL_OPEN = SessionFilter()
"""Every open session, newest change first."""


class AgentConfig(Parameters):
    """What an agent is made with: the parameters that hold where a session says nothing, and the connection."""

    model_config = ConfigDict(extra="forbid", frozen=False)

    system_prompt: str = ""
    model: str = ""
    """The provider's own name of the model, without the ``provider:`` in front."""
    api_key: SecretStr | None = None
    base_url: str | None = None
    timeout_s: float = Field(default=120.0, gt=0)
    """Seconds without a byte from the server before the request is given up."""
    max_retries: int = Field(default=2, ge=0)


class AgentContext(BaseModel):
    """What an agent is asked.

    ``conversation_history`` holds the messages of the window that come before ``input``, a system prompt
    first where there is one. Attachments, those of ``input`` and those of its messages, come with their
    data. ``additional_context`` is for the caller's own use.
    """

    input: str
    attachments: tuple[Attachment, ...] = ()
    conversation_history: list[Message] = Field(default_factory=list)
    session_id: str = ""
    parameters: Parameters = Parameters()
    """What the session asks for; it comes before what the agent was made with."""
    additional_context: dict[str, Any] = Field(default_factory=dict)


class AgentResponse(BaseModel):
    """A whole answer.

    ``metadata`` carries ``tokens``, ``prompt_tokens``, ``completion_tokens``, ``model`` and ``cost`` where
    they are known, and ``error`` (true, or a sentence) where the agent failed.
    """

    output: str
    metadata: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """A model that can be named, and what is known of it.

    Counts and prices are ``None`` when unknown. Prices are USD for a million tokens. ``unavailable`` is empty
    when the model can be used now, else the reason why not. ``origin`` says whose file a local model is.
    """

    id: str
    window_tokens: int | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    input_usd_per_million: Decimal | None = None
    output_usd_per_million: Decimal | None = None
    unavailable: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class OutlineRow:
    """A message as the transcript's scrollbar needs it: no text, only its size."""

    id: str
    role: Role
    chars: int
    lines: int
    """Line breaks in the text plus one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRow:
    """A message as the list of what the model sees needs it: weight and state, and the start of its text."""

    id: str
    role: Role
    status: Status
    created_at: datetime
    opening: str
    """The first 120 characters."""
    tokens: int | None
    tokens_estimated: bool
    in_window: bool
    pinned: bool
    left_out: bool
    shortened_chars: int | None
    prompt_parts: PromptParts | None
    usage: Usage | None
    receipt: CleanupReceipt | None


Message.model_rebuild()
