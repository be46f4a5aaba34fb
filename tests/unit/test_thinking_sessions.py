"""Thinking in sessions: kept with the answer through the store, and sent only where it fits the window."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from brim.core.parameters import Parameters
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import AgentConfig, Message, Status
from brim.providers.anthropic import AnthropicAgent
from tests.support.scripted_server import Reply, ScriptedServer, message_end, message_start, sse


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        server.default = thoughtful()
        yield server


def block(kind: str, index: int, **fields: Any) -> bytes:
    return sse({"type": f"content_block_{kind}", "index": index, **fields}, f"content_block_{kind}")


def thoughtful() -> Reply:
    return Reply(
        steps=[
            message_start(input_tokens=12),
            block("start", 0, content_block={"type": "thinking", "thinking": "", "signature": ""}),
            block("delta", 0, delta={"type": "thinking_delta", "thinking": "Hm."}),
            block("delta", 0, delta={"type": "signature_delta", "signature": "c2lnbmVk"}),
            block("start", 1, content_block={"type": "text", "text": ""}),
            block("delta", 1, delta={"type": "text_delta", "text": "Because."}),
            *message_end(output_tokens=9),
        ]
    )


def manager(server: ScriptedServer, folder: Path, model: str = "claude-sonnet-5-5") -> SessionManager:
    agent = AnthropicAgent(
        AgentConfig(model=model, api_key=SecretStr("k"), base_url=server.url, max_retries=0)
    )
    return SessionManager(agent, store=SQLiteStore(folder / "brim.db"), default_system_prompt="Be brief.")


async def ask(manager: SessionManager, session_id: str, text: str) -> Message:
    answer = await (await manager.send(session_id, text)).wait()
    assert answer.status is Status.COMPLETE, answer.failure
    return answer


def thinking(server: ScriptedServer) -> list[bool]:
    """Return of each answer in the last request whether its thinking is before it."""
    return [
        any(part["type"] == "thinking" for part in turn["content"])
        for turn in server.requests[-1].body["messages"]
        if turn["role"] == "assistant"
    ]


async def test_it_outlives_the_program_and_goes_with_what_stood_before_it(
    server: ScriptedServer, tmp_path: Path
) -> None:
    async with manager(server, tmp_path) as first:
        session = await first.create()
        await first.tuning.set_parameters(session.id, Parameters(reasoning_effort="medium"))
        answer = await ask(first, session.id, "Why?")
        assert answer.reasoning == "Hm."
        # Whether the model reads its thinking again, the next report tells.
        assert (answer.tokens, answer.tokens_estimated) == (9, True)
        assert server.requests[0].body["output_config"] == {"effort": "medium"}
    async with manager(server, tmp_path) as second:
        await ask(second, session.id, "And why that?")
        assert thinking(server) == [True]
        await ask(second, session.id, "Really?")
        assert thinking(server) == [True, True]
        # What the person leaves out takes the thinking behind it along, and brings it back.
        await second.leave_out(answer.id)
        await ask(second, session.id, "Sure?")
        assert thinking(server) == [False, False]
        await second.bring_back(answer.id)
        await ask(second, session.id, "Quite?")
        assert thinking(server) == [True, True, True, False]
        await second.tuning.set_system_prompt(session.id, "Be kind.")
        await ask(second, session.id, "Oh?")
        assert not any(thinking(server))


async def test_another_model_gets_the_words_alone(server: ScriptedServer, tmp_path: Path) -> None:
    async with manager(server, tmp_path) as first:
        session = await first.create()
        await ask(first, session.id, "Why?")
    async with manager(server, tmp_path, "claude-opus-5-5") as second:
        await ask(second, session.id, "And why that?")
        assert thinking(server) == [False]
