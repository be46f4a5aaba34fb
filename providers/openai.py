"""OpenAI's models, and those of every server that speaks its chat completions or its Responses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from brim.core.agent import Counted
from brim.core.events import StreamEvent
from brim.core.provider_tables import Provider
from brim.core.types import AgentConfig, AgentContext, Message
from brim.providers.answers import count, mapping
from brim.providers.asking import EVERY, asked_for, learn_refusal
from brim.providers.chat_reader import ChatReader, chunks
from brim.providers.faults import openai_errors, openai_fault
from brim.providers.prompts import Turn, check_images, data_url, prompt_of
from brim.providers.responses import (
    count_responses,
    needs_responses,
    reasons,
    says_responses,
    stream_responses,
)
from brim.providers.retries import Retries, waiting
from brim.providers.sending import sent
from brim.providers.server import CONNECT_TIMEOUT_S, Server
from brim.providers.server_agent import ServerAgent
from brim.providers.tokenizer import openai_tokenizer
from brim.providers.windows import is_llama

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream

COUNT_TIMEOUT_S = 5.0
LLAMA_HOLDS_S = 60.0


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

    def takes(self, model: str) -> frozenset[str]:
        """Return the names of the `Parameters` that a model takes.

        OpenAI's models that think take no sampling, no stop texts and no seed; the others nothing on thinking.
        The Responses API has neither stop texts nor a seed. Other servers are taken to take everything.
        """
        responses = self.takes_responses(model)
        if self.is_openai and reasons(model):
            takes = frozenset({"max_tokens", "reasoning_effort"})
        elif self.is_openai:
            takes = EVERY - {"reasoning_effort"}
        else:
            takes = EVERY
        if responses:
            takes -= {"stop", "seed"}
        return takes - self.lacks(model)

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
        # Where a redirect leads, neither the key nor the prompt was meant to go.
        http = openai.DefaultAsyncHttpx2Client(
            trust_env=not self.is_loopback, limits=self.connection_limits(), follow_redirects=False
        )
        return openai.AsyncOpenAI(
            api_key=self.key,
            base_url=self.base_url,
            max_retries=0,
            default_headers=self.headers,
            http_client=http,
        )


class OpenAIAgent(ServerAgent[OpenAIServer]):
    """A model behind OpenAI's chat completions or Responses, there or at ``config.base_url``.

    Args:
        config: model, key, address, limits.
        server: the connections to use, which stay open; without it the agent has its own and closes them.
    """

    def __init__(self, config: AgentConfig, server: OpenAIServer | None = None) -> None:
        super().__init__(
            config, server or OpenAIServer(config.base_url, config.api_key), owns_server=server is None
        )

    def _answer(self, context: AgentContext) -> AsyncGenerator[StreamEvent, None]:
        stream = stream_responses if self._server.takes_responses(self.model) else stream_chat
        return stream(self._server, self.config, context)

    async def count_tokens(self, messages: Sequence[Message]) -> int | None:
        """Return what a llama.cpp server's own tokenizer counts, ``None`` for any other server."""
        if not messages or not await self._server.find_llama():
            return None
        return await count_prompt(self._server, self.config, messages)

    async def count_next(self, context: AgentContext) -> Counted | None:
        """Return what OpenAI or a llama.cpp server counts, ``None`` for any other server.

        Raises:
            AgentError: OpenAI could not be asked, or refused the request.
        """
        if self._server.is_openai:
            tokens = await count_responses(self._server, self.config, context)
        elif await self._server.find_llama():
            question = Message(role="user", content=context.input, attachments=context.attachments)
            tokens = await count_prompt(self._server, self.config, [*context.conversation_history, question])
        else:
            return None
        return None if tokens is None else Counted(tokens, self._server.name)

    async def tokenizer(self) -> Callable[[str], int] | None:
        """Return OpenAI's own tokenizer for one of its models, if it lies ready on this machine."""
        return await openai_tokenizer(self.model) if self._server.is_openai else None


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
    check_images(context, asked, sees=server.sees(config.model))
    retries = Retries(config.max_retries)
    stream: AsyncStream[object] | None = None
    while stream is None:
        try:
            body = request_body(server, config, context)
            stream = await sent(partial(_open, client, body, config.timeout_s))
        except openai_errors() as error:
            if not server.refuses_usage and _refuses_usage(error):
                server.refuses_usage = True
                continue
            if says_responses(error):
                server.learn_responses(config.model)
                break
            if (learnt := learn_refusal(error, body, server, config.model)) is not None:
                yield learnt
                continue
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
            async with aclosing(chunks(stream.response)) as read:
                async for chunk in read:
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
    files = last.attachments if last.role == "user" else ()
    context = AgentContext(input=question, attachments=files, conversation_history=before)
    body = request_body(server, config, context)
    if last.role != "user":
        body["messages"].pop()
    client = await server.client()
    try:
        answer = await sent(
            lambda: client.post(
                "/chat/completions/input_tokens",
                cast_to=object,
                body=body,
                options={"timeout": COUNT_TIMEOUT_S},
            )
        )
    except openai_errors():
        return None
    return count(mapping(answer).get("input_tokens")) or None


def request_body(server: OpenAIServer, config: AgentConfig, context: AgentContext) -> dict[str, Any]:
    """Return the request in the words of chat completions."""
    model, lacks = config.model, server.lacks(config.model)
    prompt = prompt_of(context, config, takes_system="system" not in lacks, sees=server.sees(model))
    messages: list[dict[str, Any]] = [{"role": "system", "content": prompt.system}] if prompt.system else []
    messages += [{"role": turn.role, "content": _content(turn)} for turn in prompt.turns]
    body: dict[str, Any] = {"model": model, "messages": messages, "stream": True}
    if not server.refuses_usage:
        body["stream_options"] = {"include_usage": True}
    if server.is_llama:
        body["return_progress"] = True
    asks = asked_for(context, config, server.takes(model)).given()
    if "stop" in asks:
        asks["stop"] = list(asks["stop"])
    # OpenAI's reasoning models take only the new name, most other servers only the old one.
    if server.is_openai and "max_tokens" in asks:
        asks["max_completion_tokens"] = asks.pop("max_tokens")
    if server.provider == "mistral" and "seed" in asks:
        asks["random_seed"] = asks.pop("seed")
    if server.is_llama and asks.get("reasoning_effort") == "none":
        body["chat_template_kwargs"] = {"enable_thinking": False}
    return {**body, **asks, **server.profile.parameters}


def _content(turn: Turn) -> str | list[dict[str, Any]]:
    """Return what a turn says: text alone as such, since not all servers take parts."""
    if not turn.images:
        return turn.text
    words = [{"type": "text", "text": turn.text}] if turn.text else []
    return [*({"type": "image_url", "image_url": {"url": data_url(one)}} for one in turn.images), *words]


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
