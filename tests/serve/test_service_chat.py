"""`POST /chat/stream`: how it ends."""

import asyncio

import pytest

from brim import AgentContext, AgentInterface, AgentResponse
from brim.core.events import TextDelta
from tests.support.service import running


class Endless(AgentInterface):
    """Says something and goes on in silence."""

    async def process(self, context: AgentContext) -> AgentResponse:
        raise NotImplementedError

    async def process_stream(self, context):
        yield TextDelta("so far")
        await asyncio.Event().wait()


@pytest.mark.parametrize("is_stopped", [True, False])
async def test_a_client_can_tell_that_an_answer_was_stopped_or_interrupted(tmp_path, is_stopped):
    async with running(Endless(), tmp_path, grace_s=0.2) as service, service.client() as client:
        lines = []
        async with client.stream("POST", "/chat/stream", json={"message": "Go"}) as response:
            session = response.headers["x-session-id"]
            async for line in response.aiter_lines():
                lines.append(line)
                if line != "data: so far":
                    continue
                if is_stopped:
                    assert (await client.post(f"/sessions/{session}/stop")).status_code == 204
                else:
                    service.server.should_exit = True
        said = "stopped" if is_stopped else "interrupted"
        assert "event: done" not in lines
        assert lines[-3] == "event: error" and said in lines[-2]
