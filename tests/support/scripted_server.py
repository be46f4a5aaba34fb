"""A model server that does as it is told, on the loopback interface.

It plays chat completions (``POST /v1/chat/completions``) and Anthropic's messages (``POST /v1/messages``), and
all that can go wrong with them::

    async with ScriptedServer() as server:
        server.play(Reply(429, headers={"retry-after": "0"}), chat("Hel", "lo"))
        ...
        assert server.requests[0].body["model"] == "gpt-4o"

``python -m tests.support.scripted_server --rate 100`` prints its address and plays until it is ended.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self


class Happening(Enum):
    """What a reply can do besides sending bytes."""

    STALL = auto()
    """Send nothing more and wait until the client goes away."""
    CUT = auto()
    """Break the connection off."""


STALL, CUT = Happening.STALL, Happening.CUT
Step = bytes | float | Happening


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answers: a head, then its steps; bytes are written one by one, a float is a pause in seconds."""

    status: int = 200
    steps: Sequence[Step] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "text/event-stream"


Answerer = Reply | Callable[[Request], Reply]


def sse(data: object, event: str = "") -> bytes:
    """Return one server-sent event."""
    name = f"event: {event}\n" if event else ""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return f"{name}data: {text}\n\n".encode()


def refusal(status: int, body: object, headers: Mapping[str, str] | None = None) -> Reply:
    """Return an error answer with a JSON body."""
    return Reply(status, [json.dumps(body).encode()], headers or {}, "application/json")


