"""The façade of the core: sessions, their turns, and those who watch them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Self

from brim.core.admission import Admission
from brim.core.agent import AgentInterface, AgentSource, OneAgent
from brim.core.attachments import Attachment
from brim.core.branches import Branches
from brim.core.budgets import Budgets, Quote, today_total
from brim.core.cleaner import Cleaner
from brim.core.cleanup import CleanupMode, CleanupPlan, CleanupRules
from brim.core.context import ContextUsage
from brim.core.counting import Counting
from brim.core.errors import BrimError
from brim.core.events import SessionChanged
from brim.core.hub import Hub, Subscription
from brim.core.ledger import Ledger
from brim.core.library import Library
from brim.core.limits import NO_LIMITS, Limits
from brim.core.neighbours import Neighbours
from brim.core.pace import paced
from brim.core.running import TurnRunner
from brim.core.searching import Search
from brim.core.session_settings import InForce, SessionSettings
from brim.core.stats import DayTotal
from brim.core.store.protocol import Recovered, SessionStore, Spending
from brim.core.summaries import SummaryWriter
from brim.core.tuning import Tuning
from brim.core.turns import Turn
from brim.core.types import (
    ALL_OPEN,
    CleanupReceipt,
    ContextRow,
    Message,
    ModelInfo,
    OutlineRow,
    QueuedPrompt,
    Session,
    SessionFilter,
    Status,
)
from brim.core.window import DEFAULT_WINDOW_TOKENS

SILENCE_S = 180.0
"""Seconds without any event after which a turn counts as hung."""


class SessionManager:
    """Keeps sessions, runs their turns, and tells watchers what happens.

    Args:
        agent: who answers: one agent, or a source of agents by model id. The manager closes it.
        store: where sessions are kept; ``None`` keeps them in memory until the end of the process.
        context_window_size: the window in tokens. The default only stands in where nobody knows the
            model's own window; any other value is taken as the person's setting and comes first.
        cleanup_threshold: the share of the window from which cleanup runs.
        cleanup_target: the share that cleanup comes down to.
        min_messages_to_keep: how many of the newest messages never leave the window.
        default_system_prompt: the system prompt of new sessions.
        max_tokens: the longest answer in tokens, for the reserve kept free; ``None`` if not limited.
        silence_s: seconds without a sign of life after which a turn fails as hung.
        cleanup_mode: who decides that messages leave the window.
        summary_model: what writes summaries of what leaves: a model id, or ``same``; ``None`` for no summaries.
        session_budget_usd: what a session may cost; ``None`` for no budget.
        day_budget_usd: what a day may cost over all sessions; ``None`` for no budget.
        limits: how long a prompt may be, and how fast requests may leave.
    """

    def __init__(
        self,
        agent: AgentInterface | AgentSource,
        *,
        store: SessionStore | None = None,
        context_window_size: int = DEFAULT_WINDOW_TOKENS,
        cleanup_threshold: float = 0.90,
        cleanup_target: float = 0.60,
        min_messages_to_keep: int = 5,
        default_system_prompt: str = "",
        max_tokens: int | None = None,
        silence_s: float = SILENCE_S,
        cleanup_mode: CleanupMode = CleanupMode.AUTO,
        summary_model: str | None = None,
        session_budget_usd: Decimal | None = None,
        day_budget_usd: Decimal | None = None,
        limits: Limits = NO_LIMITS,
    ) -> None:
        held = self.in_force = InForce(
            SessionSettings(
                context_window_size=context_window_size,
                rules=CleanupRules(cleanup_threshold, cleanup_target, min_messages_to_keep),
                cleanup_mode=cleanup_mode,
                summary_model=summary_model,
                max_tokens=max_tokens,
                system_prompt=default_system_prompt,
                session_budget_usd=session_budget_usd,
                day_budget_usd=day_budget_usd,
                limits=limits,
            )
        )
        source: AgentSource = OneAgent(agent) if isinstance(agent, AgentInterface) else agent
        agents = self.agents = paced(source, lambda: held.now.limits)
        if store is None:
            from brim.core.store.sqlite import SQLiteStore

            store = SQLiteStore(None)
        self._store = store
        self._hub = Hub()
        tell = self._hub.publish
        ledger = self._ledger = Ledger(store, tell, held)
        writer = SummaryWriter(agents, ledger, held)
        cleaner = self._cleaner = Cleaner(store, ledger, tell, held, writer)
        self.budgets = Budgets(store, held)
        self.admission = Admission(agents, ledger, cleaner, self.budgets, tell, in_force=held)
        self._turns = turns = TurnRunner(
            store,
            tell,
            agents=agents,
            ledger=ledger,
            cleaner=cleaner,
            admission=self.admission,
            silence_s=silence_s,
        )
        self.branches = Branches(store, tell, turns=turns, ledger=ledger)
        self.library = Library(store, tell, turns=turns, agents=agents)
        self.tuning = Tuning(store, tell, agents=agents, ledger=ledger)
        self.counting = Counting(store, agents, ledger, cleaner)
        self.searching = Search(store)
        self.neighbours = Neighbours(store, tell, stop=turns.stop, settle=turns.unsettled.retry)

    async def open(self) -> Recovered:
        """Open the store; returns what it found of an earlier crash. Raises `StoreError`."""
        return await self._store.open()

    async def aclose(self, *, stopped_as: Status = Status.STOPPED) -> None:
        """Stop all turns (what came is kept), write what waits, close the store and the agents."""
        await self.neighbours.aclose()
        await self._turns.stop_all(stopped_as)
        self._hub.close()
        try:
            await self._store.aclose()
        finally:
            await self.agents.aclose()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # --- sessions -------------------------------------------------------------------------------------

    async def create(
        self, *, model: str | None = None, title: str = "", system_prompt: str | None = None, owner: str = ""
    ) -> Session:
        """Make a session; ``model`` defaults to the best that can be used now. Raises `AgentError` for an unknown one."""
        session = Session(
            model=self.agents.resolve(model) if model else await self.agents.default_model(),
            title=title,
            system_prompt=self.in_force.now.system_prompt if system_prompt is None else system_prompt,
            owner=owner,
        )
        await self._store.add_session(session)
        self._hub.publish(SessionChanged(session=session))
        return session

    async def session(self, session_id: str) -> Session:
        """Return a session by its whole id. Raises `SessionNotFoundError`."""
        return await self._store.session(session_id)

    async def find_session(self, name: str) -> Session:
        """Return the session that an id, an unambiguous start of one, or ``last`` means."""
        return await self._store.find_session(name)

    async def list_sessions(
        self, *, limit: int = 50, after: Session | None = None, only: SessionFilter = ALL_OPEN
    ) -> list[Session]:
        """Return a page of sessions, newest change first; ``after`` is the last one of the page before."""
        return await self._store.list_sessions(limit=limit, after=after, only=only)

    async def count_sessions(self) -> int:
        """Return how many sessions are open: neither archived nor deleted."""
        return await self._store.count_sessions()

    async def rename(self, session_id: str, title: str) -> Session:
        """Give a session a title."""
        session = await self._store.update_session(session_id, title=" ".join(title.split()))
        self._hub.publish(SessionChanged(session=session))
        return session

    async def delete(self, session_id: str) -> None:
        """Put a session into the bin and stop its turn. `restore` undoes it."""
        await self.library.delete([session_id])

    async def restore(self, session_id: str) -> Session:
        """Take a session out of the bin."""
        return (await self.library.restore([session_id]))[0]

    # --- turns ----------------------------------------------------------------------------------------

    async def send(
        self,
        session_id: str,
        text: str,
        *,
        attachments: Sequence[Attachment] = (),
        cleanup: bool | None = None,
        over_budget: bool = False,
        alone: bool = False,
        any_length: bool = False,
    ) -> Turn:
        """Ask. When this returns the prompt is on disk; when it raises, nothing is stored.

        While a turn runs, the prompt waits in the session's queue. Prompts that were left in the queue by a
        turn that failed or was stopped go first.

        Args:
            session_id: where to ask.
            text: the prompt.
            attachments: files that go with it, with their data.
            cleanup: true cleans the window first, false sends as it is; ``None`` leaves it to `cleanup_mode`.
            over_budget: sends whatever the budgets say.
            alone: asks at once or not at all, whatever is in the queue.
            any_length: sends a text that is longer than the limit.

        Raises:
            InputTooLongError: the text is longer than the limit.
            SessionBusyError: another brim is answering in the session, or with ``alone`` this one.
            ValueError: there is neither text nor an attachment.
            SessionNotFoundError: there is no such session.
            CleanupWantedError: the mode is to ask, and the prompt needs a cleanup.
            WindowFullError: the prompt does not fit into the window, and nothing leaves it.
            BudgetError: the turn might cost more than a budget has left.
            StoreError: the prompt could not be stored.
        """
        prompt = QueuedPrompt(text=text, attachments=tuple(attachments))
        return await self._turns.send(
            session_id, prompt, cleanup=cleanup, over_budget=over_budget, alone=alone, any_length=any_length
        )

    async def retry(self, session_id: str, *, cleanup: bool | None = None, over_budget: bool = False) -> Turn:
        """Ask again for the last prompt. The new answer is a sibling of the old one, which stays stored.

        Raises:
            BrimError: there is nothing to ask again, a turn is running, or as for `send`.
        """
        return await self._turns.retry(session_id, cleanup=cleanup, over_budget=over_budget)

    async def stop(self, session_id: str, *, stopped_as: Status = Status.STOPPED) -> None:
        """Stop the answer; what came is kept, and stored when this returns unless another brim writes it. The queue waits."""
        await self._turns.stop(session_id, stopped_as)

    async def take_back_queue(self, session_id: str) -> tuple[QueuedPrompt, ...]:
        """Empty the queue and return the prompts that were in it, oldest first."""
        return await self._turns.take_back_queue(session_id)

    # --- the window -----------------------------------------------------------------------------------

    @property
    def cleanup_mode(self) -> CleanupMode:
        """Who decides that messages leave the window."""
        return self.in_force.now.cleanup_mode

    @cleanup_mode.setter
    def cleanup_mode(self, mode: CleanupMode) -> None:
        self.in_force.choose_mode(mode)

    async def context_usage(self, session_id: str) -> ContextUsage:
        """Return what fills the window of a session, without a draft."""
        return await self._ledger.usage(await self._store.session(session_id))

    async def context_rows(self, session_id: str) -> list[ContextRow]:
        """Return all messages of a session with their weights and states, in order."""
        return await self._store.context_rows(session_id)

    async def plan_cleanup(self, session_id: str, text: str = "") -> CleanupPlan:
        """Return what would leave the window now, with ``text`` as the next prompt. Changes nothing."""
        session = await self._store.session(session_id)
        draft = Message(role="user", content=text, tokens=self._ledger.weigh_text(session.model, text))
        return await self._cleaner.plan(session, draft if text else None)

    async def clean_up(self, session_id: str) -> CleanupReceipt:
        """Bring the window down to the target now. The last message keeps the receipt.

        Raises:
            BrimError: a turn is running, or nothing has to leave or can.
        """
        async with self._turns.lock(session_id):
            await self._turns.settled(session_id)
            session = await self._store.session(session_id)
            receipt = session.head_id and await self._cleaner.clean(
                session, session.head_id, reason="asked", after_answer=True
            )
            if not receipt:
                usage = await self._ledger.usage(session)
                raise BrimError(
                    f"Nothing leaves the window: it holds {usage.used_tokens:,} tokens, and a cleanup goes "
                    f"down to {self._cleaner.target_tokens(usage):,}, the last messages and pinned ones aside."
                )
            return receipt

    async def undo_cleanup(self, session_id: str, message_id: str | None = None) -> Session:
        """Bring back what a cleanup took out, the newest first, as far as it fits.

        Args:
            session_id: the session.
            message_id: the message that keeps the receipt; ``None`` takes the latest that is not undone.

        Raises:
            BrimError: there is no such cleanup, or nothing of it fits.
        """
        return await self._cleaner.undo(await self._store.session(session_id), message_id)

    async def edit_summary(self, session_id: str, text: str) -> Session:
        """Put the person's words in place of the summary. Raises `BrimError` where there is none, or no text."""
        return await self._cleaner.edit_summary(await self._store.session(session_id), text)

    async def pin(self, message_id: str, pinned: bool = True) -> Message:
        """Keep a message in the window whatever leaves, or no longer. One that had left comes back."""
        return await self._cleaner.mark(message_id, pinned=pinned)

    async def leave_out(self, message_id: str, left_out: bool = True) -> Message:
        """Take a message out of the window until it is brought back."""
        return await self._cleaner.mark(message_id, left_out=left_out)

    async def bring_back(self, message_id: str) -> Message:
        """Bring a message back into the window, whole, whatever took it out."""
        return await self._cleaner.bring_back(message_id)

    # --- money ----------------------------------------------------------------------------------------

    async def quote(self, session_id: str, text: str, attachments: Sequence[Attachment] = ()) -> Quote:
        """Return what sending a prompt now takes, in tokens and money."""
        session = await self._store.session(session_id)
        if session.model:
            await self.admission.meet(session.model)
        return await self._ledger.quote_prompt(session, text, attachments)

    async def spending(self, since: date | None = None) -> list[Spending]:
        """Return what was spent by day and model, oldest day first."""
        return await self._store.spending(since)

    async def today(self) -> DayTotal:
        """Return what today has taken so far, over all sessions."""
        return await today_total(self._store)

    # --- watching and reading -------------------------------------------------------------------------

    def subscribe(self, session_id: str | None = None, *, most_chars: int | None = None) -> Subscription:
        """Watch one session, or with ``None`` all of them without the growth of their answers.

        Take the snapshot (`live`, `running`) right after, with no ``await`` between: events go on from there.
        """
        return self._hub.subscribe(session_id, most_chars)

    def live(self, session_id: str) -> Message | None:
        """Return the answer being written, as far as it has come; ``None`` when no turn runs."""
        return self._turns.live(session_id)

    def running(self) -> frozenset[str]:
        """Return the ids of the sessions that are being answered."""
        return self._turns.running()

    async def tail(self, session_id: str, *, limit: int, before_id: str | None = None) -> list[Message]:
        """Return the last messages of a session, or the last before ``before_id``, in order."""
        return await self._store.tail(session_id, limit=limit, before_id=before_id)

    async def outline(self, session_id: str) -> list[OutlineRow]:
        """Return all messages of a session without their texts."""
        return await self._store.outline(session_id)

    async def messages_by_id(self, message_ids: Sequence[str]) -> list[Message]:
        """Return the messages with these ids, in the order of the ids."""
        return await self._store.messages_by_id(message_ids)

    async def transcript(self, session_id: str) -> list[Message]:
        """Return all messages of a session."""
        return await self._store.transcript(session_id)

    def estimate(self, model: str | None, text: str, attachments: Sequence[Attachment] = ()) -> int:
        """Return about how many tokens a draft adds to the window of ``model``; attachments come with their data."""
        return self._ledger.weigh_prompt(model, text, attachments) if text or attachments else 0

    async def models(self) -> list[ModelInfo]:
        """Return the models that can be named."""
        return await self.agents.models()

    async def default_model(self) -> str | None:
        """Return the model of a new session, or ``None`` when none can be used."""
        return await self.agents.default_model()

    async def prompts(self, *, limit: int = 200) -> list[str]:
        """Return earlier prompts of all sessions, newest first."""
        return await self._store.prompts(limit=limit)
