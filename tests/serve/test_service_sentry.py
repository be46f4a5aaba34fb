"""What Sentry gets, over HTTP, from a process of its own: its SDK is global."""

import asyncio
import gzip
import json
import os
import sys

import pytest

from brim import SettingsError
from brim.serve.sentry import start

CHILD = """
import asyncio, sys
from pathlib import Path
import sentry_sdk
from brim import ScriptedAgent, SessionManager
from brim.serve.sentry import start, tell_of_failures

class Broken(ScriptedAgent):
    async def process_stream(self, context):
        raise KeyError("THE SECRET TEXT")
        yield

async def main(dsn):
    start(dsn)
    async with SessionManager(Broken()) as manager:
        watcher = asyncio.create_task(tell_of_failures(manager))
        await asyncio.sleep(0)
        session = await manager.create()
        await (await manager.send(session.id, "THE SECRET TEXT")).wait()
        try:
            local = "THE SECRET TEXT"
            raise ValueError(local)
        except ValueError as error:
            sentry_sdk.capture_exception(error)
    await watcher
    sentry_sdk.flush(5)

asyncio.run(main(sys.argv[1]))
"""


async def test_sentry_is_told_of_defects_without_a_word_that_somebody_wrote():
    received = []
    both = asyncio.Event()

    async def answer(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:] if ": " in line)
        body = await reader.readexactly(int(fields["content-length"]))
        received.append(gzip.decompress(body) if fields.get("content-encoding") == "gzip" else body)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()
        if sum(b'"type":"event"' in each.replace(b" ", b"") for each in received) >= 2:
            both.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        dsn = f"http://key@127.0.0.1:{server.sockets[0].getsockname()[1]}/1"
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, dsn, env={**os.environ}, stderr=asyncio.subprocess.PIPE
        )
        _, said = await child.communicate()
        assert child.returncode == 0, said.decode()
        async with asyncio.timeout(10):
            await both.wait()
    told = b"\n".join(received)
    assert b"a turn failed: defect" in told and b"ValueError" in told
    assert b"THE SECRET TEXT" not in told
    events = [
        json.loads(line) for line in told.split(b"\n") if line.startswith(b"{") and b'"exception"' in line
    ]
    assert "vars" not in json.dumps(events)


def test_a_dsn_that_is_none_is_said_so():
    with pytest.raises(SettingsError, match="DSN"):
        start("nonsense")
