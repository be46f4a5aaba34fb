"""Secrets that are named where a key may stand, and not written there.

::

    env:NAME                     a variable of the environment
    file:/run/secrets/openai     a file, as containers mount them
    aws-sm:NAME#field            AWS Secrets Manager; without a field the whole secret
    vault:PATH#field             HashiCorp Vault, the path as its HTTP API has it
    azure-kv:VAULT/NAME          Azure Key Vault
    gcp-sm:PROJECT/NAME          Google Secret Manager, the latest version

What was read is kept for a while, so that a key that is changed in its place counts without a restart.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from brim.core.errors import SettingsError
from brim.core.paths import expanded
from brim.core.text import visible_line

_log = logging.getLogger(__name__)

LIFETIME_S = 300.0
"""How long a secret counts before it is read again, in seconds."""
SCHEMES = ("env", "file", "aws-sm", "vault", "azure-kv", "gcp-sm")
_LARGEST_BYTES = 65_536

Fetch = Callable[[str], str]
"""Returns the secret that the part of a reference after the scheme names; it may block. Raises `SettingsError`."""


@dataclass(slots=True)
class _Kept:
    secret: SecretStr
    at: float


class References:
    """Reads secrets by reference, and keeps them for their lifetime.

    A secret that cannot be read again stays in use: its place may be away for a moment, and whoever it is for
    says whether it still holds.

    Args:
        fetchers: who reads what, by scheme; ``env`` and ``file`` are there already.
        lifetime_s: how long what was read counts, in seconds.
        clock: tells seconds.
    """

    def __init__(
        self,
        fetchers: Mapping[str, Fetch] | None = None,
        *,
        lifetime_s: float = LIFETIME_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetchers = {"env": _variable, "file": _file, **(fetchers or {})}
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def read(self, reference: str) -> SecretStr:
        """Return the secret that a reference names.

        Raises:
            SettingsError: it cannot be had. The sentence names the reference and no part of the secret.
        """
        async with self._locks.setdefault(reference, asyncio.Lock()):
            kept = self._kept.get(reference)
            if kept is not None and self._clock() - kept.at < self._lifetime_s:
                return kept.secret
            try:
                secret = await asyncio.to_thread(self.read_now, reference)
            except SettingsError as error:
                if kept is None:
                    raise
                _log.warning("a secret could not be read again: %s", error.sentence)
                secret = kept.secret
            self._kept[reference] = _Kept(secret, self._clock())
            return secret

    def read_now(self, reference: str) -> SecretStr:
        """Return the secret that a reference names, read now; blocks. Raises `SettingsError`."""
        scheme, _, name = reference.partition(":")
        fetch = self._fetchers.get(scheme)
        if fetch is None:
            raise SettingsError(
                f"{visible_line(reference)} cannot be read: nothing here reads {visible_line(scheme)}.",
                hint=f"There are {', '.join(self._fetchers)}.",
            )
        try:
            secret = fetch(name).strip()
        except SettingsError as error:
            raise SettingsError(
                f"{visible_line(reference)} cannot be read: {error.sentence}", hint=error.hint
            ) from None
        if not secret:
            raise SettingsError(f"{visible_line(reference)} is empty.")
        return SecretStr(secret)


def use(references: References) -> None:
    """Read secrets in this way from now on."""
    _shared[0] = references


async def read(reference: str) -> SecretStr:
    """Return the secret that a reference names, as `References.read` does."""
    return await _shared[0].read(reference)


def read_now(reference: str) -> SecretStr:
    """Return the secret that a reference names, as `References.read_now` does."""
    return _shared[0].read_now(reference)


def is_reference(text: str) -> bool:
    """Whether a text names a secret rather than being one."""
    scheme, colon, name = text.partition(":")
    return bool(colon) and scheme in SCHEMES and bool(name.strip())


def _variable(name: str) -> str:
    found = os.environ.get(name)
    if found is None:
        raise SettingsError("there is no such variable.")
    return found


def _file(name: str) -> str:
    path = expanded(name)
    try:
        if not path.is_file():
            raise SettingsError("there is no such file.")
        with path.open("rb") as opened:
            return opened.read(_LARGEST_BYTES).decode()
    except OSError as error:
        raise SettingsError(f"{error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise SettingsError("it is no text.") from None


_shared = [References()]
