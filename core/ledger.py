"""The accounts of the sessions: what messages weigh, what turns cost, how full the window is.

The one value that the meter paints, that decides about cleanup and that exports carry is made here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from brim.core.agent import AgentInterface
from brim.core.attachments import Attachment, image_tokens, with_texts
from brim.core.budgets import Quote, quote
from brim.core.catalogue import cache_saved, price
from brim.core.cleanup import weight_of
from brim.core.context import ContextUsage, Provenance
from brim.core.errors import AgentError
from brim.core.events import ContextChanged, TurnEvent
from brim.core.scales import Scales
from brim.core.session_settings import InForce
from brim.core.spoken import as_spoken
from brim.core.store.protocol import SessionStore
from brim.core.types import Message, PromptParts, Session, Status, now
from brim.core.usage import Usage
from brim.core.weigh import reweigh
from brim.core.window import (
    Windows,
    build_context,
    measure,
    reply_reserve,
    shown,
    summary_text,
    system_tokens,
)

CACHE_HOLDS = timedelta(minutes=5)
"""How long a prompt is expected to stay in a provider's cache where it is not known."""

_SURE_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Sent:
    """What a running turn has asked: the messages of its prompt with their weights, and what they add up to."""

    messages: tuple[Message, ...]
    parts: PromptParts


