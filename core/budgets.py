"""What a turn may cost before it is sent, and the budgets that it has to fit into."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Literal

from brim.core.catalogue import price
from brim.core.errors import BrimError
from brim.core.session_settings import InForce
from brim.core.stats import DayTotal, total_of
from brim.core.store.protocol import SessionStore
from brim.core.types import Message, Session
from brim.core.usage import Usage

WARNING_SHARE = Decimal("0.8")
"""From this share of a budget on, what is spent and what the next turn may take are told."""

Scope = Literal["session", "day"]

_OF = {"session": "this session", "day": "today"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What sending now takes, in tokens and USD; the prices are ``None`` where none is known."""

    prompt_tokens: int
    prompt_usd: Decimal | None
    """The prompt, with what the cache is expected to take off, and no answer."""
    worst_tokens: int
    """The prompt and the longest answer that room is kept for."""
    worst_usd: Decimal | None
    """These tokens with nothing read from the cache and, where that is dearer, all written to it."""


class BudgetError(BrimError):
    """The turn might cost more than a budget has left. Nothing was sent."""

    def __init__(
        self,
        sentence: str,
        *,
        hint: str = "",
        scope: Scope,
        spent_usd: Decimal,
        budget_usd: Decimal,
        worst_usd: Decimal,
    ) -> None:
        super().__init__(sentence, hint=hint)
        self.scope = scope
        self.spent_usd = spent_usd
        self.budget_usd = budget_usd
        self.worst_usd = worst_usd


async def quote(
    model: str, *, prompt_tokens: int, reply_tokens: int, cached_tokens: int = 0, own_only: bool = False
) -> Quote:
    """Return what a request takes.

    Args:
        model: the model id.
        prompt_tokens: the whole prompt.
        reply_tokens: the longest answer.
        cached_tokens: the part of the prompt that the provider is expected to have in its cache.
        own_only: counts only the person's own prices, for an agent that is not its provider's own.
    """
    cached = min(cached_tokens, prompt_tokens)
    expected = Usage(input_tokens=prompt_tokens - cached, cache_read_tokens=cached)
    fresh = Usage(input_tokens=prompt_tokens, output_tokens=reply_tokens)
    written = Usage(cache_write_tokens=prompt_tokens, output_tokens=reply_tokens)
    worst = [await price(model, usage, own_only=own_only) for usage in (fresh, written)]
    return Quote(
        prompt_tokens=prompt_tokens,
        prompt_usd=await price(model, expected, own_only=own_only),
        worst_tokens=prompt_tokens + reply_tokens,
        worst_usd=max((usd for usd in worst if usd is not None), default=None),
    )


async def today_total(store: SessionStore) -> DayTotal:
    """Return what today has taken so far, over all sessions."""
    day = local_today()
    return total_of(day, await store.spending(day))


def local_today() -> date:
    """Return the day where the person is."""
    return datetime.now(UTC).astimezone().date()


class Budgets:
    """Holds turns against what may be spent, before they are sent.

    Args:
        store: tells what today has cost.
        in_force: what may be spent.
    """

    def __init__(self, store: SessionStore, in_force: InForce) -> None:
        self._store = store
        self._in_force = in_force

    @property
    def session_usd(self) -> Decimal | None:
        """What one session may cost; ``None`` for no budget."""
        return self._in_force.now.session_budget_usd

    @property
    def day_usd(self) -> Decimal | None:
        """What one day may cost over all sessions; ``None`` for no budget."""
        return self._in_force.now.day_budget_usd

    @property
    def is_set(self) -> bool:
        """Whether there is a budget at all."""
        return self.session_usd is not None or self.day_usd is not None

    async def count(self, answer: Message) -> None:
        """Add what an answer took that is in no session to the day. Raises `StoreError`."""
        await self._store.count_alone(answer)

    async def check(self, session: Session | None, quote: Quote) -> str:
        """Return a warning where a budget is nearly used up, else an empty text; ``None`` for no session.

        A turn that is free, or of which no price is known, passes: it adds nothing to what is known to be spent.

        Raises:
            BudgetError: the turn might exceed a budget.
        """
        if not quote.worst_usd:
            return ""
        warning = ""
        if session is not None and self.session_usd is not None:
            priced = session.priced_turns, session.turns
            warning = _hold("session", session.cost_usd, priced, quote.worst_usd, self.session_usd)
        if self.day_usd is not None:
            today = await today_total(self._store)
            priced = today.priced_turns, today.turns
            of_day = _hold("day", today.cost_usd, priced, quote.worst_usd, self.day_usd)
            warning = warning or of_day
        return warning


def _hold(scope: Scope, spent: Decimal, priced: tuple[int, int], worst: Decimal, budget: Decimal) -> str:
    """Return the warning for one budget, or raise. ``priced`` is how many turns of how many have a price."""
    known = f" ({priced[0]} of {priced[1]} turns priced)" if priced[0] < priced[1] else ""
    so_far = (
        f"{usd(spent)} of {_OF[scope]}'s {usd(budget)} is spent{known}, and this turn may cost {usd(worst)}."
    )
    if spent + worst > budget:
        raise BudgetError(
            f"Not sent: {so_far}",
            hint="Send it all the same, raise the budget, or take a cheaper model.",
            scope=scope,
            spent_usd=spent,
            budget_usd=budget,
            worst_usd=worst,
        )
    return so_far if spent + worst >= WARNING_SHARE * budget else ""


def usd(amount: Decimal) -> str:
    """Return an amount for a sentence, rounded up: cents, and for less than ten of them hundredths of one."""
    if amount == 0 or amount >= Decimal("0.1"):
        return f"${amount.quantize(Decimal('0.01'), ROUND_CEILING)}"
    return f"${max(amount, Decimal('0.0001')).quantize(Decimal('0.0001'), ROUND_CEILING)}"
