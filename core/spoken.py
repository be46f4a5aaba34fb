"""Messages as text alone, for models that are given no tools.

A provider takes a tool's call and result only in a request that also describes the tool, and each in a form of
its own. So what tools did in earlier turns goes into the answer that used them, as notes in square brackets:
a request that every provider accepts, and what the person sees the model sees too.
"""

from __future__ import annotations

from brim.core.types import Message, ToolCall
from brim.core.window import shortened

LONGEST_ARGUMENTS = 500
"""Characters of a call's arguments; of longer ones the middle goes."""
LONGEST_RESULT = 4_000
"""The same of a result."""


def as_spoken(message: Message, text: str | None = None) -> str:
    """Return what a model without tools reads of a message: notes on the tools it used, then its text.

    Args:
        message: the message.
        text: what is sent of its content; ``None`` for all of it.
    """
    said = message.content if text is None else text
    if message.role == "tool":
        return f"[A tool answered: {shortened(said, LONGEST_RESULT)}]" if said.strip() else ""
    notes = "\n".join(map(_note, message.tool_calls))
    return "\n\n".join(part for part in (notes, said) if part.strip())


def _note(call: ToolCall) -> str:
    arguments = f" with {shortened(call.arguments, LONGEST_ARGUMENTS)}" if call.arguments.strip() else ""
    if call.result is None:
        return f"[Used the tool {call.name}{arguments}. It gave no answer.]"
    outcome = "failed" if call.is_error else "answered"
    return f"[Used the tool {call.name}{arguments}. It {outcome}: {shortened(call.result, LONGEST_RESULT)}]"
