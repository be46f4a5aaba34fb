"""Anthropic's models, and those of every server that speaks its messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from brim.core.agent import Counted
from brim.core.events import CarriedOver, StreamEvent
from brim.core.provider_tables import Provider
from brim.core.types import AgentConfig, AgentContext
from brim.providers.answers import count, mapping
from brim.providers.asking import learn_refusal
from brim.providers.carried import carried
from brim.providers.faults import anthropic_errors, anthropic_fault
from brim.providers.message_reader import MessageReader
from brim.providers.message_request import PROTOCOL, carries, request
from brim.providers.prompts import check_images
from brim.providers.retries import Retries, waiting
from brim.providers.sending import sent
from brim.providers.server import CONNECT_TIMEOUT_S, Server
from brim.providers.server_agent import ServerAgent
from brim.providers.thinking import Form, form_of

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic, AsyncStream

CACHE_HOLDS_S = 300.0
"""How long the provider keeps what it has cached, from its last use on."""

COUNT_TIMEOUT_S = 20.0
NO_SUCH_PLACE = (404, 405, 501)
_API_VERSION = "2023-06-01"
"""That of the list of models: the oldest one, which all servers know."""
_CACHE_WORDS = ("cache_control", "valid string", "str type expected")
"""Words of servers that know no breakpoints, or no blocks to put them on."""
_THINKING_WORDS = ("thinking` or `redacted", "thinking block", "signature", "redacted_thinking", ".thinking")
"""Words of servers that do not take back the thinking of an earlier answer."""


class AnthropicServer(Server["AsyncAnthropic"]):
    """Anthropic, or a server that is compatible with it."""

    protocol = PROTOCOL

    def __init__(
        self,
        base_url: str | None = None,
        api_key: SecretStr | None = None,
        *,
        name: str | None = None,
        key_variable: str | None = None,
        profile: Provider | None = None,
    ) -> None:
        super().__init__(base_url, api_key, name=name, key_variable=key_variable, profile=profile)
        self.refuses_cache: set[str] = set()
        """The models for which the server has refused breakpoints: behind a gateway only some do."""

    def takes(self, model: str) -> frozenset[str]:
        """Return the names of the `Parameters` that a model takes.

        The API's version that the SDK speaks (2026-10-21) has no temperature, no top-p and no seed for any
        model, and refuses requests that carry one. Other servers go on taking them.
        """
        takes = {"max_tokens", "stop"}
        if not self.is_own:
            takes |= {"temperature", "top_p"}
        if form_of(model) is not Form.NOT:
            takes.add("reasoning_effort")
        return frozenset(takes) - self.lacks(model)

    @property
    def probe_headers(self) -> dict[str, str]:
        """The headers of a question about models: the key also as Anthropic's own API wants it, and its version."""
        version = {"Anthropic-Version": _API_VERSION}
        return version | ({"X-Api-Key": self.key} if self.api_key else {}) | super().probe_headers

    def _make_client(self) -> AsyncAnthropic:
        import anthropic

        # The SDK sends the key as a bearer token, which servers for the API's earlier versions do not read.
        headers = {} if self.is_own else {"X-Api-Key": self.key}
        http = anthropic.DefaultAsyncHttpxClient(
            trust_env=not self.is_loopback, limits=self.connection_limits(), follow_redirects=False
        )
        return anthropic.AsyncAnthropic(
            api_key=self.key,
            base_url=self.base_url.removesuffix("/v1"),
            max_retries=0,
            default_headers=headers | self.headers,
            http_client=http,
        )


class AnthropicAgent(ServerAgent[AnthropicServer]):
    """A model behind Anthropic's messages, there or at ``config.base_url``.

    Args:
        config: model, key, address, limits.
        server: the connections to use, which stay open; without it the agent has its own and closes them.
    """

    def __init__(self, config: AgentConfig, server: AnthropicServer | None = None) -> None:
        super().__init__(
            config, server or AnthropicServer(config.base_url, config.api_key), owns_server=server is None
        )
        self.cache_holds_s = CACHE_HOLDS_S if self._server.is_own else None

    def _answer(self, context: AgentContext) -> AsyncGenerator[StreamEvent, None]:
        return stream_messages(self._server, self.config, context)

    async def count_next(self, context: AgentContext) -> Counted | None:
        """Return what the server counts; ``None`` where it does not count prompts.

        Raises:
            AgentError: the server could not be asked, or refused the request.
        """
        tokens = await count_messages(self._server, self.config, context)
        return None if tokens is None else Counted(tokens, self._server.name)


