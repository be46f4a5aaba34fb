"""A scripted chat-completions server: the same Markdown to everyone, token by token, at a given speed.

Every token is a word of its own (``t00042``), so that it can be found on a screen. Run it as a program: it
prints its address, then serves until its standard input closes. The prompt says what to send::

    tokens=1000 speed=100        speed 0 is a flood: all at once
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

BLOCK = (
    "## Heading {w}\n\n",
    "A paragraph with **bold {w}** and `code {w}` and a [link {w}](https://example.org/{w}), then {w} and {w} in 日本語の文章 {w} and 🙂 {w}.\n\n",
    "- item {w}\n- item {w} with more {w}\n  - nested {w} and {w}\n- last {w}\n\n",
    "1. first {w}\n2. second {w}\n\n",
    "| name | value |\n|---|---:|\n| {w} | {w} |\n| {w} | {w} |\n\n",
    '```python\ndef {w}(x: int) -> str:\n    # {w}\n    return f"{{x}} {w}"\n\n{w} = [1, 2, 3]\n```\n\n',
    "> A quote {w} that says {w}.\n\n",
)


def pieces(count: int) -> list[str]:
    """Return ``count`` tokens of text; each holds exactly one numbered word."""
    out: list[str] = []
    block = 0
    rest = ""
    while len(out) < count:
        parts = BLOCK[block % len(BLOCK)].split("{w}")
        rest += parts[0]
        for part in parts[1:]:
            if len(out) == count:
                break
            word = f"t{len(out):05d}"
            out.append((rest + word).replace("{{", "{").replace("}}", "}"))
            rest = part
        block += 1
    out[-1] += "\n\nThe end.\n"
    return out


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve the requests of one connection."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = re.search(rb"content-length: *(\d+)", head, re.I)
            body = await reader.readexactly(int(length.group(1))) if length else b""
            if b"/chat/completions" not in head.split(b"\r\n", 1)[0]:
                writer.write(
                    b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}"
                )
                await writer.drain()
                continue
            await stream(json.loads(body), writer)
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        pass  # also at the end of the server: asyncio would print a traceback for each connection
    finally:
        writer.close()


async def stream(request: dict, writer: asyncio.StreamWriter) -> None:
    """Send one answer and note when each token left."""
    prompt = request["messages"][-1]["content"]
    prompt = prompt if isinstance(prompt, str) else prompt[0]["text"]
    wish = dict(re.findall(r"(tokens|speed)=(\d+)", prompt))
    count, speed = int(wish.get("tokens", 50)), int(wish.get("speed", 0))
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")

    def send(payload: str) -> None:
        data = f"data: {payload}\n\n".encode()
        writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def chunk(delta: dict, finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return json.dumps(
            {
                "id": "c",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "gpt-4o",
                "choices": [choice],
            }
        )

    sent = []
    start = time.monotonic()
    for index, piece in enumerate(pieces(count)):
        if speed:
            await writer.drain()
            await asyncio.sleep(max(0.0, start + index / speed - time.monotonic()))
        if writer.is_closing():
            raise ConnectionResetError
        sent.append(time.monotonic())
        send(chunk({"content": piece}))
    send(chunk({}, "stop"))
    usage = {"prompt_tokens": 10, "completion_tokens": count, "total_tokens": count + 10}
    if request.get("stream_options", {}).get("include_usage"):
        send(
            json.dumps(
                {
                    "id": "c",
                    "object": "chat.completion.chunk",
                    "created": 1,
                    "model": "gpt-4o",
                    "choices": [],
                    "usage": usage,
                }
            )
        )
    send("[DONE]")
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    print(json.dumps({"sent": sent}), flush=True)


async def main() -> None:
    """Serve until standard input closes."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=1 << 24)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
