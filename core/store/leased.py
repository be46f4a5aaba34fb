"""A store on a server: answers are written under leases, which other stores take when their holder is not heard of."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from brim.core.errors import BusyElsewhereError, SettingsError, StoreError, StoreUnreachableError
from brim.core.store import leases, message_table, session_table
from brim.core.store.connection import Work, Worker
from brim.core.store.outages import RENEWAL, Outages
from brim.core.store.tables import TableStore
from brim.core.store.urls import StoreUrl
from brim.core.types import Message, QueuedPrompt, Session, Status, ToolCall

_log = logging.getLogger(__name__)

LEASE_S = 30.0
"""How long an answer belongs to the store that writes it if that is not heard of, in seconds."""

_RETRY_S = 0.5

T = TypeVar("T")


class LeasedStore(TableStore):
    """The part of a `SessionStore` that is the same on all servers.

    Args:
        connections: what gets work to the rows.
        store: the mark of this store among those that use the same data.
        lease_s: how long a lease lasts, in seconds.
    """

    def __init__(self, connections: Worker, store: str, lease_s: float) -> None:
        self._id = store
        self._lease_s = lease_s
        self._own: set[str] = set()
        """The answers that this store is writing."""
        self._leased: set[str] = set()
        """The sessions whose leases it has, as far as it knows."""
        self._outages = Outages(lease_s)
        self._renewer: asyncio.Task[None] | None = None
        super().__init__(connections)

    def _hold(self, session_id: str, file: sqlite3.Connection) -> None:
        """Keep others from a session until the transaction ends."""

    def _begin_renewing(self, uptime_s: float) -> None:
        """Renew leases from now on, on a server that has run for ``uptime_s`` seconds."""
        self._outages = Outages(self._lease_s, uptime_s)
        self._renewer = asyncio.create_task(self._renew())

    async def _give_back(self) -> None:
        """Write what waits, and give all leases back."""
        renewer, self._renewer = self._renewer, None
        if renewer is not None:
            renewer.cancel()
            await asyncio.gather(renewer, return_exceptions=True)
            await self._end_work()
            await self._connections.write(partial(leases.release_all, self._id), is_synced=False)

    async def recover(self) -> tuple[str, ...]:
        """Mark answers whose writer was not heard of for too long as interrupted."""
        kept = frozenset(self._leased)
        spared_s = self._outages.spared_s
        found = await self._connections.read(partial(leases.abandoned, kept, spared_s))
        if not found:
            return ()
        take_back = partial(leases.take_back, found, kept, spared_s, self._hold)
        return tuple(await self._connections.write(take_back))

    async def answering_elsewhere(self) -> frozenset[str]:
        """Return the ids of the sessions in which other stores are writing answers."""
        return await self._connections.read(partial(leases.elsewhere, self._id))

    async def lease(self, session_id: str) -> bool:
        """Take the right to write an answer in a session, or keep it."""
        work = partial(_take_lease, session_id, self._taken(session_id))
        is_taken = await self._change(session_id, work, is_synced=False)
        if is_taken:
            self._leased.add(session_id)
        return is_taken

    def _taken(self, session_id: str) -> Work[int | None]:
        claim = leases.Claim(session_id, self._id, self._lease_s, is_kept=session_id in self._leased)
        return partial(leases.take, claim, self._outages.spared_s)

    async def release(self, session_id: str) -> None:
        """Give the right to write an answer in a session back."""
        self._leased.discard(session_id)
        work = partial(leases.release, session_id, self._id)
        await self._change(session_id, work, is_synced=False)

    async def ask_to_stop(self, session_id: str) -> bool:
        """Ask the store that has the lease on a session to stop its answer."""
        work = partial(leases.ask_to_stop, session_id, self._id)
        return await self._change(session_id, work, is_synced=False)

    async def asked_to_stop(self) -> frozenset[str]:
        """Return the ids of the sessions whose answers this store is asked to stop."""
        if not self._leased:
            return frozenset()
        return await self._connections.read(partial(leases.asked_to_stop, self._id))

    async def add_message(self, message: Message, *, taken: QueuedPrompt | None = None) -> Session:
        """Keep a message and make it its session's head; an answer that is being written needs the lease.

        Raises:
            BusyElsewhereError: another store has the lease. Nothing was stored.
        """
        if message.status is not Status.STREAMING:
            return await super().add_message(message, taken=taken)
        work = partial(_begin_answer, message.model_copy(), self._taken(message.session_id))
        session = await self._change(message.session_id, work)
        self._own.add(message.id)
        self._leased.add(message.session_id)
        return session

    def journal(
        self, message_id: str, *, text: str = "", reasoning: str = "", tool_call: ToolCall | None = None
    ) -> None:
        """Add to a streaming answer without waiting. While the server is away what comes is kept here for it."""
        with suppress(StoreUnreachableError):
            super().journal(message_id, text=text, reasoning=reasoning, tool_call=tool_call)

    async def finish_message(self, message: Message) -> Session:
        """Write an answer as it is at its end, count it, and give the lease back.

        A server that is away is waited for as long as the lease would last.

        Raises:
            StoreError: it was this store's, which lost its lease, and another has ended it.
        """
        work = partial(_end_answer, message.model_copy(), message.id in self._own, self._id)
        try:
            session = await self._patiently(partial(self._change_of, message.id, work))
        except StoreUnreachableError:
            raise  # the lease is kept for another try
        except StoreError:
            self._give_up(message)
            raise
        self._give_up(message)
        if self._journal is not None:
            self._journal.forget(message.id)
        self._words_changed()
        return session

    def _give_up(self, answer: Message) -> None:
        self._own.discard(answer.id)
        self._leased.discard(answer.session_id)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until the server answers, or as long as a lease lasts."""
        end = time.monotonic() + self._lease_s
        while True:
            try:
                return await ask()
            except StoreUnreachableError:
                if time.monotonic() > end:
                    raise
            await asyncio.sleep(_RETRY_S)

    async def _renew(self) -> None:
        """Say again and again that this store lives, and hear whether the server does.

        Once it is back after it was away, this store must have said so before others may take its leases.
        """
        usual_s = pause_s = self._lease_s * RENEWAL
        while True:
            await asyncio.sleep(pause_s)
            self._outages.asked()
            try:
                if self._leased:
                    renew = partial(leases.renew, tuple(self._leased), self._id, self._lease_s)
                    await self._connections.write(renew, is_synced=False)
                else:
                    await self._connections.read(_nothing)
            except StoreUnreachableError:
                self._outages.failed()
                pause_s = min(_RETRY_S, usual_s)
            except StoreError as error:
                _log.warning("the leases cannot be renewed: %s", error.sentence)
            else:
                self._outages.heard()
                pause_s = usual_s


