"""Keys that a server sends back in an answer are taken out of it, however they come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from brim.core.events import Done, ReasoningDelta, TextDelta, ToolFinished, ToolStarted, Waiting
from brim.providers.faults import Asked
from brim.providers.keyless import KeyFilter, KeylessAnswer

KEY = "sk-seret+0123/456789"


def asked(key=KEY):
    return Asked(provider="p", name="P", model="m", key=SecretStr(key) if key else None)


def taken(events, key=KEY):
    answer = KeylessAnswer(lambda: asked(key))
    return [told for event in events for told in answer.take(event)]


@given(st.text("sk-er0 "), st.text("sk-er0 "), st.data())
def test_a_key_is_found_in_every_cut_of_a_text_and_nothing_else_is_changed(before, after, data):
    secret = "sk-ssk-er0"
    text = before + secret + after
    pieces, at = KeyFilter([secret]), 0
    told = ""
    while at < len(text):
        size = data.draw(st.integers(1, len(text) - at))
        told += pieces.take(text[at : at + size])
        at += size
    assert told + pieces.rest() == text.replace(secret, "[key]")


@given(st.lists(st.text("sk-x")))
def test_a_text_without_the_key_comes_as_it_is(pieces):
    each = KeyFilter(["sk-ssk-er0"])
    assert "".join(map(each.take, pieces)) + each.rest() == "".join(pieces)


def test_what_is_no_beginning_of_a_key_comes_at_once_and_as_the_same_event():
    event = TextDelta("Yes, of course.")
    assert taken([event]) == [event] and taken([event])[0] is event


def test_text_thoughts_and_tools_are_free_of_the_key_and_keep_their_order():
    half = len(KEY) // 2
    events = [
        ReasoningDelta(f"I was sent {KEY[:half]}"),
        ReasoningDelta(f"{KEY[half:]}. s"),
        TextDelta("It i"),
        TextDelta("s"),
        ToolStarted("1", "look", f'{{"key": "{KEY}"}}'),
        ToolFinished("1", f"{KEY} is wrong"),
        TextDelta(f"Not {KEY}, nor sk-seret%2B0123%2F456789. sk"),
        Waiting("x"),
        Done(),
    ]
    told = taken(events)
    assert "".join(event.text for event in told if isinstance(event, ReasoningDelta)) == "I was sent [key]. s"
    assert "".join(map(str, told)) == "It isNot [key], nor [key]. sk"
    assert KEY not in repr(told)
    kinds = [type(event) for event in told]
    assert kinds.index(ToolStarted) > max(
        at for at, event in enumerate(told[:4]) if isinstance(event, TextDelta)
    )
    assert kinds[-1] is Done


@pytest.mark.parametrize("key", ["", "none", "not-needed"])
def test_words_that_are_no_keys_are_left_alone(key):
    events = [TextDelta("none is not-needed"), Done()]
    assert taken(events, key) == events
