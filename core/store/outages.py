"""Which leases may have ended unjustly: while the server is away, those who are alive cannot renew theirs."""

from __future__ import annotations

import math
import time

RENEWAL = 1 / 4
"""How often leases are renewed, and the server heard, as a part of the time that they last."""


class Outages:
    """Notes when the server was heard, and tells which leases are to be spared after it was away.

    Whoever wrote when it went has as long as a lease lasts, from its return, to say so. Leases that had ended
    before it went are not spared. Half a lease of silence is taken for an outage: after a shorter one, leases that
    were renewed every `RENEWAL` of their time have not ended.

    Args:
        lease_s: how long a lease lasts, in seconds.
        uptime_s: for how long the server has run, in seconds: what was before, nobody here knows.
    """

    def __init__(self, lease_s: float, uptime_s: float = math.inf) -> None:
        self._lease_s = lease_s
        self._heard_at = time.monotonic()
        self._lost_at = -math.inf
        self._back_at = self._heard_at - uptime_s

    def heard(self) -> None:
        """Note that the server has answered."""
        now = time.monotonic()
        if self._was_silent(now):
            self._lost_at, self._back_at = self._heard_at, now
        self._heard_at = now

    def spared_s(self) -> float:
        """Return how long ago a lease may have ended that counts all the same, in seconds; 0 if nothing was amiss."""
        now = time.monotonic()
        if self._was_silent(now):
            return now - self._heard_at
        return now - self._lost_at if now < self._back_at + self._lease_s else 0.0

    def _was_silent(self, now: float) -> bool:
        return now - self._heard_at > self._lease_s / 2
