"""Requests that are not right: each is answered with a 4xx and a sentence, and the service goes on."""

import asyncio
import json
from urllib.parse import quote

import pytest

from brim import ScriptedAgent
from tests.support.service import running

JSON = {"Content-Type": "application/json"}
SESSION = "{session}"

BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"1",
    b'"text"',
    b"\xff\xfe\x00",
    b'{"text": 1}',
    b'{"text": null}',
    b'{"text": ""}',
    b'{"text": "   "}',
    b'{"text": ["a"]}',
    b'{"text": "a", "more": 1}',
    b'{"text": "a", "cleanup": "maybe"}',
    b'{"text": "a", "stream": []}',
    b'{"message": "a"}',
    b'{"text": "a"',
    b"[" * 5_000,
    b'{"a":' * 5_000,
    json.dumps({"text": "x" * 2_000_000}).encode(),
]
CREATED = [
    b'{"title": 1}',
    b'{"title": "' + b"x" * 600 + b'"}',
    b'{"model": 7}',
    b'{"model": "' + b"x" * 300 + b'"}',
    b'{"parameters": {"temperature": 9}}',
    b'{"parameters": {"temperature": "hot"}}',
    b'{"parameters": {"max_tokens": 0}}',
    b'{"parameters": {"max_tokens": 1e99}}',
    b'{"parameters": {"stop": "x"}}',
    b'{"parameters": {"seed": 9223372036854775808}}',
    b'{"title": "\\ud800"}',
    b'{"system_prompt": "\\ud800"}',
    b'{"parameters": {"seed": "x"}}',
    b'{"parameters": {"reasoning_effort": "much"}}',
    b'{"parameters": {"unknown": 1}}',
    b'{"parameters": []}',
    b'{"owner": "someone"}',
    b'{"id": "0000"}',
]
COMPLETIONS = [
    b"{}",
    b'{"model": "m"}',
    b'{"model": "m", "messages": []}',
    b'{"model": "m", "messages": [{}]}',
    b'{"model": "m", "messages": [{"role": "wizard", "content": "x"}]}',
    b'{"model": "m", "messages": [{"role": "user", "content": 5}]}',
    b'{"model": "m", "messages": [{"role": "user", "content": [{"type": "video"}]}]}',
    b'{"model": "m", "messages": [{"role": "user"}]}',
    b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "n": 3}',
    b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "temperature": -1}',
    b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": -1}',
    b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": "perhaps"}',
    b'{"model": "m", "messages": "hello"}',
    b'{"model": [], "messages": [{"role": "user", "content": "x"}]}',
    b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "seed": 9223372036854775808}',
    b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "seed": -9223372036854775809, "stream": true}',
    b'{"model": "m", "messages": [{"role": "user", "content": "x\\ud800"}]}',
    b'{"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "x\\ud800"}]}]}',
    b'{"model": "m\\ud800", "messages": [{"role": "user", "content": "x"}]}',
    b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "stop": ["\\ud800"]}',
    b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "stop": "\\ud800", "stream": true}',
    b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "frequency_penalty": 0.1}',
    b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "logit_bias": {"5": 1}}',
    b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "prediction": {"type": "content"}}',
    b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "verbosity": "high"}',
]
QUERIES = [
    "/sessions?limit=0",
    "/sessions?limit=-1",
    "/sessions?limit=100000",
    "/sessions?limit=x",
    "/sessions?limit=" + "9" * 400,
    "/sessions?after=nothing",
    "/sessions?after=" + quote("' OR 1=1 --"),
    "/sessions/none",
    "/sessions/" + quote("../../etc/passwd", safe=""),
    "/sessions/" + "x" * 5_000,
    "/sessions/%00",
    "/sessions/%ff%fe",
    "/sessions/%F0%9F%98%80",
    f"/sessions/{SESSION}/messages?limit=0",
    f"/sessions/{SESSION}/messages?before=none",
    f"/sessions/{SESSION}/export?format=exe",
    f"/sessions/{SESSION}/export?format=",
    "/sessions/none/messages",
    "/sessions/none/export",
    "/sessions/none/events",
    "/nothing/here",
    "/v1/nothing",
]
METHODS = [
    ("PUT", "/sessions"),
    ("DELETE", "/sessions"),
    ("POST", "/health"),
    ("GET", "/chat/stream"),
    ("GET", "/v1/chat/completions"),
    ("TRACE", "/sessions"),
    ("BREW", "/sessions"),
    ("PATCH", f"/sessions/{SESSION}/turns"),
]
CHATS = [
    b"",
    b"{",
    b"{}",
    b'{"message": ""}',
    b'{"message": 5}',
    b'{"message": "x", "session_id": "none"}',
    b"\xff",
]
RAW = [
    b"GARBAGE\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\n\r\n",
    b"POST /sessions HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
    b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /health HTTP/1.1\r\nBad Header: x\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
]


