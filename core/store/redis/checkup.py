"""A look at a Redis server from outside, that changes nothing on it."""

from __future__ import annotations

from brim.core.store.redis.server import Server, server_errors
from brim.core.store.urls import StoreUrl


def check_up(url: StoreUrl) -> str:
    """Return what there is to say of a server.

    Raises:
        StoreError: it cannot be used, or a newer brim has written to it.
    """
    server = Server(url, "")
    with server_errors(url):
        try:
            server.check_version()
        finally:
            server.close()
    return f"{url.place} can be reached."
