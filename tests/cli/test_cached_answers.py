"""``brim ask --cache``: the same request is answered from what was kept, marked so, and for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli import brim, brim_json, erase, here, here_json

AGENT = '''
import pathlib
from brim import AgentInterface, AgentResponse, Done, TextDelta, Usage, UsageReported

class Counting(AgentInterface):
    """Says how often it was asked."""
    takes = frozenset({"temperature"})

    async def process(self, context):
        return AgentResponse(output="".join([str(e) async for e in self.process_stream(context)]))

    async def process_stream(self, context):
        asked = pathlib.Path("asked")
        number = int(asked.read_text()) + 1 if asked.exists() else 1
        asked.write_text(str(number))
        yield TextDelta(f"answer {number} \\x1b[31m")
        yield UsageReported(Usage(input_tokens=7, cache_read_tokens=2, output_tokens=5))
        yield Done(finish_reason="length")

class Fixed(Counting):
    takes = frozenset()
'''
ASK = ("ask", "--agent", "counting:Counting", "--cache")


@pytest.fixture(autouse=True)
def _agent(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("counting.py").write_text(AGENT, encoding="utf-8")
    monkeypatch.setenv("BRIM_TEMPERATURE", "0")


def test_the_same_request_is_answered_from_what_was_kept() -> None:
    first = brim_json(*ASK, "one")
    again = brim_json(*ASK, "one")
    assert (first["from_cache"], again["from_cache"]) == (False, True)
    assert first["output"] == again["output"] == "answer 1 \x1b[31m"
    assert again["finish_reason"] == "length"
    assert again["cost_usd"] == 0
    assert sum(again["usage"][name] for name in ("input_tokens", "cache_read_tokens", "output_tokens")) == 0
    shown = here_json("show", again["session_id"])
    assert shown["messages"][-1]["from_cache"] is True
    assert (shown["session"]["turns"], shown["session"]["priced_turns"]) == (1, 1)
    # The window is as full as the provider counted for the same request.
    before = here_json("show", first["session_id"])
    assert shown["context"]["used_tokens"] == before["context"]["used_tokens"] == 14
    assert "kept from the same request before" in here("show", again["session_id"]).stdout
    assert here_json("stats")["total"]["tokens"] == 14


@pytest.mark.parametrize(
    "other",
    [
        ("two",),
        ("one", "--system", "Be brief."),
        ("one", "--no-cache"),
        ("one", "--attach", "counting.py"),
    ],
)
def test_any_other_request_is_asked(other: tuple[str, ...]) -> None:
    brim_json(*ASK, "one")
    assert brim_json(*ASK, *other)["output"].startswith("answer 2")


def test_other_parameters_are_another_request() -> None:
    brim_json(*ASK, "one")
    done = brim(*ASK, "one", env={"BRIM_SEED": "7"})
    assert done.stdout.startswith("answer 2")


@pytest.mark.parametrize(
    ("agent", "temperature", "why"),
    [("Counting", "0.1", "and it is 0.1"), ("Counting", "", "none is set"), ("Fixed", "0", "no temperature")],
)
def test_what_is_not_kept_is_said(agent: str, temperature: str, why: str) -> None:
    for number in (1, 2):
        done = brim(
            "ask", "--agent", f"counting:{agent}", "--cache", "one", env={"BRIM_TEMPERATURE": temperature}
        )
        assert done.returncode == 0
        assert done.stdout.startswith(f"answer {number}")
        assert why in done.stderr


def test_the_setting_and_the_days() -> None:
    ask = ("ask", "--agent", "counting:Counting", "one")
    here("config", "set", "cache_answers", "true")
    assert brim(*ask).stdout == brim(*ask).stdout
    assert brim(*ask, "--no-save").stdout.startswith("answer 2")
    assert brim(*ask, "--no-cache").stdout.startswith("answer 3")
    assert here("config", "set", "cache_days", "0").returncode == 2


def test_what_is_kept_goes_with_its_session() -> None:
    first = brim_json(*ASK, "one")["session_id"]
    assert here("ask", "--cache", "--no-save", "x").returncode == 2
    assert here_json("show", first)
    erase(first)
    assert brim_json(*ASK, "one")["from_cache"] is False


def test_arguments_have_a_longest_length_and_what_is_piped_in_has_none() -> None:
    ask = ("ask", "--agent", "counting:Counting")
    refused = brim(*ask, "x" * 10_001)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "10,001 characters, and 10,000 are the most" in refused.stderr
    assert "Pipe it in" in refused.stderr
    assert here_json("sessions") == []
    assert brim(*ask, "x" * 9_999, text="y" * 50_000).returncode == 0
    assert brim(*ask, "x" * 10_001, env={"BRIM_MAX_INPUT_CHARS": "0"}).returncode == 0


def test_an_answer_that_was_kept_is_marked_as_such() -> None:
    first, again = brim(*ASK, "one"), brim(*ASK, "one")
    assert first.stdout == again.stdout
    assert "kept from an earlier request" not in first.stderr
    assert "kept from an earlier request" in again.stderr
