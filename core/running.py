"""Runs turns: one task for each session that is being answered, and a queue of prompts behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from brim.core.admission import Admission
from brim.core.agent import AgentInterface, AgentSource
from brim.core.attachments import loaded
from brim.core.budgets import BudgetError, today_total
from brim.core.cleaner import Cleaner
from brim.core.cleanup import CleanupMode
from brim.core.errors import (
    AgentError,
    BrimError,
    BusyElsewhereError,
    CleanupWantedError,
    SessionBusyError,
    StoreError,
    WindowFullError,
)
from brim.core.events import (
    ContextChanged,
    DayChanged,
    QueueChanged,
    QueuePaused,
    SessionChanged,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnStarted,
)
from brim.core.ledger import Ledger
from brim.core.logs import session_of_log
from brim.core.requests import Request
from brim.core.store.protocol import SessionStore
from brim.core.titles import title_from
from brim.core.turns import LiveAnswer, Turn, run_turn
from brim.core.types import Failure, Message, QueuedPrompt, Session, Status
from brim.core.unsettled import Unsettled

_CLOSING_S = 5.0


class TurnRunner:
    """Starts, stops and queues turns.

    Args:
        store: where prompts and answers go.
        publish: tells the watchers.
        agents: who answers.
        ledger: weighs and prices.
        cleaner: makes room.
        admission: lets prompts pass.
        silence_s: seconds without a sign of life after which a turn fails as hung.
    """

    def __init__(
        self,
        store: SessionStore,
        publish: Callable[[TurnEvent], None],
        *,
        agents: AgentSource,
        ledger: Ledger,
        cleaner: Cleaner,
        admission: Admission,
        silence_s: float,
    ) -> None:
        self._store = store
        self._agents = agents
        self._ledger = ledger
        self._cleaner = cleaner
        self._admission = admission
        self._publish = publish
        self._silence_s = silence_s
        self._live: dict[str, LiveAnswer] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closed: dict[str, asyncio.Event] = {}
        self._waiting: dict[str, list[Turn]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self.unsettled = Unsettled(store, ledger.settle)
        self._closing = False

    def lock(self, session_id: str) -> asyncio.Lock:
        """Return the lock under which turns of a session begin and its window is changed."""
        return self._locks.setdefault(session_id, asyncio.Lock())

    def live(self, session_id: str) -> Message | None:
        """Return the answer being written, as far as it has come."""
        live = self._live.get(session_id)
        return live.message() if live else None

    def running(self) -> frozenset[str]:
        """Return the ids of the sessions that are being answered."""
        return frozenset(self._live)

    async def settled(self, session_id: str) -> None:
        """Wait until a turn whose answer is whole has been closed.

        Raises:
            SessionBusyError: the answer is still being written.
        """
        if session_id in self._live:
            raise SessionBusyError("The answer is still being written.", hint="Stop it first, or wait.")
        if (closed := self._closed.get(session_id)) is not None:
            await closed.wait()

    async def send(
        self,
        session_id: str,
        prompt: QueuedPrompt,
        *,
        cleanup: bool | None,
        over_budget: bool,
        alone: bool = False,
        any_length: bool = False,
    ) -> Turn:
        """Ask, or queue the prompt while a turn runs; see `SessionManager.send`.

        With ``alone`` the prompt is asked at once whatever is in the queue, which waits; raises `SessionBusyError`
        while a turn runs.
        """
        if not prompt.text.strip() and not prompt.attachments:
            raise ValueError("There is nothing to send.")
        if not any_length:
            self._admission.check_length(prompt.text)
        prompt = await self._loaded(prompt)
        async with self.lock(session_id):
            if alone:
                await self.settled(session_id)
            session = await self._store.session(session_id)
            await self._admission.look(session.model, prompt.attachments)
            turn = Turn(session_id)
            if alone:
                session = session.model_copy(update={"queued": ()})
            if session_id not in self._tasks:
                await self.not_elsewhere(session_id)
                following = await self._loaded(session.queued[0]) if session.queued else prompt
                await self._admission.check(session, following, cleanup=cleanup, over_budget=over_budget)
                if not session.queued:
                    await self._start(session, turn, asked=prompt, cleanup=cleanup)
                    return turn
            await self._change_queue(session_id, added=(prompt,))
            waiting = self._waiting.setdefault(session_id, [])
            waiting.extend(Turn(session_id) for _ in range(len(session.queued) - len(waiting)))
            waiting.append(turn)
            if session_id not in self._tasks:
                await self._start_next(await self._store.session(session_id), cleanup=cleanup)
            return turn

    async def retry(self, session_id: str, *, cleanup: bool | None, over_budget: bool) -> Turn:
        """Ask again for the last prompt; see `SessionManager.retry`."""
        async with self.lock(session_id):
            await self.settled(session_id)
            session = await self._store.session(session_id)
            prompt = next(
                (m for m in reversed(await self._store.tail(session_id, limit=2)) if m.role == "user"), None
            )
            if prompt is None:
                raise BrimError("There is no prompt to ask again.")
            await self.not_elsewhere(session_id)
            await self._admission.look(session.model, prompt.attachments)
            await self._admission.check(session, None, cleanup=cleanup, over_budget=over_budget)
            turn = Turn(session_id)
            await self._start(session, turn, asked=prompt, cleanup=cleanup)
            return turn

    async def not_elsewhere(self, session_id: str) -> None:
        """Raise `BrimError` while another brim is writing an answer in a session."""
        is_busy = session_id in await self._store.answering_elsewhere()
        if is_busy and await self._store.recover():
            is_busy = session_id in await self._store.answering_elsewhere()
        if is_busy:
            raise _busy_elsewhere()

    async def stop(self, session_id: str, stopped_as: Status = Status.STOPPED) -> None:
        """Stop the running answer; what came is kept and stored when this returns. The queue waits.

        An answer that another brim writes is stopped by that one, a moment later.
        """
        task, live = self._tasks.get(session_id), self._live.get(session_id)
        if live is not None:
            live.stop(stopped_as)
        if task is not None:
            await asyncio.wait({task})
        else:
            await self._store.ask_to_stop(session_id)

    async def stop_all(self, stopped_as: Status = Status.STOPPED) -> None:
        """Stop all turns for good; their answers end as ``stopped_as``."""
        self._closing = True
        tasks = {*self._tasks.values(), *self._ending}
        for live in self._live.values():
            live.stop(stopped_as)
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSING_S)
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(_CLOSING_S):
                await self.unsettled.retry()

    async def take_back_queue(self, session_id: str) -> tuple[QueuedPrompt, ...]:
        """Empty the queue and return the prompts that were in it, oldest first."""
        async with self.lock(session_id):
            queued = tuple(
                [await self._loaded(prompt) for prompt in (await self._store.session(session_id)).queued]
            )
            if queued:
                await self._change_queue(session_id, dropped=queued)
            for turn in self._waiting.pop(session_id, []):
                turn.withdraw()
            return queued

    async def _loaded(self, prompt: QueuedPrompt) -> QueuedPrompt:
        """Return a prompt of a queue with the data of its attachments."""
        if all(one.is_loaded for one in prompt.attachments):
            return prompt
        data = await self._store.attachment_data({one.id for one in prompt.attachments})
        return prompt.model_copy(update={"attachments": loaded(prompt.attachments, data)})

    async def _change_queue(
        self, session_id: str, *, added: Sequence[QueuedPrompt] = (), dropped: Sequence[QueuedPrompt] = ()
    ) -> None:
        session = await self._store.change_queue(session_id, added=added, dropped=dropped)
        self._publish(QueueChanged(session_id=session_id, prompts=session.queued))

    async def _go_on(self, session_id: str) -> None:
        """Start the next prompt of the queue, unless the person has to decide something first."""
        async with self.lock(session_id):
            session = await self._store.session(session_id)
            if session_id in self._tasks or not session.queued:
                return
            try:
                following = await self._loaded(session.queued[0])
                await self._admission.check(session, following, cleanup=None, over_budget=False)
                await self._start_next(session, cleanup=None)
            except (CleanupWantedError, WindowFullError, BudgetError, SessionBusyError) as error:
                self._publish(QueuePaused(session_id=session_id, sentence=error.sentence))

    async def _start_next(self, session: Session, *, cleanup: bool | None) -> None:
        asked = await self._loaded(session.queued[0])
        await self._lease(session)
        waiting = self._waiting.get(session.id)
        turn = waiting.pop(0) if waiting else Turn(session.id)
        await self._start(session, turn, asked=asked, cleanup=cleanup, is_queued=True)
        session = await self._store.session(session.id)
        self._publish(QueueChanged(session_id=session.id, prompts=session.queued))

    async def _start(
        self,
        session: Session,
        turn: Turn,
        *,
        asked: QueuedPrompt | Message,
        cleanup: bool | None,
        is_queued: bool = False,
    ) -> None:
        """Store the prompt (unless it is there as a message) and an empty answer, and start the task of the turn."""
        await self.unsettled.retry(session.id)
        await self._lease(session)
        try:
            await self._begin(session, turn, asked=asked, cleanup=cleanup, is_queued=is_queued)
        except BaseException:
            await self._store.release(session.id)
            raise

    async def _lease(self, session: Session) -> None:
        """Take the right to answer in a session as it is known here. Raises `SessionBusyError`."""
        if not await self._store.lease(session.id):
            raise _busy_elsewhere()
        if (await self._store.session(session.id)).head_id != session.head_id:
            await self._store.release(session.id)
            raise SessionBusyError(
                "Another brim has written in this session just now.", hint="Look at it, and send again."
            )

    async def _begin(
        self,
        session: Session,
        turn: Turn,
        *,
        asked: QueuedPrompt | Message,
        cleanup: bool | None,
        is_queued: bool = False,
    ) -> None:
        if session.model is None:
            session = await self._store.update_session(session.id, model=await self._agents.default_model())
            self._publish(SessionChanged(session=session))
        if isinstance(asked, Message):
            prompt = asked
        else:
            prompt = Message(
                role="user",
                content=asked.text,
                attachments=asked.attachments,
                tokens=self._ledger.weigh_prompt(session.model, asked.text, asked.attachments),
                session_id=session.id,
                parent_id=session.head_id,
            )
            await self._store.add_message(prompt, taken=asked if is_queued else None)
            prompt = prompt.model_copy(
                update={"attachments": tuple(one.bare() for one in prompt.attachments)}
            )
            if not session.title:
                title = title_from(asked.text) or ", ".join(one.name for one in asked.attachments)
                await self._store.update_session(session.id, title=title)
        answer = Message(
            role="assistant",
            session_id=session.id,
            parent_id=prompt.id,
            model=session.model,
            status=Status.STREAMING,
            tokens=0,
        )
        session = await self._store.add_message(answer)
        live = LiveAnswer(answer, self._store, self._publish)
        request = Request(
            self._store,
            self._ledger,
            self._cleaner,
            prompt=prompt,
            answer_id=answer.id,
            model=answer.model,
            cleanup=cleanup,
            alive=live.wait_for,
        )
        self._live[session.id] = live
        self._publish(SessionChanged(session=session))
        self._publish(TurnStarted(session_id=session.id, prompt=prompt, answer=answer))
        task = asyncio.create_task(self._run(session, turn, live, request))
        self._tasks[session.id] = task
        self._closed[session.id] = asyncio.Event()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _run(self, session: Session, turn: Turn, live: LiveAnswer, request: Request) -> None:
        async def agent() -> AgentInterface:
            if session.model is None:
                raise AgentError(
                    "No model can be used.", hint="`brim doctor` says what is missing and how to mend it."
                )
            chosen = await self._agents.agent_for(session.model)
            await self._ledger.agent_found(session.model, chosen)
            return chosen

        session_of_log.set(session.id)
        try:
            ended = await run_turn(live, agent, request, silence_s=self._silence_s)
            try:
                ended = await self._ledger.settle(session, ended)
                del self._live[session.id]
                await self._close_turn(session, ended)
            except StoreError as error:
                self.unsettled.add(session, ended)
                failure = Failure(kind="store", sentence=error.sentence, hint=error.hint)
                ended = ended.model_copy(update={"status": Status.FAILED, "failure": failure})
                self._publish(TurnFailed(session_id=session.id, answer=ended))
            turn.finish(ended)
        finally:
            if self._live.get(session.id) is live:
                del self._live[session.id]
            self._release(session.id)
            turn.withdraw()
        if ended.status is Status.COMPLETE and not self._closing:
            await self._go_on(session.id)

    def _release(self, session_id: str) -> None:
        """Let the next turn of a session begin, unless it has."""
        if self._tasks.get(session_id) is asyncio.current_task():
            del self._tasks[session_id]
            self._closed.pop(session_id).set()

    async def _close_turn(self, session: Session, answer: Message) -> None:
        """Tell the watchers that the turn is over, and clean the window if it is full."""
        session = await self._store.session(session.id)
        if answer.status is not Status.COMPLETE:
            # Nothing leaves the window now, so whoever hears of the end may ask again at once.
            self._release(session.id)
        event = TurnFailed if answer.status is Status.FAILED else TurnFinished
        self._publish(event(session_id=session.id, answer=answer))
        self._publish(SessionChanged(session=session))
        usage = await self._ledger.usage(session)
        self._publish(ContextChanged(session_id=session.id, usage=usage))
        self._publish(DayChanged(total=await today_total(self._store)))
        if (
            usage.needs_cleanup
            and self._cleaner.mode is CleanupMode.AUTO
            and answer.receipt is None
            and answer.status is Status.COMPLETE
        ):
            await self._cleaner.clean(session, answer.id, reason="threshold", after_answer=True)


def _busy_elsewhere() -> BusyElsewhereError:
    return BusyElsewhereError(
        "Another brim is writing an answer in this session.", hint="Wait until it is done."
    )
