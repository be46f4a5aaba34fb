"""A session's title: from its first prompt, or by a model on request."""

from __future__ import annotations

import re
from collections.abc import Sequence

from brim.core.agent import AgentInterface
from brim.core.errors import BrimError
from brim.core.text import visible_line
from brim.core.types import AgentContext, Message

LONGEST_TITLE = 60
"""In characters."""

_MARKS = re.compile(r"^[#>*\-\s`]+|[`*]+")
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s|(?<=[。！？])")


def title_from(prompt: str) -> str:
    """Return the first sentence of a prompt, cut at a word to `LONGEST_TITLE` characters."""
    for line in prompt.splitlines():
        words = " ".join(_MARKS.sub("", line).split())
        if words:
            break
    else:
        return ""
    sentence = _SENTENCE_END.split(words, maxsplit=1)[0].rstrip(".。")
    if len(sentence) <= LONGEST_TITLE:
        return sentence
    cut = sentence[: LONGEST_TITLE - 1]
    at_word = cut.rsplit(" ", 1)[0]
    return (at_word if len(at_word) > LONGEST_TITLE // 2 else cut).rstrip(" ,;:") + "…"


_ASK = """Give this conversation a title of at most six words, in its own language. Answer with the title alone.

"""
_QUOTED_CHARS = 500
_LABEL = re.compile(r"^\W*title\W*:\s*", re.IGNORECASE)
_AROUND = "\"'“”„«»*#`. "


async def title_by(agent: AgentInterface, messages: Sequence[Message]) -> str:
    """Return the title that an agent gives to a conversation.

    Raises:
        BrimError: what it answered is no title.
        AgentError: the request failed.
    """
    quoted = "\n\n".join(
        f"{message.role}: {message.content[:_QUOTED_CHARS]}" for message in messages if message.content
    )
    response = await agent.process(AgentContext(input=_ASK + quoted))
    lines = [line for line in (visible_line(line).strip() for line in response.output.splitlines()) if line]
    title = _LABEL.sub("", lines[0]).strip(_AROUND) if lines else ""
    if not title:
        raise BrimError("The model gave no title.", hint="/rename takes one of your own.")
    return title_from(title)