def chat_chunk(delta: Mapping[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    """Return one chunk of a chat completion."""
    choices = [] if delta is None else [{"index": 0, "delta": dict(delta), "finish_reason": finish}]
    fields = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "scripted-1",
        "choices": choices,
    }
    return sse(fields | more)


def chat(
    *texts: str,
    finish: str | None = "stop",
    usage: Mapping[str, Any] | None = None,
    before: Iterable[Step] = (),
    pause_s: float = 0,
) -> Reply:
    """Return a streamed chat completion of ``texts``, preceded by the steps ``before``."""
    steps: list[Step] = [chat_chunk({"role": "assistant", "content": ""}), *before]
    for text in texts:
        steps += [pause_s, chat_chunk({"content": text})]
    if finish is not None:
        steps.append(chat_chunk({}, finish))
    if usage is not None:
        steps.append(chat_chunk(None, usage=dict(usage)))
    return Reply(steps=[*steps, b"data: [DONE]\n\n"])


def message_start(**usage: int) -> bytes:
    """Return the event that begins an Anthropic answer."""
    message = {"id": "m1", "type": "message", "role": "assistant", "model": "scripted-1", "content": []}
    counted = {"input_tokens": 0, "output_tokens": 1} | usage
    return sse({"type": "message_start", "message": message | {"usage": counted}}, "message_start")


def message_delta(kind: str, text: str) -> bytes:
    """Return text of a kind (``text``, ``thinking``) in an Anthropic answer."""
    delta = {"type": f"{kind}_delta", kind: text}
    return sse({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")


def message_end(
    stop: str = "end_turn", details: Mapping[str, Any] | None = None, **usage: int
) -> list[bytes]:
    """Return the events that end an Anthropic answer."""
    delta = {"stop_reason": stop, "stop_sequence": None, "stop_details": details}
    return [
        sse({"type": "message_delta", "delta": delta, "usage": usage}, "message_delta"),
        sse({"type": "message_stop"}, "message_stop"),
    ]


def messages(*texts: str, stop: str = "end_turn", before: Iterable[Step] = (), pause_s: float = 0) -> Reply:
    """Return a streamed Anthropic answer of ``texts``: 12 tokens of prompt, one token a text."""
    steps: list[Step] = [message_start(input_tokens=12), *before]
    for text in texts:
        steps += [pause_s, message_delta("text", text)]
    return Reply(steps=[*steps, *message_end(stop, output_tokens=len(texts))])


class ScriptedServer:
    """The server. It runs on the loop that enters it."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        """The requests for an answer, oldest first."""
        self.pages: dict[str, object] = {}
        """What ``GET`` answers with by path: JSON, or what makes the `Reply`; anything else is a 404."""
        self.default: Answerer = chat("Hello.")
        self.url = ""
        self.connections = 0
        """How many connections were ever made."""
        self._replies: deque[Answerer] = deque()
        self._gone = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = "http://{}:{}".format(*self._server.sockets[0].getsockname())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def openai_url(self) -> str:
        """The base URL for chat completions."""
        return f"{self.url}/v1"

    def play(self, *replies: Answerer) -> None:
        """Answer the next requests with ``replies``, later ones with ``default``."""
        self._replies.extend(replies)

    async def client_gone(self) -> None:
        """Wait until a client has left while it was being answered."""
        await self._gone.wait()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                if not await self._answer(request, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            self._gone.set()
        finally:
            writer.close()

    async def _answer(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; false when the connection is of no more use."""
        if request.method == "GET" and callable(page := self.pages.get(request.path)):
            reply = page(request)
        elif request.method == "GET":
            found = request.path in self.pages
            body = json.dumps(self.pages.get(request.path)).encode()
            reply = Reply(200 if found else 404, [body], content_type="application/json")
        else:
            self.requests.append(request)
            answerer = self._replies.popleft() if self._replies else self.default
            reply = answerer(request) if callable(answerer) else answerer
        playing = asyncio.create_task(_play(reply, writer))
        leaving = asyncio.create_task(_left(reader))
        await asyncio.wait({playing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not playing.done():
            self._gone.set()
        for task in (playing, leaving):
            task.cancel()
        await asyncio.gather(playing, leaving, return_exceptions=True)
        return not playing.cancelled() and playing.exception() is None and playing.result()


async def _left(reader: asyncio.StreamReader) -> None:
    while not reader.at_eof():
        await asyncio.sleep(0.005)


async def _read(reader: asyncio.StreamReader) -> Request | None:
    head = await reader.readline()
    if not head:
        return None
    method, path, _ = head.decode().split(" ", 2)
    headers: dict[str, str] = {}
    while (line := (await reader.readline()).decode().strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    raw = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, json.loads(raw) if raw else None)


async def _play(reply: Reply, writer: asyncio.StreamWriter) -> bool:
    headers = {"content-type": reply.content_type, "transfer-encoding": "chunked", **reply.headers}
    phrase = HTTPStatus(reply.status).phrase if reply.status in set(HTTPStatus) else "Unknown"
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {reply.status} {phrase}\r\n{head}\r\n".encode())
    for step in reply.steps:
        match step:
            case Happening.STALL:
                await asyncio.Event().wait()
            case Happening.CUT:
                await writer.drain()
                writer.transport.abort()
                return False
            case bytes():
                writer.write(b"%x\r\n%b\r\n" % (len(step), step))
                await writer.drain()
            case _:
                await asyncio.sleep(step)
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=100, help="tokens a second, 0 for at once")
    parser.add_argument("--tokens", type=int, default=500)
    parser.add_argument("--file", help="the text to send, cut into words, again and again")
    options = parser.parse_args()
    words = ["word "]
    if options.file:
        words = re.findall(r"\s*\S+", Path(options.file).read_text(encoding="utf-8"))
    texts = [words[place % len(words)] for place in range(options.tokens)]
    pause_s = 1 / options.rate if options.rate else 0

    def answer(request: Request) -> Reply:
        if request.path.endswith("/messages"):
            return messages(*texts, pause_s=pause_s)
        return chat(*texts, pause_s=pause_s, usage={"prompt_tokens": 12, "completion_tokens": options.tokens})

    async def serve() -> None:
        async with ScriptedServer() as server:
            server.default = answer
            print(server.url, flush=True)
            await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    _main()
