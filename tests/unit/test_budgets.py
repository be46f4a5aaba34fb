"""Quotes before sending, and when a budget warns or stops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import cast

import pytest

from brim.core import catalogue
from brim.core.budgets import BudgetError, Budgets, Quote, local_today, quote, today_total, usd
from brim.core.errors import BrimError
from brim.core.overrides import Overrides, parse_overrides
from brim.core.session_settings import InForce, SessionSettings
from brim.core.store.protocol import SessionStore, Spending
from brim.core.types import Session
from brim.core.usage import Usage


@dataclass
class Till:
    """The one account that budgets ask a store for."""

    rows: list[Spending] = field(default_factory=list)

    async def spending(self, since: date | None = None) -> list[Spending]:
        return [row for row in self.rows if since is None or row.day >= since]


@pytest.fixture(autouse=True)
def nothing_said() -> Iterator[None]:
    yield
    catalogue.use_overrides(Overrides())


def _spent(cost: str, *, day: date | None = None, turns: int = 1, priced: int = 1) -> Spending:
    return Spending(
        day=day or local_today(),
        model="openai:gpt-4o",
        turns=turns,
        priced_turns=priced,
        usage=Usage(input_tokens=10, output_tokens=5),
        cost_usd=Decimal(cost),
        cache_saved_usd=Decimal("0.01"),
    )


def _quote(worst: str | None) -> Quote:
    price = None if worst is None else Decimal(worst)
    return Quote(prompt_tokens=1, prompt_usd=price, worst_tokens=2, worst_usd=price)


def _budgets(*rows: Spending, session: str | None = None, day: str | None = None) -> Budgets:
    held = SessionSettings(
        session_budget_usd=Decimal(session) if session else None,
        day_budget_usd=Decimal(day) if day else None,
    )
    return Budgets(cast("SessionStore", Till(list(rows))), InForce(held))


def _session(cost: str, *, turns: int = 1, priced: int = 1) -> Session:
    return Session(cost_usd=Decimal(cost), turns=turns, priced_turns=priced)


async def test_what_sending_takes_by_hand() -> None:
    # gpt-4o: $2.50, $1.25 cached, $10; 1,000 of 5,000 in the cache; room for 400 tokens
    found = await quote("openai:gpt-4o", prompt_tokens=5_000, reply_tokens=400, cached_tokens=1_000)
    assert found.prompt_usd == Decimal("0.01125")
    assert (found.worst_tokens, found.worst_usd) == (5_400, Decimal("0.0165"))


async def test_the_worst_is_that_all_of_it_is_written_to_the_cache() -> None:
    # claude-sonnet-4-5: $3.75 for writes, $15; and twice that with 1.5 times the output above 200,000
    found = await quote("anthropic:claude-sonnet-4-5", prompt_tokens=10_000, reply_tokens=1_000)
    assert found.worst_usd == Decimal("0.0525")
    found = await quote("anthropic:claude-sonnet-4-5", prompt_tokens=300_000, reply_tokens=1_000)
    assert found.worst_usd == 300_000 * Decimal("7.5") / 1_000_000 + 1_000 * Decimal("22.5") / 1_000_000


async def test_more_cannot_be_cached_than_there_is() -> None:
    found = await quote("openai:gpt-4o", prompt_tokens=100, reply_tokens=0, cached_tokens=1_000)
    assert found.prompt_usd == Decimal("0.000125")


async def test_without_a_price_there_is_no_quote_and_no_stop() -> None:
    found = await quote("local:smollm2", prompt_tokens=100, reply_tokens=10)
    assert (found.worst_tokens, found.prompt_usd, found.worst_usd) == (110, None, None)
    assert await _budgets(_spent("9"), session="1", day="1").check(_session("5"), found) == ""
    found = await quote("openai:gpt-4o", prompt_tokens=100, reply_tokens=10, own_only=True)
    assert found.worst_usd is None


async def test_what_is_free_is_never_stopped() -> None:
    catalogue.use_overrides(
        parse_overrides('["local:*"]\ninput_usd_per_million = 0\noutput_usd_per_million = 0\n')
    )
    found = await quote("local:smollm2", prompt_tokens=100, reply_tokens=10)
    assert found.worst_usd == 0
    assert await _budgets(day="1", session="1").check(_session("5"), found) == ""


@pytest.mark.parametrize(
    ("spent", "worst", "outcome"),
    [
        ("0", "0.79", ""),
        ("0.5", "0.29", ""),
        ("0.5", "0.30", "$0.50 of this session's $1.00 is spent, and this turn may cost $0.30."),
        ("0.9", "0.1", "$0.90 of this session's $1.00 is spent, and this turn may cost $0.10."),
        ("0.9", "0.1000001", None),
        ("1.2", "0.0001", None),
    ],
)
async def test_a_session_warns_from_80_per_cent_and_stops_above_its_budget(
    spent: str, worst: str, outcome: str | None
) -> None:
    budgets = _budgets(session="1")
    if outcome is not None:
        assert await budgets.check(_session(spent), _quote(worst)) == outcome
        return
    with pytest.raises(BudgetError) as caught:
        await budgets.check(_session(spent), _quote(worst))
    assert isinstance(caught.value, BrimError)
    assert caught.value.scope == "session"
    assert (caught.value.spent_usd, caught.value.worst_usd) == (Decimal(spent), Decimal(worst))
    assert caught.value.sentence.startswith("Not sent: $")
    assert caught.value.hint


async def test_the_day_counts_all_sessions_and_no_other_day() -> None:
    yesterday = local_today() - timedelta(days=1)
    rows = [_spent("0.4"), _spent("0.3", turns=11, priced=10), _spent("100", day=yesterday)]
    said = await _budgets(*rows, day="1").check(_session("0"), _quote("0.2"))
    assert said == "$0.70 of today's $1.00 is spent (11 of 12 turns priced), and this turn may cost $0.20."
    with pytest.raises(BudgetError) as caught:
        await _budgets(*rows, day="1").check(_session("0"), _quote("0.31"))
    assert caught.value.scope == "day"
    total = await today_total(cast("SessionStore", Till(rows)))
    assert (total.turns, total.priced_turns, total.cost_usd, total.tokens) == (12, 11, Decimal("0.7"), 30)


async def test_a_session_that_is_not_wholly_priced_says_so() -> None:
    said = await _budgets(session="1").check(_session("0.9", turns=12, priced=11), _quote("0.05"))
    assert "(11 of 12 turns priced)" in said


async def test_no_budget_holds_nothing() -> None:
    assert await _budgets().check(_session("1000"), _quote("1000")) == ""


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "$0.00"), ("0.00001", "$0.0001"), ("0.0123", "$0.0123"), ("0.1", "$0.10"), ("1.234", "$1.24")],
)
def test_amounts_are_never_shown_smaller_than_they_are(amount: str, text: str) -> None:
    assert usd(Decimal(amount)) == text
