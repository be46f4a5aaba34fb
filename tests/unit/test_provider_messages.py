"""What goes to providers and what their counts mean, without any server."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from brim.core.errors import BadRequestError
from brim.core.types import AgentConfig, AgentContext, Message
from brim.core.usage import Usage
from brim.providers import anthropic, openai
from brim.providers.anthropic import AnthropicServer
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
        Message(role="tool", content="42"),
    ]
    prompt = prompt_of(
        AgentContext(input="Two?", conversation_history=history), AgentConfig(system_prompt="No.")
    )
    assert prompt.system == "Be kind.\n\nBe brief."
    assert prompt.turns == (Turn("user", "One?"), Turn("user", "Two?"))


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
    assert openai.usage_of(reported) == usage


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
    ],
)
def test_counts_of_messages(reported: Any, usage: Usage | None) -> None:
    assert anthropic.usage_of(reported) == usage


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
    assert "temperature" not in anthropic.request_body(server, config, AgentContext(input="Hi"))


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
