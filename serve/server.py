"""The server under the service: it says where it listens, and lets answers end before it ends itself."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from time import monotonic
from types import FrameType

import uvicorn
from fastapi import FastAPI

from brim.serve.patience import PatientProtocol
from brim.serve.service import Service

_CLOSING_S = 2
"""How long connections have to close once the answers have ended, in seconds."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Server(uvicorn.Server):
    """Listens for an app that `create_app` made.

    Args:
        app: the service.
        grace_s: how long answers may go on after it was told to end, in seconds.
    """

    def __init__(self, app: FastAPI, grace_s: float) -> None:
        self._service: Service = app.state.service
        super().__init__(
            uvicorn.Config(
                app,
                # On h11: httptools lets headers pass that are none.
                http=partial(PatientProtocol, self._service.options.patience_s),  # type: ignore[arg-type]
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="on",
                timeout_graceful_shutdown=_CLOSING_S,
            )
        )
        self._grace_s = grace_s
        self._hurry = asyncio.Event()
        self.is_interrupted = False
        """Whether it was ended at a keyboard."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say where."""
        await super().startup(sockets)
        for listening in sockets or ():
            host, port = listening.getsockname()[:2]
            sys.stdout.write(f"brim serves at http://{f'[{host}]' if ':' in host else host}:{port}\n")
            sys.stdout.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, give answers their grace, and tell those who follow them how they ended."""
        for server in self.servers:
            server.close()
        began = monotonic()
        await self._service.end(self._grace_s, self._hurry)
        left_s = 0.0 if self._hurry.is_set() else self._grace_s - (monotonic() - began)
        # Who reads slowly has what is left of the grace to read to the end.
        self.config.timeout_graceful_shutdown = max(_CLOSING_S, round(left_s))
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End; a second signal takes the grace away."""
        self.is_interrupted = sig == signal.SIGINT
        if self.should_exit:
            self._hurry.set()
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals that end a service; having ended as it was told, it is not ended by them as well."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
