"""Values on their way to PostgreSQL and back, and rows as SQLite gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

_MARK = "\uf8fe"
"""PostgreSQL keeps no NUL in a text. There it is this mark and a 0; the mark itself is this mark and a 1."""


class Row(tuple[Any, ...]):
    """A row whose values are had by their place or by the name of their column."""

    __slots__ = ()
    names: dict[str, int]

    def __getitem__(self, key: Any) -> Any:
        """Return the value of a column."""
        return tuple.__getitem__(self, self.names[key] if isinstance(key, str) else key)

    def keys(self) -> list[str]:
        """Return the names of the columns."""
        return list(self.names)


@lru_cache(maxsize=256)
def row_type(names: tuple[str, ...]) -> type[Row]:
    """Return the type of rows with these columns."""
    return type("Row", (Row,), {"__slots__": (), "names": {name: at for at, name in enumerate(names)}})


def outgoing(values: Mapping[str, Any] | Sequence[Any]) -> Mapping[str, Any] | Sequence[Any]:
    """Return values as they are kept: truth values as 0 and 1, texts without NUL."""
    if isinstance(values, Mapping):
        return {name: _outgoing(value) for name, value in values.items()}
    return [_outgoing(value) for value in values]


def _outgoing(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and ("\x00" in value or _MARK in value):
        return value.replace(_MARK, _MARK + "1").replace("\x00", _MARK + "0")
    return value


def incoming(values: Sequence[Any]) -> Sequence[Any]:
    """Return the values of a row as they were before `outgoing`, truth values aside."""
    if any(isinstance(value, str) and _MARK in value for value in values):
        return [_incoming(value) for value in values]
    return values


def _incoming(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(_MARK + "0", "\x00").replace(_MARK + "1", _MARK)
    return value
