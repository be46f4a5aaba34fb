"""The accounts of the sessions: what messages weigh, what turns cost, when the window is cleaned.

The one value that the meter paints, that decides about cleanup and that exports carry is made here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal

from brim.core.agent import AgentInterface
from brim.core.catalogue import price
from brim.core.cleanup import plan_cleanup
from brim.core.context import ContextUsage, Provenance
from brim.core.estimate import MESSAGE_OVERHEAD_TOKENS, Estimator
from brim.core.events import (
    ContextChanged,
    SessionChanged,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    WindowCleaned,
)
from brim.core.store.protocol import SessionStore
from brim.core.types import Message, Session, Status
from brim.core.usage import Usage
from brim.core.weigh import reweigh
from brim.core.window import DEFAULT_WINDOW_TOKENS, Windows, measure, system_tokens


class Ledger:
    """Weighs, prices and cleans; see `brim.core.sessions.SessionManager` for the settings."""

    def __init__(
        self,
        store: SessionStore,
        publish: Callable[[TurnEvent], None],
        *,
        context_window_size: int,
        cleanup_threshold: float,
        cleanup_target: float,
        min_messages_to_keep: int,
        max_tokens: int | None,
    ) -> None:
        if not 0 < cleanup_target < cleanup_threshold <= 1:
            raise ValueError("cleanup_target must be above 0 and below cleanup_threshold, which is at most 1")
        if context_window_size <= 0 or min_messages_to_keep < 0:
            raise ValueError("context_window_size must be positive and min_messages_to_keep not negative")
        self._store = store
        self._publish = publish
        self._fallback_tokens = context_window_size
        self._threshold = cleanup_threshold
        self._target = cleanup_target
        self._keep = min_messages_to_keep
        self._max_tokens = max_tokens
        self._windows = Windows(None if context_window_size == DEFAULT_WINDOW_TOKENS else context_window_size)
        self._estimators: defaultdict[str, Estimator] = defaultdict(Estimator)
        self._provenance: dict[str, Provenance] = {}
        self._priced: dict[str, bool] = {}

    def weigh_text(self, model: str | None, text: str) -> int:
        """Return about how many tokens a message with ``text`` adds to a prompt."""
        return self._estimators[model or ""].estimate(text) + MESSAGE_OVERHEAD_TOKENS

    async def usage(self, session: Session) -> ContextUsage:
        """Return what fills the window of ``session``."""
        if session.model and self._windows.known(session.model) is None:
            await self._windows.find(session.model)
        return self._measure(session)

    def _measure(self, session: Session) -> ContextUsage:
        return measure(
            session,
            window_tokens=self._windows.known(session.model),
            fallback_tokens=self._fallback_tokens,
            system=system_tokens(session),
            max_tokens=self._max_tokens,
            cleanup_share=self._threshold,
            provenance=self._provenance.get(session.id, Provenance.ESTIMATE),
        )

    async def agent_found(self, model: str, agent: AgentInterface) -> None:
        """Take in who answers for ``model``: its window and whether it has a price."""
        self._priced[model] = agent.is_priced
        await self._windows.find(model, agent)

    async def model_changed(self, session: Session) -> None:
        """Another model answers next: another window, and weights that its tokenizer has not confirmed."""
        self.basis_changed(session)
        self._publish(ContextChanged(session_id=session.id, usage=await self.usage(session)))

    def basis_changed(self, session: Session) -> None:
        """What the figures rest on has changed; the next answer will tell."""
        if session.id in self._provenance:
            self._provenance[session.id] = Provenance.PENDING
        self._publish(ContextChanged(session_id=session.id, usage=self._measure(session)))

    async def make_room(self, session: Session, answer_id: str) -> list[Message]:
        """Clean the window if the coming request calls for it; returns what will be sent, in order."""
        window = await self._store.window(session.id)
        session = await self._store.session(session.id)
        usage = await self.usage(session)
        if self._provenance.get(session.id) is Provenance.REPORTED:
            self._provenance[session.id] = Provenance.ESTIMATE
        self._publish(ContextChanged(session_id=session.id, usage=self._measure(session)))
        if usage.needs_cleanup and await self._clean(session, window, answer_id, after_answer=False):
            window = await self._store.window(session.id)
        return window

    async def _clean(
        self, session: Session, window: list[Message], answer_id: str, *, after_answer: bool
    ) -> bool:
        usage = self._measure(session)
        plan = plan_cleanup(
            window,
            fixed_tokens=usage.system_tokens,
            limit_tokens=usage.limit_tokens,
            target=self._target,
            min_messages_to_keep=self._keep,
        )
        if not plan.is_worthwhile:
            return False
        receipt = plan.receipt(after_answer=after_answer)
        session = await self._store.clean(session.id, answer_id, receipt)
        self._provenance[session.id] = Provenance.PENDING
        self._publish(WindowCleaned(session_id=session.id, message_id=answer_id, receipt=receipt))
        self._publish(ContextChanged(session_id=session.id, usage=self._measure(session)))
        return True

    async def settle(self, session: Session, answer: Message) -> Message:
        """Weigh and price an answer that has ended, and write it; returns it as it is on disk."""
        reported = None if answer.usage is None or answer.usage.estimated else answer.usage
        spoken = reported.output_tokens - reported.reasoning_tokens if reported else 0
        answer = answer.model_copy(
            update={
                "usage": answer.usage or await self._estimated_usage(session, answer),
                "cost_usd": await self._price(answer.model, reported) if reported else None,
                "tokens": spoken if spoken > 0 else self._weigh_answer(answer),
                "tokens_estimated": spoken <= 0,
            }
        )
        session = await self._store.finish_message(answer)
        if reported and reported.prompt_tokens:
            await self._confirm(session, answer, reported)
        return await self._store.message(answer.id)

    def _weigh_answer(self, answer: Message) -> int:
        return self.weigh_text(answer.model, answer.content) if answer.content else 0

    async def _estimated_usage(self, session: Session, answer: Message) -> Usage | None:
        """Return our own figures for a turn of which the provider reported nothing."""
        if answer.status is Status.FAILED and not answer.content:
            return None
        current = await self._store.session(session.id)
        return Usage(
            input_tokens=self._measure(current).used_tokens,
            output_tokens=self._weigh_answer(answer),
            estimated=True,
        )

    async def _price(self, model: str | None, usage: Usage) -> Decimal | None:
        return await price(model, usage) if model and self._priced.get(model) else None

    async def _confirm(self, session: Session, answer: Message, usage: Usage) -> None:
        """Make the weights of the prompt's messages add up to what the provider counted."""
        estimator = self._estimators[answer.model or ""]
        sent = [message for message in await self._store.window(session.id) if message.id != answer.id]
        fresh = [message for message in sent if message.tokens_estimated]
        weights = reweigh(sent, system_tokens=system_tokens(session), prompt_tokens=usage.prompt_tokens)
        if weights:
            session = await self._store.weigh(session.id, weights)
            for message in fresh:
                if message.id in weights:
                    estimator.learn(message.content, weights[message.id][0] - MESSAGE_OVERHEAD_TOKENS)
        self._provenance[session.id] = Provenance.REPORTED

    async def close_turn(self, session: Session, answer: Message) -> None:
        """Tell the watchers that the turn is over, and clean the window if it is full."""
        session = await self._store.session(session.id)
        event = TurnFailed if answer.status is Status.FAILED else TurnFinished
        self._publish(event(session_id=session.id, answer=answer))
        self._publish(SessionChanged(session=session))
        usage = await self.usage(session)
        self._publish(ContextChanged(session_id=session.id, usage=usage))
        if usage.needs_cleanup and answer.receipt is None and answer.status is Status.COMPLETE:
            window = await self._store.window(session.id)
            await self._clean(session, window, answer.id, after_answer=True)
