"""How much the service adds: CPU for a relayed token, latency and memory with many streams.

uv run --group dev python bench/serving.py relay      # beside a bare Starlette relay
uv run --group dev python bench/serving.py streams    # 500 streams at 20 tokens/s (BENCH_STREAMS=500)
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import httpx2

HERE = Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")
STREAMS = int(os.environ.get("BENCH_STREAMS", "500"))
TOKENS = int(os.environ.get("BENCH_TOKENS", "20000"))


class Program:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url

    def cpu_s(self) -> float:
        """Return the CPU time that it has taken so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_mb(self) -> float:
        """Return its proportional set size."""
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1)) / 1024


@contextmanager
def program(arguments: list[str], environment: dict[str, str], said: str) -> Iterator[Program]:
    """Run a server until the block ends; ``said`` finds its address in what it prints."""
    process = subprocess.Popen(
        arguments,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        for line in process.stdout:
            if found := re.search(said, line):
                Thread(target=process.stdout.read, daemon=True).start()  # or it would wait for a reader
                yield Program(process, found.group(0))
                break
    finally:
        process.terminate()
        process.wait(30)
        process.stdin.close()


@contextmanager
def servers() -> Iterator[tuple[Program, Program]]:
    """Run the service and the bare relay in front of the same model server."""
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory())
        model = stack.enter_context(
            program([sys.executable, str(HERE / "stream_server.py")], {}, r"http://\S+")
        )
        settings = {
            "OPENAI_BASE_URL": model.url if model.url.endswith("/v1") else model.url + "/v1",
            "OPENAI_API_KEY": "none",
            "BRIM_HOME": home,
            "BRIM_SERVE_GRACE_S": "1",
        }
        brim = [sys.executable, "-m", "brim", "serve", "--port", "0", "--model", "openai:gpt-4o"]
        service = stack.enter_context(program(brim, settings, r"http://\S+"))
        bare = [sys.executable, "-c", _BARE]
        relay = stack.enter_context(program(bare, {**settings, "PYTHONPATH": str(HERE)}, r"http://\S+"))
        yield service, relay


_BARE = """
import asyncio, socket, uvicorn, bare_relay
listening = socket.socket(); listening.bind(("127.0.0.1", 0)); listening.listen(2048)
print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
server = uvicorn.Server(uvicorn.Config(bare_relay.app, log_config=None, access_log=False))
asyncio.run(server.serve(sockets=[listening]))
"""


async def ask(client: httpx2.AsyncClient, url: str, text: str) -> tuple[str, list[float], float]:
    """Send a question; returns the text of the answer, and of each event the moment it came."""
    words, moments = [], []
    async with client.stream("POST", url, json={"text": text}) as response:
        assert response.status_code == 200, await response.aread()
        name = ""
        async for line in response.aiter_lines():
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: ") and name == "text_added":
                moments.append(time.monotonic())
                words.append(json.loads(line[6:])["text"])
    return "".join(words), moments, time.monotonic()


class Listener(asyncio.Protocol):
    """Sends one question and notes when the tokens of its answer come; it takes little CPU, which the servers need."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._tail = b""
        self.moments: list[float] = []
        self.is_whole = False
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Count events of text."""
        # What the end of one piece and the beginning of the next hold together counts with the next.
        seen = self._tail + data
        new = seen.count(_EVENT) - self._tail.count(_EVENT)
        self.moments += [time.monotonic()] * new
        self.is_whole = self.is_whole or b"The end." in seen
        self._tail = seen[-64:]
        if seen.endswith(b"\r\n0\r\n\r\n") and not self.ended.done():
            self.ended.set_result(None)

    def connection_lost(self, _error: Exception | None) -> None:
        """Wait no longer."""
        if not self.ended.done():
            self.ended.set_result(None)


_EVENT = b"event: text_added"


async def listen(url: str, text: str) -> Listener:
    """Ask at a URL and wait for the end of the answer."""
    place, body = urlsplit(url), json.dumps({"text": text})
    head = f"POST {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
    transport, listener = await asyncio.get_running_loop().create_connection(
        lambda: Listener(request), place.hostname, place.port
    )
    await listener.ended
    transport.close()
    return listener


async def relay() -> None:
    """Compare CPU for a token."""
    async with httpx2.AsyncClient(timeout=300) as client:
        with servers() as (service, bare):
            figures: dict[str, list[float]] = {"service": [], "bare": []}
            for run in range(4):
                for name, server in (("service", service), ("bare", bare)):
                    url = f"{server.url}/turn"
                    if name == "service":
                        made = (await client.post(f"{server.url}/sessions", json={})).json()["id"]
                        url = f"{server.url}/sessions/{made}/turns"
                    before = server.cpu_s()
                    text, _, _ = await ask(client, url, f"tokens={TOKENS} speed=1000")
                    assert text.count("t0") or TOKENS < 1, text[:100]
                    if run:  # the first warms up
                        figures[name].append((server.cpu_s() - before) / TOKENS * 1e6)
    medians = {name: statistics.median(values) for name, values in figures.items()}
    for name, value in medians.items():
        print(f"{name:8} {value:7.1f} µs CPU a token  ({', '.join(f'{v:.1f}' for v in figures[name])})")
    print(f"ratio    {medians['service'] / medians['bare']:.2f}  (goal: at most 2)")


async def many(server: Program, *, is_service: bool) -> float:
    """Open many streams at once and look at latency and memory; returns how late tokens were (p95), in ms."""
    urls = [f"{server.url}/turn"] * STREAMS
    if is_service:
        async with httpx2.AsyncClient(timeout=300) as client:
            made = [
                (await client.post(f"{server.url}/sessions", json={})).json()["id"] for _ in range(STREAMS)
            ]
        urls = [f"{server.url}/sessions/{each}/turns" for each in made]
    before, began = server.cpu_s(), time.monotonic()
    answers = await asyncio.gather(*(listen(url, "tokens=200 speed=20") for url in urls))
    took, cpu = time.monotonic() - began, server.cpu_s() - before
    whole = sum(answer.is_whole for answer in answers)
    gaps = sorted(later - earlier - 0.05 for answer in answers for earlier, later in pairwise(answer.moments))
    p95 = gaps[int(0.95 * len(gaps))] * 1000
    print(
        f"{'service' if is_service else 'bare':8} {whole} of {STREAMS} whole, {took:.1f} s (10 s are sent), "
        f"lateness of a token p95 {p95:.0f} ms, memory {server.memory_mb():.0f} MiB, "
        f"CPU {cpu:.1f} s, {cpu / STREAMS / 200 * 1e6:.0f} µs a token with all that a turn takes"
    )
    return p95


async def streams() -> None:
    """Compare latency and memory with many streams."""
    with servers() as (service, bare):
        without = await many(bare, is_service=False)
        added = await many(service, is_service=True) - without
    print(f"added    {added:.0f} ms (goal: at most 50)")


if __name__ == "__main__":
    asyncio.run({"relay": relay, "streams": streams}[sys.argv[1] if len(sys.argv) > 1 else "relay"]())
