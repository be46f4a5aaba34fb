"""How full the window is: the one object behind the meter, the cleanup trigger and the exports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil

YELLOW_SHARE = 0.70
"""From this share of the window on, the gauge is yellow."""
RED_SHARE = 0.90
"""From this share of the window on, the gauge is red."""


class Level(StrEnum):
    """The gauge's colour."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class Provenance(StrEnum):
    """Where a figure comes from."""

    REPORTED = "reported"
    """The provider counted it."""
    EXACT = "exact"
    """Counted with the model's own tokenizer."""
    ESTIMATE = "estimate"
    PENDING = "pending"
    """An estimate whose basis has just changed: the next answer will tell."""


def level_of(share: float | None) -> Level:
    """Return the colour for a share of the window; an unknown window is green."""
    if share is None or share < YELLOW_SHARE:
        return Level.GREEN
    return Level.YELLOW if share < RED_SHARE else Level.RED


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextUsage:
    """What fills the window, in tokens.

    ``window_tokens`` is ``None`` when nobody knows how much the model takes; ``limit_tokens`` is then the
    framework's default, which the cleanup uses. The segments ``system_tokens``, ``summary_tokens``,
    ``pinned_tokens``, ``history_tokens`` and ``draft_tokens`` add up to ``used_tokens``. ``turn_tokens`` is
    what a turn adds on average, 0 where no turn has ended.
    """

    window_tokens: int | None
    limit_tokens: int
    system_tokens: int = 0
    summary_tokens: int = 0
    pinned_tokens: int = 0
    history_tokens: int = 0
    draft_tokens: int = 0
    reply_reserve_tokens: int = 0
    cleanup_share: float = RED_SHARE
    turn_tokens: int = 0
    provenance: Provenance = Provenance.ESTIMATE
    window_learnt: bool = False
    """Whether ``window_tokens`` is the size that an error of the provider named."""

    @property
    def used_tokens(self) -> int:
        """Everything that the next request would carry."""
        return (
            self.system_tokens
            + self.summary_tokens
            + self.pinned_tokens
            + self.history_tokens
            + self.draft_tokens
        )

    @property
    def tokens_to_cleanup(self) -> int:
        """How many more tokens reach the cleanup threshold, never below zero."""
        return max(0, ceil(self.cleanup_share * self.limit_tokens) - self.used_tokens)

    @property
    def turns_to_cleanup(self) -> int | None:
        """About how many turns like the latest ones reach the cleanup threshold; ``None`` before the first turn."""
        return ceil(self.tokens_to_cleanup / self.turn_tokens) if self.turn_tokens else None

    @property
    def free_tokens(self) -> int:
        """What is left of the limit, never below zero."""
        return max(0, self.limit_tokens - self.used_tokens - self.reply_reserve_tokens)

    @property
    def share(self) -> float | None:
        """Used tokens as a share of the window; ``None`` for an unknown window. May exceed 1."""
        return None if self.window_tokens is None else self.used_tokens / self.window_tokens

    @property
    def level(self) -> Level:
        """The gauge's colour."""
        return level_of(self.share)

    @property
    def needs_cleanup(self) -> bool:
        """Whether the cleanup threshold is reached: read by the trigger, painted by the meter."""
        return self.used_tokens >= self.cleanup_share * self.limit_tokens


class ContextTracker:
    """Counts tokens against a window with a single integer: O(1) for each message.

    Args:
        window_tokens: the size of the window, in tokens, more than zero.

    Raises:
        ValueError: the window is not positive.
    """

    def __init__(self, window_tokens: int = 100_000) -> None:
        if window_tokens <= 0:
            raise ValueError(f"window_tokens must be positive, not {window_tokens}")
        self.window_tokens = window_tokens
        self.used_tokens = 0

    def add(self, tokens: int) -> None:
        """Count ``tokens`` more; a negative number takes away, never below zero."""
        self.used_tokens = max(0, self.used_tokens + tokens)

    def report(self, used_tokens: int) -> None:
        """Take the provider's count in place of our own."""
        self.used_tokens = max(0, used_tokens)

    @property
    def share(self) -> float:
        """Used tokens as a share of the window. May exceed 1."""
        return self.used_tokens / self.window_tokens

    @property
    def level(self) -> Level:
        """Green below 70 %, yellow from 70 %, red from 90 %."""
        return level_of(self.share)
