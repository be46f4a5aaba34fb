"""What turns cost, what stops them before they are sent, and ``brim stats``."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from brim.core.budgets import local_today
from brim.core.paths import Paths
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Message, PromptParts, Session, Status
from brim.core.usage import Usage
from tests.support.cli import ECHO, brim, brim_json, here, here_json, write_agents

_HOSTILE = ("--agent", "agents:Hostile")
"""Reports 3 fresh tokens, 4 read from the cache, 5 of output."""


def _price(pattern: str = "agent:*") -> None:
    """One US cent for an input token, a tenth of that from the cache, two for an output token."""
    paths = Paths.find()
    paths.make()
    (paths.config / "models.toml").write_text(
        f'["{pattern}"]\ninput_usd_per_million = 10_000\noutput_usd_per_million = 20_000\n'
        "cache_read_usd_per_million = 1_000\n",
        encoding="utf-8",
    )


def test_a_model_of_ones_own_is_priced_by_ones_own_file() -> None:
    write_agents()
    _price()
    answer = brim_json("ask", *_HOSTILE, "go")
    # 3 x 0.01 + 4 x 0.001 + 5 x 0.02; four tokens were cheaper by 0.009 each
    assert (answer["cost_usd"], answer["cache_saved_usd"]) == (0.134, 0.036)
    (session,) = here_json("sessions")
    assert (session["cost_usd"], session["priced_turns"], session["cache_saved_usd"]) == (0.134, 1, 0.036)
    stats = here_json("stats")
    (model,) = stats["models"]
    assert (model["model"], model["turns"], model["priced_turns"]) == ("agent:agents:Hostile", 1, 1)
    assert (model["input_tokens"], model["cache_read_tokens"], model["cache_write_tokens"]) == (3, 4, 0)
    assert (model["output_tokens"], model["reasoning_tokens"], model["estimated"]) == (5, 1, False)
    assert (model["cost_usd"], model["cache_saved_usd"]) == (0.134, 0.036)
    (day,) = stats["days"]
    assert (date.fromisoformat(day["day"]), day["tokens"], day["cost_usd"]) == (local_today(), 12, 0.134)


def test_a_budget_stops_before_anything_is_sent_or_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    write_agents()
    _price()
    monkeypatch.setenv("BRIM_SESSION_BUDGET_USD", "0.15")
    done = brim("ask", *_HOSTILE, "go")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "Not sent: $0.00 of this session's $0.15 is spent, and this turn may cost $"
    )
    assert done.stderr.endswith("`--over-budget` sends it all the same.\n")
    assert here_json("sessions") == []

    assert brim("ask", *_HOSTILE, "--over-budget", "go").returncode == 0
    before = here_json("show", "last")["messages"]
    assert len(before) == 2
    assert brim("ask", "--session", "last", *_HOSTILE, "more").returncode == 1
    assert here_json("show", "last")["messages"] == before


def test_the_budget_of_the_day_counts_every_session(monkeypatch: pytest.MonkeyPatch) -> None:
    write_agents()
    _price()
    assert brim("ask", *_HOSTILE, "go").returncode == 0
    monkeypatch.setenv("BRIM_DAY_BUDGET_USD", "0.14")
    done = brim("ask", *_HOSTILE, "go")
    assert done.returncode == 1
    assert "$0.14 of today's $0.14 is spent" in done.stderr


def test_a_model_without_a_price_passes_every_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIM_SESSION_BUDGET_USD", "0.0001")
    monkeypatch.setenv("BRIM_DAY_BUDGET_USD", "0.0001")
    assert brim("ask", *ECHO, "hello").returncode == 0


def _fill(monkeypatch: pytest.MonkeyPatch, mode: str) -> int:
    """Fill most of a small window, and return how many messages that took."""
    monkeypatch.setenv("BRIM_CONTEXT_WINDOW_SIZE", "1000")
    monkeypatch.setenv("BRIM_MIN_MESSAGES_TO_KEEP", "1")
    monkeypatch.setenv("BRIM_CLEANUP_MODE", mode)
    for number in range(2):
        words = " ".join("word" for _ in range(100))
        done = brim("ask", *ECHO, *(("--session", "last") if number else ()), words)
        assert done.returncode == 0, done.stderr
    return 4


_MORE = " ".join("more" for _ in range(600))


def test_a_person_who_wants_to_be_asked_is(monkeypatch: pytest.MonkeyPatch) -> None:
    count = _fill(monkeypatch, "ask")
    done = brim("ask", "--session", "last", _MORE)
    assert (done.returncode, done.stdout) == (1, "")
    assert "messages would leave" in done.stderr
    assert "`--cleanup` cleans up first, `--no-cleanup` sends it as it is." in done.stderr
    assert len(here_json("show", "last")["messages"]) == count

    done = brim("ask", "--session", "last", "--cleanup", _MORE)
    assert done.returncode == 0, done.stderr
    assert "left the window" in done.stderr
    messages = here_json("show", "last")["messages"]
    assert len(messages) == count + 2
    assert not messages[0]["in_window"]


def test_what_does_not_fit_is_refused_where_nothing_may_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    count = _fill(monkeypatch, "off")
    done = brim("ask", "--session", "last", " ".join([_MORE] * 5))
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 2
    assert len(here_json("show", "last")["messages"]) == count
    done = brim("ask", *ECHO, " ".join([_MORE] * 10))
    assert done.returncode == 1
    assert len(here_json("sessions")) == 1


def _keep_turns() -> None:
    """Put turns of two models into the data, one of them without a price."""

    async def put() -> None:
        paths = Paths.find()
        paths.make()
        store = SQLiteStore(paths.database)
        await store.open()
        session = Session()
        await store.add_session(session)
        parent = None
        for model, usage, cost, expected in (
            (
                "anthropic:claude-sonnet-4-5",
                Usage(input_tokens=10, cache_read_tokens=80, cache_write_tokens=10),
                "1.5",
                101,
            ),
            ("anthropic:claude-sonnet-4-5", Usage(input_tokens=200, output_tokens=7), "0.5", 240),
            ("local:smollm2", Usage(input_tokens=50, output_tokens=5, estimated=True), None, 50),
        ):
            prompt = Message(role="user", content="?", session_id=session.id, parent_id=parent)
            await store.add_message(prompt)
            answer = Message(
                role="assistant",
                session_id=session.id,
                parent_id=prompt.id,
                model=model,
                status=Status.STREAMING,
                prompt_parts=PromptParts(history_tokens=expected),
            )
            await store.add_message(answer)
            await store.finish_message(
                answer.model_copy(
                    update={
                        "status": Status.COMPLETE,
                        "usage": usage,
                        "cost_usd": None if cost is None else Decimal(cost),
                        "cache_saved_usd": None if cost is None else Decimal("0.25"),
                    }
                )
            )
            parent = answer.id
        await store.aclose()

    asyncio.run(put())


def test_stats_of_nothing() -> None:
    assert here("stats").stdout == "No turns yet.\n"
    assert here("stats", "--days", "3").stdout == "No turns in the last 3 days.\n"
    stats = here_json("stats")
    assert (stats["models"], stats["days"], stats["total"]["turns"]) == ([], [], 0)
    assert here("stats", "--days", "0").returncode == 2
    assert here("stats", "--days", "36500").returncode == 0


def test_stats_sum_by_model_and_day_and_tell_how_far_off_predictions_were() -> None:
    _keep_turns()
    stats: dict[str, Any] = here_json("stats", "--days", "1")
    assert stats["since"] == local_today().isoformat()
    assert stats["total"] == {
        "turns": 3,
        "priced_turns": 2,
        "tokens": 362,
        "cost_usd": 2.0,
        "cache_saved_usd": 0.5,
    }
    claude, local = stats["models"]
    assert (claude["turns"], claude["cache_read_tokens"], claude["cost_usd"]) == (2, 80, 2.0)
    # 101 for 100 and 240 for 200: one and twenty per cent
    assert claude["prediction_error"] == {
        "count": 2,
        "median_percent": 1.0,
        "p95_percent": 20.0,
        "within_10_percent_share": 0.5,
        "median_signed_percent": 1.0,
    }
    assert (local["cost_usd"], local["cache_saved_usd"], local["estimated"]) == (None, None, True)
    assert local["prediction_error"] is None

    text = here("stats").stdout
    for words in ("0 of 1", "~50", "$2.00", "20.0%", "50.0%"):
        assert words in text
    assert text.endswith("Together $2.00, 2 of 3 turns priced; the cache saved $0.50.\n")


def test_show_as_json_has_the_gauge_and_what_the_model_sees(tmp_path: Path) -> None:
    write_agents()
    first = brim_json("ask", *_HOSTILE, "--system", "Be brief.", "go")
    document = here_json("show", "last")
    context = document["context"]
    assert context["used_tokens"] == sum(
        context["segments"][name] for name in ("system", "summary", "pinned", "history", "draft")
    )
    assert (context["window_tokens"], context["share"], context["level"]) == (None, None, "green")
    assert context["limit_tokens"] == 100_000
    assert context["provenance"] in ("reported", "estimate", "pending")
    assert {"tokens_to_cleanup", "turns_to_cleanup"} <= set(context["forecast"])
    answer = document["messages"][-1]
    assert answer["id"] == first["message_id"]
    assert {"in_window", "pinned", "left_out", "shortened_chars", "prompt_parts"} <= set(answer)
    assert answer["prompt_parts"]["history_tokens"] > 0
    file = tmp_path / "out.json"
    assert here("export", "last", "-o", str(file)).returncode == 0
    exported = json.loads(file.read_text())
    assert exported["context"] == context
    assert [column["message_id"] for column in exported["timeline"]] == [answer["id"]]
    assert exported["timeline"][0]["reported_tokens"] == 7
