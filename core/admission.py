"""Whether a prompt may go out, decided before anything of it is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date

from brim.core.agent import AgentSource
from brim.core.attaching import AttachmentError
from brim.core.attachments import Attachment
from brim.core.budgets import Budgets, Quote, local_today
from brim.core.cleaner import Cleaner
from brim.core.cleanup import CleanupMode
from brim.core.context import ContextUsage
from brim.core.errors import AgentError, CleanupWantedError, WindowFullError
from brim.core.events import BudgetWarned, TurnEvent
from brim.core.ledger import Ledger
from brim.core.session_settings import InForce
from brim.core.types import Message, QueuedPrompt, Session

_SURE_SHARE = 0.75
"""Estimates may be this far off: what is longer than the window even so cannot be sent."""


class Admission:
    """Holds prompts against the window and the budgets.

    Args:
        agents: who answers, which tells windows and prices.
        ledger: weighs and prices.
        cleaner: plans what would leave.
        budgets: what may be spent; ``None`` where there is no budget.
        publish: tells the watchers.
        in_force: how long a prompt may be.
    """

    def __init__(
        self,
        agents: AgentSource,
        ledger: Ledger,
        cleaner: Cleaner,
        budgets: Budgets,
        publish: Callable[[TurnEvent], None],
        *,
        in_force: InForce,
    ) -> None:
        self._in_force = in_force
        self._agents = agents
        self._ledger = ledger
        self._cleaner = cleaner
        self._budgets = budgets
        self._publish = publish
        self._warned: set[tuple[str, date]] = set()

    async def check(
        self, session: Session, prompt: QueuedPrompt | None, *, cleanup: bool | None, over_budget: bool
    ) -> None:
        """Let a prompt pass, its attachments with their data, or raise; ``None`` is one that is stored already.

        Raises:
            CleanupWantedError: the person wants to be asked about the cleanup that it needs.
            WindowFullError: it does not fit, and nothing leaves.
            BudgetError: it might cost more than a budget has left.
        """
        if session.model is None:
            return
        is_quick = self._cleaner.mode is CleanupMode.AUTO and cleanup is None
        if not is_quick or self._budgets.is_set:
            await self.meet(session.model)
            usage = await self._ledger.usage(session)
        else:
            usage = self._ledger.measure(session)
        weight = 0
        draft: Message | None = None
        if prompt is not None:
            weight = self._ledger.weigh_prompt(session.model, prompt.text, prompt.attachments)
            draft = Message(role="user", content=prompt.text, tokens=weight)
        usage = replace(usage, draft_tokens=weight)
        _hold_alone(session.model, usage)
        if not is_quick:
            await self._hold_against_window(session, usage, draft, cleanup)
        if self._budgets.is_set and not over_budget:
            await self._hold_against_budgets(session, await self._ledger.quote(session, weight))

    def check_length(self, text: str) -> None:
        """Raise `InputTooLongError` where the text of a prompt has more characters than it may have."""
        self._in_force.now.limits.check_input(text)

    async def look(self, model: str | None, attachments: Iterable[Attachment]) -> None:
        """Raise `AttachmentError` where there is an image among them and the model sees none."""
        image = next((one for one in attachments if one.kind == "image"), None)
        model = model or await self._agents.default_model()
        if image is None or model is None:
            return
        try:
            agent = await self._agents.agent_for(model)
            await agent.window_tokens()  # a server that was asked knows better than the model's name
        except AgentError:  # the turn will say so
            return
        if "image" not in agent.sees:
            raise AttachmentError(
                f"{model} sees no images, so {image.name} cannot go with the message.",
                hint="Take it out, or switch to a model that does.",
            )

    async def meet(self, model: str) -> None:
        """Find out window and price from the one who answers; where there is none, the turn will say so."""
        if self._ledger.has_met(model):
            return
        try:
            await self._ledger.agent_found(model, await self._agents.agent_for(model))
        except AgentError:
            return

    async def _hold_against_window(
        self, session: Session, usage: ContextUsage, draft: Message | None, cleanup: bool | None
    ) -> None:
        # Who sends it as it is has seen how little is left for the answer.
        reserve = 0 if cleanup is False else usage.reply_reserve_tokens
        needed = usage.used_tokens + reserve
        fits = usage.window_tokens is None or needed <= usage.window_tokens
        if cleanup is None and self._cleaner.mode is CleanupMode.ASK and usage.needs_cleanup:
            plan = await self._cleaner.plan(session, draft)
            if plan.is_worthwhile:
                raise CleanupWantedError(plan)
        elif cleanup and not fits and (await self._cleaner.plan(session, draft)).leaving:
            return
        if not fits:
            raise WindowFullError(
                f"The window is full: {'with its answer ' if reserve else ''}this takes about {needed:,} "
                f"tokens, and {session.model} holds {usage.window_tokens:,}.",
                hint="Clean up or leave messages out, start a new session, or switch to a larger model.",
                needed_tokens=needed,
                window_tokens=usage.limit_tokens,
            )

    async def _hold_against_budgets(self, session: Session, quote: Quote) -> None:
        if self._budgets is None:
            return
        warning = await self._budgets.check(session, quote)
        warned = (session.id, local_today())
        if warning and warned not in self._warned:
            self._warned.add(warned)
            self._publish(BudgetWarned(session_id=session.id, sentence=warning))


def _hold_alone(model: str, usage: ContextUsage) -> None:
    """Refuse what is longer than the window even without the messages before it."""
    alone = usage.system_tokens + usage.summary_tokens + usage.draft_tokens
    if usage.draft_tokens and usage.window_tokens and _SURE_SHARE * alone > usage.window_tokens:
        raise WindowFullError(
            f"The message is too long: about {alone:,} tokens, and {model} holds {usage.window_tokens:,}.",
            hint="Shorten it, or switch to a model with a larger window.",
            needed_tokens=alone,
            window_tokens=usage.window_tokens,
        )
