"""The service as a process: it listens, and ends when it is told to."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError as UnreadableError

from brim.core.archive import Archive
from brim.core.errors import SettingsError
from brim.core.sessions import SessionManager
from brim.serve.app import create_app
from brim.serve.keys import KeyFile
from brim.serve.logs import log_to_stderr
from brim.serve.options import ServeOptions
from brim.serve.sentry import start
from brim.serve.server import Server
from brim.serve.service import Moderate

_BACKLOG = 2048
_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)
_DEAF_MS = 120_000
"""A client that takes nothing of what is sent to it for so long is cut off, in milliseconds."""
_GARBAGE = (10_000, 20, 50)
"""After how many new objects Python looks for circles among them, and how seldom among older ones. With hundreds of
streams its own numbers (700, 10, 10) took a seventh of the CPU, and stopped all of them for 0.1 s at a time."""

Connect = Callable[[], Awaitable[tuple[SessionManager, Archive | None]]]
"""Opens the sessions, and their archive where there is one."""


def read_options(given: Mapping[str, Any]) -> ServeOptions:
    """Return the options of the command line, then of the environment.

    Raises:
        SettingsError: one of them is wrong; the sentence names it.
    """
    chosen = {name: value for name, value in given.items() if value not in (None, ())}
    try:
        return ServeOptions(**chosen)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = "_".join(map(str, first["loc"]))
        raise SettingsError(
            f"{'The option' if name in chosen else 'BRIM_SERVE_' + name.upper()} is not right: {first['msg']}."
        ) from None
    except UnreadableError:
        raise SettingsError(
            "BRIM_SERVE_ORIGINS is no list in JSON.", hint='It looks like ["https://chat.example.com"].'
        ) from None


def run_service(
    connect: Connect, options: ServeOptions, keys: KeyFile, *, moderate: Moderate | None = None
) -> int:
    """Listen and answer until a signal ends it; returns the exit code.

    The address is said on standard output once it listens.

    Raises:
        SettingsError: the address cannot be taken.
        BrimError: the sessions cannot be opened.
    """
    gc.set_threshold(*_GARBAGE)
    log_to_stderr()
    if options.sentry_dsn is not None:
        start(options.sentry_dsn.get_secret_value())
    with (
        _listen(options.host, options.port) as listening,
        asyncio.Runner(loop_factory=_new_loop) as runner,
    ):
        return runner.run(_serve(connect, options, keys, listening, moderate))


async def _serve(
    connect: Connect,
    options: ServeOptions,
    keys: KeyFile,
    listening: socket.socket,
    moderate: Moderate | None,
) -> int:
    manager, archive = await connect()
    app = create_app(manager, options, keys, moderate=moderate, archive=archive)
    server = Server(app, options.grace_s)
    await server.serve(sockets=[listening])
    if not server.started:
        return 1
    return 128 + signal.SIGINT if server.is_interrupted else 0


def _new_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop: uvloop's, which takes less CPU for each piece that comes and goes, where there is one."""
    try:
        import uvloop
    except ImportError:  # it does not come with uvicorn on every system
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            if _USER_TIMEOUT is not None:  # connections have it from the socket that takes them
                listening.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, _DEAF_MS)
            listening.listen(_BACKLOG)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise SettingsError(
            f"The service cannot listen at {host}:{port}: {error.strerror or error}.",
            hint="Choose another with --host and --port.",
        ) from None
    return listening
