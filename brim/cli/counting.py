"""``brim stats``: what was used and spent, and how well the sizes of prompts were foreseen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

from brim.cli.data import stored
from brim.cli.edge import DONE
from brim.cli.output import dollars, write, write_json, write_table
from brim.core.budgets import local_today
from brim.core.stats import DayTotal, ErrorStats, ModelStats, day_totals, model_stats

_TOKENS_HEAD = ("Turns", "Fresh", "Cached", "Written", "Output", "Reasoning", "Model")
_MONEY_HEAD = ("Cost", "Saved", "Turns priced", "Model")
_ERRORS_HEAD = ("Predicted", "Median error", "95 % within", "Off by ≤ 10 %", "Model")
_DAYS_HEAD = ("Day", "Turns", "Tokens", "Cost", "Saved", "")


async def stats(*, days: int | None, as_json: bool) -> int:
    """Tell the totals by model and by day.

    Args:
        days: how many days, today with them; ``None`` for all. How far predictions were off is told of the
            newest turns of these models, whenever they were.
        as_json: print one document.
    """
    since = None if days is None else local_today() - timedelta(days=days - 1)
    async with stored() as store:
        spending = await store.spending(since)
        predictions = await store.predictions()
    models, by_day = model_stats(spending, predictions), day_totals(spending)
    if as_json:
        write_json(
            {
                "since": since.isoformat() if since else None,
                "total": _sum_document(models),
                "models": [_model_document(model) for model in models],
                "days": [_day_document(day) for day in by_day],
            }
        )
    elif not models:
        write("No turns yet." if days is None else f"No turns in the last {days} days.")
    else:
        _print(models, by_day)
    return DONE


def _print(models: Sequence[ModelStats], days: Sequence[DayTotal]) -> None:
    write_table(_TOKENS_HEAD, [_tokens_row(model) for model in models], right=range(6))
    write("")
    write_table(_MONEY_HEAD, [_money_row(model) for model in models], right=range(3))
    if foreseen := [(model.model, model.errors) for model in models if model.errors is not None]:
        write("")
        write_table(_ERRORS_HEAD, [_error_row(model, errors) for model, errors in foreseen], right=range(4))
    write("")
    write_table(_DAYS_HEAD, [_day_row(day) for day in days], right=range(1, 5))
    write("")
    turns, priced = sum(model.turns for model in models), sum(model.priced_turns for model in models)
    cost = _known(sum((model.cost_usd for model in models), Decimal(0)), turns, priced)
    saved = sum((model.cache_saved_usd for model in models), Decimal(0))
    of_cache = f"; the cache saved {dollars(saved)}" if priced else ""
    write(f"Together {dollars(cost)}, {_priced(turns, priced)}{of_cache}.")


def _tokens_row(model: ModelStats) -> tuple[str, ...]:
    usage = model.usage
    mark = "~" if usage.estimated else ""
    counts = (
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
    )
    return (f"{model.turns:,}", *(f"{mark if count else ''}{_short(count)}" for count in counts), model.model)


def _money_row(model: ModelStats) -> tuple[str, ...]:
    return (
        dollars(_known(model.cost_usd, model.turns, model.priced_turns)),
        dollars(model.cache_saved_usd) if model.priced_turns else "–",
        f"{model.priced_turns:,} of {model.turns:,}",
        model.model,
    )


def _error_row(model: str, errors: ErrorStats) -> tuple[str, ...]:
    shares = (errors.median, errors.p95, errors.within_10)
    return (f"{errors.count:,}", *(f"{share:.1%}" for share in shares), model)


def _day_row(day: DayTotal) -> tuple[str, ...]:
    return (
        day.day.isoformat(),
        f"{day.turns:,}",
        _short(day.tokens),
        dollars(_known(day.cost_usd, day.turns, day.priced_turns)),
        dollars(day.cache_saved_usd) if day.priced_turns else "–",
        _priced(day.turns, day.priced_turns) if day.priced_turns < day.turns else "",
    )


def _short(count: int) -> str:
    """Return a count to its last token, or to four digits where it is long."""
    if count < 100_000:
        return f"{count:,}"
    return f"{count / 1_000:,.0f}k" if count < 10_000_000 else f"{count / 1_000_000:,.1f}M"


def _priced(turns: int, priced: int) -> str:
    return f"{priced:,} of {turns:,} {'turn' if turns == 1 else 'turns'} priced"


def _known(cost: Decimal, turns: int, priced: int) -> Decimal | None:
    return None if turns and not priced else cost


def _sum_document(models: Sequence[ModelStats]) -> dict[str, Any]:
    turns, priced = sum(model.turns for model in models), sum(model.priced_turns for model in models)
    return {
        "turns": turns,
        "priced_turns": priced,
        "tokens": sum(model.usage.total_tokens for model in models),
        "cost_usd": _known(sum((model.cost_usd for model in models), Decimal(0)), turns, priced),
        "cache_saved_usd": sum((model.cache_saved_usd for model in models), Decimal(0)),
    }


def _model_document(model: ModelStats) -> dict[str, Any]:
    return {
        "model": model.model,
        "turns": model.turns,
        "priced_turns": model.priced_turns,
        **asdict(model.usage),
        "cost_usd": _known(model.cost_usd, model.turns, model.priced_turns),
        "cache_saved_usd": model.cache_saved_usd if model.priced_turns else None,
        "prediction_error": _error_document(model.errors),
    }


def _error_document(errors: ErrorStats | None) -> dict[str, Any] | None:
    """Return how far off predictions were, in per cent of the reported size."""
    if errors is None:
        return None
    return {
        "count": errors.count,
        "median_percent": round(errors.median * 100, 3),
        "p95_percent": round(errors.p95 * 100, 3),
        "within_10_percent_share": round(errors.within_10, 5),
        "median_signed_percent": round(errors.bias * 100, 3),
    }


def _day_document(day: DayTotal) -> dict[str, Any]:
    return {
        "day": day.day.isoformat(),
        "turns": day.turns,
        "priced_turns": day.priced_turns,
        "tokens": day.tokens,
        "cost_usd": _known(day.cost_usd, day.turns, day.priced_turns),
        "cache_saved_usd": day.cache_saved_usd if day.priced_turns else None,
    }
