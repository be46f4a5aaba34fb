"""Anthropic's models, and those of every server that speaks its messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from brim.core.agent import AgentInterface
from brim.core.events import Done, ReasoningDelta, StreamEvent, TextDelta, UsageReported
from brim.core.provider_tables import Provider
from brim.core.types import AgentConfig, AgentContext, AgentResponse
from brim.core.usage import Usage
from brim.providers.answers import collect, count, mapping, text
from brim.providers.faults import Asked, anthropic_errors, anthropic_fault, cut, no_answer, refused
from brim.providers.prompts import Turn, prompt_of
from brim.providers.retries import Retries, waiting
from brim.providers.server import CONNECT_TIMEOUT_S, Server

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic, AsyncStream

LONGEST_ANSWER_TOKENS = 8192
"""What is asked for where the configuration names no limit; the API wants one."""

CACHE_HOLDS_S = 300.0
"""How long the provider keeps what it has cached, from its last use on."""

_BREAKPOINT = {"cache_control": {"type": "ephemeral"}}
_REFUSALS = ("cache_control", "valid string", "str type expected")
"""Words of servers that know no breakpoints, or no blocks to put them on."""


class AnthropicServer(Server["AsyncAnthropic"]):
    """Anthropic, or a server that is compatible with it."""

    protocol = "anthropic"

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

    @property
    def probe_headers(self) -> dict[str, str]:
        """The headers of a question about models: the key also as Anthropic's own API wants it."""
        return ({"X-Api-Key": self.key} if self.api_key else {}) | super().probe_headers

    def _make_client(self) -> AsyncAnthropic:
        import anthropic

        # The SDK sends the key as a bearer token, which servers for the API's earlier versions do not read.
        headers = {} if self.is_own else {"X-Api-Key": self.key}
        http = anthropic.DefaultAsyncHttpxClient(
            trust_env=not self.is_loopback, limits=self.connection_limits()
        )
        return anthropic.AsyncAnthropic(
            api_key=self.key,
            base_url=self.base_url.removesuffix("/v1"),
            max_retries=0,
            default_headers=headers | self.headers,
            http_client=http,
        )


class AnthropicAgent(AgentInterface):
    """A model behind Anthropic's messages, there or at ``config.base_url``.

    ``config.temperature`` is sent to other servers only: the API's version that the SDK speaks (2026-10-21)
    refuses any request that carries one.

    Args:
        config: model, key, address, limits.
        server: the connections to use, which stay open; without it the agent has its own and closes them.
    """

    def __init__(self, config: AgentConfig, server: AnthropicServer | None = None) -> None:
        self.config = config
        self.model = config.model
        self._server = server or AnthropicServer(config.base_url, config.api_key)
        self._owns_server = server is None
        self.is_priced = self._server.is_own
        self.cache_holds_s = CACHE_HOLDS_S if self._server.is_own else None

    async def process(self, context: AgentContext) -> AgentResponse:
        """Answer ``context.input`` and return the whole answer."""
        return await collect(self.process_stream(context))

    async def process_stream(self, context: AgentContext) -> AsyncGenerator[StreamEvent, None]:
        """Answer ``context.input`` as it comes."""
        async with aclosing(stream_messages(self._server, self.config, context)) as events:
            async for event in events:
                yield event

    async def window_tokens(self) -> int | None:
        """Return what the server says that the model's window is, ``None`` where it does not say."""
        return await self._server.window_tokens(self.model)

    async def aclose(self) -> None:
        """Close the connections, if they are the agent's own."""
        if self._owns_server:
            await self._server.aclose()


async def stream_messages(
    server: AnthropicServer, config: AgentConfig, context: AgentContext
) -> AsyncGenerator[StreamEvent, None]:
    """Ask a server's messages and yield what comes.

    The response is closed when the generator is. A failed request is tried again only while nothing of the
    answer has come; a server that refuses breakpoints is asked once more without them.

    Raises:
        AgentError: what failed, in words for a person.
    """
    client = await server.client()
    asked = server.asked(config.model, silence_s=config.timeout_s)  # knows the key by now
    retries = Retries(config.max_retries)
    stream: AsyncStream[object] | None = None
    while stream is None:
        try:
            stream = await _open(client, request_body(server, config, context), config.timeout_s)
        except anthropic_errors() as error:
            if config.model not in server.refuses_cache and _refuses_cache(error):
                server.refuses_cache.add(config.model)
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
    yield reader.done()


def request_body(server: AnthropicServer, config: AgentConfig, context: AgentContext) -> dict[str, Any]:
    """Return the request in the words of the messages API."""
    lacks = server.profile.lacks
    prompt = prompt_of(context, config, takes_system="system" not in lacks)
    body: dict[str, Any] = {
        "model": config.model,
        "max_tokens": config.max_tokens or LONGEST_ANSWER_TOKENS,
        "stream": True,
    }
    if config.model in server.refuses_cache:
        body["messages"] = [{"role": turn.role, "content": turn.text} for turn in prompt.turns]
        body |= {"system": prompt.system} if prompt.system else {}
    else:
        # A question without a conversation, such as one for a summary, is asked once: nothing would read it.
        goes_on = bool(context.session_id) or len(prompt.turns) > 1
        body["messages"] = _cached_turns(prompt.turns) if goes_on else _turns(prompt.turns)
        body |= {"system": _cached_system(prompt.system_parts)} if prompt.system else {}
    if config.temperature is not None and not server.is_own and "temperature" not in lacks:
        body["temperature"] = config.temperature
    return {**body, **server.profile.parameters}


