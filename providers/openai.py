"""OpenAI's models, and those of every server that speaks its chat completions or its Responses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from brim.core.agent import AgentInterface
from brim.core.events import Done, ReasoningDelta, StreamEvent, TextDelta, UsageReported, Waiting
from brim.core.provider_tables import Provider
from brim.core.types import AgentConfig, AgentContext, AgentResponse, Message
from brim.core.usage import Usage
from brim.providers.answers import collect, count, mapping, text
from brim.providers.faults import Asked, cut, no_answer, openai_errors, openai_fault, refused
from brim.providers.prompts import prompt_of
from brim.providers.responses import needs_responses, says_responses, stream_responses
from brim.providers.retries import Retries, waiting
from brim.providers.server import CONNECT_TIMEOUT_S, Server
from brim.providers.tokenizer import openai_tokenizer
from brim.providers.windows import is_llama

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream

COUNT_TIMEOUT_S = 5.0
LLAMA_HOLDS_S = 60.0
SHORT_READ_TOKENS = 256
"""So few tokens are read in a moment, which nobody needs to be told of."""

# OpenAI and most others; DeepSeek; LiteLLM. In details or, like Kimi's ``cached_tokens``, beside them.
_READ_FIELDS = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")
_WRITE_FIELDS = ("cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens")


class OpenAIServer(Server["AsyncOpenAI"]):
    """OpenAI, or a server that is compatible with it."""

    protocol = "openai"

    is_llama = False
    """Whether the server is llama.cpp, which counts a prompt before it reads it and tells how far it has read."""
    _llama_asked_at = -LLAMA_HOLDS_S

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
        self.refuses_usage = "stream_options" in self.profile.lacks
        """Whether the server has refused to be asked for usage in a stream, or is known to."""
        self.refuses_summaries: set[str] = set()
        """The models whose reasoning the server does not sum up."""
        self._wants_responses: set[str] = set()

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI itself."""
        return self.is_own and self.provider == self.protocol

    def takes_responses(self, model: str) -> bool:
        """Whether a model is asked over the Responses API rather than chat completions."""
        return (
            self.profile.kind == "openai-responses"
            or model in self._wants_responses
            or (self.is_openai and needs_responses(model))
        )

    def learn_responses(self, model: str) -> None:
        """Ask a model over the Responses API from now on."""
        self._wants_responses.add(model)

    async def find_llama(self) -> bool:
        """Return whether the server is llama.cpp; it is asked at most once a minute."""
        now = asyncio.get_running_loop().time()
        if not self.is_llama and not self.is_own and now - self._llama_asked_at >= LLAMA_HOLDS_S:
            self.is_llama = await is_llama(self.base_url, self.probe_headers)
            self._llama_asked_at = now
        return self.is_llama

    def _make_client(self) -> AsyncOpenAI:
        import openai

        # A proxy of the environment is for the network, not for this machine.
        http = openai.DefaultAsyncHttpx2Client(
            trust_env=not self.is_loopback, limits=self.connection_limits()
        )
        return openai.AsyncOpenAI(
            api_key=self.key,
            base_url=self.base_url,
            max_retries=0,
            default_headers=self.headers,
            http_client=http,
        )


class OpenAIAgent(AgentInterface):
    """A model behind OpenAI's chat completions or Responses, there or at ``config.base_url``.

    Args:
        config: model, key, address, limits.
        server: the connections to use, which stay open; without it the agent has its own and closes them.
    """

    def __init__(self, config: AgentConfig, server: OpenAIServer | None = None) -> None:
        self.config = config
        self.model = config.model
        self._server = server or OpenAIServer(config.base_url, config.api_key)
        self._owns_server = server is None
        self.is_priced = self._server.is_own

    async def process(self, context: AgentContext) -> AgentResponse:
        """Answer ``context.input`` and return the whole answer."""
        return await collect(self.process_stream(context))

    async def process_stream(self, context: AgentContext) -> AsyncGenerator[StreamEvent, None]:
        """Answer ``context.input`` as it comes."""
        stream = stream_responses if self._server.takes_responses(self.model) else stream_chat
        async with aclosing(stream(self._server, self.config, context)) as events:
            async for event in events:
                yield event

    async def window_tokens(self) -> int | None:
        """Return what the server says that the model's window is, ``None`` where it does not say."""
        return await self._server.window_tokens(self.model)

    async def count_tokens(self, messages: Sequence[Message]) -> int | None:
        """Return what a llama.cpp server's own tokenizer counts, ``None`` for any other server."""
        if not messages or not await self._server.find_llama():
            return None
        return await count_prompt(self._server, self.config, messages)

    async def tokenizer(self) -> Callable[[str], int] | None:
        """Return OpenAI's own tokenizer for one of its models, if it lies ready on this machine."""
        return await openai_tokenizer(self.model) if self._server.is_openai else None

    async def aclose(self) -> None:
        """Close the connections, if they are the agent's own."""
        if self._owns_server:
            await self._server.aclose()


