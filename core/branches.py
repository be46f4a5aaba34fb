"""Branches: asking differently, asking again, and going back and forth between what came of it.

Messages form a tree, and nothing in it is ever overwritten: an edited prompt and an answer made anew stand
beside those that were there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from brim.core.attachments import Attachment
from brim.core.errors import BrimError
from brim.core.events import BranchShown, SessionChanged, TurnEvent
from brim.core.ledger import Ledger
from brim.core.running import TurnRunner
from brim.core.store.protocol import SessionStore
from brim.core.turns import Turn
from brim.core.types import Message, QueuedPrompt, Session

T = TypeVar("T")

_MOST_LEFT = 12
"""How many ends of branches are remembered of a session, to come back to."""


class Branches:
    """The branches of sessions; `SessionManager.branches` gives it.

    Args:
        store: where the messages are.
        publish: tells the watchers.
        turns: runs what is asked.
        ledger: weighs the window of the branch that is shown.
    """

    def __init__(
        self, store: SessionStore, publish: Callable[[TurnEvent], None], *, turns: TurnRunner, ledger: Ledger
    ) -> None:
        self._store = store
        self._publish = publish
        self._turns = turns
        self._ledger = ledger
        self._left: dict[str, list[str]] = {}
        """The ends of the branches that were shown before, by session, the latest first."""

    async def siblings(self, session_id: str) -> dict[str, tuple[str, ...]]:
        """Return for each message that stands beside others all of them, itself included, oldest first."""
        places = await self._store.siblings(session_id)
        return {message_id: place for place in places for message_id in place}

    async def tree(self, session_id: str) -> list[Message]:
        """Return the messages of all branches, parents before their children."""
        return await self._store.tree(session_id)

    async def edit(
        self,
        message_id: str,
        text: str,
        *,
        attachments: Sequence[Attachment] | None = None,
        cleanup: bool | None = None,
        over_budget: bool = False,
        any_length: bool = False,
    ) -> Turn:
        """Ask ``text`` in place of an earlier prompt, which stays beside it.

        The earlier prompt's files go with it unless others are given.

        Raises:
            BrimError: the message is no prompt, a turn is running, or as for `SessionManager.send`.
            ValueError: there is no text.
        """
        message = await self._store.message(message_id)
        if message.role != "user":
            raise BrimError("Only prompts can be edited.", hint="An answer can be asked for again.")

        async def ask() -> Turn:
            files = message.attachments if attachments is None else tuple(attachments)
            asked = QueuedPrompt(text=text, attachments=files)
            return await self._turns.send(
                message.session_id,
                asked,
                cleanup=cleanup,
                over_budget=over_budget,
                alone=True,
                any_length=any_length,
            )

        return await self._from(message.session_id, message.parent_id, ask)

    async def regenerate(
        self, message_id: str, *, cleanup: bool | None = None, over_budget: bool = False
    ) -> Turn:
        """Let the session's model answer again in place of an earlier answer, which stays beside it.

        Raises:
            BrimError: the message answers nothing, a turn is running, or as for `SessionManager.send`.
        """
        message = await self._store.message(message_id)
        prompt_id = message.parent_id if message.role == "assistant" else message.id
        if prompt_id is None:
            raise BrimError("There is no prompt to ask again.")

        async def ask() -> Turn:
            return await self._turns.retry(message.session_id, cleanup=cleanup, over_budget=over_budget)

        return await self._from(message.session_id, prompt_id, ask)

    async def _from(self, session_id: str, head_id: str | None, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask from an earlier place; where that is refused, all is as before."""
        before = await self._move(session_id, head_id)
        try:
            return await ask()
        except BaseException:
            await self._store.update_session(session_id, head_id=before.head_id)
            raise

    async def _move(self, session_id: str, head_id: str | None) -> Session:
        """Move the session's head; returns the session as it was."""
        async with self._turns.lock(session_id):
            await self._turns.settled(session_id)
            session = await self._store.session(session_id)
            await self._turns.not_elsewhere(session_id)
            await self._store.update_session(session_id, head_id=head_id)
            if session.head_id is not None:
                left = [session.head_id, *self._left.get(session_id, ())]
                self._left[session_id] = list(dict.fromkeys(left))[:_MOST_LEFT]
            return session

    async def show(self, message_id: str) -> Session:
        """Show the branch that a message is on: where one was in it last, else as far as it was continued last.

        Raises:
            BrimError: a turn is running, here or in another brim.
            SessionNotFoundError: there is no such message.
        """
        session_id = (await self._store.message(message_id)).session_id
        ends = self._left.get(session_id, ())
        await self._move(session_id, await self._store.last_below(message_id, ends))
        session = await self._store.session(session_id)
        self._publish(BranchShown(session_id=session_id, message_id=message_id))
        self._publish(SessionChanged(session=session))
        self._ledger.basis_changed(session)
        return session

    async def fork(self, message_id: str) -> Session:
        """Make a session of its own of all up to a message. Its totals begin at nothing."""
        source = await self._store.session((await self._store.message(message_id)).session_id)
        session = await self._store.fork(message_id, f"{source.display_title} (fork)")
        self._publish(SessionChanged(session=session))
        return session
