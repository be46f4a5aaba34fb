"""What turns took, and what was learnt from them. In the thread of a connection."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from brim.core.store import queries, session_table
from brim.core.store.protocol import ModelFacts, Prediction, Spending
from brim.core.store.rows import (
    count,
    from_picos,
    kept_usage,
    parts_of,
    storable,
    to_micros,
    to_picos,
    usage_of,
)
from brim.core.types import Message, Session, now
from brim.core.usage import Usage

_SMOOTHING = 3
"""An average moves one part of so many towards the newest turn."""


def count_turn(
    session_id: str,
    answer: Message,
    added_tokens: int,
    ended_at: datetime,
    file: sqlite3.Connection,
) -> None:
    """Add a turn to its session and to the day.

    Args:
        session_id: the session.
        answer: the answer that has ended, with its usage.
        added_tokens: what its prompt and itself weigh.
        ended_at: when it ended.
        file: the data file.
    """
    usage = kept_usage(answer.usage or Usage())
    session = session_table.get(session_id, file)
    average = session.turn_tokens
    moved = average + round((added_tokens - average) / _SMOOTHING) if average else added_tokens
    common = _sums(answer)
    file.execute(
        queries.TURN_COUNTED,
        {
            **common,
            "id": session_id,
            "at": to_micros(ended_at),
            "tokens": count(usage.total_tokens),
            "turn_tokens": moved,
        },
    )
    _add_to_day(answer.model or "", usage, ended_at, {**common, "turns": 1}, file)


def count_alone(answer: Message, file: sqlite3.Connection) -> None:
    """Add an answer that is in no session to the day; see `SessionStore.count_alone`."""
    usage = kept_usage(answer.usage or Usage())
    _add_to_day(answer.model or "", usage, now(), {**_sums(answer), "turns": 1}, file)


def _sums(answer: Message) -> dict[str, int]:
    return {
        "cost": to_picos(answer.cost_usd or Decimal(0)),
        "cache_saved": to_picos(answer.cache_saved_usd or Decimal(0)),
        "priced_turns": int(answer.cost_usd is not None),
    }


def count_besides(
    session_id: str, model: str, usage: Usage, cost_usd: Decimal | None, file: sqlite3.Connection
) -> Session:
    """Add a request that is no turn to its session and to the day; see `SessionStore.spend`."""
    usage = kept_usage(usage)
    cost = to_picos(cost_usd or Decimal(0))
    values = {"tokens": count(usage.total_tokens), "cost": cost, "id": session_id}
    file.execute(queries.BESIDES_COUNTED, values)
    _add_to_day(model, usage, now(), {"cost": cost, "cache_saved": 0, "priced_turns": 0, "turns": 0}, file)
    return session_table.get(session_id, file)


def _add_to_day(
    model: str, usage: Usage, at: datetime, sums: Mapping[str, int], file: sqlite3.Connection
) -> None:
    file.execute(
        queries.SPENT,
        {
            **sums,
            "day": at.astimezone().date().isoformat(),
            "model": storable(model),
            "input_tokens": usage.input_tokens,
            "cache_read_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "output_tokens": usage.output_tokens,
            "reasoning_tokens": usage.reasoning_tokens,
            "estimated": usage.estimated,
        },
    )


def spending(since: date | None, file: sqlite3.Connection) -> list[Spending]:
    """Return what was spent by day and model, oldest day first."""
    rows = file.execute(queries.SPENDING, ("" if since is None else since.isoformat(),))
    return [
        Spending(
            day=date.fromisoformat(row["day"]),
            model=row["model"],
            turns=row["turns"],
            priced_turns=row["priced_turns"],
            usage=Usage(
                input_tokens=row["input_tokens"],
                cache_read_tokens=row["cache_read_tokens"],
                cache_write_tokens=row["cache_write_tokens"],
                output_tokens=row["output_tokens"],
                reasoning_tokens=row["reasoning_tokens"],
                estimated=bool(row["estimated"]),
            ),
            cost_usd=from_picos(row["cost"]),
            cache_saved_usd=from_picos(row["cache_saved"]),
        )
        for row in rows
    ]


def predictions(limit: int, file: sqlite3.Connection) -> list[Prediction]:
    """Return the newest turns whose prompt was both predicted and reported, newest first."""
    found = []
    for row in file.execute(queries.FORESEEN, (limit,)):
        parts, usage = parts_of(row["prompt_parts"]), usage_of(row["usage"])
        if parts is not None and usage is not None and usage.prompt_tokens:
            found.append(
                Prediction(
                    model=row["model"] or "",
                    predicted_tokens=parts.total_tokens,
                    reported_tokens=usage.prompt_tokens,
                )
            )
    return found


def model_facts(model: str, file: sqlite3.Connection) -> ModelFacts:
    """Return what was learnt about a model."""
    row = file.execute(queries.MODEL_FACTS, (storable(model),)).fetchone()
    if row is None:
        return ModelFacts()
    return ModelFacts(estimator=tuple(json.loads(row["estimator"])), window_tokens=row["window_tokens"])


def keep_model_facts(model: str, facts: ModelFacts, file: sqlite3.Connection) -> None:
    """Keep what was learnt about a model."""
    window = None if facts.window_tokens is None else count(facts.window_tokens)
    values = (storable(model), json.dumps(list(facts.estimator)), window)
    file.execute(queries.KEEP_MODEL_FACTS, values)
