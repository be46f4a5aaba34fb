"""Totals by day and by model, and how well the sizes of prompts were foreseen. Pure sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from math import ceil

from brim.core.store.protocol import Prediction, Spending
from brim.core.usage import Usage

WITHIN_SHARE = 0.10
"""The error up to which a prediction counts as close."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTotal:
    """What one day took, over all sessions and models; ``cost_usd`` is of the priced turns alone."""

    day: date
    turns: int = 0
    priced_turns: int = 0
    cost_usd: Decimal = Decimal(0)
    tokens: int = 0
    cache_saved_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorStats:
    """How far predicted prompts were from the reported ones; errors are shares of the reported size."""

    count: int
    median: float
    """The median of the errors without their sign."""
    p95: float
    """Of 100 predictions, 95 are at most this far off."""
    within_10: float
    """The share of the predictions that are at most 10 % off."""
    bias: float
    """The median with sign: above zero where more was predicted than came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStats:
    """What the turns of one model took, and how well their prompts were foreseen."""

    model: str
    turns: int
    priced_turns: int
    usage: Usage
    cost_usd: Decimal
    cache_saved_usd: Decimal
    errors: ErrorStats | None
    """``None`` where no turn was both predicted and reported."""


def total_of(day: date, spending: Iterable[Spending]) -> DayTotal:
    """Return the total of one day; what other days took is passed over."""
    rows = [row for row in spending if row.day == day]
    return DayTotal(
        day=day,
        turns=sum(row.turns for row in rows),
        priced_turns=sum(row.priced_turns for row in rows),
        cost_usd=sum((row.cost_usd for row in rows), Decimal(0)),
        tokens=sum(row.usage.total_tokens for row in rows),
        cache_saved_usd=sum((row.cache_saved_usd for row in rows), Decimal(0)),
    )


def day_totals(spending: Iterable[Spending]) -> list[DayTotal]:
    """Return the totals of all days that took anything, oldest first."""
    rows = sorted(spending, key=lambda row: row.day)
    return [total_of(day, list(of_day)) for day, of_day in groupby(rows, key=lambda row: row.day)]


def model_stats(spending: Iterable[Spending], predictions: Iterable[Prediction]) -> list[ModelStats]:
    """Return the totals of each model, the dearest first, then the most used."""
    spent: dict[str, list[Spending]] = {}
    for row in spending:
        spent.setdefault(row.model, []).append(row)
    foreseen: dict[str, list[Prediction]] = {}
    for prediction in predictions:
        foreseen.setdefault(prediction.model, []).append(prediction)
    stats = [
        ModelStats(
            model=model,
            turns=sum(row.turns for row in rows),
            priced_turns=sum(row.priced_turns for row in rows),
            usage=_summed([row.usage for row in rows]),
            cost_usd=sum((row.cost_usd for row in rows), Decimal(0)),
            cache_saved_usd=sum((row.cache_saved_usd for row in rows), Decimal(0)),
            errors=error_stats(foreseen.get(model, ())),
        )
        for model, rows in spent.items()
    ]
    return sorted(stats, key=lambda one: (-one.cost_usd, -one.usage.total_tokens, one.model))


def error_stats(predictions: Iterable[Prediction]) -> ErrorStats | None:
    """Return how far off predictions were; ``None`` where there is none to hold against a report."""
    signed = sorted(
        (one.predicted_tokens - one.reported_tokens) / one.reported_tokens
        for one in predictions
        if one.reported_tokens > 0
    )
    if not signed:
        return None
    errors = sorted(map(abs, signed))
    return ErrorStats(
        count=len(errors),
        median=_quantile(errors, 0.5),
        p95=_quantile(errors, 0.95),
        within_10=sum(error <= WITHIN_SHARE for error in errors) / len(errors),
        bias=_quantile(signed, 0.5),
    )


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least ``share`` of all do not exceed."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def _summed(usages: Sequence[Usage]) -> Usage:
    return Usage(
        input_tokens=sum(usage.input_tokens for usage in usages),
        cache_read_tokens=sum(usage.cache_read_tokens for usage in usages),
        cache_write_tokens=sum(usage.cache_write_tokens for usage in usages),
        output_tokens=sum(usage.output_tokens for usage in usages),
        reasoning_tokens=sum(usage.reasoning_tokens for usage in usages),
        estimated=any(usage.estimated for usage in usages),
    )
