"""What goes to providers and what their counts mean, without any server."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from brim.core.errors import BadRequestError
from brim.core.spoken import LONGEST_ARGUMENTS, LONGEST_RESULT, as_spoken
from brim.core.types import AgentConfig, AgentContext, Message, ToolCall
from brim.core.usage import Usage
from brim.providers import chat_reader, message_reader, openai
from brim.providers.anthropic import AnthropicAgent, AnthropicServer
from brim.providers.message_request import request
from brim.providers.openai import OpenAIServer
from brim.providers.prompts import LEFT_OUT, Turn, alternating, prompt_of


def user(text: str) -> Message:
    return Message(role="user", content=text)


def assistant(text: str) -> Message:
    return Message(role="assistant", content=text)


def test_system_prompts_are_kept_apart_and_empty_answers_left_out() -> None:
    history = [
        Message(role="system", content="Be kind."),
        user("One?"),
        assistant(""),
        Message(role="system", content="Be brief."),
    ]
    prompt = prompt_of(
        AgentContext(input="Two?", conversation_history=history), AgentConfig(system_prompt="No.")
    )
    assert prompt.system_parts == ("Be kind.", "Be brief.")
    assert prompt.system == "Be kind.\n\nBe brief."
    assert prompt.turns == (Turn("user", "One?\n\nTwo?"),)


def test_what_tools_did_is_told_in_the_answer_that_used_them() -> None:
    calls = (
        ToolCall(id="1", name="weather", arguments='{"city": "Lisbon"}', result="21 °C", at=3),
        ToolCall(id="2", name="clock", result="broken", is_error=True),
        ToolCall(id="3", name="mail"),
    )
    history = [
        user("How warm is it?"),
        Message(role="assistant", content="Warm.", tool_calls=calls),
        Message(role="tool", content="It is noon."),
        Message(role="tool", content=" "),
        user("Thanks."),
        Message(role="assistant", tool_calls=calls[:1]),
    ]
    turns = prompt_of(AgentContext(input="And?", conversation_history=history), AgentConfig()).turns
    assert [turn.role for turn in turns] == ["user", "assistant", "user", "assistant", "user"]
    assert turns[1].text == (
        '[Used the tool weather with {"city": "Lisbon"}. It answered: 21 °C]\n'
        "[Used the tool clock. It failed: broken]\n"
        "[Used the tool mail. It gave no answer.]\n\n"
        "Warm.\n\n"
        "[A tool answered: It is noon.]"
    )
    assert turns[3].text == '[Used the tool weather with {"city": "Lisbon"}. It answered: 21 °C]'


def test_of_a_long_result_the_ends_are_told() -> None:
    call = ToolCall(id="1", name="read", arguments="a" * 10_000, result="b" * 100_000 + "the end")
    text = as_spoken(Message(role="assistant", content="Done.", tool_calls=(call,)))
    assert len(text) < LONGEST_ARGUMENTS + LONGEST_RESULT + 200
    assert "the end]" in text
    assert text.endswith("Done.")
    assert as_spoken(Message(role="assistant", content="Done. " * 9), "Do") == "Do"


def test_the_configured_system_prompt_stands_in() -> None:
    assert prompt_of(AgentContext(input="Two?"), AgentConfig(system_prompt="Be kind.")).system == "Be kind."


@pytest.mark.parametrize(
    "turns",
    [
        (Turn("user", "a"),),
        (Turn("assistant", "a"), Turn("user", "b")),
        (
            Turn("user", "a"),
            Turn("user", "b"),
            Turn("assistant", "c"),
            Turn("assistant", "d"),
            Turn("user", "e"),
        ),
    ],
)
def test_sides_alternate_from_the_user_on_and_no_text_is_lost(turns: tuple[Turn, ...]) -> None:
    sent = list(alternating(turns))
    assert [turn.role for turn in sent] == [("user", "assistant")[place % 2] for place in range(len(sent))]
    kept = "\n\n".join(turn.text for turn in sent if turn.text != LEFT_OUT)
    assert kept == "\n\n".join(turn.text for turn in turns)


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        (None, None),
        ({}, None),
        ({"prompt_tokens": 0, "completion_tokens": 0}, None),
        ({"prompt_tokens": True, "completion_tokens": "3"}, None),
        ({"prompt_tokens": 10**30, "completion_tokens": 3.5}, None),
        ({"prompt_tokens": 9, "completion_tokens": 3}, Usage(input_tokens=9, output_tokens=3)),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 40,
                "total_tokens": 140,
                "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
                "completion_tokens_details": {"reasoning_tokens": 25},
            },
            Usage(
                input_tokens=10,
                cache_read_tokens=60,
                cache_write_tokens=30,
                output_tokens=40,
                reasoning_tokens=25,
            ),
        ),
        # A server that counts its reasoning apart.
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 35,
                "completion_tokens_details": {"reasoning_tokens": 20},
            },
            Usage(input_tokens=10, output_tokens=25, reasoning_tokens=20),
        ),
        # Gemini counts its thoughts in the total only.
        (
            {"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 623},
            Usage(input_tokens=20, output_tokens=603, reasoning_tokens=405),
        ),
        (
            {
                "prompt_tokens": 21,
                "completion_tokens": 0,
                "total_tokens": 81,
                "completion_tokens_details": {"reasoning_tokens": 60},
            },
            Usage(input_tokens=21, output_tokens=60, reasoning_tokens=60),
        ),
        # DeepSeek, Kimi, Mistral, LiteLLM; OpenRouter adds what it cost.
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 4,
                "total_tokens": 104,
                "prompt_cache_hit_tokens": 64,
                "prompt_cache_miss_tokens": 36,
            },
            Usage(input_tokens=36, cache_read_tokens=64, output_tokens=4),
        ),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 4,
                "cached_tokens": 64,
                "prompt_tokens_details": {"cached_tokens": None},
            },
            Usage(input_tokens=36, cache_read_tokens=64, output_tokens=4),
        ),
        (
            {"prompt_tokens": 100, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 64}},
            Usage(input_tokens=36, cache_read_tokens=64, output_tokens=4),
        ),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 4,
                "prompt_tokens_details": {"cached_tokens": 64, "cache_creation_tokens": 30},
                "cache_read_input_tokens": 64,
                "cache_creation_input_tokens": 30,
                "cost": 0.00123,
                "cost_details": {"upstream_inference_cost": None},
            },
            Usage(input_tokens=6, cache_read_tokens=64, cache_write_tokens=30, output_tokens=4),
        ),
        # A gateway that counts what the cache held beside the prompt.
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 4,
                "total_tokens": 108,
                "cache_read_input_tokens": 64,
                "cache_creation_input_tokens": 30,
            },
            Usage(input_tokens=10, cache_read_tokens=64, cache_write_tokens=30, output_tokens=4),
        ),
        # Without the prompt the rest says nothing.
        ({"completion_tokens": 9}, None),
        ({"prompt_tokens": -5, "completion_tokens": 9}, None),
        ({"prompt_tokens": "12", "completion_tokens": "3"}, None),
        ({"prompt_tokens": None, "completion_tokens": None, "total_tokens": None}, None),
        (
            {
                "prompt_tokens": 12,
                "completion_tokens": -3,
                "total_tokens": -9,
                "prompt_tokens_details": {"cached_tokens": -4, "cache_write_tokens": "7"},
                "completion_tokens_details": {"reasoning_tokens": -1},
            },
            Usage(input_tokens=12),
        ),
        # One whose figures cannot be.
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 999}},
            Usage(cache_read_tokens=10, output_tokens=5),
        ),
        (
            {"prompt_tokens": 4, "completion_tokens": 5, "prompt_tokens_details": None},
            Usage(input_tokens=4, output_tokens=5),
        ),
    ],
)
def test_counts_of_chat_completions(reported: Any, usage: Usage | None) -> None:
    assert chat_reader.usage_of(reported) == usage


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        (None, None),
        ({"input_tokens": 0, "output_tokens": 0}, None),
        (
            {
                "input_tokens": 10,
                "cache_read_input_tokens": 60,
                "cache_creation_input_tokens": 30,
                "output_tokens": 40,
                "output_tokens_details": {"thinking_tokens": 25},
            },
            Usage(
                input_tokens=10,
                cache_read_tokens=60,
                cache_write_tokens=30,
                output_tokens=40,
                reasoning_tokens=25,
            ),
        ),
        (
            {"input_tokens": 10, "cache_read_input_tokens": None, "output_tokens": 1},
            Usage(input_tokens=10, output_tokens=1),
        ),
        # The breakdown is of the same tokens; it counts where the sum is left out.
        (
            {
                "input_tokens": 10,
                "cache_creation_input_tokens": 30,
                "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
                "output_tokens": 1,
            },
            Usage(input_tokens=10, cache_write_tokens=30, output_tokens=1),
        ),
        (
            {
                "input_tokens": 10,
                "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
                "output_tokens": 1,
            },
            Usage(input_tokens=10, cache_write_tokens=30, output_tokens=1),
        ),
        ({"input_tokens": 0, "cache_read_input_tokens": "9", "output_tokens": 5}, None),
        ({"input_tokens": -3, "cache_creation": [1], "output_tokens": 5}, None),
    ],
)
def test_counts_of_messages(reported: Any, usage: Usage | None) -> None:
    assert message_reader.usage_of(reported) == usage


counts = st.one_of(st.integers(-10, 10**6), st.none(), st.text(max_size=3), st.floats(), st.booleans())
names = st.sampled_from(
    [
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "cached_tokens",
        "cache_write_tokens",
        "prompt_cache_hit_tokens",
        "reasoning_tokens",
        "input_tokens",
        "output_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
        "cache_creation",
        "ephemeral_5m_input_tokens",
    ]
)
reports = st.dictionaries(names, st.one_of(counts, st.dictionaries(names, counts), st.lists(counts)))


@given(reports)
def test_whatever_is_reported_no_bucket_is_negative_and_none_is_counted_twice(reported: Any) -> None:
    for usage in (chat_reader.usage_of(reported), message_reader.usage_of(reported)):
        if usage is None:
            continue
        buckets = usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens, usage.output_tokens
        assert min(buckets) >= 0
        assert usage.prompt_tokens > 0
        assert 0 <= usage.reasoning_tokens <= usage.output_tokens


@given(
    st.integers(1, 1000),
    st.integers(0, 1000),
    st.integers(0, 3000),
    st.integers(0, 2000),
    st.integers(0, 2000),
)
def test_all_tokens_are_in_one_bucket(prompt: int, output: int, total: int, read: int, written: int) -> None:
    usage = chat_reader.usage_of(
        {
            "prompt_tokens": prompt,
            "completion_tokens": output,
            "total_tokens": total,
            "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
        }
    )
    assert usage is not None
    assert usage.total_tokens == max(prompt + output, total)


@pytest.mark.parametrize(
    ("base_url", "name"), [(None, "max_completion_tokens"), ("http://127.0.0.1:1/v1", "max_tokens")]
)
def test_the_name_of_the_limit(base_url: str | None, name: str) -> None:
    server = OpenAIServer(base_url, SecretStr("k"))
    body = openai.request_body(server, AgentConfig(model="o9", max_tokens=5), AgentContext(input="Hi"))
    assert body[name] == 5
    assert len({"max_tokens", "max_completion_tokens"} & body.keys()) == 1


def test_anthropic_itself_is_sent_no_temperature() -> None:
    config = AgentConfig(model="claude-9", temperature=0.5)
    server = AnthropicServer(None, SecretStr("k"))
    assert "temperature" not in request(server, config, AgentContext(input="Hi"))[0]


def test_how_long_a_prompt_is_cached_is_known_of_anthropic_itself() -> None:
    config = AgentConfig(model="claude-9", api_key=SecretStr("k"))
    assert AnthropicAgent(config).cache_holds_s == 300
    assert AnthropicAgent(config.model_copy(update={"base_url": "http://127.0.0.1:1"})).cache_holds_s is None


@pytest.mark.parametrize(
    "url", ["localhost:8080", "ftp://x/v1", "http://", "http://x:y/v1", "http://[::1/v1", "v1"]
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(BadRequestError):
        OpenAIServer(url)


@pytest.mark.parametrize(
    ("url", "is_own", "is_loopback"),
    [
        (None, True, False),
        ("https://api.openai.com/v1/", True, False),
        ("http://localhost:8080/v1", False, True),
        ("http://127.0.0.1:8080/v1", False, True),
        ("http://[::1]:8080/v1", False, True),
        ("https://api.openai.com.evil.example/v1", False, False),
    ],
)
def test_whose_server_it_is(url: str | None, is_own: bool, is_loopback: bool) -> None:
    server = OpenAIServer(url)
    assert (server.is_own, server.is_loopback) == (is_own, is_loopback)


def test_an_address_with_a_password_is_named_without_it() -> None:
    assert OpenAIServer("http://me:secret@host:8080/v1").name == "The server at host:8080"