async def test_more_than_a_hundred_malformed_requests_get_a_sentence_each(tmp_path):
    async with running(ScriptedAgent("fine"), tmp_path) as service, service.client() as client:
        session = (await client.post("/sessions", json={})).json()["id"]
        tried = [
            *(("POST", f"/sessions/{session}/turns", body, JSON) for body in BODIES),
            *(("POST", f"/sessions/{session}/turns", body, {}) for body in BODIES[:6]),
            *(("POST", "/sessions", body, JSON) for body in CREATED),
            *(("PATCH", f"/sessions/{session}", body, JSON) for body in CREATED),
            *(("POST", "/v1/chat/completions", body, JSON) for body in COMPLETIONS),
            *(("POST", "/chat/stream", body, JSON) for body in CHATS),
            *(("GET", path.replace(SESSION, session), None, {}) for path in QUERIES),
            *((method, path.replace(SESSION, session), None, {}) for method, path in METHODS),
        ]
        assert len(tried) > 100
        for method, path, body, headers in tried:
            response = await client.request(method, path, content=body, headers=headers)
            where = (method, path[:80], (body or b"")[:60])
            assert 400 <= response.status_code < 500, (where, response.status_code, response.text[:200])
            error = response.json()["error"]
            assert error["sentence"].endswith("."), (where, error)
            assert "Traceback" not in response.text and "brim/" not in response.text, where
            assert len(response.content) < 2_000, where
        answer = await client.post(f"/sessions/{session}/turns", json={"text": "Hi", "stream": False})
        assert answer.json()["content"] == "fine"


@pytest.mark.parametrize("number", range(len(RAW)))
async def test_what_is_no_http_is_refused(tmp_path, number):
    async with running(ScriptedAgent("fine"), tmp_path) as service, service.client() as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(service.url.rpartition(":")[2]))
        writer.write(RAW[number])
        await writer.drain()
        async with asyncio.timeout(10):
            said = await reader.read(200)
        writer.close()
        assert said.split(b" ")[1][:1] == b"4"
        assert (await client.get("/health")).status_code == 200


async def test_a_body_without_a_length_is_cut_off_at_the_limit(tmp_path):
    async def endless():
        for _ in range(10_000):
            yield b'{"text": "' + b"x" * 10_000

    async with running(ScriptedAgent("fine"), tmp_path) as service, service.client() as client:
        session = (await client.post("/sessions", json={})).json()["id"]
        try:
            response = await client.post(f"/sessions/{session}/turns", content=endless(), headers=JSON)
            assert response.status_code == 413
        except Exception as error:  # the service may close before all is sent
            assert type(error).__name__ in ("WriteError", "ReadError", "RemoteProtocolError")
        assert (await client.get("/health")).status_code == 200


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (b"GET /health HTTP/1.1\r\nHost: loc", b""),
        (b"POST /sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{", b"408"),
        (b"POST /sessions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}", b"408"),
    ],
)
async def test_a_request_that_does_not_come_is_not_waited_for(tmp_path, sent, answer):
    async with running(ScriptedAgent("fine"), tmp_path, patience_s=0.3) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(service.url.rpartition(":")[2]))
        # A whole request first: what is waited for is the next one on the same connection.
        writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"}")
        writer.write(sent)
        async with asyncio.timeout(10):
            said = await reader.read()
        writer.close()
        assert said.split(b" ")[1:2] == ([answer] if answer else [])
