"""What the core needs of a place that keeps sessions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol

from brim.core.search import Found, Hit, Query
from brim.core.types import (
    ALL_OPEN,
    CleanupReceipt,
    ContextRow,
    Message,
    OutlineRow,
    PromptParts,
    QueuedPrompt,
    Session,
    SessionFilter,
    ToolCall,
)
from brim.core.usage import Usage


@dataclass(frozen=True, slots=True)
class Recovered:
    """What opening the store found of a process that ended in the middle of its work."""

    interrupted_ids: tuple[str, ...] = ()
    """Answers that were being written, now marked as interrupted, with the text that had come."""
    backup: str | None = None
    """The copy made before a migration, ``None`` where none was needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What the turns of one model on one day took, over all sessions, those deleted since included."""

    day: date
    """The day where the person is."""
    model: str
    turns: int
    priced_turns: int
    usage: Usage
    """Sums of all turns; ``estimated`` if one of them is."""
    cost_usd: Decimal
    cache_saved_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """How well the size of one prompt was foreseen, in tokens."""

    model: str
    predicted_tokens: int
    reported_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What was learnt about a model from its answers."""

    estimator: tuple[float, ...] = field(default=())
    """The state of its `Estimator`; empty where nothing is learnt."""
    window_tokens: int | None = None
    """The window that one of its provider's errors named."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A session as it comes from elsewhere, or a part of it."""

    session: Session
    """With its totals, those of its window aside; its id is the same at every import."""
    messages: Sequence[Message]
    """Parents before their children, the branch shown before all others."""


