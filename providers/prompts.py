"""From a context to the messages of a request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from brim.core.types import AgentConfig, AgentContext

LEFT_OUT = "[The messages before this one are left out.]"
"""Stands in for the prompt that the first answer belonged to, where an API wants a prompt first."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request's messages: the system prompt, empty if there is none, and the turns, the question last."""

    system: str
    turns: tuple[Turn, ...]


def prompt_of(context: AgentContext, config: AgentConfig) -> Prompt:
    """Return what to send.

    The system messages of the history are the system prompt; the configuration's is used where there are
    none. Messages without text (answers that failed at once) and those of tools are left out.
    """
    history = [message for message in context.conversation_history if message.content.strip()]
    system = "\n\n".join(message.content for message in history if message.role == "system")
    turns = [
        Turn(message.role, message.content)
        for message in history
        if message.role == "user" or message.role == "assistant"  # noqa: PLR1714 - narrows the type
    ]
    return Prompt(system or config.system_prompt, (*turns, Turn("user", context.input)))


def alternating(turns: tuple[Turn, ...]) -> Iterator[Turn]:
    """Yield ``turns`` so that they begin with the user and the sides take turns; no text is lost."""
    last: Turn | None = Turn("user", LEFT_OUT) if turns and turns[0].role == "assistant" else None
    for turn in turns:
        if last is None:
            last = turn
        elif last.role == turn.role:
            last = Turn(turn.role, f"{last.text}\n\n{turn.text}")
        else:
            yield last
            last = turn
    if last is not None:
        yield last
