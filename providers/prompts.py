"""From a context to the messages of a request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from brim.core.spoken import as_spoken
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
    """A request's messages: the parts of the system prompt, if there is one, and the turns, the question last."""

    system_parts: tuple[str, ...]
    turns: tuple[Turn, ...]

    @property
    def system(self) -> str:
        """The system prompt as one text, empty if there is none."""
        return "\n\n".join(self.system_parts)

    def without_system(self) -> Prompt:
        """Return the same with the system prompt at the head of the first turn, for servers that know none."""
        first, *others = self.turns
        return Prompt((), (Turn(first.role, "\n\n".join((*self.system_parts, first.text))), *others))


def prompt_of(context: AgentContext, config: AgentConfig, *, takes_system: bool = True) -> Prompt:
    """Return what to send; to a server that takes no system prompt, that goes with the first turn.

    The system messages of the history are the system prompt; the configuration's is used where there are
    none. What tools did stands as text in the answer that used them; messages without any text (answers that
    failed at once) are left out. The turns begin with the user and the sides alternate: some servers, and the
    templates of many models, accept nothing else.
    """
    history = [(message, as_spoken(message)) for message in context.conversation_history]
    system = tuple(text for message, text in history if message.role == "system" and text.strip())
    if not system and config.system_prompt.strip():
        system = (config.system_prompt,)
    turns = [
        Turn("user" if message.role == "user" else "assistant", text)
        for message, text in history
        if message.role != "system" and text.strip()
    ]
    prompt = Prompt(system, tuple(alternating((*turns, Turn("user", context.input)))))
    return prompt if takes_system or not system else prompt.without_system()


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
