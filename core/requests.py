"""What a turn asks: counted and cleaned before it leaves, and made shorter where the provider refuses it as too long.

A turn takes each step once, so that it always ends: a cleanup at the threshold; after a refusal a cleanup
down to the target; after another one the largest message is shortened; then it fails with a sentence.
"""

from __future__ import annotations

from collections.abc import Callable

from brim.core.agent import AgentInterface
from brim.core.attachments import loaded
from brim.core.cleaner import Cleaner
from brim.core.cleanup import CleanupMode
from brim.core.errors import ContextOverflowError
from brim.core.ledger import Ledger
from brim.core.store.protocol import SessionStore
from brim.core.types import AgentContext, CleanupReceipt, Message, Session
from brim.core.window import build_context, sent_with


class Request:
    """The request of one turn.

    Args:
        store: where the window is.
        ledger: weighs it.
        cleaner: makes room in it.
        prompt: the question.
        answer_id: the answer that keeps the receipt of what leaves.
        model: the model id that answers, whatever the session is set to meanwhile.
        cleanup: the person's word on cleaning first; ``None`` leaves it to the mode.
        alive: is told what the answer waits for.
    """

    def __init__(
        self,
        store: SessionStore,
        ledger: Ledger,
        cleaner: Cleaner,
        *,
        prompt: Message,
        answer_id: str,
        model: str | None,
        cleanup: bool | None,
        alive: Callable[[str], None],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._cleaner = cleaner
        self._prompt = prompt
        self._answer_id = answer_id
        self._model = model
        self._alive = alive
        self._may_clean = cleaner.mode is CleanupMode.AUTO if cleanup is None else cleanup
        self._is_asked = cleanup is True
        self._refusals = 0
        self._sent: list[Message] = []

    async def first(self, agent: AgentInterface) -> AgentContext:
        """Return what to ask, after a cleanup if it is time for one."""
        session = await self._session()
        await self._ledger.usage(session)
        self._ledger.prompt_added(session)
        context = await self._counted(agent)
        session = await self._session()
        usage = await self._ledger.usage(session)
        if (
            self._may_clean
            and (usage.needs_cleanup or self._is_asked)
            and await self._cleaner.clean(
                session, self._answer_id, reason="threshold", after_answer=False, alive=self._alive
            )
        ):
            context = await self._counted(agent)
        await self._foresee()
        return context

    async def _session(self) -> Session:
        """Return the session as the model that answers now sees it."""
        session = await self._store.session(self._prompt.session_id)
        return session.model_copy(update={"model": self._model})

    async def smaller(self, agent: AgentInterface, error: ContextOverflowError) -> AgentContext:
        """Return something shorter to ask; raises ``error``'s like when nothing is left to try."""
        session = await self._learn(error)
        if not self._may_clean:
            raise _given_up(error, "Clean up the window or leave messages out, then retry.")
        usage = await self._ledger.usage(session)
        # What was refused did not fit, whatever the window is said to hold.
        limit = min(usage.limit_tokens, usage.used_tokens)
        while self._refusals < 2:
            self._refusals += 1
            step = self._clean if self._refusals == 1 else self._shorten
            if await step(session, limit):
                context = await self._counted(agent)
                await self._foresee()
                return context
        raise _given_up(
            error,
            "Nothing more can leave: shorten the message, unpin some, or switch to a model with a larger window.",
        )

    async def _clean(self, session: Session, limit_tokens: int) -> CleanupReceipt | None:
        self._alive("the request was too long: older messages leave the window")
        return await self._cleaner.clean(
            session,
            self._answer_id,
            reason="too_long",
            after_answer=False,
            limit_tokens=limit_tokens,
            alive=self._alive,
        )

    async def _shorten(self, session: Session, limit_tokens: int) -> CleanupReceipt | None:
        self._alive("the request was too long: the largest message is shortened")
        return await self._cleaner.shorten(session, self._answer_id, limit_tokens=limit_tokens)

    async def _learn(self, error: ContextOverflowError) -> Session:
        """Take in the sizes that the refusal names."""
        session = await self._session()
        usage = await self._ledger.usage(session)
        if error.prompt_tokens:
            # Some count the answer asked for into it: good enough for what has to leave, not to learn from.
            session, self._sent = await self._ledger.account(
                session, self._sent, error.prompt_tokens, teaches=False
            )
        if session.model and error.window_tokens and error.window_tokens < (usage.window_tokens or 1 << 62):
            await self._ledger.learn_window(session.model, error.window_tokens)
            self._ledger.publish(session)
        return session

    async def _counted(self, agent: AgentInterface) -> AgentContext:
        """Return the request for the window as it is, its messages weighed exactly where the agent can."""
        session = await self._session()
        sent = await self._loaded(sent_with(await self._store.window(session.id), self._prompt))
        summary = await self._cleaner.summary(session)
        text = summary.text if summary else ""
        session, self._sent = await self._ledger.count(session, agent, sent, text)
        return build_context(session, self._sent, text)

    async def _loaded(self, sent: list[Message]) -> list[Message]:
        """Return messages with the data of what is attached to them."""
        ids = {one.id for message in sent for one in message.attachments if not one.is_loaded}
        if not ids:
            return sent
        data = await self._store.attachment_data(ids)
        return [
            message.model_copy(update={"attachments": loaded(message.attachments, data)})
            if message.attachments
            else message
            for message in sent
        ]

    async def _foresee(self) -> None:
        session = await self._session()
        self._ledger.publish(session)
        await self._ledger.foresee(session, self._answer_id, self._sent)


def _given_up(error: ContextOverflowError, hint: str) -> ContextOverflowError:
    return ContextOverflowError(
        error.sentence,
        hint=hint,
        provider=error.provider,
        status=error.status,
        prompt_tokens=error.prompt_tokens,
        window_tokens=error.window_tokens,
    )
