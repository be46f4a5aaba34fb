"""Takes messages out of the window and brings them back, and tells the watchers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from brim.core.attached import with_files
from brim.core.cleanup import (
    CleanupMode,
    CleanupPlan,
    CleanupRules,
    Reason,
    merged,
    plan_cleanup,
    plan_return,
    weight_of,
)
from brim.core.context import ContextUsage
from brim.core.errors import BrimError
from brim.core.events import MessageChanged, SummarySkipped, TurnEvent, WindowCleaned
from brim.core.ledger import Ledger
from brim.core.session_settings import InForce
from brim.core.store.protocol import SessionStore
from brim.core.summaries import SummaryError, SummaryWriter, summary_room
from brim.core.types import CleanupReceipt, ContextRow, Message, Session, Status, Summary
from brim.core.window import whole_text


def _silent(reason: str) -> None:
    del reason


class Cleaner:
    """Cleans windows by the rules.

    Args:
        store: where the messages are.
        ledger: what they weigh.
        publish: tells the watchers.
        in_force: when messages leave and how many, who decides, and whether there are summaries.
        writer: writes the summaries.
    """

    def __init__(
        self,
        store: SessionStore,
        ledger: Ledger,
        publish: Callable[[TurnEvent], None],
        in_force: InForce,
        writer: SummaryWriter,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._publish = publish
        self._in_force = in_force
        self._writer = writer

    @property
    def mode(self) -> CleanupMode:
        """Who decides that messages leave."""
        return self._in_force.now.cleanup_mode

    @property
    def _rules(self) -> CleanupRules:
        return self._in_force.now.rules

    async def plan(
        self, session: Session, draft: Message | None = None, *, limit_tokens: int | None = None
    ) -> CleanupPlan:
        """Return what would leave now, with ``draft`` as the last message; changes nothing.

        ``limit_tokens`` is the size to plan for in place of the window's.
        """
        window = [
            message
            for message in await self._store.window(session.id)
            if message.status is not Status.STREAMING
        ]
        usage = await self._ledger.usage(session)
        limit = limit_tokens or usage.limit_tokens
        return plan_cleanup(
            [*window, draft] if draft else window,
            fixed_tokens=usage.system_tokens + usage.summary_tokens,
            limit_tokens=limit,
            target=self._rules.target,
            min_messages_to_keep=self._rules.min_messages_to_keep,
            summary_tokens=max(0, summary_room(limit) - usage.summary_tokens)
            if self._in_force.now.summary_model
            else 0,
        )

    def target_tokens(self, usage: ContextUsage) -> int:
        """Return how much of a window may be used after a cleanup."""
        return int(self._rules.target * usage.limit_tokens)

    async def clean(
        self,
        session: Session,
        keeper_id: str,
        *,
        reason: Reason,
        after_answer: bool,
        limit_tokens: int | None = None,
        alive: Callable[[str], None] = _silent,
    ) -> CleanupReceipt | None:
        """Take out of the window what has to leave; ``None`` where that is nothing, or not worth it.

        Args:
            session: as it is now.
            keeper_id: the message that keeps the receipt.
            reason: what called for it. Only at the threshold it has to be worth it.
            after_answer: whether the answer that keeps the receipt is over.
            limit_tokens: the size to plan for in place of the window's.
            alive: is told what takes long.
        """
        plan = await self.plan(session, limit_tokens=limit_tokens)
        if not plan.leaving or (reason == "threshold" and not plan.is_worthwhile):
            return None
        summary = await self._summary(session, plan, alive)
        session = await self._store.session(session.id)
        if summary is not None:
            plan = await self._still(session, plan)
        receipt = plan.receipt(
            after_answer=after_answer,
            reason=reason,
            summary=summary,
            replaced_tokens=session.summary_tokens,
        )
        left = receipt.left_ids
        receipt = merged((await self._store.message(keeper_id)).receipt, receipt)
        return await self._keep(session, keeper_id, receipt, leaving=left)

    async def _summary(
        self, session: Session, plan: CleanupPlan, alive: Callable[[str], None]
    ) -> Summary | None:
        if not self._in_force.now.summary_model:
            return None
        try:
            return await self._writer.write(
                session,
                await with_files(self._store, plan.leaving),
                await self.summary(session),
                alive,
                # What reaches the target without a summary reaches it with one, too.
                room_tokens=plan.target_tokens - plan.after_tokens + session.summary_tokens
                if plan.reaches_target
                else None,
            )
        except SummaryError as error:
            self._publish(SummarySkipped(session_id=session.id, sentence=error.sentence))
            return None

    async def _still(self, session: Session, plan: CleanupPlan) -> CleanupPlan:
        """Return the plan for the window as it is now that the summary is written: the person may have pinned."""
        window = [m for m in await self._store.window(session.id) if m.status is not Status.STREAMING]
        planned = {message.id for message in plan.leaving}
        leaving = tuple(m for m in window if m.id in planned and not m.pinned)
        gone = {message.id for message in leaving}
        usage = self._ledger.measure(session)
        return CleanupPlan(
            before_tokens=usage.used_tokens,
            after_tokens=usage.used_tokens - weight_of(leaving),
            target_tokens=plan.target_tokens,
            leaving=leaving,
            staying=tuple(message for message in window if message.id not in gone),
        )

    async def shorten(self, session: Session, keeper_id: str, *, limit_tokens: int) -> CleanupReceipt | None:
        """Send of the largest message in the window only its ends from now on; ``None`` if none is large.

        Args:
            session: as it is now.
            keeper_id: the message that keeps the receipt.
            limit_tokens: the size that all of it has to fit into, of which the target is the goal.
        """
        window = [
            message
            for message in await self._store.window(session.id)
            if message.role != "system" and message.status is not Status.STREAMING
        ]
        largest = max(window, key=lambda message: message.tokens or 0, default=None)
        if largest is None or not largest.tokens:
            return None
        usage = self._ledger.measure(session)
        goal = int(self._rules.target * limit_tokens)
        tokens = max(_SHORTEST_TOKENS, largest.tokens - max(0, usage.used_tokens - goal))
        if tokens > _LONGEST_REST * largest.tokens:
            return None
        sent = largest.shortened_chars
        if sent is None:
            (whole,) = await with_files(self._store, [largest])
            sent = len(whole_text(whole))
        receipt = CleanupReceipt(
            before_tokens=usage.used_tokens,
            after_tokens=usage.used_tokens - largest.tokens + tokens,
            left_ids=(),
            kept=len(window),
            pinned=sum(message.pinned for message in window),
            reached_target=usage.used_tokens - largest.tokens + tokens <= goal,
            reason="too_long",
            shortened_ids=(largest.id,),
        )
        receipt = merged((await self._store.message(keeper_id)).receipt, receipt)
        return await self._keep(
            session, keeper_id, receipt, shortened={largest.id: (sent * tokens // largest.tokens, tokens)}
        )

    async def undo(self, session: Session, message_id: str | None) -> Session:
        """Bring back what a cleanup took out, the newest first, as far as it fits.

        Raises:
            BrimError: there is no such cleanup, or nothing of it fits.
        """
        rows = await self._store.context_rows(session.id)
        row = _with_receipt(rows, message_id)
        if row is None or row.receipt is None:
            raise BrimError("There is no cleanup to undo.")
        receipt = row.receipt
        left = set(receipt.left_ids)
        gone = [one.id for one in rows if one.id in left and not one.in_window and not one.left_out]
        messages = await self._store.messages_by_id(gone)
        usage = await self._ledger.usage(session)
        free = usage.free_tokens
        in_force = receipt.summary is not None and session.summary_id == row.id
        if in_force:
            free += session.summary_tokens - _summary_before(rows, row)
        back = plan_return(messages, free_tokens=free)
        whole = await self._whole_again(session, receipt, free - weight_of(back))
        if (messages or receipt.shortened_ids) and not back and not whole:
            raise _does_not_fit(weight_of(messages), free)
        if in_force and len(back) < len(messages):
            # The summary would go while part of what it stands for stayed away.
            raise _does_not_fit(weight_of(messages), free)
        undone = receipt.model_copy(update={"undone": True})
        await self._keep(session, row.id, undone, returning=[m.id for m in back], shortened=whole)
        return await self._store.session(session.id)

    async def _whole_again(
        self, session: Session, receipt: CleanupReceipt, free_tokens: int
    ) -> dict[str, tuple[int | None, int]]:
        """Return which shortened messages can be sent whole again, with their weights."""
        whole: dict[str, tuple[int | None, int]] = {}
        messages = await self._store.messages_by_id(receipt.shortened_ids)
        for message in await with_files(self._store, messages):
            tokens = self._ledger.weigh_prompt(session.model, message.content, message.attachments)
            free_tokens -= tokens - (message.tokens or 0)
            if message.shortened_chars is not None and free_tokens >= 0:
                whole[message.id] = (None, tokens)
        return whole

    async def summary(self, session: Session) -> Summary | None:
        """Return the summary that the window of a session holds."""
        if session.summary_id is None:
            return None
        receipt = (await self._store.message(session.summary_id)).receipt
        return receipt.summary if receipt else None

    async def edit_summary(self, session: Session, text: str) -> Session:
        """Put the person's words in place of the summary's.

        Raises:
            BrimError: there is no summary, or no text.
        """
        if not text.strip():
            raise BrimError("A summary needs a text.", hint="Undo the cleanup to be rid of it.")
        summary = await self.summary(session)
        if session.summary_id is None or summary is None:
            raise BrimError("The window holds no summary.")
        receipt = (await self._store.message(session.summary_id)).receipt
        if receipt is None:
            raise BrimError("The window holds no summary.")
        tokens = self._ledger.weigh_summary(session.model, text.strip())
        edited = summary.model_copy(update={"text": text.strip(), "tokens": tokens, "edited": True})
        changed = receipt.model_copy(
            update={"summary": edited, "after_tokens": receipt.after_tokens + tokens - summary.tokens}
        )
        session = await self._store.clean(session.id, session.summary_id, changed)
        self._ledger.cleaned(session)
        return session

    async def mark(
        self, message_id: str, *, pinned: bool | None = None, left_out: bool | None = None
    ) -> Message:
        """Pin a message or leave it out, or take that back."""
        before = await self._store.message(message_id)
        message = await self._store.mark(message_id, pinned=pinned, left_out=left_out)
        session = await self._store.session(message.session_id)
        await self._ledger.usage(session)
        self._publish(MessageChanged(session_id=session.id, message=message))
        if message.in_window is before.in_window:
            self._ledger.publish(session)
        else:
            self._ledger.cleaned(session)
        return message

    async def bring_back(self, message_id: str) -> Message:
        """Bring a message back into the window, whole, whatever took it out."""
        message = await self.mark(message_id, left_out=False)
        if message.shortened_chars is None:
            return message
        session = await self._store.session(message.session_id)
        for row in await self._store.context_rows(session.id):
            if row.receipt is not None and message_id in row.receipt.shortened_ids:
                (whole,) = await with_files(self._store, [message])
                tokens = self._ledger.weigh_prompt(session.model, whole.content, whole.attachments)
                await self._keep(session, row.id, row.receipt, shortened={message_id: (None, tokens)})
        return await self._store.message(message_id)

    async def _keep(
        self,
        session: Session,
        keeper_id: str,
        receipt: CleanupReceipt,
        *,
        leaving: Sequence[str] = (),
        returning: Sequence[str] = (),
        shortened: Mapping[str, tuple[int | None, int]] | None = None,
    ) -> CleanupReceipt:
        changed = dict(shortened or {})
        session = await self._store.clean(
            session.id, keeper_id, receipt, leaving=leaving, returning=returning, shortened=changed
        )
        self._publish(WindowCleaned(session_id=session.id, message_id=keeper_id, receipt=receipt))
        for message in await self._store.messages_by_id(list(changed)):
            self._publish(MessageChanged(session_id=session.id, message=message))
        self._ledger.cleaned(session)
        return receipt


_SHORTEST_TOKENS = 64
_LONGEST_REST = 0.9
"""A message of which more than this share stays is not worth shortening."""


def _with_receipt(rows: Sequence[ContextRow], message_id: str | None) -> ContextRow | None:
    """Return the message whose cleanup is meant: the one named, or the latest with one that is not undone."""
    for row in reversed(rows):
        if row.receipt is not None and not row.receipt.undone and message_id in (None, row.id):
            return row
    return None


def _summary_before(rows: Sequence[ContextRow], row: ContextRow) -> int:
    """Return what the summary weighs that counts once the one of ``row`` is taken back."""
    receipts = [one.receipt for one in rows if one.id != row.id and one.receipt and not one.receipt.undone]
    return next((receipt.summary.tokens for receipt in reversed(receipts) if receipt.summary), 0)


def _does_not_fit(needed_tokens: int, free_tokens: int) -> BrimError:
    return BrimError(
        f"They do not fit: they weigh {needed_tokens:,} tokens, and {max(0, free_tokens):,} are free.",
        hint="Bring back single messages, or switch to a model with a larger window.",
    )