async def stream_chat(
    server: OpenAIServer, config: AgentConfig, context: AgentContext
) -> AsyncGenerator[StreamEvent, None]:
    """Ask a server's chat completions and yield what comes.

    The response is closed when the generator is. A failed request is tried again only while nothing of the
    answer has come; a server that refuses the wish for usage is asked once more without it, and for a model
    that answers over Responses only, those are asked.

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
        except openai_errors() as error:
            if not server.refuses_usage and _refuses_usage(error):
                server.refuses_usage = True
                continue
            if says_responses(error):
                server.learn_responses(config.model)
                break
            fault = openai_fault(error, asked)
            if (pause_s := retries.pause_s(fault)) is None:
                raise fault from None
            yield waiting(fault, pause_s)
            await asyncio.sleep(pause_s)
    if stream is None:
        async with aclosing(stream_responses(server, config, context)) as events:
            async for event in events:
                yield event
        return
    reader = ChatReader(asked)
    async with stream:
        try:
            async for chunk in stream:
                for new in reader.read(chunk):
                    yield new
        except openai_errors() as error:
            if not reader.finish_reason:
                raise openai_fault(error, asked, began=reader.began) from None
    yield reader.done()


async def count_prompt(server: OpenAIServer, config: AgentConfig, messages: Sequence[Message]) -> int | None:
    """Ask llama.cpp how many tokens a prompt is, the model's template included; ``None`` if it does not say."""
    *before, last = messages
    if last.role != "user":
        before.append(last)
    question = last.content if last.role == "user" else ""
    body = request_body(server, config, AgentContext(input=question, conversation_history=before))
    if last.role != "user":
        body["messages"].pop()
    client = await server.client()
    try:
        answer = await client.post(
            "/chat/completions/input_tokens", cast_to=object, body=body, options={"timeout": COUNT_TIMEOUT_S}
        )
    except openai_errors():
        return None
    return count(mapping(answer).get("input_tokens")) or None


def request_body(server: OpenAIServer, config: AgentConfig, context: AgentContext) -> dict[str, Any]:
    """Return the request in the words of chat completions."""
    lacks = server.profile.lacks
    prompt = prompt_of(context, config, takes_system="system" not in lacks)
    messages = [{"role": "system", "content": prompt.system}] if prompt.system else []
    messages += [{"role": turn.role, "content": turn.text} for turn in prompt.turns]
    body: dict[str, Any] = {"model": config.model, "messages": messages, "stream": True}
    if not server.refuses_usage:
        body["stream_options"] = {"include_usage": True}
    if server.is_llama:
        body["return_progress"] = True
    if config.temperature is not None and "temperature" not in lacks:
        body["temperature"] = config.temperature
    if config.max_tokens is not None:
        # OpenAI's reasoning models take only the new name, most other servers only the old one.
        body["max_completion_tokens" if server.is_openai else "max_tokens"] = config.max_tokens
    return {**body, **server.profile.parameters}


