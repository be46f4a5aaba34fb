"""Totals by day and model, and how well prompts were foreseen, against sums by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brim.core.stats import day_totals, error_stats, model_stats
from brim.core.store.protocol import Prediction, Spending
from brim.core.usage import Usage

_MONDAY, _TUESDAY = date(2026, 3, 2), date(2026, 3, 3)


def _spent(day: date, model: str, cost: str, *, turns: int, priced: int, usage: Usage) -> Spending:
    return Spending(
        day=day,
        model=model,
        turns=turns,
        priced_turns=priced,
        usage=usage,
        cost_usd=Decimal(cost),
        cache_saved_usd=Decimal(cost) / 10,
    )


_ROWS = [
    _spent(_TUESDAY, "a", "0.1", turns=2, priced=2, usage=Usage(input_tokens=1, cache_read_tokens=2)),
    _spent(
        _MONDAY,
        "a",
        "0.2",
        turns=3,
        priced=2,
        usage=Usage(cache_write_tokens=4, output_tokens=8, reasoning_tokens=5, estimated=True),
    ),
    _spent(_TUESDAY, "b", "7", turns=1, priced=1, usage=Usage(output_tokens=16)),
]


def _foreseen(model: str, *errors: int) -> list[Prediction]:
    return [Prediction(model=model, predicted_tokens=100 + error, reported_tokens=100) for error in errors]


def test_models_are_summed_over_days_dearest_first() -> None:
    dear, cheap = model_stats(_ROWS, _foreseen("a", 1))
    assert (dear.model, dear.errors) == ("b", None)
    assert (cheap.turns, cheap.priced_turns, cheap.cost_usd) == (5, 4, Decimal("0.3"))
    assert cheap.cache_saved_usd == Decimal("0.03")
    assert cheap.usage == Usage(
        input_tokens=1,
        cache_read_tokens=2,
        cache_write_tokens=4,
        output_tokens=8,
        reasoning_tokens=5,
        estimated=True,
    )


def test_days_come_oldest_first() -> None:
    monday, tuesday = day_totals(_ROWS)
    assert (monday.day, monday.turns, monday.priced_turns, monday.tokens) == (_MONDAY, 3, 2, 12)
    assert (tuesday.turns, tuesday.cost_usd, tuesday.tokens) == (3, Decimal("7.1"), 19)
    assert day_totals([]) == []


def test_how_far_off_by_hand() -> None:
    # 19 small errors of both signs and one of 40 %: the 19th of 20 is the 95th percentile
    stats = error_stats(_foreseen("a", *[-2] * 12, *[3] * 6, -10, 40))
    assert stats is not None
    assert (stats.count, stats.median, stats.p95, stats.within_10) == (20, 0.02, 0.10, 0.95)
    assert stats.bias == -0.02


def test_nothing_to_hold_against_a_report_is_none() -> None:
    assert error_stats([]) is None
    assert error_stats([Prediction(model="a", predicted_tokens=5, reported_tokens=0)]) is None


@given(st.lists(st.integers(-100, 1_000), min_size=1))
def test_the_quantiles_hold_what_they_say(errors: list[int]) -> None:
    stats = error_stats(_foreseen("a", *errors))
    assert stats is not None
    sizes = [abs(error) / 100 for error in errors]
    assert sum(size <= stats.p95 for size in sizes) >= 0.95 * len(sizes)
    assert sum(size <= stats.median for size in sizes) >= 0.5 * len(sizes)
    assert stats.within_10 == pytest.approx(sum(size <= 0.10 for size in sizes) / len(sizes))