async def stream_messages(
    server: AnthropicServer, config: AgentConfig, context: AgentContext
) -> AsyncGenerator[StreamEvent, None]:
    """Ask a server's messages and yield what comes.

    The response is closed when the generator is. A failed request is tried again only while nothing of the
    answer has come. A server that refuses breakpoints, a parameter, or the thinking of earlier answers is
    asked once more without.

    Raises:
        AgentError: what failed, in words for a person.
    """
    client = await server.client()
    asked = server.asked(config.model, silence_s=config.timeout_s)  # knows the key by now
    check_images(context, asked, sees=server.sees(config.model))
    retries = Retries(config.max_retries)
    stream: AsyncStream[object] | None = None
    with_thinking = True
    while stream is None:
        body, behind = request(server, config, context, with_thinking=with_thinking)
        try:
            stream = await sent(partial(_open, client, body, config.timeout_s))
        except anthropic_errors() as error:
            if config.model not in server.refuses_cache and _refuses(error, _CACHE_WORDS):
                server.refuses_cache.add(config.model)
                continue
            if with_thinking and carries(body) and _refuses(error, _THINKING_WORDS):
                with_thinking = False
                continue
            if (learnt := learn_refusal(error, body, server, config.model)) is not None:
                yield learnt
                continue
            fault = anthropic_fault(error, asked)
            if (pause_s := retries.pause_s(fault)) is None:
                raise fault from None
            yield waiting(fault, pause_s)
            await asyncio.sleep(pause_s)
    reader = MessageReader(asked)
    async with stream:
        try:
            async for event in stream:
                for new in reader.read(event):
                    yield new
        except anthropic_errors() as error:
            if not reader.stop_reason:
                raise anthropic_fault(error, asked, began=reader.began) from None
    done = reader.done()
    if reader.thoughts:
        yield CarriedOver(carried(PROTOCOL, config.model, reader.thoughts, behind))
    yield done


async def count_messages(server: AnthropicServer, config: AgentConfig, context: AgentContext) -> int | None:
    """Ask a server how many tokens a request is; ``None`` where it does not count.

    Raises:
        AgentError: what failed, in words for a person.
    """
    client = await server.client()
    asked = server.asked(config.model, silence_s=COUNT_TIMEOUT_S)
    check_images(context, asked, sees=server.sees(config.model))
    body, _ = request(server, config, context)
    wanted = {name: body[name] for name in ("model", "messages", "system", "thinking") if name in body}
    try:
        answer = await client.post(
            "/v1/messages/count_tokens", cast_to=object, body=wanted, options={"timeout": COUNT_TIMEOUT_S}
        )
    except anthropic_errors() as error:
        if getattr(error, "status_code", None) in NO_SUCH_PLACE:
            return None
        raise anthropic_fault(error, asked) from None
    return count(mapping(answer).get("input_tokens")) or None


async def _open(client: AsyncAnthropic, body: dict[str, Any], silence_s: float) -> AsyncStream[object]:
    """Send the request; returns once the head of the response is there.

    Events are taken as plain JSON: other servers leave out fields or add their own.
    """
    import httpx2
    from anthropic import AsyncStream

    return await client.post(
        "/v1/messages",
        cast_to=object,
        body=body,
        options={"timeout": httpx2.Timeout(silence_s, connect=min(CONNECT_TIMEOUT_S, silence_s))},
        stream=True,
        stream_cls=AsyncStream[object],
    )


def _refuses(error: Exception, words: tuple[str, ...]) -> bool:
    """Whether a server did not take the request because of something that one of these words names."""
    import anthropic

    return (
        isinstance(error, anthropic.APIStatusError)
        and error.status_code in (400, 422)
        and any(word in f"{error.message} {error.body}" for word in words)
    )
