"""One connection to a PostgreSQL server, which speaks as much of `sqlite3.Connection` as the tables' functions use."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, cast

import psycopg
from psycopg import sql
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumper

from brim.core.errors import SettingsError, StoreError, StoreUnreachableError
from brim.core.store.postgres.dialect import translated
from brim.core.store.postgres.rows import Row, incoming, outgoing, row_type
from brim.core.store.urls import StoreUrl

CONNECT_TIMEOUT_S = 5
"""How long the server may take to answer a new connection, in whole seconds."""

_UNHEARD_MS = 30_000
"""How long what was sent may stay unacknowledged, as where the network lets nothing through, in milliseconds."""

SCHEMA = "brim"
"""The schema of the tables where the URL names no other."""


OWN_OPTIONS = ("schema", "lease")
"""The options in a URL that are not those of PostgreSQL's library."""


def schema_of(url: StoreUrl) -> str:
    """Return the schema of a store's tables. Raises `SettingsError` where its name is wrong."""
    schema = dict(url.options).get("schema", SCHEMA)
    if re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema) is None:
        raise SettingsError("The schema in the store's URL must be a name of small letters, digits and _.")
    return schema


_PLANNING = """
    SET jit = off; SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off
"""
"""Rows are looked up by keys. Of tables that have just grown PostgreSQL does not know that reading them is slow."""


class Cursor:
    """What a statement found."""

    def __init__(self, cursor: psycopg.Cursor[tuple[Any, ...]]) -> None:
        self._cursor = cursor
        self.rowcount = cursor.rowcount
        self._type = row_type(tuple(column.name for column in cursor.description or ()))

    def __iter__(self) -> Iterator[Row]:
        """Go on with the rows."""
        while (row := self.fetchone()) is not None:
            yield row

    def fetchone(self) -> Row | None:
        """Return the next row, ``None`` after the last."""
        found = self._cursor.fetchone()
        return None if found is None else self._type(incoming(found))

    def fetchall(self) -> list[Row]:
        """Return all further rows."""
        return [self._type(incoming(found)) for found in self._cursor.fetchall()]

    def close(self) -> None:
        """Leave the other rows."""
        self._cursor.close()


class Link:
    """A connection. What it raises is SQLite's where a value cannot be kept, and psycopg's own otherwise.

    Args:
        url: the server, its database, and who asks.
    """

    def __init__(self, url: StoreUrl) -> None:
        self.server = _connected(url)
        self.is_committing = False
        """Whether a transaction has come to its end, so that nobody knows whether it was kept if the link breaks."""
        self.is_cut = False
        """Whether it was given up because the server was silent."""
        self.heard_at = time.monotonic()
        """When the server last answered, by the clock that only goes on, in seconds."""
        self.server.adapters.register_dumper(str, StrDumper)
        self.server.adapters.register_dumper(int, Int8Dumper)

    @property
    def file(self) -> sqlite3.Connection:
        """Itself, as the functions of the tables know it."""
        return cast("sqlite3.Connection", self)

    def begin(self, statements: str) -> int:
        """Do several statements without values; returns the number that the last one finds."""
        cursor = self.server.execute(cast("Any", statements))
        while cursor.nextset():
            pass
        self.heard_at = time.monotonic()
        found = cursor.fetchone()
        return int(found[0]) if found else 0

    def interrupt(self) -> None:
        """Let the statement that runs in another thread end now."""
        with suppress(psycopg.Error):
            self.server.cancel_safe(timeout=CONNECT_TIMEOUT_S)

    def cut(self) -> None:
        """Give the connection up, so that the thread that waits for the server waits no longer."""
        self.is_cut = True
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(self.server.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    def execute(self, statement: str, values: Mapping[str, Any] | Sequence[Any] = ()) -> Cursor:
        """Do a statement."""
        with _unfit_values():
            cursor = self.server.cursor()
            cursor.execute(cast("Any", translated(statement)), outgoing(values))
            self.heard_at = time.monotonic()
            return Cursor(cursor)

    def executemany(self, statement: str, rows: Iterable[Mapping[str, Any] | Sequence[Any]]) -> Cursor:
        """Do a statement for each of several rows of values."""
        with _unfit_values():
            cursor = self.server.cursor()
            cursor.executemany(cast("Any", translated(statement)), [outgoing(row) for row in rows])
            self.heard_at = time.monotonic()
            return Cursor(cursor)


def _connected(url: StoreUrl) -> psycopg.Connection[tuple[Any, ...]]:
    options = dict(url.options)
    schema = schema_of(url)
    for ours in OWN_OPTIONS:
        options.pop(ours, None)
    given: dict[str, Any] = {
        "host": url.host,
        "port": url.port,
        "user": url.user,
        "password": url.password.get_secret_value(),
    }
    told = {name: value for name, value in given.items() if value}
    with server_errors(url):
        server = psycopg.connect(
            **{
                "connect_timeout": CONNECT_TIMEOUT_S,
                "application_name": "brim",
                "keepalives_idle": 30,
                "tcp_user_timeout": _UNHEARD_MS,
                **options,
                **told,
                "dbname": url.path,
            },
            autocommit=True,
            client_encoding="UTF8",
        )
        try:
            server.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(schema)))
            server.execute(_PLANNING)
        except BaseException:
            server.close()
            raise
        return server


@contextmanager
def _unfit_values() -> Iterator[None]:
    """Turn what PostgreSQL says of values that it cannot keep into what SQLite says of them."""
    try:
        yield
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        raise sqlite3.IntegrityError(_said(error)) from error
    except psycopg.ProgrammingError as error:
        if error.sqlstate is None:  # it has not come to the server
            raise sqlite3.ProgrammingError(_said(error)) from error
        raise


@contextmanager
def server_errors(url: StoreUrl) -> Iterator[None]:
    """Turn what psycopg and SQLite raise into `StoreError`, with a sentence that holds no password."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise StoreUnreachableError(
            f"The PostgreSQL server at {url.place} cannot be used: {_without(url, _said(error))}.",
            hint="Does it run, and may you reach it?",
        ) from None
    except psycopg.ProgrammingError as error:
        if error.sqlstate is None:  # the connection's own options
            raise StoreUnreachableError(
                f"{url.place} cannot be connected to: an option in its URL is wrong."
            ) from None
        raise StoreError(f"The data at {url.place} cannot be used: {_without(url, _said(error))}.") from None
    except (psycopg.Error, sqlite3.Error) as error:
        raise StoreError(f"The data at {url.place} cannot be used: {_without(url, _said(error))}.") from None


def silent() -> psycopg.OperationalError:
    """Return what is raised where the server was waited for in vain."""
    return psycopg.OperationalError("it does not answer")


def _said(error: Exception) -> str:
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    lines = [line.strip() for line in (primary or str(error)).splitlines() if line.strip()]
    said = lines[0] if lines else type(error).__name__
    return said.rpartition(" failed: ")[2].removeprefix("FATAL:").strip().removesuffix(".")


def _without(url: StoreUrl, text: str) -> str:
    password = url.password.get_secret_value()
    return text.replace(password, "***") if password else text
