"""Those who follow an answer: one who reads slowly, and one whose key is taken away."""

import asyncio
import json
import re
import socket
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from brim import AgentInterface
from brim.core.events import Done, TextDelta
from brim.serve.keys import KeyFile
from tests.support.service import events_of, running, served

PIECES, PIECE = 6_000, 1_000
READERS = 60
FAST = f"""
import asyncio
from brim import AgentInterface
from brim.core.events import Done, TextDelta

class Fast(AgentInterface):
    async def process(self, context):
        raise NotImplementedError

    async def process_stream(self, context):
        if context.input == "short":
            yield TextDelta("short")
            yield Done()
            return
        yield TextDelta("begun ")
        await asyncio.sleep(1)
        for number in range({PIECES}):
            yield TextDelta(f"{{number:06d}}".ljust({PIECE}, "x"))
            await asyncio.sleep(0)
        yield Done()
"""


def resident_bytes(process):
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024


@asynccontextmanager
async def deaf(url, path):
    """Ask for a stream and read nothing but the first line of its head; gives what reads the rest."""
    parts = urlsplit(url)
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.settimeout(0)
    await asyncio.get_running_loop().sock_connect(raw, (parts.hostname, parts.port))
    reader, writer = await asyncio.open_connection(sock=raw, limit=4096)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
        assert b" 200 " in await reader.readline()
        yield reader
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def text_of(raw):
    """Return the text of a stream and its last id, of the bytes of an answer that came in chunks."""
    body, plain = memoryview(raw)[raw.index(b"\r\n\r\n") + 4 :], bytearray()
    while len(body):
        size, _, _ = bytes(body[:16]).partition(b"\r\n")
        start, length = len(size) + 2, int(size, 16)
        plain += body[start : start + length]
        body = body[start + length + 2 :]
    text, last = [], ""
    for block in plain.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if fields.get("event") == "text_added":
            text.append(json.loads(fields["data"])["text"])
        last = fields.get("id", last)
    return "".join(text), last


@pytest.mark.slow
async def test_readers_that_do_not_read_cost_little_hold_nobody_up_and_miss_nothing(tmp_path):
    (tmp_path / "fast_agent.py").write_text(FAST)
    whole = "begun " + "".join(f"{number:06d}".ljust(PIECE, "x") for number in range(PIECES))
    options = ("--agent", "fast_agent:Fast")
    async with (
        served(tmp_path, *options, env={"PYTHONPATH": str(tmp_path)}) as service,
        service.client() as client,
    ):
        session = (await client.post("/sessions", json={})).json()["id"]
        path = f"/sessions/{session}"
        asking = asyncio.create_task(client.post(f"{path}/turns", json={"text": "Go", "stream": False}))
        async with asyncio.timeout(10):
            while "begun" not in (await client.get(f"{path}/messages")).text:
                await asyncio.sleep(0.01)
        before = resident_bytes(service.process)
        async with AsyncExitStack() as stack:
            slow = [
                await stack.enter_async_context(deaf(service.url, f"{path}/events")) for _ in range(READERS)
            ]
            answer = (await asking).json()
            assert (answer["status"], answer["content"] == whole) == ("complete", True)
            # Each of them could hold the whole answer.
            grown = resident_bytes(service.process) - before
            assert grown < READERS * len(whole) / 2, grown
            text, last = text_of(await slow[0].read())
            assert (text == whole, last) == (True, f"{answer['id']}:end")
        broken = f"{answer['id']}:{len('begun ') + 5 * PIECE}:0:"
        async with client.stream("GET", f"{path}/events", headers={"Last-Event-ID": broken}) as response:
            rest = [event async for event in events_of(response)]
        assert "".join(e.data["text"] for e in rest if e.name == "text_added") == whole[6 + 5 * PIECE :]


class Gated(AgentInterface):
    """Says a word each time one is put."""

    def __init__(self):
        self.words: asyncio.Queue[str] = asyncio.Queue()

    async def process(self, context):
        raise NotImplementedError

    async def process_stream(self, context):
        while word := await self.words.get():
            yield TextDelta(word)
        yield Done()


@pytest.mark.parametrize("path", ["/chat/stream", "/v1/chat/completions"])
async def test_an_answer_that_has_begun_ends_though_its_key_is_taken_away(tmp_path, path):
    keys, agent = KeyFile(tmp_path / "keys.toml"), Gated()
    alice, _ = keys.add("alice", concurrent_turns=1, tokens_per_day=1000), keys.add("bob")
    said = {"model": "agent:Gated", "messages": [{"role": "user", "content": "Go"}], "stream": True}
    body = {"message": "Go"} if path == "/chat/stream" else said
    async with running(agent, tmp_path, keys=keys) as service, service.client(alice) as client:
        await agent.words.put("one ")
        async with client.stream("POST", path, json=body) as response:
            text = ""
            async for line in response.aiter_lines():
                text += line
                if "one " in line:
                    KeyFile(tmp_path / "keys.toml").remove("alice")
                    async with service.client(alice) as other:
                        for method, where in (("GET", "/sessions"), ("POST", path)):
                            refused = await other.request(method, where, json=body)
                            assert refused.status_code == 401
                    for word in ("two", ""):
                        await agent.words.put(word)
        assert "two" in text and "error" not in text
        assert response.headers["content-type"].startswith("text/event-stream")
        if path == "/chat/stream":
            [session] = await service.manager.list_sessions()
            stored = await service.manager.transcript(session.id)
            assert [(m.content, m.status) for m in stored][-1] == ("one two", "complete")