def _cached_system(parts: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the system prompt with a breakpoint behind its first part and one behind the last.

    What the person wrote outlasts the summary behind it, and both outlast a cleanup of the messages.
    """
    marked = {0, len(parts) - 1}
    return [
        {"type": "text", "text": part} | (_BREAKPOINT if place in marked else {})
        for place, part in enumerate(parts)
    ]


def _turns(turns: tuple[Turn, ...]) -> list[dict[str, Any]]:
    return [{"role": turn.role, "content": [{"type": "text", "text": turn.text}]} for turn in turns]


def _cached_turns(turns: tuple[Turn, ...]) -> list[dict[str, Any]]:
    """Return the turns with breakpoints behind the newest question and the one before it.

    The first writes what the next request reads. The second is where the last request wrote, and so is read
    however many blocks lie between: the provider looks only 20 blocks back. Both and the system prompt's are
    the four that the API allows; a prompt too short to be cached is answered as if there were none.
    """
    sent = _turns(turns)
    questions = [message for message in sent if message["role"] == "user"]
    for message in questions[-2:]:
        block = message["content"][-1]
        if block["text"].strip():  # the API refuses a breakpoint on an empty block
            block |= _BREAKPOINT
    return sent


class MessageReader:
    """Reads the events of one streamed answer."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._model: str | None = None
        self._counts: dict[str, Any] = {}
        self._explanation = ""
        self._heard = False
        self.began = False
        """Whether text of the answer has come."""
        self.stop_reason = ""
        """The provider's word, empty until it has come."""

    def read(self, event: object) -> Iterator[StreamEvent]:
        """Yield what is new in an event. What cannot be understood in it is passed over."""
        fields = mapping(event)
        self._heard = True
        match fields.get("type"):
            case "message_start":
                message = mapping(fields.get("message"))
                self._model = text(message.get("model")) or None
                self._count(message.get("usage"))
                # Of an answer that is stopped nothing more will come. Hardly anything of it is counted yet.
                if (usage := usage_of(self._counts)) is not None:
                    yield UsageReported(replace(usage, output_tokens=0, reasoning_tokens=0))
            case "content_block_start":
                yield from self._read_block(mapping(fields.get("content_block")))
            case "content_block_delta":
                yield from self._read_block(mapping(fields.get("delta")))
            case "message_delta":
                delta = mapping(fields.get("delta"))
                self.stop_reason = text(delta.get("stop_reason")) or self.stop_reason
                self._explanation = text(mapping(delta.get("stop_details")).get("explanation"))
                self._count(fields.get("usage"))
                if (usage := usage_of(self._counts)) is not None:
                    yield UsageReported(usage)

    def _read_block(self, block: dict[str, Any]) -> Iterator[StreamEvent]:
        if reasoning := text(block.get("thinking")):
            yield ReasoningDelta(reasoning)
        if words := text(block.get("text")):
            self.began = True
            yield TextDelta(words)

    def _count(self, usage: object) -> None:
        """Take in a count: each replaces the earlier one, and what it leaves out stays.

        Counts only grow, so a later 0 is a server's way to leave something out.
        """
        self._counts |= {
            name: value for name, value in mapping(usage).items() if value or name not in self._counts
        }

    def done(self) -> Done:
        """Return the end of the answer.

        Raises:
            AgentError: the stream has ended and the answer has not, or it was withheld.
        """
        if not self.stop_reason:
            raise cut(self._asked, began=self.began) if self._heard else no_answer(self._asked)
        if self.stop_reason == "refusal" and not self.began:
            raise refused(self._asked, self._explanation)
        return Done(finish_reason=self.stop_reason, model=self._model)


def usage_of(reported: object) -> Usage | None:
    """Map a server's count onto `Usage`; ``None`` where it did not count the prompt.

    ``input_tokens`` exclude those read from the cache and written to it. Thinking is part of
    ``output_tokens``.
    """
    fields = mapping(reported)
    # What was written is told as a sum and by how long it is kept; some servers leave out the sum.
    kept = mapping(fields.get("cache_creation"))
    usage = Usage(
        input_tokens=count(fields.get("input_tokens")),
        cache_read_tokens=count(fields.get("cache_read_input_tokens")),
        cache_write_tokens=count(fields.get("cache_creation_input_tokens")) or sum(map(count, kept.values())),
        output_tokens=(output := count(fields.get("output_tokens"))),
        reasoning_tokens=min(
            output, count(mapping(fields.get("output_tokens_details")).get("thinking_tokens"))
        ),
    )
    return usage if usage.prompt_tokens else None


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


def _refuses_cache(error: Exception) -> bool:
    """Whether a server did not take the request because of its breakpoints or of the blocks that carry them."""
    import anthropic

    return (
        isinstance(error, anthropic.APIStatusError)
        and error.status_code in (400, 422)
        and any(word in f"{error.message} {error.body}" for word in _REFUSALS)
    )
