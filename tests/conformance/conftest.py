"""Stores of every kind, on real files and real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress

import pytest
from pydantic import SecretStr

from brim.core.errors import StoreError
from brim.core.store.protocol import SessionStore
from brim.core.store.urls import make_store
from brim.core.types import new_id
from tests.support.store_servers import PostgresServer, RedisServer

KINDS = ("sqlite", "postgres", "redis")
Opening = Callable[[], Awaitable[SessionStore]]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.remove()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest, tmp_path) -> str:
    """The URL of a store that nobody has used."""
    if kind == "postgres":
        return request.getfixturevalue("postgres").url(f"t_{new_id()}", lease=1)
    if kind == "redis":
        return request.getfixturevalue("redis").url(f"t_{new_id()}", lease=1)
    return f"sqlite:///{tmp_path / 'brim.db'}"


@pytest.fixture
async def opened(url: str, tmp_path) -> AsyncIterator[Opening]:
    """Open further stores on the same data."""
    stores: list[SessionStore] = []

    async def open_one() -> SessionStore:
        store = make_store(SecretStr(url), tmp_path / "unused.db")
        await store.open()
        stores.append(store)
        return store

    yield open_one
    for store in stores:
        with suppress(StoreError):
            await store.aclose()


@pytest.fixture
async def store(opened: Opening) -> SessionStore:
    return await opened()
