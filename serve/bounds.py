"""How much a request may bring."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from brim.serve.faults import fault


class BodyLimit:
    """Refuses bodies that are too long, before they are read whole.

    Args:
        app: what comes next.
        most_bytes: the longest body.
    """

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app = app
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 413."""
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
        is_over = has_begun = False

        async def counted() -> Message:
            nonlocal read, is_over
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most_bytes:
                is_over = True
                return {"type": "http.disconnect"}
            return message

        async def watched(message: Message) -> None:
            nonlocal has_begun
            if is_over and not has_begun:
                return
            has_begun = True
            await send(message)

        try:
            await self._app(scope, counted, watched)
        except Exception:
            if not is_over or has_begun:
                raise
        if is_over and not has_begun:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        sentence = f"The request is longer than {self._most_bytes:,} bytes."
        await fault(413, "too_long", sentence)(scope, receive, send)
