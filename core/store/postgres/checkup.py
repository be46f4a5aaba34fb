"""A look at a PostgreSQL database from outside, that changes nothing in it."""

from __future__ import annotations

from brim.core.store.postgres.link import Link, schema_of, server_errors
from brim.core.store.postgres.schema import check_version, version_of
from brim.core.store.urls import StoreUrl


def check_up(url: StoreUrl) -> str:
    """Return what there is to say of a database.

    Raises:
        StoreError: it cannot be used, or a newer brim has changed its tables.
    """
    schema = schema_of(url)
    with server_errors(url):
        link = Link(url)
        try:
            version = version_of(schema, link)
        finally:
            link.server.close()
    check_version(version)
    if not version:
        return f"The tables at {url.place} will be made with the first session."
    return f"{url.place}, schema {version}, can be reached."
