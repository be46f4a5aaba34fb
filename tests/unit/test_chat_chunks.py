"""The chunks of a streamed chat completion, however the server cuts and ends its lines."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import openai
import pytest

from brim.providers.chat_reader import chunks


class Body(httpx2.AsyncByteStream):
    """A response that comes in pieces; ``is_read`` once all were taken."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self.is_read = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        self.is_read = True


async def read(body: Body) -> list[object]:
    request = httpx2.Request("POST", "http://127.0.0.1/v1/chat/completions")
    return [chunk async for chunk in chunks(httpx2.Response(200, stream=body, request=request))]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_chunks_come_whole_however_they_are_cut(end: bytes, size: int) -> None:
    lines = (
        b": hello",
        b"",
        b"event: x",
        b'data: {"a": "\xc3\xa9\xe2\x80\xa8"}',
        b"",
        b'data:{"b":',
        b"data: 2}",
        b"",
    )
    said = end.join((*lines, b"data: [DONE]", b"", b""))
    body = Body(*(said[start : start + size] for start in range(0, len(said), size)))
    assert await read(body) == [{"a": "é\u2028"}, {"b": 2}]
    assert body.is_read  # or its connection could not be used again


async def test_an_event_without_data_is_no_chunk() -> None:
    assert await read(Body(b"event: ping\n\ndata:\n\ndata: 1\n\n")) == [1]


async def test_what_is_cut_off_is_no_chunk() -> None:
    assert await read(Body(b'data: {"a": 1}\n\n', b'data: {"b"')) == [{"a": 1}]


async def test_a_chunk_may_say_that_something_failed() -> None:
    with pytest.raises(openai.APIError, match="no more memory") as caught:
        await read(Body(b'data: {"error": {"message": "no more memory", "code": "oom"}}\n\n'))
    assert caught.value.body == {"message": "no more memory", "code": "oom"}


async def test_what_is_no_json_is_told() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        await read(Body(b"data: hello\n\n"))
