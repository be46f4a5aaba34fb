"""The service as a process: it listens, and ends when it is told to."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import uvicorn
from pydantic import ValidationError

from brim.core.archive import Archive
from brim.core.errors import SettingsError
from brim.core.sessions import SessionManager
from brim.serve.app import create_app
from brim.serve.keys import KeyFile
from brim.serve.logs import log_to_stderr
from brim.serve.options import ServeOptions
from brim.serve.sentry import start
from brim.serve.service import Moderate

_BACKLOG = 2048

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
    except ValueError as error:
        raise SettingsError(f"A BRIM_SERVE_ variable is not right: {error}.") from None


def run_service(
    connect: Connect, options: ServeOptions, keys: KeyFile, *, moderate: Moderate | None = None
) -> int:
    """Listen and answer until a signal ends it; returns the exit code.

    The address is said on standard output once it listens.

    Raises:
        SettingsError: the address cannot be taken.
        BrimError: the sessions cannot be opened.
    """
    log_to_stderr()
    if options.sentry_dsn is not None:
        start(options.sentry_dsn.get_secret_value())
    with _listen(options.host, options.port) as listening:
        return asyncio.run(_serve(connect, options, keys, listening, moderate))


async def _serve(
    connect: Connect,
    options: ServeOptions,
    keys: KeyFile,
    listening: socket.socket,
    moderate: Moderate | None,
) -> int:
    manager, archive = await connect()
    server = _Server(
        uvicorn.Config(
            create_app(manager, options, keys, moderate=moderate, archive=archive),
            http="h11",  # the other one lets headers pass that are none
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=max(1, round(options.grace_s)),
        )
    )
    await server.serve(sockets=[listening])
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say where."""
        await super().startup(sockets)
        for listening in sockets or ():
            host, port = listening.getsockname()[:2]
            sys.stdout.write(f"brim serves at http://{f'[{host}]' if ':' in host else host}:{port}\n")
            sys.stdout.flush()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
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
