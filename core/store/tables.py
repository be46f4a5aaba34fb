"""A store of tables: what every store does whose rows the functions of this package read and write.

How the work gets to the rows differs from store to store, and so do opening, recovery and who else may write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

from brim.core.errors import StoreError
from brim.core.search import Found, Hit, Query
from brim.core.store import (
    accounts,
    answer_table,
    attachment_table,
    branch_table,
    bulk,
    message_table,
    queries,
    search_table,
    session_table,
    window_table,
)
from brim.core.store.connection import Work, Worker
from brim.core.store.indexer import Indexer
from brim.core.store.journal import Journal
from brim.core.store.protocol import Conversation, ModelFacts, Prediction, Spending, Taken
from brim.core.store.rows import storable
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

T = TypeVar("T")


class TableStore:
    """The part of a `SessionStore` that is the same wherever its tables are.

    Args:
        connections: what gets work to the rows.
    """

    def __init__(self, connections: Worker) -> None:
        self._connections = connections
        self._journal: Journal | None = None
        self._indexer: Indexer | None = None

    @property
    def _mark(self) -> str | None:
        """The mark of this store on answers that it is writing."""
        return None

    async def _change(self, session_id: str, work: Work[T], *, is_synced: bool = True) -> T:
        """Do ``work``, which changes a session. Where many write, others are kept from the session meanwhile."""
        del session_id
        return await self._connections.write(work, is_synced=is_synced)

    async def _change_of(self, message_id: str, work: Work[T], *, is_synced: bool = True) -> T:
        """Do ``work``, which changes the session that a message is in; as `_change` otherwise."""
        del message_id
        return await self._connections.write(work, is_synced=is_synced)

    async def _end_work(self) -> None:
        """End what is done behind, and write what waits."""
        journal, self._journal = self._journal, None
        indexer, self._indexer = self._indexer, None
        try:
            if indexer is not None:
                await indexer.close()
        finally:
            if journal is not None:
                await journal.close()

    # --- sessions -------------------------------------------------------------------------------------

    async def add_session(self, session: Session) -> None:
        """Keep a new session."""
        await self._connections.write(partial(session_table.add, session))

    async def session(self, session_id: str) -> Session:
        """Return a session by its whole id, also a deleted one."""
        return await self._connections.read(partial(session_table.get, session_id))

    async def find_session(self, name: str) -> Session:
        """Return the session that an id, an unambiguous start of one, or ``last`` means."""
        return await self._connections.read(partial(session_table.find, name))

    async def list_sessions(
        self, *, limit: int, after: Session | None = None, only: SessionFilter = ALL_OPEN
    ) -> list[Session]:
        """Return a page of sessions, newest change first."""
        return await self._connections.read(partial(session_table.page, limit, after, only))

    async def count_sessions(self) -> int:
        """Return how many sessions are open."""
        return await self._connections.read(session_table.count)

    async def tags(self) -> list[tuple[str, int]]:
        """Return the tags in use and how many sessions have each."""
        return await self._connections.read(session_table.tags)

    async def erase(self, session_ids: Iterable[str]) -> int:
        """Delete sessions for good."""
        return await self._connections.write(partial(session_table.erase, tuple(session_ids)))

    async def import_sessions(
        self, conversations: Sequence[Conversation], *, is_rehearsal: bool = False
    ) -> list[Taken]:
        """Keep conversations from elsewhere; see `SessionStore.import_sessions`."""
        work = partial(bulk.take_in, tuple(conversations), is_rehearsal)
        taken = await self._connections.write(work, is_synced=not conversations)
        if self._indexer is not None:
            self._indexer.put_off()
        return taken

    async def update_session(self, session_id: str, **fields: Any) -> Session:
        """Set fields of a session; see `SessionStore.update_session`."""
        session_table.check_settable(fields)
        return await self._change(session_id, partial(session_table.update, session_id, fields))

    # --- messages -------------------------------------------------------------------------------------

    async def change_queue(
        self, session_id: str, *, added: Sequence[QueuedPrompt] = (), dropped: Sequence[QueuedPrompt] = ()
    ) -> Session:
        """Take prompts out of a session's queue, and add others at its end."""
        work = partial(session_table.change_queue, session_id, tuple(added), tuple(dropped))
        return await self._change(session_id, work)

    async def add_message(self, message: Message, *, taken: QueuedPrompt | None = None) -> Session:
        """Keep a message and make it its session's head."""
        work = partial(message_table.add, message.model_copy(), self._mark, taken=taken)
        session = await self._change(message.session_id, work)
        self._words_changed()
        return session

    def journal(
        self, message_id: str, *, text: str = "", reasoning: str = "", tool_call: ToolCall | None = None
    ) -> None:
        """Add to a streaming answer without waiting."""
        if self._journal is None:
            raise StoreError("The data file is closed.")
        self._journal.add(message_id, text, reasoning, tool_call)

    async def foresee(self, message_id: str, parts: PromptParts) -> None:
        """Keep what the prompt of an answer is expected to be made of."""
        await self._change_of(message_id, partial(message_table.foresee, message_id, parts), is_synced=False)

    async def finish_message(self, message: Message) -> Session:
        """Write an answer as it is at its end, and count it."""
        session = await self._change_of(message.id, partial(message_table.finish, message.model_copy()))
        if self._journal is not None:
            self._journal.forget(message.id)
        self._words_changed()
        return session

    async def message(self, message_id: str) -> Message:
        """Return one message."""
        return await self._connections.read(partial(message_table.get, message_id))

    async def tail(self, session_id: str, *, limit: int, before_id: str | None = None) -> list[Message]:
        """Return the last messages of the path, or of what comes before ``before_id`` in it."""
        if before_id is None:
            return await self._path_of(queries.TAIL_BACK, session=session_id, limit=limit)
        return await self._path_of(queries.TAIL_BEFORE_BACK, before=before_id, limit=limit)

    async def outline(self, session_id: str) -> list[OutlineRow]:
        """Return the whole path without its texts."""
        return await self._connections.read(partial(message_table.outline, storable(session_id)))

    async def context_rows(self, session_id: str) -> list[ContextRow]:
        """Return the whole path with weights and states."""
        return await self._connections.read(partial(message_table.context_rows, storable(session_id)))

    async def attachment_data(self, attachment_ids: Iterable[str]) -> dict[str, bytes]:
        """Return the data of attachments by their ids."""
        return await self._connections.read(partial(attachment_table.data, tuple(attachment_ids)))

    async def messages_by_id(self, message_ids: Sequence[str]) -> list[Message]:
        """Return the messages with these ids, in the order of the ids."""
        return await self._connections.read(partial(message_table.by_id, tuple(message_ids)))

    async def transcript(self, session_id: str) -> list[Message]:
        """Return the whole path."""
        return await self._path_of(queries.TRANSCRIPT_BACK, session=session_id)

    async def siblings(self, session_id: str) -> list[tuple[str, ...]]:
        """Return the ids of messages that stand beside each other."""
        return await self._connections.read(partial(branch_table.siblings, session_id))

    async def last_below(self, message_id: str, ends: Sequence[str] = ()) -> str:
        """Return the end of the branch that goes on from a message."""
        return await self._connections.read(partial(branch_table.last_below, message_id, ends))

    async def tree(self, session_id: str) -> list[Message]:
        """Return the messages of all branches."""
        return await self._connections.read(partial(branch_table.tree, session_id))

    async def fork(self, message_id: str, title: str) -> Session:
        """Copy the path that ends in a message into a new session."""
        session = await self._change_of(message_id, partial(branch_table.fork, message_id, title))
        self._words_changed()
        return session

    async def window(self, session_id: str) -> list[Message]:
        """Return the messages of the path that are in the window."""
        return await self._path_of(queries.WINDOW_BACK, session=session_id)

    async def _path_of(self, sql: str, **values: str | int) -> list[Message]:
        kept = {name: storable(value) if isinstance(value, str) else value for name, value in values.items()}
        return await self._connections.read(partial(message_table.path, sql, kept))

    async def weigh(self, session_id: str, tokens: dict[str, tuple[int, bool]]) -> Session:
        """Set messages' weights."""
        return await self._change(session_id, partial(window_table.weigh, session_id, dict(tokens)))

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
        """Keep a receipt and do what it says; see `SessionStore.clean`."""
        work = partial(
            window_table.clean,
            session_id,
            message_id,
            receipt,
            leaving=tuple(leaving),
            returning=tuple(returning),
            shortened=dict(shortened),
        )
        return await self._change(session_id, work)

    async def mark(
        self, message_id: str, *, pinned: bool | None = None, left_out: bool | None = None
    ) -> Message:
        """Pin a message or leave it out, or take that back."""
        await self._change_of(message_id, partial(window_table.mark, message_id, pinned, left_out))
        return await self.message(message_id)

    # --- search -----------------------------------------------------------------------------------------

    async def search(self, query: Query, *, limit: int, before: int | None = None) -> Found:
        """Return the best of the newest messages that fit."""
        return await self._connections.search(partial(search_table.find, query, limit, before))

    async def hits(self, query: Query, numbers: Sequence[int]) -> list[Hit]:
        """Return the hits that `search` told the numbers of."""
        return await self._connections.search(partial(search_table.hits_of, query, tuple(numbers)))

    async def index(self, budget_s: float) -> bool:
        """Make messages known to search; returns whether more wait."""
        return await self._connections.write(partial(search_table.index, budget_s), is_synced=False)

    def _words_changed(self) -> None:
        if self._indexer is not None:
            self._indexer.wake()

    # --- accounts -------------------------------------------------------------------------------------

    async def spend(self, session_id: str, model: str, usage: Usage, cost_usd: Decimal | None) -> Session:
        """Add what a request that is no turn took; see `SessionStore.spend`."""
        work = partial(accounts.count_besides, session_id, model, usage, cost_usd)
        return await self._change(session_id, work)

    async def count_alone(self, answer: Message) -> None:
        """Add an answer that is in no session to the day."""
        await self._connections.write(partial(accounts.count_alone, answer))

    async def spending(self, since: date | None = None) -> list[Spending]:
        """Return what was spent by day and model, oldest day first."""
        return await self._connections.read(partial(accounts.spending, since))

    async def predictions(self, *, limit: int = 10_000) -> list[Prediction]:
        """Return the newest turns whose prompt was both predicted and reported."""
        return await self._connections.read(partial(accounts.predictions, limit))

    async def model_facts(self, model: str) -> ModelFacts:
        """Return what was learnt about a model."""
        return await self._connections.read(partial(accounts.model_facts, model))

    async def keep_model_facts(self, model: str, facts: ModelFacts) -> None:
        """Keep what was learnt about a model, in place of what was kept before."""
        await self._connections.write(partial(accounts.keep_model_facts, model, facts), is_synced=False)

    async def kept_answer(self, key: str, since: datetime) -> str | None:
        """Return the answer that was kept under a key since a moment."""
        return await self._connections.read(partial(answer_table.kept, key, since))

    async def keep_answer(self, key: str, answer: str, session_id: str, since: datetime) -> None:
        """Keep an answer; those from before ``since`` go, and the oldest of too many."""
        work = partial(answer_table.keep, key, answer, session_id, since)
        await self._connections.write(work, is_synced=False)

    async def prompts(self, *, limit: int) -> list[str]:
        """Return the newest distinct user prompts, newest first."""
        return await self._connections.read(partial(message_table.prompts, limit))
