"""How much a request may bring, and for how long."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from brim.serve.faults import fault


class BodyLimit:
    """Refuses bodies that are too long, before they are read whole, and those that do not come.

    Args:
        app: what comes next.
        most_bytes: the longest body.
        most_s: how long it may take to come, in seconds.
    """

    def __init__(self, app: ASGIApp, most_bytes: int, most_s: float) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._most_s = most_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 413 or 408."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = dict(scope["headers"]).get(b"content-length", b"0")
        if not said.isdigit():
            await fault(400, "bad_input", "Content-Length is no number.")(scope, receive, send)
            return
        if int(said) > self._most_bytes:
            await self._refuse(scope, receive, send)
            return
        read = 0
        is_over = is_late = is_whole = has_begun = False
        until = asyncio.get_running_loop().time() + self._most_s

        async def counted() -> Message:
            nonlocal read, is_over, is_late, is_whole
            if is_whole:
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                is_late = True
                return {"type": "http.disconnect"}
            is_whole = not message.get("more_body", False)
            read += len(message.get("body", b""))
            if read > self._most_bytes:
                is_over = True
                return {"type": "http.disconnect"}
            return message

        async def watched(message: Message) -> None:
            nonlocal has_begun
            if (is_over or is_late) and not has_begun:
                return
            has_begun = True
            await send(message)

        try:
            await self._app(scope, counted, watched)
        except Exception:
            if not (is_over or is_late) or has_begun:
                raise
        if has_begun:
            return
        if is_over:
            await self._refuse(scope, receive, send)
        elif is_late:
            sentence = f"The request did not come whole within {self._most_s:g} seconds."
            await fault(408, "too_slow", sentence)(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        sentence = f"The request is longer than {self._most_bytes:,} bytes."
        await fault(413, "too_long", sentence)(scope, receive, send)
