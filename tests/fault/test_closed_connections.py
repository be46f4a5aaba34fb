"""A server that closes a connection just as it is used again is asked once more; one that keeps closing is not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from brim.core.errors import ConnectionFailedError
from brim.core.types import AgentConfig, AgentContext
from brim.providers.anthropic import AnthropicAgent
from brim.providers.openai import OpenAIAgent
from tests.support.scripted_server import chat, messages


class Closing:
    """Answers the first request of each connection and closes it, unsaid, when the next one comes."""

    def __init__(self, *, answers: bool = True) -> None:
        self.url = ""
        self.requests = 0
        self._answers = answers

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Closing]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = "http://{}:{}".format(*server.sockets[0].getsockname())
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for number in range(2):
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.partition("content-length:")[2].split()[0])
                json.loads(await reader.readexactly(length))
                self.requests += 1
                if number or not self._answers:
                    break
                reply = messages("Yes.") if "/messages" in head else chat("Yes.")
                body = b"".join(step for step in reply.steps if isinstance(step, bytes))
                kind = "content-type: text/event-stream"
                writer.write(
                    f"HTTP/1.1 200 OK\r\n{kind}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
                )
                await writer.drain()
        except asyncio.IncompleteReadError:
            return  # the client has left
        finally:
            writer.close()


def make(server: Closing, kind: str) -> OpenAIAgent | AnthropicAgent:
    config = AgentConfig(model="m", api_key=SecretStr("k"), max_retries=0)
    if kind == "anthropic":
        return AnthropicAgent(config.model_copy(update={"base_url": server.url}))
    return OpenAIAgent(config.model_copy(update={"base_url": f"{server.url}/v1"}))


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
async def test_a_request_that_nobody_read_is_sent_again(kind: str) -> None:
    async with Closing().running() as server:
        agent = make(server, kind)
        answers = [(await agent.process(AgentContext(input="Why?"))).output for _ in range(3)]
        await agent.aclose()
    assert answers == ["Yes."] * 3
    assert server.requests == 5


async def test_a_server_that_never_answers_is_not_asked_for_ever() -> None:
    async with Closing(answers=False).running() as server:
        agent = make(server, "openai")
        with pytest.raises(ConnectionFailedError):
            await agent.process(AgentContext(input="Why?"))
        await agent.aclose()
    assert server.requests == 2
