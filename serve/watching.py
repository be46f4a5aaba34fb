"""Each request as it is seen from outside: an id, a line in the log, a count."""

from __future__ import annotations

import logging
import re
import secrets
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from brim.serve.logs import request_of_log
from brim.serve.metrics import Metrics

_log = logging.getLogger(__name__)
_ID = re.compile(rb"[0-9A-Za-z._-]{1,64}")


class Watching:
    """Gives every request an id (``X-Request-Id``, kept where the caller sends one), logs and counts it.

    Args:
        app: what comes next.
        metrics: counts.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and watch what becomes of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        request_id = given if _ID.fullmatch(given) else secrets.token_hex(8).encode()
        request_of_log.set(request_id.decode())
        began = perf_counter()
        status = 500
        is_stream = False

        async def watched(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
                is_stream = any(
                    name == b"content-type" and value.startswith(b"text/event-stream")
                    for name, value in message["headers"]
                )
                self._metrics.streams.inc(is_stream)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            self._metrics.streams.dec(is_stream)
            took_s = perf_counter() - began
            route = scope.get("route")
            # The template, so that ids do not become labels without end.
            path = getattr(route, "path", "") or "other"
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(method, path, status).inc()
            self._metrics.duration.labels(method, path).observe(took_s)
            state = scope.get("state", {})
            session_id = scope.get("path_params", {}).get("session_id") or state.get("session_id", "")
            _log.info(
                "request",
                extra={
                    "method": method,
                    "path": path,
                    "status": status,
                    "duration_s": round(took_s, 4),
                    "owner": getattr(state.get("caller"), "name", ""),
                    "session_id": session_id[:64],
                },
            )


_METHODS = {"GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"}
