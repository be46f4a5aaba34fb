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


async def many(server: Program, *, is_service: bool) -> None:
    """Open many streams at once and look at latency and memory."""
    limits = httpx2.Limits(max_connections=STREAMS + 10, max_keepalive_connections=STREAMS + 10)
    async with httpx2.AsyncClient(timeout=300, limits=limits) as client:
        urls = [f"{server.url}/turn"] * STREAMS
        if is_service:
            made = [
                (await client.post(f"{server.url}/sessions", json={})).json()["id"] for _ in range(STREAMS)
            ]
            urls = [f"{server.url}/sessions/{each}/turns" for each in made]
        began = time.monotonic()
        answers = await asyncio.gather(*(ask(client, url, "tokens=200 speed=20") for url in urls))
        took = time.monotonic() - began
    whole = sum("The end." in text for text, _, _ in answers)
    gaps = sorted(later - earlier - 0.05 for _, moments, _ in answers for earlier, later in pairwise(moments))
    p95 = gaps[int(0.95 * len(gaps))] * 1000
    name = "service" if is_service else "bare"
    print(
        f"{name:8} {whole} of {STREAMS} whole, {took:.1f} s (10 s are sent), "
        f"lateness of a token p95 {p95:.0f} ms, memory {server.memory_mb():.0f} MiB, CPU {server.cpu_s():.1f} s"
    )


async def streams() -> None:
    """Compare latency and memory with many streams."""
    with servers() as (service, bare):
        await many(bare, is_service=False)
        await many(service, is_service=True)


if __name__ == "__main__":
    asyncio.run({"relay": relay, "streams": streams}[sys.argv[1] if len(sys.argv) > 1 else "relay"]())
