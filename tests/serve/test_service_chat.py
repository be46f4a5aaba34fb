"""`POST /chat/stream`: how it ends, what it takes, and its line in the log."""

import asyncio
import logging

import pytest

from brim import AgentContext, AgentInterface, AgentResponse, ScriptedAgent
from brim.core.cleanup import CleanupMode
from brim.core.events import TextDelta
from tests.support.agents import Counting
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


@pytest.mark.parametrize("is_cleaned", [True, False])
@pytest.mark.parametrize("where", ["json", "params"])
async def test_a_cleanup_can_be_decided_on(tmp_path, is_cleaned, where):
    async with running(Counting(answer="a" * 100, window=4_000), tmp_path) as service:
        service.manager.cleanup_mode = CleanupMode.ASK
        async with service.client() as client:
            session = (await client.post("/sessions", json={})).json()["id"]
            asked = {"message": "q" * 100, "session_id": session}
            async with asyncio.timeout(50):
                while (answer := await client.post("/chat/stream", **{where: asked})).status_code == 200:
                    pass
            assert answer.status_code == 409 and "cleanup" in answer.json()["error"]["type"]
            decided = await client.post("/chat/stream", **{where: {**asked, "cleanup": is_cleaned}})
            assert (decided.status_code, "event: done" in decided.text) == (200, True)
            messages = (await client.get(f"/sessions/{session}/messages")).json()["messages"]
            assert all(message["in_window"] for message in messages) is not is_cleaned


async def test_a_decision_that_is_none_is_refused(tmp_path):
    async with running(Counting(), tmp_path) as service, service.client() as client:
        for given in ("yes", 1):
            refused = await client.post("/chat/stream", json={"message": "x", "cleanup": given})
            assert refused.status_code == 422
        refused = await client.post("/chat/stream", params={"message": "x", "cleanup": "perhaps"})
        assert refused.status_code == 422


async def test_the_line_of_a_request_in_the_log_names_the_session(tmp_path, caplog):
    caplog.set_level(logging.INFO, "brim.serve.watching")
    async with running(ScriptedAgent("Hi."), tmp_path) as service, service.client() as client:
        made = (await client.post("/chat/stream", json={"message": "x"})).headers["x-session-id"]
        for given in (
            {"json": {"message": "x", "session_id": made}},
            {"params": {"message": "x", "session_id": made}},
        ):
            assert (await client.post("/chat/stream", **given)).status_code == 200
        lost = await client.post("/chat/stream", json={"message": "x", "session_id": "none"})
        assert lost.status_code == 404
    assert [record.session_id for record in caplog.records] == [made, made, made, "none"]
