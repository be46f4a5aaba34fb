"""How long a server asks to wait, from its headers or its words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT_S = 30 * 24 * 3600.0
"""A longer one is not believed."""

_SAID = re.compile(r"(?:try|retry) again in (\d+(?:\.\d+)?) ?(ms|s)\b", re.IGNORECASE)


def retry_after_s(headers: Mapping[str, str], said: str = "", *, now: datetime | None = None) -> float | None:
    """Return the wait in seconds, ``None`` where none is asked for or it cannot be understood.

    Args:
        headers: ``retry-after-ms``, else ``retry-after`` as seconds or as an HTTP date; keys in lower case.
        said: the error's sentence, read where the headers are silent ("try again in 20ms").
        now: what a date is compared with.
    """
    milliseconds = _seconds(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    after = headers.get("retry-after")
    if (seconds := _seconds(after)) is not None:
        return seconds
    if after and (moment := _date(after)) is not None:
        return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
    if (found := _SAID.search(said)) is not None:
        return float(found[1]) / (1000 if found[2].lower() == "ms" else 1)
    return None


def _seconds(value: str | None) -> float | None:
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds <= LONGEST_WAIT_S else None


def _date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
