"""Who calls, and what that lets them see."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security

from brim.core.errors import SessionNotFoundError, SettingsError
from brim.core.types import Session
from brim.serve.allowance import Allowance
from brim.serve.bearer import BEARER
from brim.serve.faults import RefusedCallError
from brim.serve.keys import KeyFile, ServiceKey

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Someone who may use the service."""

    key: ServiceKey | None
    """``None`` where the service has no keys: whoever reaches it is its owner."""

    @property
    def name(self) -> str:
        """The owner of the sessions that are made; empty for the service's own owner."""
        return self.key.name if self.key else ""

    @property
    def owner(self) -> str | None:
        """Whose sessions are seen, ``None`` for everyone's."""
        return self.key.name if self.key else None

    def check(self, session: Session) -> Session:
        """Return a session, or raise `SessionNotFoundError` as if there were none: it is another's, or deleted."""
        if session.deleted_at is not None or (self.owner is not None and session.owner != self.owner):
            raise SessionNotFoundError(f"There is no session {session.id}.")
        return session


class Door:
    """Lets callers in.

    Where there is no file of keys everyone is let in, which is for loopback only (see `check_start`). Once there
    was one it stays shut to those without a key: a file that is emptied or lost opens nothing.

    Args:
        keys: the keys.
        allowance: counts requests.
        origins: the web pages that may call the service.
    """

    def __init__(self, keys: KeyFile, allowance: Allowance, origins: Collection[str] = ()) -> None:
        self._keys = keys
        self._origins = origins
        self._allowance = allowance
        self._is_shut = keys.are_needed
        self._told = ""
        self.trouble()

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        """Return who sent a request with these headers.

        Raises:
            RefusedCallError: there is no key, it is nobody's (401), it was used too often (429), or a web page of
                others is behind the request where there are no keys (403).
        """
        if self.trouble():
            raise RefusedCallError(503, "Keys cannot be checked now.", kind="key", retry_after_s=5)
        if not self._is_shut:
            self._check_page(headers)
            await self._allowance.request("", None)
            return Caller(None)
        authorization = headers.get("authorization", "")
        scheme, _, key = authorization.strip().partition(" ")
        found = self._keys.find(key.strip()) if scheme.lower() == "bearer" and key.strip() else None
        if found is None:
            wrong = "This key is not known." if authorization else "This needs a key."
            raise RefusedCallError(401, wrong, hint="Send it as: Authorization: Bearer KEY.", kind="key")
        await self._allowance.request(found.name, found)
        return Caller(found)

    def _check_page(self, headers: Mapping[str, str]) -> None:
        """Refuse what a web page had its reader's browser send here: a name that leads here, or a page from elsewhere."""
        origin = headers.get("origin", "")
        is_ours = _is_near(f"//{headers.get('host', '')}") and (
            not origin or origin in self._origins or _is_near(origin)
        )
        if not is_ours:
            raise RefusedCallError(
                403,
                "Without keys the service is for this machine only.",
                hint="Make a key with `brim keys add NAME`.",
                kind="key",
            )

    def trouble(self) -> str:
        """Return why keys cannot be checked now, empty where they can. A trouble is logged once."""
        try:
            keys = self._keys.keys()
            trouble = "the keys are gone" if self._is_shut and not keys else ""
            self._is_shut = self._is_shut or bool(keys)
        except SettingsError as error:
            trouble = error.sentence
        if trouble and trouble != self._told:
            _log.error("keys cannot be checked: %s", trouble)
        self._told = trouble
        return trouble


def check_start(host: str, keys: KeyFile) -> None:
    """Raise `SettingsError` where a service without keys would be open to other machines, or to nobody at all."""
    if keys.keys():
        return
    if not is_loopback(host):
        raise SettingsError(
            f"The service would be open to everyone at {host}: it has no keys.",
            hint="Make one with `brim keys add NAME`, or use --host 127.0.0.1.",
        )
    if keys.are_needed:
        raise SettingsError(
            f"There are no keys in {keys.path}, so that nobody could use the service.",
            hint="Make one with `brim keys add NAME`. Without any file of keys everyone on this machine may use it.",
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_near(url: str) -> bool:
    """Whether a URL is one of this machine."""
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


async def _caller(request: Request, _: Annotated[object, Security(BEARER)]) -> Caller:
    door: Door = request.app.state.service.door
    caller = await door.caller(request.headers)
    request.state.caller = caller
    return caller


Called = Annotated[Caller, Depends(_caller)]
