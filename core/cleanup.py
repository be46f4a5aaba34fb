"""Which messages leave the window: a pure function of what is in it, and the record that is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from brim.core.types import CleanupReceipt, Message, Summary

MINIMUM_SAVING = 0.10
"""A cleanup that frees less than this share of what is used is not worth the context it costs."""

Reason = Literal["threshold", "asked", "too_long"]


class CleanupMode(StrEnum):
    """Who decides that messages leave the window."""

    AUTO = "auto"
    """They leave at the threshold, and a receipt says so."""
    ASK = "ask"
    """The person is asked first."""
    OFF = "off"
    """They never leave unless the person says so."""


@dataclass(frozen=True, slots=True)
class CleanupRules:
    """When messages leave and how many; ``threshold`` and ``target`` are shares of the window.

    Raises:
        ValueError: the figures contradict each other.
    """

    threshold: float = 0.90
    target: float = 0.60
    min_messages_to_keep: int = 5

    def __post_init__(self) -> None:
        if not 0 < self.target < self.threshold <= 1:
            raise ValueError("cleanup_target must be above 0 and below cleanup_threshold, which is at most 1")
        if self.min_messages_to_keep < 0:
            raise ValueError("min_messages_to_keep must not be negative")


@dataclass(frozen=True, slots=True)
class CleanupPlan:
    """What a cleanup would do, in tokens. ``leaving`` and ``staying`` are in the order of the conversation."""

    before_tokens: int
    after_tokens: int
    target_tokens: int
    leaving: tuple[Message, ...]
    staying: tuple[Message, ...]

    @property
    def reaches_target(self) -> bool:
        """Whether what stays is within the target."""
        return self.after_tokens <= self.target_tokens

    @property
    def is_worthwhile(self) -> bool:
        """Whether it frees enough to be carried out."""
        freed = self.before_tokens - self.after_tokens
        return bool(self.leaving) and freed >= MINIMUM_SAVING * self.before_tokens

    def receipt(
        self,
        *,
        after_answer: bool,
        reason: Reason = "threshold",
        summary: Summary | None = None,
        replaced_tokens: int = 0,
    ) -> CleanupReceipt:
        """Return the record that stays in the transcript.

        Args:
            after_answer: whether the messages leave after the answer that keeps the record.
            reason: what called for it.
            summary: what comes in place of those that leave.
            replaced_tokens: what the summary before it weighs, which goes.
        """
        after = self.after_tokens + (summary.tokens - replaced_tokens if summary else 0)
        return CleanupReceipt(
            before_tokens=self.before_tokens,
            after_tokens=after,
            left_ids=tuple(message.id for message in self.leaving),
            kept=len(self.staying),
            pinned=sum(message.pinned for message in self.staying),
            reached_target=after <= self.target_tokens,
            after_answer=after_answer,
            reason=reason,
            summary=summary,
        )


def plan_cleanup(
    window: Sequence[Message],
    *,
    fixed_tokens: int,
    limit_tokens: int,
    target: float = 0.60,
    min_messages_to_keep: int = 5,
    summary_tokens: int = 0,
) -> CleanupPlan:
    """Plan which messages leave so that what stays is at most ``target`` of the limit.

    Oldest first; never a system message, a pinned one or one of the last ``min_messages_to_keep``. A message
    that used tools and the results that follow it stay or leave together. An answer does not stay without
    its question: the question of one that must stay stays too, and the answers to one that leaves leave with
    it. So what remains starts with a question wherever the window held one.

    Args:
        window: the messages in the window, in order, with their weights.
        fixed_tokens: what is sent besides them, such as the system prompt.
        limit_tokens: the size of the window.
        target: the share of the limit to come down to.
        min_messages_to_keep: how many of the newest messages never leave.
        summary_tokens: room below the target for a summary of those that leave.
    """
    before = fixed_tokens + weight_of(window)
    goal = int(target * limit_tokens)
    gone: set[str] = set()
    used = before
    if before > goal:
        for unit in _units(window, max(0, len(window) - min_messages_to_keep)):
            if used + summary_tokens <= goal:
                break
            gone.update(message.id for message in unit)
            used -= weight_of(unit)
    return CleanupPlan(
        before_tokens=before,
        after_tokens=used,
        target_tokens=goal,
        leaving=tuple(message for message in window if message.id in gone),
        staying=tuple(message for message in window if message.id not in gone),
    )


def plan_return(leavers: Sequence[Message], *, free_tokens: int) -> tuple[Message, ...]:
    """Choose which of the messages that left come back: the newest, as far as there is room.

    In the order of the conversation. What belongs together comes back together.
    """
    back: list[Message] = []
    for exchange in reversed(list(_exchanges(_groups(leavers)))):
        unit = [message for group in exchange for message in group]
        free_tokens -= weight_of(unit)
        if free_tokens < 0:
            break
        back = unit + back
    return tuple(back)


def merged(earlier: CleanupReceipt | None, later: CleanupReceipt) -> CleanupReceipt:
    """Return one record of two cleanups that the same message keeps; one that was undone does not count."""
    if earlier is None or earlier.undone:
        return later
    return later.model_copy(
        update={
            "before_tokens": earlier.before_tokens,
            "left_ids": tuple(dict.fromkeys(earlier.left_ids + later.left_ids)),
            "shortened_ids": tuple(dict.fromkeys(earlier.shortened_ids + later.shortened_ids)),
            "after_answer": earlier.after_answer and later.after_answer,
            "summary": later.summary or earlier.summary,
        }
    )


def weight_of(messages: Iterable[Message]) -> int:
    """Return what messages weigh together, in tokens."""
    return sum(message.tokens or 0 for message in messages)


_Group = list[Message]


def _units(window: Sequence[Message], newest_from: int) -> Iterator[list[Message]]:
    """Yield what can leave, oldest first, in the smallest parts that leave no orphan."""
    newest = {message.id for message in window[newest_from:]}
    for exchange in _exchanges(_groups(window)):
        fixed = [any(_must_stay(message, newest) for message in group) for group in exchange]
        asks = exchange[0][0].role == "user"
        answers_stay = any(
            stays and any(message.role != "system" for message in group)
            for group, stays in zip(exchange, fixed, strict=True)
        )
        free = [group for group, stays in zip(exchange, fixed, strict=True) if not stays]
        if asks and answers_stay:
            yield from (group for group in free if group is not exchange[0])
        elif free:
            yield [message for group in free for message in group]


def _must_stay(message: Message, newest: set[str]) -> bool:
    return message.role == "system" or message.pinned or message.id in newest


def _groups(messages: Sequence[Message]) -> list[_Group]:
    """Join each run of tool results to the message before it."""
    groups: list[_Group] = []
    for message in messages:
        if message.role == "tool" and groups:
            groups[-1].append(message)
        else:
            groups.append([message])
    return groups


def _exchanges(groups: Sequence[_Group]) -> Iterator[list[_Group]]:
    """Join each question to all that follows it up to the next one; what comes before the first is one too."""
    exchange: list[_Group] = []
    for group in groups:
        if group[0].role == "user" and exchange:
            yield exchange
            exchange = []
        exchange.append(group)
    if exchange:
        yield exchange
