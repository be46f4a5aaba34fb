"""Brings the schema of a PostgreSQL database to the newest version, while no other brim does the same."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from psycopg import sql

from brim.core.errors import NewerStoreError, StoreError
from brim.core.store.postgres.link import Link

_VERSIONS = """
    CREATE TABLE IF NOT EXISTS schema_versions (
        version INTEGER PRIMARY KEY, since TIMESTAMPTZ NOT NULL DEFAULT now()
    )
"""


@cache
def migrations() -> tuple[tuple[int, str], ...]:
    """Return the schema's versions, as number and SQL, in order."""
    folder = files("brim.core.store.postgres") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple((int(name.split("_")[0]), (folder / name).read_text(encoding="utf-8")) for name in names)


def newest_version() -> int:
    """Return the newest version of the schema that this brim knows."""
    return migrations()[-1][0]


def migrate(schema: str, link: Link) -> None:
    """Create the tables in ``schema`` or bring them to the newest version, in one transaction.

    Raises:
        NewerStoreError: they were written by a newer version.
        StoreError: the database cannot keep every text.
    """
    server = link.server
    if server.info.parameter_status("server_encoding") != "UTF8":
        raise StoreError(
            "The database does not keep its texts as UTF-8.", hint="Make one with: createdb --encoding UTF8."
        )
    with server.transaction():
        server.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"brim {schema}",))
        if server.execute("SELECT to_regnamespace(%s)", (f'"{schema}"',)).fetchone() == (None,):
            server.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        version = version_of(schema, link)
        check_version(version)
        if not version:
            server.execute(_VERSIONS)
        for number, script in migrations():
            if number > version:
                server.execute(script.encode())
                server.execute("INSERT INTO schema_versions (version) VALUES (%s)", (number,))


def check_version(version: int) -> None:
    """Raise `NewerStoreError` where a newer brim has changed the tables."""
    if version > newest_version():
        raise NewerStoreError(
            f"A newer brim has changed the database (schema {version}, this one knows {newest_version()}).",
            hint="Update this brim, and start it again.",
        )


def version_of(schema: str, link: Link) -> int:
    """Return the version of the tables in a schema, 0 where there are none."""
    server = link.server
    if server.execute("SELECT to_regclass(%s)", (f'"{schema}".schema_versions',)).fetchone() == (None,):
        return 0
    found = server.execute("SELECT coalesce(max(version), 0) FROM schema_versions").fetchone()
    return int(str(found[0])) if found else 0
