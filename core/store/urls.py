"""Which store a URL means: a file, a PostgreSQL or a Redis server.

No function here puts a password into what it returns or raises.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from brim.core.errors import SettingsError
from brim.core.paths import expanded
from brim.core.references import is_reference, read_now
from brim.core.text import visible_line

if TYPE_CHECKING:
    from brim.core.store.protocol import SessionStore

WORDS = "sqlite:///FILE, postgresql://USER@HOST/DATABASE or redis://HOST/NUMBER"

_SCHEMES = {
    "sqlite": "sqlite",
    "postgresql": "postgres",
    "postgres": "postgres",
    "redis": "redis",
    "rediss": "redis",
}


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """A URL taken apart. Only `password` is secret."""

    kind: str
    """``sqlite``, ``postgres`` or ``redis``."""
    path: str
    """A file, or the name of a database; without the slash that it begins with."""
    host: str = ""
    port: int | None = None
    user: str = ""
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    options: tuple[tuple[str, str], ...] = ()
    """What stands behind the question mark."""
    is_encrypted: bool = False
    """Whether Redis is spoken to over TLS."""

    @property
    def place(self) -> str:
        """Where it is, for a person: no user, no password, no options."""
        if self.kind == "sqlite":
            return self.path
        port = f":{self.port}" if self.port else ""
        scheme = "postgresql" if self.kind == "postgres" else "rediss" if self.is_encrypted else "redis"
        return f"{scheme}://{self.host or 'localhost'}{port}/{self.path}"


def parse_url(url: str) -> StoreUrl:
    """Take a URL apart.

    As is usual for such URLs, ``sqlite:///notes.db`` is a file in the working folder and ``sqlite:////data/notes.db``
    one from the root.

    Raises:
        ValueError: it names no store. The message holds nothing of it.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise ValueError("not a URL") from None
    kind = _SCHEMES.get(parts.scheme)
    path = unquote(parts.path.removeprefix("/")) or ("0" if kind == "redis" else "")
    if kind is None or not path or not url.isprintable() or parts.fragment or "\x00" in unquote(url):
        raise ValueError("not the URL of a store")
    if kind == "sqlite" and (parts.netloc or options):
        raise ValueError("the URL of a file has neither a host nor options")
    return StoreUrl(
        kind,
        path,
        host=parts.hostname or "",
        port=port,
        user=unquote(parts.username or ""),
        password=SecretStr(unquote(parts.password or "") or options.pop("password", "")),
        options=tuple(options.items()),
        is_encrypted=parts.scheme == "rediss",
    )


def checked_url(url: SecretStr) -> SecretStr:
    """Return the URL of a store, or a reference to one, as it is kept. Raises `ValueError` where it is neither."""
    text = url.get_secret_value().strip()
    if not is_reference(text):
        parse_url(text)
    return SecretStr(text)


def named_url(url: SecretStr | None) -> SecretStr | None:
    """Return the URL of a store that a setting says or, by reference, names; that one is read now, which may block.

    Raises:
        SettingsError: the reference cannot be read, or leads to no URL of a store.
    """
    if url is None or not is_reference(reference := url.get_secret_value()):
        return url
    found = read_now(reference)
    try:
        parse_url(found.get_secret_value())
    except ValueError:
        raise SettingsError(
            f"{visible_line(reference)} leads to no URL of a store, which is {WORDS}."
        ) from None
    return found


def shown_place(url: SecretStr) -> str:
    """Return what a setting says of where a store is, for a person: no password, and a reference as it is."""
    text = url.get_secret_value()
    return text if is_reference(text) else parse_url(text).place


def file_of(url: SecretStr | None, default: Path) -> Path | None:
    """Return the data file that the URL of a store names, ``default`` without one, ``None`` for a server.

    Raises:
        SettingsError: it is in the home folder of a user that there is not.
    """
    if url is None:
        return default
    place = parse_url(url.get_secret_value())
    if place.kind != "sqlite":
        return None
    file = expanded(place.path)
    if place.path.startswith("~") and str(file).startswith("~"):
        home = visible_line(file.parts[0])
        raise SettingsError(
            f"The store's file cannot be in {home}: this machine has no such home folder.",
            hint="Write the whole path, or ./ before a name that begins with ~.",
        )
    return file


def make_store(url: SecretStr | None, default: Path) -> SessionStore:
    """Make the store that a URL names, not opened yet.

    Args:
        url: what the settings say; ``None`` is the person's own file.
        default: where that file is.

    Raises:
        SettingsError: the packages that it needs are not installed, an option in it is wrong, or its file is
            in a home folder that there is not.
    """
    file = file_of(url, default)
    if url is None or file is not None:
        from brim.core.store.sqlite import SQLiteStore

        return SQLiteStore(file)
    place = parse_url(url.get_secret_value())
    if place.kind == "redis":
        _check_installed("redis", "Redis", "redis")
        from brim.core.store.redis.store import RedisStore

        return RedisStore(place)
    _check_installed("psycopg", "PostgreSQL", "postgres")
    from brim.core.store.postgres.store import PostgresStore

    return PostgresStore(place)


def look_at(url: SecretStr) -> str:
    """Look at a server's data, changing nothing; returns what there is to say of it, for a person.

    Raises:
        SettingsError: the packages that it needs are not installed.
        StoreError: the server cannot be used, or a newer brim has changed its data.
    """
    place = parse_url(url.get_secret_value())
    if place.kind == "redis":
        _check_installed("redis", "Redis", "redis")
        from brim.core.store.redis import checkup as redis_checkup

        return redis_checkup.check_up(place)
    _check_installed("psycopg", "PostgreSQL", "postgres")
    from brim.core.store.postgres import checkup

    return checkup.check_up(place)


def _check_installed(module: str, name: str, extra: str) -> None:
    if find_spec(module) is None:
        raise SettingsError(
            f"A store on {name} needs the package {module}, which is not installed.",
            hint=f"pip install 'brim[{extra}]'.",
        )
