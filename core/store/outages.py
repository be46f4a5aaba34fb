"""Which leases may have ended unjustly: while the server is away, those who are alive cannot renew theirs."""

from __future__ import annotations

import math
import time

RENEWAL = 1 / 4
"""How often leases are renewed, and the server heard, as a part of the time that they last."""

_PATIENCE = 3 / 8
"""How long an answer may take that is no outage, as a part of the same time."""


class Outages:
    """Notes when the server was heard, and tells which leases are to be spared after it was away.

    Whoever wrote when it went has as long as a lease lasts, from its return, to say so. Leases that had ended
    before it went are not spared. An outage is half a lease in which the server was asked and did not answer: after
    a shorter one, leases that were renewed every `RENEWAL` of their time have not ended. That this process was
    slow is none, for others could renew theirs meanwhile.

    Args:
        lease_s: how long a lease lasts, in seconds.
        uptime_s: for how long the server has run, in seconds: what was before, nobody here knows.
    """

    def __init__(self, lease_s: float, uptime_s: float = math.inf) -> None:
        self._lease_s = lease_s
        self._heard_at = time.monotonic()
        self._asked_at: float | None = None
        self._has_failed = False
        self._lost_at = -math.inf
        self._back_at = self._heard_at - uptime_s

    def asked(self) -> None:
        """Note that the server is asked."""
        if self._asked_at is None:
            self._asked_at = time.monotonic()

    def failed(self) -> None:
        """Note that it cannot be reached."""
        self._has_failed = True

    def heard(self) -> None:
        """Note that it has answered."""
        now = time.monotonic()
        if self._was_silent(now):
            self._lost_at, self._back_at = self._heard_at, now
        self._heard_at, self._asked_at, self._has_failed = now, None, False

    def spared_s(self) -> float:
        """Return how long ago a lease may have ended that counts all the same, in seconds; 0 if nothing was amiss."""
        now = time.monotonic()
        if self._was_silent(now):
            return now - self._heard_at
        return now - self._lost_at if now < self._back_at + self._lease_s else 0.0

    def _was_silent(self, now: float) -> bool:
        if now - self._heard_at <= self._lease_s / 2:
            return False
        asked_at = self._asked_at
        return self._has_failed or (asked_at is not None and now - asked_at > self._lease_s * _PATIENCE)
