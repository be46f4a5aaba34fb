"""A server that is away for longer than a lease lasts: whoever is alive keeps what it writes, and the dead lock nothing."""

from __future__ import annotations

import asyncio
import time

import pytest

from brim.core.types import Status, new_id
from tests.conformance.test_leases import begun, ended, killed_in_the_middle, taken
from tests.support.store_servers import PostgresServer, RedisServer

LEASE_S = 4

pytestmark = pytest.mark.slow


@pytest.fixture(params=["postgres", "redis"])
def own(request: pytest.FixtureRequest):
    """A server that a test may stop."""
    server = {"postgres": PostgresServer, "redis": RedisServer}[request.param]()
    yield server
    server.remove()


@pytest.fixture
def url(own) -> str:
    return own.url(f"t_{new_id()}", lease=LEASE_S)


async def away(server) -> None:
    """Stop a server for longer than a lease."""
    await asyncio.to_thread(server.stop)
    await asyncio.sleep(LEASE_S + 1)
    await asyncio.to_thread(server.start)


async def test_the_answer_of_a_living_writer_outlasts_a_long_outage(own, opened):
    one, two = await opened(), await opened()
    answer = await begun(one)
    one.journal(answer.id, text="before ")
    await away(own)
    late = await opened()
    end = time.monotonic() + LEASE_S * 1.5
    while time.monotonic() < end:
        for other in (two, late):
            assert await other.recover() == ()
            assert not await other.lease(answer.session_id)
        await asyncio.sleep(0.05)
    await one.finish_message(ended(answer, "before and after"))
    kept = await two.message(answer.id)
    assert (kept.status, kept.content) == (Status.COMPLETE, "before and after")
    assert await two.lease(answer.session_id)


async def test_the_answer_of_a_writer_that_died_before_a_long_outage_is_taken_back_after_it(own, url, opened):
    store = await opened()
    session_id, answer_id = await asyncio.to_thread(killed_in_the_middle, url)
    await away(own)
    await taken(store, session_id)
    kept = await store.message(answer_id)
    assert (kept.status, kept.content) == (Status.INTERRUPTED, "what had come")
