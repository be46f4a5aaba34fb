"""How the window filled: one column a turn, stacked by segment, cleanups as drops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from brim.core.types import CleanupReceipt, ContextRow, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What the model was sent in one turn, in tokens.

    The segments are what brim expected, as the meter showed it; ``reported_tokens`` is what came of it.
    """

    message_id: str
    """The answer."""
    turn: int
    """Counted from 1 along the branch."""
    system_tokens: int = 0
    summary_tokens: int = 0
    pinned_tokens: int = 0
    history_tokens: int = 0
    """With the question itself."""
    window_tokens: int | None = None
    """The model's window as it was known then."""
    reported_tokens: int | None = None
    """The provider's own count of the prompt; ``None`` where it gave none."""
    answer_tokens: int = 0
    cleaned: CleanupReceipt | None = None
    """The cleanup of this turn; one that was undone is left in, marked as such."""

    @property
    def expected_tokens(self) -> int:
        """The segments together."""
        return self.system_tokens + self.summary_tokens + self.pinned_tokens + self.history_tokens

    @property
    def total_tokens(self) -> int:
        """The prompt: the provider's count where there is one, else the expected one."""
        return self.expected_tokens if self.reported_tokens is None else self.reported_tokens


def timeline(rows: Sequence[ContextRow | Message]) -> list[Column]:
    """Return the columns of a conversation, oldest first.

    A turn that never reached a model (no figures at all, and no cleanup) has no column. Where only the sum
    is known, all of it is history.

    Args:
        rows: the messages of the branch, in order, or their rows.
    """
    return list(_columns(rows))


def _columns(rows: Sequence[ContextRow | Message]) -> Iterator[Column]:
    turn = 0
    for row in rows:
        if row.role == "user":
            turn += 1
        if row.role != "assistant":
            continue
        usage, parts = row.usage, row.prompt_parts
        if usage is None and parts is None and row.receipt is None:
            continue
        told = usage is not None and not usage.estimated and usage.prompt_tokens > 0
        yield Column(
            message_id=row.id,
            turn=max(1, turn),
            system_tokens=parts.system_tokens if parts else 0,
            summary_tokens=parts.summary_tokens if parts else 0,
            pinned_tokens=parts.pinned_tokens if parts else 0,
            history_tokens=parts.history_tokens if parts else usage.prompt_tokens if usage else 0,
            window_tokens=parts.window_tokens if parts else None,
            reported_tokens=usage.prompt_tokens if usage is not None and told else None,
            answer_tokens=usage.output_tokens if usage else 0,
            cleaned=row.receipt,
        )
