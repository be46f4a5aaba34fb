"""The service on a free port of this machine, in this process with an agent of the test's, or in its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from pydantic import SecretStr

from brim import AgentInterface, SessionManager
from brim.core.store.urls import make_store
from brim.serve.app import create_app
from brim.serve.keys import KeyFile
from brim.serve.options import ServeOptions
from brim.serve.server import Server


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    id: str
    name: str
    data: Any


class Running:
    """A service that listens."""

    def __init__(self, url: str, manager: SessionManager, server: Server) -> None:
        self.url = url
        self.manager = manager
        self.server = server

    def client(self, key: str = "") -> httpx2.AsyncClient:
        """Return a client; close it."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=50)


@asynccontextmanager
async def running(
    agent: AgentInterface, folder: Path, *, keys: KeyFile | None = None, **options: Any
) -> AsyncIterator[Running]:
    """Run a service over the sessions in ``folder`` and stop it at the end."""
    url = options.pop("store", None)
    store = make_store(None if url is None else SecretStr(url), folder / "brim.db")
    manager = SessionManager(agent, store=store)
    await manager.open()
    moderate = options.pop("moderate", None)
    chosen = ServeOptions(grace_s=options.pop("grace_s", 1.0), **options)
    app = create_app(manager, chosen, keys or KeyFile(folder / "keys.toml"), moderate=moderate)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        server = Server(app, chosen.grace_s)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            while not (server.started or task.done()):
                await asyncio.sleep(0.005)
            yield Running(f"http://127.0.0.1:{listening.getsockname()[1]}", manager, server)
        finally:
            server.should_exit = True
            await task


class Served:
    """A service in a process of its own."""

    def __init__(self, url: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.url = url
        self.process = process
        self._log = log

    def client(self, key: str = "") -> httpx2.AsyncClient:
        """Return a client; close it."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=50)

    def log(self) -> list[dict[str, Any]]:
        """Return what it has logged so far."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]


@asynccontextmanager
async def served(home: Path, *arguments: str, env: Mapping[str, str] | None = None) -> AsyncIterator[Served]:
    """Run ``brim serve`` on a free port and end it."""
    log = home / "serve.log"
    with log.open("wb") as errors:
        process = await _started(home, ("--port", "0", *arguments), env or {}, errors)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            line = (await process.stdout.readline()).decode()
        found = re.search(r"http://\S+", line)
        assert found is not None, log.read_text()
        yield Served(found.group(0), process, log)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def refused(
    home: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> tuple[int | None, str]:
    """Run a ``brim serve`` that does not begin; returns its exit code and what it says."""
    process = await _started(
        home, ("--model", "scripted:demo", *arguments), env or {}, asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(30):
        said, _ = await process.communicate()
    return process.returncode, said.decode()


async def _started(
    home: Path, arguments: tuple[str, ...], env: Mapping[str, str], errors: Any
) -> asyncio.subprocess.Process:
    known = {name: value for name, value in os.environ.items() if not name.startswith("BRIM_")}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "brim", "serve", *arguments,
        env={**known, "BRIM_HOME": str(home), **env}, stdout=asyncio.subprocess.PIPE, stderr=errors,
    )  # fmt: skip


async def events_of(response: httpx2.Response) -> AsyncIterator[Event]:
    """Yield the events of a stream."""
    fields: dict[str, list[str]] = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))
            continue
        if "data" in fields:
            yield Event(
                fields.get("id", [""])[0],
                fields.get("event", ["message"])[0],
                json.loads("\n".join(fields["data"])),
            )
        fields = {}