class TakenAs(StrEnum):
    """What came of a conversation from elsewhere."""

    NEW = "new"
    GROWN = "grown"
    """It was there, and some of its messages were not."""
    KNOWN = "known"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What came of one conversation."""

    outcome: TakenAs
    messages: int = 0
    """How many messages were added."""
    differing: int = 0
    """How many were there with another text, and have kept it."""
    why: str = ""
    """Why it was refused."""


class SessionStore(Protocol):
    """Keeps sessions and their messages.

    A call that returns has reached the disk, except `journal`, which does so within 250 ms. Every method
    may raise `StoreError`. Messages form a tree by ``parent_id``; the *path* of a session runs from its
    first message to its head.
    """

    async def open(self) -> Recovered:
        """Make the store ready: create or migrate it, and mark answers whose writer is gone."""

    async def aclose(self) -> None:
        """Write what waits and close."""

    async def recover(self) -> tuple[str, ...]:
        """Mark answers whose writer is gone as interrupted; returns their ids."""

    async def foreign_version(self) -> int:
        """Return a number that changes whenever another process has written."""

    async def answering_elsewhere(self) -> frozenset[str]:
        """Return the ids of the sessions in which other processes are writing answers."""

    async def lease(self, session_id: str) -> bool:
        """Take the right to write an answer in a session, or keep it; returns false while another store has it.

        It lasts until an answer in the session is finished or it is given back with `release`, and ends without that
        when the store dies. What a dead store was writing is marked as interrupted before another has the lease,
        and nothing that comes from it afterwards is taken. Raises `SessionNotFoundError`.
        """

    async def release(self, session_id: str) -> None:
        """Give the right to write an answer in a session back; where this store has none nothing changes."""

    async def ask_to_stop(self, session_id: str) -> bool:
        """Ask whoever has the lease on a session to stop its answer; returns false where no other store has it."""

    async def asked_to_stop(self) -> frozenset[str]:
        """Return the ids of the sessions whose answers this store is asked to stop, until their leases end."""

    # sessions

    async def add_session(self, session: Session) -> None:
        """Keep a new session."""

    async def session(self, session_id: str) -> Session:
        """Return a session by its whole id, also a deleted one. Raises `SessionNotFoundError`."""

    async def find_session(self, name: str) -> Session:
        """Return the session that ``name`` means: an id, an unambiguous start of one, or ``last``.

        Deleted sessions are not found. Raises `SessionNotFoundError`, whose sentence lists the candidates
        (at most five) where ``name`` is ambiguous.
        """

    async def list_sessions(
        self, *, limit: int, after: Session | None = None, only: SessionFilter = ALL_OPEN
    ) -> list[Session]:
        """Return at most ``limit`` sessions, newest change first, or those pinned before all others.

        ``after`` is the last session of the page before. Costs the same however many sessions there are,
        unless ``only`` leaves some out.
        """

    async def count_sessions(self) -> int:
        """Return how many sessions are open: neither archived nor deleted."""

    async def tags(self) -> list[tuple[str, int]]:
        """Return the tags in use, case-folded, and how many sessions have each, the commonest first."""

    async def erase(self, session_ids: Iterable[str]) -> int:
        """Delete sessions and their messages for good; returns how many sessions there were."""

    async def import_sessions(
        self, conversations: Sequence[Conversation], *, is_rehearsal: bool = False
    ) -> list[Taken]:
        """Keep conversations from elsewhere in one transaction; what is there already stays as it is.

        They cost nothing today, so `spending` does not move. What it returns of outlives the process; a power
        cut it outlives after a call with no conversations. A rehearsal tells what would come of it.
        """

    async def update_session(self, session_id: str, **fields: Any) -> Session:
        """Set fields of a session: those of `Session` that are no totals and no ids.

        ``updated_at`` moves only when ``title``, ``model`` or ``head_id`` does. Returns the session as it
        is now.
        """

    # messages

    async def change_queue(
        self, session_id: str, *, added: Sequence[QueuedPrompt] = (), dropped: Sequence[QueuedPrompt] = ()
    ) -> Session:
        """Take prompts out of a session's queue, each once, and add others at its end, with their attachments.

        What others have put into it meanwhile stays. Returns the session as it is now.
        """

    async def add_message(self, message: Message, *, taken: QueuedPrompt | None = None) -> Session:
        """Keep a message and make it its session's head; returns the session with its new totals.

        ``taken`` leaves the session's queue at once, where the message comes from there.

        An answer with status ``streaming`` is marked as written by this store, and needs the `lease`, which is taken
        along; where another store has it `BusyElsewhereError` is raised, and nothing was stored.
        """

    def journal(
        self, message_id: str, *, text: str = "", reasoning: str = "", tool_call: ToolCall | None = None
    ) -> None:
        """Add to a streaming answer without waiting; on disk within 250 ms. Cost grows with the addition."""

    async def foresee(self, message_id: str, parts: PromptParts) -> None:
        """Keep with an answer what its prompt is expected to be made of, before the request leaves."""

    async def finish_message(self, message: Message) -> Session:
        """Write an answer as it is at its end; its journal is dropped and the session's totals move.

        What may have changed while the answer came stays as it is stored: pin, place in the window, receipt.
        ``prompt_parts`` stays if the message has none. An answer that has ended already is not counted again, and one
        that others took for interrupted is not written. Gives the session's lease back.

        ``usage``, ``cost_usd`` and ``cache_saved_usd`` are added to the session once, with ``turns`` and
        ``priced_turns``, and to the spending of the day. ``turn_tokens`` moves a third of the way to what
        the prompt and the answer weigh (all of the way on the first turn).
        """

    async def message(self, message_id: str) -> Message:
        """Return one message. Raises `SessionNotFoundError`."""

    async def tail(self, session_id: str, *, limit: int, before_id: str | None = None) -> list[Message]:
        """Return the last ``limit`` messages of the path, or of what comes before ``before_id`` in it.

        In the order of the conversation.
        """

    async def outline(self, session_id: str) -> list[OutlineRow]:
        """Return the whole path without its texts, in the order of the conversation."""

    async def context_rows(self, session_id: str) -> list[ContextRow]:
        """Return the whole path with weights and states, in the order of the conversation."""

    async def attachment_data(self, attachment_ids: Iterable[str]) -> dict[str, bytes]:
        """Return the data of attachments by their ids; unknown ids are left out."""

    async def messages_by_id(self, message_ids: Sequence[str]) -> list[Message]:
        """Return the messages with these ids, in the order of the ids; unknown ids are left out."""

    async def transcript(self, session_id: str) -> list[Message]:
        """Return the whole path, for an export."""

    async def siblings(self, session_id: str) -> list[tuple[str, ...]]:
        """Return for each place with more than one message their ids, oldest first, over all branches."""

    async def last_below(self, message_id: str, ends: Sequence[str] = ()) -> str:
        """Return the end of the branch that goes on from a message, along its newest messages.

        If one of ``ends`` comes after the message, it goes through the first that does.
        """

    async def tree(self, session_id: str) -> list[Message]:
        """Return the messages of all branches, parents before their children."""

    async def fork(self, message_id: str, title: str) -> Session:
        """Copy the path that ends in a message into a new session, whose totals begin at nothing."""

    async def window(self, session_id: str) -> list[Message]:
        """Return the messages of the path that are in the window, in the order of the conversation."""

    async def weigh(self, session_id: str, tokens: dict[str, tuple[int, bool]]) -> Session:
        """Set messages' ``tokens`` and ``tokens_estimated``, by message id."""

    async def clean(
        self,
        session_id: str,
        message_id: str,
        receipt: CleanupReceipt,
        *,
        leaving: Iterable[str] = (),
        returning: Iterable[str] = (),
        shortened: Mapping[str, tuple[int | None, int]] = MappingProxyType({}),
    ) -> Session:
        """Keep a receipt with message ``message_id``, in place of an earlier one, and do what it says at once.

        The session's summary becomes the one of the last receipt on the path that has one and is not undone.

        Args:
            session_id: the session.
            message_id: the message that keeps the receipt.
            receipt: the record.
            leaving: messages that go out of the window.
            returning: messages that come back into it.
            shortened: new ``shortened_chars`` and ``tokens`` of messages, by their id.
        """

    async def mark(
        self, message_id: str, *, pinned: bool | None = None, left_out: bool | None = None
    ) -> Message:
        """Pin a message or leave it out, or take that back; ``None`` leaves a mark as it is.

        A message left out leaves the window, one no longer left out comes back, and so does one that is
        pinned (which then is not left out).
        """

    # search

    async def search(self, query: Query, *, limit: int, before: int | None = None) -> Found:
        """Return the best of the newest messages that fit, of sessions that are not deleted.

        All branches are searched, and what a cleanup took out of the window. How many messages are looked
        at before the best are chosen is limited; ``before`` is where an earlier look came to. A caller that
        is cancelled stops it.
        """

    async def hits(self, query: Query, numbers: Sequence[int]) -> list[Hit]:
        """Return the hits that `search` only told the numbers of, in their order."""

    async def index(self, budget_s: float) -> bool:
        """Work for about so long at making messages known to `search`; returns whether more wait.

        The store does so by itself, a moment after messages were written.
        """

    # accounts

    async def spend(self, session_id: str, model: str, usage: Usage, cost_usd: Decimal | None) -> Session:
        """Add what a request that is no turn took, such as a summary, to its session and to the day."""

    async def count_alone(self, answer: Message) -> None:
        """Add what an answer took that is in no session to the spending of the day."""

    async def spending(self, since: date | None = None) -> list[Spending]:
        """Return what was spent by day and model, oldest day first."""

    async def predictions(self, *, limit: int = 10_000) -> list[Prediction]:
        """Return the newest turns whose prompt was both predicted and reported."""

    async def model_facts(self, model: str) -> ModelFacts:
        """Return what was learnt about a model."""

    async def keep_model_facts(self, model: str, facts: ModelFacts) -> None:
        """Keep what was learnt about a model, in place of what was kept before."""

    async def kept_answer(self, key: str, since: datetime) -> str | None:
        """Return the answer that was kept under ``key`` since a moment, ``None`` if there is none."""

    async def keep_answer(self, key: str, answer: str, session_id: str, since: datetime) -> None:
        """Keep an answer until its session is erased; those from before ``since`` go, and the oldest of too many."""

    async def prompts(self, *, limit: int) -> list[str]:
        """Return the newest distinct user prompts over all sessions, newest first."""