def _nothing(file: sqlite3.Connection) -> None:
    """Only hear whether the server answers."""


def seconds_of(url: StoreUrl) -> float:
    """Return how long leases last, in seconds. Raises `SettingsError` where the URL says no such number."""
    text = dict(url.options).get("lease", "")
    if not text:
        return LEASE_S
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 3600:
        raise SettingsError("The lease in the store's URL must be a number of seconds from 1 to 3600.")
    return seconds


def _take_lease(session_id: str, take: Work[int | None], file: sqlite3.Connection) -> bool:
    session_table.get(session_id, file)
    return take(file) is not None


def _begin_answer(message: Message, take: Work[int | None], file: sqlite3.Connection) -> Session:
    """Add an answer that is being written, under the lease of its session, which is held."""
    session_table.get(message.session_id, file)
    fence = take(file)
    if fence is None:
        raise BusyElsewhereError(
            "Another brim is writing an answer in this session.", hint="Wait until it is done."
        )
    return message_table.add(message, str(fence), file)


def _end_answer(message: Message, is_own: bool, store: str, file: sqlite3.Connection) -> Session:
    """End an answer and give the lease back, unless another store has ended it."""
    if is_own and not message_table.is_streaming(message.id, file):
        kept = message_table.get(message.id, file)
        if (kept.status, kept.content) == (message.status, message.content):
            return session_table.get(
                kept.session_id, file
            )  # it was written, and the link broke before that was heard
        raise StoreError(
            "This answer was taken for interrupted, because nothing was heard of this brim for too long.",
            hint="What had come of it by then is kept.",
        )
    session = message_table.finish(message, file)
    leases.release(session.id, store, file)
    return session