class ChatReader:
    """Reads the chunks of one streamed answer."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._model: str | None = None
        self._usage: Usage | None = None
        self._heard = False
        self.began = False
        """Whether text of the answer has come."""
        self.finish_reason = ""
        """The provider's word, empty until it has come."""

    def read(self, chunk: object) -> Iterator[StreamEvent]:
        """Yield what is new in a chunk. What cannot be understood in it is passed over."""
        fields = mapping(chunk)
        self._heard = True
        self._model = text(fields.get("model")) or self._model
        progress = mapping(fields.get("prompt_progress"))
        total, read = count(progress.get("total")), count(progress.get("processed"))
        if total - read >= SHORT_READ_TOKENS and not self.began:
            yield Waiting(f"reading {read:,} of {total:,} tokens")
        listed = fields.get("choices")
        choices = [mapping(choice) for choice in listed] if isinstance(listed, list) else []
        for choice in choices:
            delta = mapping(choice.get("delta"))
            if reasoning := text(delta.get("reasoning_content")) or text(delta.get("reasoning")):
                yield ReasoningDelta(reasoning)
            if words := text(delta.get("content")) or text(delta.get("refusal")):
                self.began = True
                yield TextDelta(words)
            self.finish_reason = text(choice.get("finish_reason")) or self.finish_reason
        # Groq has it in a field of its own, Kimi inside the last choice.
        places = [fields, mapping(fields.get("x_groq")), *choices]
        usage = next((usage for place in places if (usage := usage_of(place.get("usage")))), None)
        if usage is not None and usage != self._usage:
            self._usage = usage
            yield UsageReported(usage)

    def done(self) -> Done:
        """Return the end of the answer.

        Raises:
            AgentError: the stream has ended and the answer has not, or it was withheld.
        """
        if not self.finish_reason:
            raise cut(self._asked, began=self.began) if self._heard else no_answer(self._asked)
        if self.finish_reason == "content_filter" and not self.began:
            raise refused(self._asked)
        return Done(finish_reason=self.finish_reason, model=self._model)


def usage_of(reported: object) -> Usage | None:
    """Map a server's count onto `Usage`; ``None`` where it did not count the prompt.

    ``prompt_tokens`` include those read from the cache and written to it, ``completion_tokens`` those of
    reasoning. Where ``total_tokens`` is more than both, the server counts one of them apart: Gemini and xAI
    their reasoning, some gateways what the cache held.
    """
    fields = mapping(reported)
    prompt, output = count(fields.get("prompt_tokens")), count(fields.get("completion_tokens"))
    if not prompt:
        return None
    details = mapping(fields.get("prompt_tokens_details"))
    read = _first_count(details, _READ_FIELDS) or _first_count(fields, _READ_FIELDS)
    written = _first_count(details, _WRITE_FIELDS) or _first_count(fields, _WRITE_FIELDS)
    reasoning = count(mapping(fields.get("completion_tokens_details")).get("reasoning_tokens"))
    apart = count(fields.get("total_tokens")) - prompt - output
    if apart > 0 and apart == read + written:
        prompt += apart
    elif apart > 0 and reasoning in (0, apart):
        output += apart
        reasoning = apart
    read = min(read, prompt)
    written = min(written, prompt - read)
    return Usage(
        input_tokens=prompt - read - written,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=output,
        reasoning_tokens=min(reasoning, output),
    )


def _first_count(fields: dict[str, Any], names: tuple[str, ...]) -> int:
    return next((found for name in names if (found := count(fields.get(name)))), 0)


async def _open(client: AsyncOpenAI, body: dict[str, Any], silence_s: float) -> AsyncStream[object]:
    """Send the request; returns once the head of the response is there.

    Chunks are taken as plain JSON: other servers leave out fields or add their own.
    """
    import httpx2
    from openai import AsyncStream

    return await client.post(
        "/chat/completions",
        cast_to=object,
        body=body,
        options={"timeout": httpx2.Timeout(silence_s, connect=min(CONNECT_TIMEOUT_S, silence_s))},
        stream=True,
        stream_cls=AsyncStream[object],
    )


def _refuses_usage(error: Exception) -> bool:
    """Whether a server did not take the request because it asks for usage."""
    import openai

    return (
        isinstance(error, openai.APIStatusError)
        and error.status_code in (400, 422)
        and any(word in f"{error.message} {error.body}" for word in ("stream_options", "include_usage"))
    )