class Ledger:
    """Weighs and prices, by the settings in force."""

    def __init__(
        self,
        store: SessionStore,
        publish: Callable[[TurnEvent], None],
        in_force: InForce,
    ) -> None:
        self._store = store
        self._publish = publish
        self._in_force = in_force
        self._windows = Windows(lambda: in_force.now.own_window_tokens)
        self._scales = Scales(store, self._windows)
        self._provenance: dict[str, Provenance] = {}
        self._priced: dict[str, bool] = {}
        self._cache_holds: dict[str, timedelta] = {}
        self._sent: dict[str, Sent] = {}
        self._taught: set[str] = set()

    # --- how full the window is ---------------------------------------------------------------------------

    def weigh_text(self, model: str | None, text: str) -> int:
        """Return about how many tokens a message with ``text`` adds to a prompt."""
        return self._scales.weigh(model, text)

    def weigh_prompt(self, model: str | None, text: str, attachments: Collection[Attachment]) -> int:
        """Return about how many tokens a prompt adds; the attachments come with their data."""
        images = sum(image_tokens(one) for one in attachments if one.kind == "image")
        return self._scales.weigh(model, with_texts(text, attachments)) + images

    def weigh_summary(self, model: str | None, text: str) -> int:
        """Return about how many tokens a summary adds to a prompt."""
        return self._scales.weigh(model, summary_text(text))

    async def usage(self, session: Session) -> ContextUsage:
        """Return what fills the window of ``session``."""
        await self._scales.know(session.model)
        if (
            session.model
            and self._windows.known(session.model) is None
            and await self._windows.find(session.model) is None
        ):
            await self._recall_window(session, session.model)
        if session.id not in self._provenance:
            self._provenance.setdefault(session.id, await self._provenance_of(session))
        return self.measure(session)

    async def _recall_window(self, session: Session, model: str) -> None:
        """Take the window that the latest answer of a model was asked with: its server is not asked here."""
        for message in reversed(await self._store.tail(session.id, limit=2)):
            if message.model == model and message.prompt_parts and message.prompt_parts.window_tokens:
                self._windows.recall(model, message.prompt_parts.window_tokens)
                return

    def measure(self, session: Session) -> ContextUsage:
        """Return what fills the window of ``session`` as far as it is known without asking anyone."""
        held = self._in_force.now
        return measure(
            session,
            window_tokens=self._windows.known(session.model),
            fallback_tokens=held.context_window_size,
            max_tokens=session.parameters.max_tokens or held.max_tokens,
            cleanup_share=held.rules.threshold,
            provenance=self._provenance.get(session.id, Provenance.ESTIMATE),
            opening_tokens=0 if self._is_counted(session) else self._scales.opening_tokens(session.model),
            window_learnt=self._windows.learnt(session.model) is not None,
        )

    def prompt_room(self, model: str) -> int:
        """Return how long a prompt to a model may be so that it fits even if it is longer than estimated."""
        limit = self._windows.known(model) or self._in_force.now.context_window_size
        return int(_SURE_SHARE * (limit - reply_reserve(limit, self._in_force.now.max_tokens)))

    def _is_counted(self, session: Session) -> bool:
        """Whether a whole prompt of the session was counted: what the server adds is then in the weights."""
        counted = (Provenance.REPORTED, Provenance.EXACT)
        return session.turns > 0 or self._provenance.get(session.id) in counted

    async def _provenance_of(self, session: Session) -> Provenance:
        """Return where the stored figures of a session come from: reported if the last report says the same."""
        last = await self._store.tail(session.id, limit=1)
        if not last or last[0].usage is None or last[0].usage.estimated or last[0].tokens_estimated:
            return Provenance.ESTIMATE
        if last[0].model != session.model:
            return Provenance.PENDING
        fixed = system_tokens(session) + session.summary_tokens
        reported = last[0].usage.prompt_tokens + (last[0].tokens or 0)
        return Provenance.REPORTED if fixed + session.window_tokens == reported else Provenance.ESTIMATE

    async def agent_found(self, model: str, agent: AgentInterface) -> None:
        """Take in who answers for ``model``: its window and whether it has a price."""
        if agent.cache_holds_s is not None:
            self._cache_holds[model] = timedelta(seconds=agent.cache_holds_s)
        await self._scales.know(model, agent)
        await self._windows.find(model, agent)
        self._priced[model] = agent.is_priced

    def has_met(self, model: str) -> bool:
        """Whether it is known who answers for ``model``: see `agent_found`."""
        return model in self._priced and self._windows.has_asked(model)

    async def learn_window(self, model: str, window_tokens: int) -> None:
        """Take in the window that an error of the provider named."""
        await self._scales.learn_window(model, window_tokens)

    async def model_changed(self, session: Session) -> None:
        """Another model answers next: another window, and weights that its tokenizer has not confirmed."""
        await self.usage(session)
        self.basis_changed(session)

    def basis_changed(self, session: Session) -> None:
        """What the figures rest on has changed; the next answer will tell."""
        if self._provenance.get(session.id, Provenance.ESTIMATE) is not Provenance.ESTIMATE:
            self._provenance[session.id] = Provenance.PENDING
        self.publish(session)

    def cleaned(self, session: Session) -> None:
        """Messages have left the window or come back: the next answer will tell."""
        self._provenance[session.id] = Provenance.PENDING
        self.publish(session)

    def publish(self, session: Session) -> None:
        """Tell the watchers how full the window is."""
        self._publish(ContextChanged(session_id=session.id, usage=self.measure(session)))

    # --- before a request ---------------------------------------------------------------------------------

    def prompt_added(self, session: Session) -> None:
        """A question has come that nobody has counted yet."""
        self._taught.discard(session.id)
        if self._provenance.get(session.id) in (Provenance.REPORTED, Provenance.EXACT):
            self._provenance[session.id] = Provenance.ESTIMATE
        self.publish(session)

    async def count(
        self, session: Session, agent: AgentInterface, sent: Sequence[Message], summary: str
    ) -> tuple[Session, list[Message]]:
        """Count a prompt with the model's own tokenizer, where there is one; returns the weights that come of it."""
        context = build_context(session, sent, summary)
        try:
            counted = await agent.count_tokens(
                [
                    *context.conversation_history,
                    Message(role="user", content=context.input, attachments=context.attachments),
                ]
            )
        except AgentError:
            counted = None
        if not counted:
            return session, list(sent)
        session, weighed = await self.account(session, sent, counted)
        self._provenance[session.id] = Provenance.EXACT
        return session, weighed

    async def account(
        self, session: Session, sent: Sequence[Message], prompt_tokens: int, *, teaches: bool = True
    ) -> tuple[Session, list[Message]]:
        """Make the weights of a prompt's messages add up to a count of it, and learn from it if it ``teaches``."""
        anew = self._provenance.get(session.id) is Provenance.PENDING or _other_model(session, sent)
        fixed = system_tokens(session) + session.summary_tokens
        fresh = list(sent) if anew else [message for message in sent if message.tokens_estimated]
        weights = reweigh(sent, system_tokens=fixed, prompt_tokens=prompt_tokens, anew=anew)
        if not weights:
            return session, list(sent)
        model = session.model
        session = await self._store.weigh(session.id, weights)
        weighed = [
            message.model_copy(update={"tokens": weights[message.id][0], "tokens_estimated": False})
            if message.id in weights
            else message
            for message in sent
        ]
        known = {message.id for message in fresh}
        learnt = [message for message in weighed if message.id in known]
        has_more = any(
            message.carried or any(one.kind == "image" for one in message.attachments) for message in learnt
        )
        if teaches and not has_more and session.id not in self._taught:
            self._taught.add(session.id)
            texts = [as_spoken(message, shown(message)) for message in learnt]
            tokens = weight_of(learnt)
            await self._scales.learn(model, texts, tokens, opening=len(learnt) == len(sent))
        return session, weighed

    async def foresee(self, session: Session, answer_id: str, sent: Sequence[Message]) -> None:
        """Keep what the request that leaves now is expected to weigh."""
        usage = self.measure(session)
        parts = PromptParts(
            system_tokens=usage.system_tokens,
            summary_tokens=usage.summary_tokens,
            pinned_tokens=usage.pinned_tokens,
            history_tokens=usage.history_tokens,
            window_tokens=usage.window_tokens,
        )
        self._sent[session.id] = Sent(tuple(sent), parts)
        await self._store.foresee(answer_id, parts)

    async def quote(self, session: Session, draft_tokens: int) -> Quote:
        """Return what sending a draft of about so many tokens takes now."""
        usage = await self.usage(session)
        prompt_tokens = usage.used_tokens + draft_tokens
        last = await self._store.tail(session.id, limit=1)
        return await quote(
            session.model or "",
            prompt_tokens=prompt_tokens,
            reply_tokens=usage.reply_reserve_tokens,
            cached_tokens=self._still_cached(last[0]) if last else 0,
            own_only=not self._priced.get(session.model or ""),
        )

    async def quote_prompt(self, session: Session, text: str, attachments: Collection[Attachment]) -> Quote:
        """Return what sending a prompt takes now; where files go with it, it is weighed in a thread."""
        tokens = 0
        if attachments:
            tokens = await asyncio.to_thread(self.weigh_prompt, session.model, text, attachments)
        elif text:
            tokens = self.weigh_prompt(session.model, text, ())
        return await self.quote(session, tokens)

    def _still_cached(self, answer: Message) -> int:
        """Return how much of the next prompt the provider is expected to have in its cache."""
        holds = self._cache_holds.get(answer.model or "") or CACHE_HOLDS
        if answer.usage is None or now() - answer.created_at > holds:
            return 0
        return answer.usage.cache_read_tokens + answer.usage.cache_write_tokens

    # --- after the answer ---------------------------------------------------------------------------------

    async def settle(self, session: Session, answer: Message) -> Message:
        """Weigh and price an answer that has ended, and write it; returns it as it is on disk."""
        sent = self._sent.get(session.id)
        reported = None if answer.usage is None or answer.usage.estimated else answer.usage
        spoken = reported.output_tokens - reported.reasoning_tokens if reported else 0
        if reported and (answer.status is not Status.COMPLETE or not reported.output_tokens):
            # The count of the output comes last; of an answer cut short it has mostly not come.
            reported, spoken = self._cut_short(answer, reported), 0
        # What was thought goes along where it is carried, and some models read it again.
        weight = reported.output_tokens if reported and answer.carried else spoken
        usage = reported or self._estimated_usage(answer, sent)
        answer = answer.model_copy(
            update={
                "usage": usage,
                "cost_usd": await self._cost(answer, reported),
                "cache_saved_usd": await self._saved(answer.model, reported) if reported else None,
                "tokens": weight if spoken > 0 else self._weigh_answer(answer),
                "tokens_estimated": spoken <= 0 or answer.carried is not None,
            }
        )
        if answer.from_cache:
            # What was counted when it was asked first tells the weights. Now nothing was used.
            unpaid = {"usage": Usage(), "cost_usd": Decimal(0), "cache_saved_usd": None}
            answer = answer.model_copy(update=unpaid)
        is_counted = False
        if reported and reported.prompt_tokens and sent:
            is_counted = True
            # Before the turn is added up, so that the average of the turns rests on the count.
            current = await self._store.session(session.id)
            asked = current.model_copy(update={"model": answer.model})
            await self.account(asked, sent.messages, reported.prompt_tokens)
        session = await self._store.finish_message(answer)
        self._sent.pop(session.id, None)
        if is_counted:
            is_whole = not (answer.tokens and answer.tokens_estimated)
            self._provenance[session.id] = Provenance.REPORTED if is_whole else Provenance.ESTIMATE
            if session.model != answer.model:
                self._provenance[session.id] = Provenance.PENDING
        return await self._store.message(answer.id)

    async def _cost(self, answer: Message, reported: Usage | None) -> Decimal | None:
        if answer.cost_usd is not None:  # the agent knows
            return answer.cost_usd
        return await self.price(answer.model, reported) if reported else None

    def _weigh_answer(self, answer: Message) -> int:
        return self.weigh_text(answer.model, text) if (text := as_spoken(answer)) else 0

    def _cut_short(self, answer: Message, reported: Usage) -> Usage:
        written = self._weigh_answer(answer) + (
            self.weigh_text(answer.model, answer.reasoning) if answer.reasoning else 0
        )
        if written <= reported.output_tokens:
            return reported
        return replace(reported, output_tokens=written, estimated=True)

    def _estimated_usage(self, answer: Message, sent: Sent | None) -> Usage | None:
        """Return our own figures for a turn of which the provider reported nothing."""
        if sent is None or (answer.status is Status.FAILED and not answer.content):
            return None
        return Usage(
            input_tokens=sent.parts.total_tokens, output_tokens=self._weigh_answer(answer), estimated=True
        )

    async def price(self, model: str | None, usage: Usage) -> Decimal | None:
        """Return what a request to ``model`` cost, ``None`` where no price is known."""
        return await price(model, usage, own_only=not self._priced.get(model)) if model else None

    async def spend_besides(self, session: Session, model: str, usage: Usage) -> Decimal | None:
        """Price a request that is no turn and add it to the session and to the day; returns what it cost."""
        cost = await self.price(model, usage)
        await self._store.spend(session.id, model, usage, cost)
        return cost

    async def _saved(self, model: str | None, usage: Usage) -> Decimal | None:
        return await cache_saved(model, usage, own_only=not self._priced.get(model)) if model else None


def _other_model(session: Session, sent: Sequence[Message]) -> bool:
    """Whether the answer before this one came from another model, whose tokenizer counted what came before it."""
    last = next((message.model for message in reversed(sent) if message.model), None)
    return last is not None and last != session.model
