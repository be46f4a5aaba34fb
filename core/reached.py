"""What asking a server for its models has shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A server that answered."""

    models: tuple[str, ...]
    is_key_tested: bool
    """False where there is no key, or the server lists its models to anybody."""
