"""Summaries of messages that leave the window, written by a model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal

from brim.core.agent import AgentInterface, AgentSource
from brim.core.cleanup import weight_of
from brim.core.errors import AgentError, BrimError, StoreError
from brim.core.events import Done, TextDelta, UsageReported
from brim.core.ledger import Ledger
from brim.core.session_settings import InForce
from brim.core.turns import events_of
from brim.core.types import AgentContext, Message, Session, Summary
from brim.core.usage import Usage
from brim.core.window import shortened, shown

SAME_MODEL = "same"
"""The setting that lets the session's own model write."""

SILENCE_S = 60.0
"""Seconds without a sign of the model after which a cleanup goes without its summary."""

_INSTRUCTIONS = (
    "You keep the notes of a conversation. What you are given leaves the memory of the one who answers, and "
    "your notes take its place. Keep names, numbers, decisions, open questions and what the person wants. "
    "Do not answer and do not comment; write the notes alone, in the language of the conversation."
)
_EARLIER = "The notes so far:"
_SAID = "What was said since then:"
_LEFT_OUT = "[… older messages left out …]"
_NAMES = {"user": "Person", "assistant": "Assistant", "tool": "Tool", "system": "System"}
_ROOM_SHARE = 16
_SMALLEST_ROOM, _LARGEST_ROOM = 64, 1_500
_WORDS_PER_TOKEN = 0.6


class SummaryError(BrimError):
    """There is no summary to be had. The sentence says why."""


def summary_room(limit_tokens: int) -> int:
    """Return how many tokens of a window a summary is meant to take at most."""
    return min(_LARGEST_ROOM, max(_SMALLEST_ROOM, limit_tokens // _ROOM_SHARE))


@dataclass(frozen=True, slots=True)
class SummaryWriter:
    """Has summaries written by the model that the settings name: a model id, or `SAME_MODEL`."""

    agents: AgentSource
    ledger: Ledger
    in_force: InForce

    async def write(
        self,
        session: Session,
        leaving: Sequence[Message],
        earlier: Summary | None,
        alive: Callable[[str], None],
        *,
        room_tokens: int | None = None,
    ) -> Summary:
        """Return a summary of ``leaving`` and of the summary before it.

        Args:
            session: whose window it is for.
            leaving: the messages that it replaces, attachments with their data.
            earlier: the summary that it replaces too.
            alive: is told again and again what is going on.
            room_tokens: the place that there is for it; ``None`` if that does not matter.

        Raises:
            SummaryError: it could not be written, is no smaller than what it replaces, or has no place.
        """
        replaced = weight_of(leaving) + session.summary_tokens
        most = replaced if room_tokens is None else min(replaced, room_tokens + 1)
        try:
            wanted = self.in_force.now.summary_model or SAME_MODEL
            model = session.model if wanted == SAME_MODEL else self.agents.resolve(wanted)
            if model is None:
                raise AgentError("No model can be used.")
            agent = await self.agents.agent_for(model)
            await self.ledger.agent_found(model, agent)
            words = int(_WORDS_PER_TOKEN * summary_room(self.ledger.measure(session).limit_tokens))
            context = self._request(model, leaving, earlier, words)
            alive(f"{model} sums up {len(leaving)} messages")
            text, cost = await self._read(agent, context, session, alive, model=model, most_tokens=most)
        except (SummaryError, StoreError):
            raise
        except TimeoutError as error:
            raise SummaryError(f"No summary came within {SILENCE_S:g} seconds.") from error
        except Exception as error:  # an agent may be anyone's
            said = error.sentence if isinstance(error, BrimError) else f"{type(error).__name__} was raised."
            raise SummaryError(f"The summary could not be written: {said}") from error
        tokens = self._weighs(session, text)
        if tokens >= most:
            raise _too_long()
        return Summary(
            text=text,
            tokens=tokens,
            replaced_tokens=replaced,
            model=model,
            cost_usd=cost,
        )

    def _request(
        self, model: str, leaving: Sequence[Message], earlier: Summary | None, words: int
    ) -> AgentContext:
        """Return what the model is asked; what its own window does not hold goes oldest first."""
        ask = f"Write the notes anew, in at most {max(20, words)} words, with all that still matters."
        said = [f"{_NAMES[message.role]}: {_said(message)}" for message in leaving]
        frame = [_EARLIER, earlier.text] if earlier else []
        fixed = self.ledger.weigh_text(model, "\n\n".join([_INSTRUCTIONS, *frame, _SAID, ask]))
        room = self.ledger.prompt_room(model) - fixed
        kept = _newest(said, room, lambda text: self.ledger.weigh_text(model, text))
        return AgentContext(
            input="\n\n".join([*frame, _SAID, *kept, ask]),
            conversation_history=[Message(role="system", content=_INSTRUCTIONS)],
        )

    async def _read(
        self,
        agent: AgentInterface,
        context: AgentContext,
        session: Session,
        alive: Callable[[str], None],
        *,
        model: str,
        most_tokens: int,
    ) -> tuple[str, Decimal | None]:
        """Return the text and its price; reading ends where the text becomes too long, and is paid for all the same."""
        text, usage = "", None
        try:
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(SILENCE_S) as silence, aclosing(events_of(agent, context)) as events:
                async for event in events:
                    silence.reschedule(loop.time() + SILENCE_S)
                    alive("writing a summary of what leaves the window")
                    match event:
                        case TextDelta():
                            text += event.text
                            if len(text) > most_tokens and self._weighs(session, text) >= most_tokens:
                                raise _too_long()
                        case UsageReported():
                            usage = event.usage
                        case Done():
                            break
                        case _:
                            pass
        finally:
            cost = None
            if usage or text:
                spent = usage or self._estimated_usage(model, context, text)
                cost = await self.ledger.spend_besides(session, model, spent)
        if not text.strip():
            raise SummaryError("The summary could not be written: the model wrote nothing.")
        return text.strip(), cost

    def _estimated_usage(self, model: str, context: AgentContext, text: str) -> Usage:
        asked = [context.input, *(message.content for message in context.conversation_history)]
        prompt = sum(self.ledger.weigh_text(model, part) for part in asked)
        return Usage(input_tokens=prompt, output_tokens=self.ledger.weigh_text(model, text), estimated=True)

    def _weighs(self, session: Session, text: str) -> int:
        return self.ledger.weigh_summary(session.model, text)


def _said(message: Message) -> str:
    """Return what a message says; of an image there is only its name to tell."""
    images = [f"[image {one.name}]" for one in message.attachments if one.kind == "image"]
    return " ".join(part for part in (shown(message), *images) if part.strip())


def _newest(pieces: Sequence[str], room_tokens: int, weigh: Callable[[str], int]) -> list[str]:
    """Return the last pieces that fit, with a mark where any went; of the last one at least its ends."""
    kept: list[str] = []
    for piece in reversed(pieces):
        weight = weigh(piece)
        if weight > room_tokens:
            if not kept:
                kept.append(shortened(piece, max(1, len(piece) * max(0, room_tokens) // weight)))
            return [_LEFT_OUT, *reversed(kept)] if len(kept) < len(pieces) else kept
        room_tokens -= weight
        kept.append(piece)
    return kept[::-1]


def _too_long() -> SummaryError:
    return SummaryError("The summary was too long for what it replaces, so it was thrown away.")
