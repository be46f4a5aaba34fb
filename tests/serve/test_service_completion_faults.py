"""What goes wrong behind chat completions, as OpenAI's own client sees it; and what it sees of a silent model."""

import asyncio

import openai
import pytest

from brim import AgentInterface, RateLimitError, ScriptedAgent
from brim.core.errors import (
    AuthenticationError,
    BadRequestError,
    BadResponseError,
    ConnectionFailedError,
    ContextOverflowError,
    OverloadedError,
    RefusedError,
    RequestTimeoutError,
)
from brim.core.events import Done, TextDelta
from brim.serve.stream import PULSE_S
from tests.support.service import running

ASKED = {"model": "any", "messages": [{"role": "user", "content": "x"}]}

FAULTS = [
    (
        ContextOverflowError("The prompt is too long.", status=400),
        openai.BadRequestError, 400, "context_overflow", "context_length_exceeded", None,
    ),
    (BadRequestError("It is not right.", status=400), openai.BadRequestError, 400, "bad_request", "bad_request", None),
    (RefusedError("It is declined.", status=400), openai.BadRequestError, 400, "refused", "refused", None),
    (
        RateLimitError("Too many requests.", status=429, retry_after_s=17),
        openai.RateLimitError, 429, "rate_limit", "rate_limit_exceeded", "17",
    ),
    (RateLimitError("Too many.", status=429), openai.RateLimitError, 429, "rate_limit", "rate_limit_exceeded", "5"),
    (OverloadedError("It is full.", status=529), openai.InternalServerError, 503, "overloaded", "overloaded", "5"),
    (
        AuthenticationError("The key is refused.", status=401),
        openai.InternalServerError, 502, "authentication", "authentication", None,
    ),
    (
        AuthenticationError("vault:secret/x cannot be read."),
        openai.InternalServerError, 503, "provider_key", "provider_key", "5",
    ),
    (RequestTimeoutError("Nothing came."), openai.InternalServerError, 504, "timeout", "timeout", None),
    (ConnectionFailedError("It is cut."), openai.InternalServerError, 502, "connection", "connection", None),
    (BadResponseError("It is none."), openai.InternalServerError, 502, "bad_response", "bad_response", None),
]  # fmt: skip


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(
    ("error", "raised", "status", "kind", "code", "retry_after"), FAULTS, ids=lambda x: type(x).__name__
)
async def test_what_fails_before_anything_came_has_its_status_and_openais_form(
    tmp_path, error, raised, status, kind, code, retry_after, is_stream
):
    async with (
        running(ScriptedAgent([error]), tmp_path) as service,
        openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key="none", max_retries=0) as client,
    ):
        with pytest.raises(raised) as caught:
            await client.chat.completions.create(**ASKED, stream=is_stream)
        seen = caught.value
        assert (seen.status_code, seen.type, seen.code, seen.param) == (status, kind, code, None)
        assert seen.response.headers.get("retry-after") == retry_after
        assert seen.body["sentence"] in seen.message and "vault:" not in seen.message
        async with service.client() as near:
            counted = (await near.get("/metrics")).text
            assert f'agent_errors_total{{kind="{error.kind}"}} 1.0' in counted
            assert "agent_active_streams 0.0" in counted


async def test_openais_client_asks_again_where_that_may_help_and_only_there(tmp_path):
    agent = ScriptedAgent(
        {"full": [OverloadedError("Full.", retry_after_s=1)], "": [AuthenticationError("No.", status=401)]}
    )
    async with (
        running(agent, tmp_path) as service,
        openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key="none", max_retries=1) as client,
    ):
        for text, asked in (("full", 2), ("key", 1)):
            agent.contexts.clear()
            with pytest.raises(openai.InternalServerError):
                await client.chat.completions.create(
                    model="any", messages=[{"role": "user", "content": text}]
                )
            assert len(agent.contexts) == asked


async def test_what_fails_in_the_middle_is_told_in_the_stream(tmp_path):
    agent = ScriptedAgent(["half ", RateLimitError("Too many requests.", status=429)])
    async with (
        running(agent, tmp_path) as service,
        openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key="none", max_retries=0) as client,
    ):
        said: list[str] = []

        async def read():
            async for chunk in await client.chat.completions.create(**ASKED, stream=True):
                said.extend(choice.delta.content for choice in chunk.choices)

        with pytest.raises(openai.APIError, match="Too many requests") as caught:
            await read()
        assert said == ["", "half "]
        assert (caught.value.type, caught.value.code) == ("rate_limit", "rate_limit_exceeded")


class Thoughtful(AgentInterface):
    """Is silent for longer than a pulse, before its first word or after it."""

    async def process(self, context):
        raise NotImplementedError

    async def process_stream(self, context):
        if context.input == "first":
            await asyncio.sleep(PULSE_S + 1)
        yield TextDelta("One ")
        if context.input != "first":
            await asyncio.sleep(PULSE_S + 1)
        if context.input == "broken":
            raise OverloadedError("Full.")
        yield TextDelta("two.")
        yield Done()


@pytest.mark.slow
async def test_a_silent_model_is_bridged_by_comments_that_clients_pass_over(tmp_path):
    async with (
        running(Thoughtful(), tmp_path) as service,
        openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key="none", max_retries=0) as client,
        service.client() as near,
    ):

        def asked(text):
            return {"model": "any", "stream": True, "messages": [{"role": "user", "content": text}]}

        async def read(text):
            stream = await client.chat.completions.create(**asked(text))
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

        async def read_raw(text):
            return (await near.post("/v1/chat/completions", json=asked(text))).text.split("\n\n")

        first, later, broken, raw_first, raw_later = await asyncio.gather(
            read("first"),
            read("later"),
            read("broken"),
            read_raw("first"),
            read_raw("later"),
            return_exceptions=True,
        )
        assert (first, later) == ("One two.", "One two.")
        assert isinstance(broken, openai.APIError) and "Full" in broken.message
        for blocks, places in ((raw_first, [0]), (raw_later, [2])):
            assert [number for number, block in enumerate(blocks) if block.startswith(":")] == places
            assert all(block.startswith((":", "data: ")) for block in blocks if block)
