"""Trying again, where that can help and nothing of the answer has come yet.

The pauses are those of the SDKs, whose own retries are switched off: theirs cannot be seen, and a person who
waits should know why.
"""

from __future__ import annotations

import logging
import random

from brim.core.errors import AgentError, RequestTimeoutError
from brim.core.events import Waiting

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 8.0
_log = logging.getLogger(__name__)

LONGEST_ASKED_S = 30.0
"""A provider that asks for a longer wait ends the turn; the failure carries the wait."""


class Retries:
    """The attempts left for one request."""

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._taken = 0

    def pause_s(self, error: AgentError) -> float | None:
        """Return how many seconds to wait before the next attempt, ``None`` when there shall be none.

        A server that was silent for the whole timeout is not asked again.
        """
        asked = error.retry_after_s
        if self._taken >= self._allowed or not error.retryable or isinstance(error, RequestTimeoutError):
            return None
        if asked is not None and asked > LONGEST_ASKED_S:
            return None
        pause = min(FIRST_PAUSE_S * 2.0**self._taken, LONGEST_PAUSE_S)
        self._taken += 1
        return asked or pause * (1 - 0.25 * random.random())  # noqa: S311 - spreads load, keeps no secret


def waiting(error: AgentError, pause_s: float) -> Waiting:
    """Return the event that says what went wrong and when it is tried again."""
    fields = {"kind": error.kind, "status_code": error.status, "pause_s": round(pause_s, 2)}
    _log.info("request_retried", extra=fields)
    seconds = f"{pause_s:.0f} s" if pause_s >= 1 else "a moment"
    return Waiting(f"{error.sentence} Trying again in {seconds}.")
