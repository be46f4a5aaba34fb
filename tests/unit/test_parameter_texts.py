"""Parameters as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brim.core.errors import SettingsError
from brim.core.parameter_texts import (
    LABELS,
    in_short,
    parameter_named,
    parameter_text,
    parse_parameter,
    stop_texts,
)
from brim.core.parameters import Parameters
from brim.core.types import AgentConfig
from tests.support.hostile import HOSTILE


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("temperature", " 0.2 ", 0.2),
        ("temperature", "2", 2.0),
        ("temperature", "", None),
        ("top_p", "0", 0.0),
        ("max_tokens", "4,096", 4096),
        ("seed", "-1", -1),
        ("reasoning_effort", "High", "high"),
        ("stop", "", ()),
        ("stop", 'END, "a, b", \\n', ("END", "a, b", "\n")),
    ],
)
def test_what_is_right(field: str, text: str, value: object) -> None:
    assert parse_parameter(field, text) == value


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("temperature", "3", 'temperature is "3", but it must be a number from 0 to 2.'),
        ("temperature", "nan", 'temperature is "nan", but it must be a number from 0 to 2.'),
        ("top_p", "x", 'top-p is "x", but it must be a number from 0 to 1.'),
        ("max_tokens", "0", 'max-tokens is "0", but it must be a whole number above 0.'),
        ("max_tokens", "1.5", 'max-tokens is "1.5", but it must be a whole number above 0.'),
        ("seed", "9" * 99, f'seed is "{"9" * 60}…", but it must be a whole number'),
        ("reasoning_effort", "much", 'reasoning-effort is "much", but it must be none, minimal, low'),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(field: str, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_parameter(field, text)
    assert caught.value.sentence.startswith(sentence)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_are_told_safely(text: str) -> None:
    for field in LABELS:
        try:
            parse_parameter(field, text)
        except SettingsError as error:
            assert error.sentence.isprintable()
    with pytest.raises(SettingsError) as caught:
        parameter_named(text)
    assert caught.value.sentence.isprintable()


@given(st.lists(st.text(min_size=1), max_size=4, unique=True))
def test_stop_texts_are_read_as_they_are_written(stops: list[str]) -> None:
    assert stop_texts(parameter_text("stop", tuple(stops))) == tuple(stops)


def test_names_that_people_use() -> None:
    names = ("temp", "Top-P", "max", "max_tokens", "effort")
    assert [parameter_named(name) for name in names] == [
        "temperature",
        "top_p",
        "max_tokens",
        "max_tokens",
        "reasoning_effort",
    ]


def test_a_few_words() -> None:
    assert in_short(Parameters()) == ""
    said = Parameters(temperature=0.2, max_tokens=4096, stop=("\n",), reasoning_effort="high")
    assert in_short(said) == "temp 0.2 · max 4,096 · stop \\n · effort high"


def test_those_of_a_session_come_before_those_that_an_agent_was_made_with() -> None:
    config = AgentConfig(model="gpt", temperature=0.5, seed=3)
    asked = Parameters(temperature=0, max_tokens=9).over(config)
    assert asked == Parameters(temperature=0, max_tokens=9, seed=3)
    assert type(asked) is Parameters
