"""Which messages leave the window: a pure function of what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from brim.core.types import CleanupReceipt, Message

MINIMUM_SAVING = 0.10
"""A cleanup that frees less than this share of what is used is not worth the context it costs."""


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

    def receipt(self, *, after_answer: bool) -> CleanupReceipt:
        """Return the record that stays in the transcript."""
        return CleanupReceipt(
            before_tokens=self.before_tokens,
            after_tokens=self.after_tokens,
            left_ids=tuple(message.id for message in self.leaving),
            kept=len(self.staying),
            pinned=sum(message.pinned for message in self.staying),
            reached_target=self.reaches_target,
            after_answer=after_answer,
        )


def plan_cleanup(
    window: Sequence[Message],
    *,
    fixed_tokens: int,
    limit_tokens: int,
    target: float = 0.60,
    min_messages_to_keep: int = 5,
) -> CleanupPlan:
    """Plan which messages leave so that what stays is at most ``target`` of the limit.

    Oldest first; never a system message, a pinned one or one of the last ``min_messages_to_keep``. A message
    that used tools leaves together with the results that follow it. An answer whose question left leaves
    too, so that what remains starts with a question.

    Args:
        window: the messages in the window, in order, with their weights.
        fixed_tokens: what is sent besides them, such as the system prompt.
        limit_tokens: the size of the window.
        target: the share of the limit to come down to.
        min_messages_to_keep: how many of the newest messages never leave.
    """
    before = fixed_tokens + sum(message.tokens or 0 for message in window)
    goal = int(target * limit_tokens)
    groups = _groups(window)
    newest = (
        {message.id for message in window[max(0, len(window) - min_messages_to_keep) :]}
        if min_messages_to_keep
        else set()
    )
    gone: set[str] = set()
    used = before
    dropping = False
    for group in groups:
        may_go = all(_may_leave(message, newest) for message in group)
        is_answer = group[0].role != "user"
        if may_go and (used > goal or (dropping and is_answer)):
            gone.update(message.id for message in group)
            used -= sum(message.tokens or 0 for message in group)
            dropping = True
        elif used <= goal:
            break
        else:
            dropping = False
    return CleanupPlan(
        before_tokens=before,
        after_tokens=used,
        target_tokens=goal,
        leaving=tuple(message for message in window if message.id in gone),
        staying=tuple(message for message in window if message.id not in gone),
    )


def _may_leave(message: Message, newest: set[str]) -> bool:
    return message.role != "system" and not message.pinned and message.id not in newest


def _groups(window: Sequence[Message]) -> list[list[Message]]:
    """Join each run of tool results to the message before it."""
    groups: list[list[Message]] = []
    for message in window:
        if message.role == "tool" and groups:
            groups[-1].append(message)
        else:
            groups.append([message])
    return groups
