"""The service on a free port of this machine, with an agent of the test's."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from brim import AgentInterface, SessionManager, SQLiteStore
from brim.serve.app import create_app
from brim.serve.keys import KeyFile
from brim.serve.options import ServeOptions


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    id: str
    name: str
    data: Any


class Running:
    """A service that listens."""

    def __init__(self, url: str, manager: SessionManager, server: uvicorn.Server) -> None:
        self.url = url
        self.manager = manager
        self.server = server

    def client(self, key: str = "") -> httpx2.AsyncClient:
        """Return a client; close it."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=20)


@asynccontextmanager
async def running(
    agent: AgentInterface, folder: Path, *, keys: KeyFile | None = None, **options: Any
) -> AsyncIterator[Running]:
    """Run a service over the sessions in ``folder`` and stop it at the end."""
    manager = SessionManager(agent, store=SQLiteStore(folder / "brim.db"))
    await manager.open()
    moderate = options.pop("moderate", None)
    chosen = ServeOptions(grace_s=options.pop("grace_s", 1.0), **options)
    app = create_app(manager, chosen, keys or KeyFile(folder / "keys.toml"), moderate=moderate)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(app, http="h11", log_config=None, access_log=False, timeout_graceful_shutdown=3)
        )
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            while not (server.started or task.done()):
                await asyncio.sleep(0.005)
            yield Running(f"http://127.0.0.1:{listening.getsockname()[1]}", manager, server)
        finally:
            server.should_exit = True
            await task


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
