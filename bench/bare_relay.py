"""The baseline of the service: Starlette in front of the same model server, passing on the text of each token."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

UPSTREAM = os.environ["OPENAI_BASE_URL"]
client = httpx2.AsyncClient(
    timeout=None, limits=httpx2.Limits(max_connections=2_000, max_keepalive_connections=2_000)
)


async def tokens(text: str) -> AsyncIterator[bytes]:
    """Ask the model and yield an event for each token."""
    body = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": text}]}
    async with client.stream("POST", f"{UPSTREAM}/chat/completions", json=body) as response:
        async for line in response.aiter_lines():
            if not line.startswith("data: ") or line == "data: [DONE]":
                continue
            chunk = json.loads(line[6:])
            for choice in chunk["choices"]:
                if content := choice["delta"].get("content"):
                    yield f"event: text_added\ndata: {json.dumps({'text': content})}\n\n".encode()
    yield b"event: turn_finished\ndata: {}\n\n"


async def turn(request: Request) -> StreamingResponse:
    """Answer one question."""
    return StreamingResponse(tokens((await request.json())["text"]), media_type="text/event-stream")


app = Starlette(routes=[Route("/turn", turn, methods=["POST"])])
