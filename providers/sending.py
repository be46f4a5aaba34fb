"""Sending a request over a connection that may be gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def sent(send: Callable[[], Awaitable[T]]) -> T:
    """Return what ``send`` returns, which is called once more where the server closed the connection just then.

    llama.cpp closes now and then, right after an answer, a connection that it had promised to keep. A request
    that is on its way by then is read by nobody.
    """
    try:
        return await send()
    except Exception as error:
        if not _was_closed(error):
            raise
    return await send()


def _was_closed(error: Exception) -> bool:
    import httpx2

    cause = error.__cause__
    return isinstance(cause, httpx2.RemoteProtocolError) and "without sending a response" in str(cause)
