"""The façade of the core: sessions, their turns, and those who watch them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from brim.core.agent import AgentInterface, AgentSource, OneAgent
from brim.core.context import ContextUsage
from brim.core.errors import AgentError, BrimError, StoreError
from brim.core.events import QueueChanged, SessionChanged, SessionDeleted, TurnFailed, TurnStarted
from brim.core.hub import Hub, Subscription
from brim.core.ledger import Ledger
from brim.core.store.protocol import Recovered, SessionStore
from brim.core.titles import title_from
from brim.core.turns import LiveAnswer, Turn, run_turn
from brim.core.types import AgentContext, Failure, Message, ModelInfo, OutlineRow, Session, Status, now
from brim.core.window import DEFAULT_WINDOW_TOKENS, build_context

SILENCE_S = 180.0
"""Seconds without any event after which a turn counts as hung."""

_CLOSING_S = 5.0


class SessionManager:
    """Keeps sessions, runs their turns, and tells watchers what happens.

    Args:
        agent: who answers: one agent, or a source of agents by model id. The manager closes it.
        store: where sessions are kept; ``None`` keeps them in memory until the end of the process.
        context_window_size: the window in tokens. The default only stands in where nobody knows the
            model's own window; any other value is taken as the person's setting and comes first.
        cleanup_threshold: the share of the window from which cleanup runs.
        cleanup_target: the share that cleanup comes down to.
        min_messages_to_keep: how many of the newest messages never leave the window.
        default_system_prompt: the system prompt of new sessions.
        max_tokens: the longest answer in tokens, for the reserve kept free; ``None`` if not limited.
        silence_s: seconds without a sign of life after which a turn fails as hung.
    """

    def __init__(
        self,
        agent: AgentInterface | AgentSource,
        *,
        store: SessionStore | None = None,
        context_window_size: int = DEFAULT_WINDOW_TOKENS,
        cleanup_threshold: float = 0.90,
        cleanup_target: float = 0.60,
        min_messages_to_keep: int = 5,
        default_system_prompt: str = "",
        max_tokens: int | None = None,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._agents: AgentSource = OneAgent(agent) if isinstance(agent, AgentInterface) else agent
        if store is None:
            from brim.core.store.sqlite import SQLiteStore

            store = SQLiteStore(None)
        self._store = store
        self._hub = Hub()
        self._ledger = Ledger(
            store,
            self._hub.publish,
            context_window_size=context_window_size,
            cleanup_threshold=cleanup_threshold,
            cleanup_target=cleanup_target,
            min_messages_to_keep=min_messages_to_keep,
            max_tokens=max_tokens,
        )
        self._default_system_prompt = default_system_prompt
        self._silence_s = silence_s
        self._live: dict[str, LiveAnswer] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._waiting: dict[str, list[Turn]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._closing = False

    async def open(self) -> Recovered:
        """Open the store; returns what it found of an earlier crash. Raises `StoreError`."""
        return await self._store.open()

    async def aclose(self) -> None:
        """Stop all turns (what came is kept), write what waits, close the store and the agents."""
        self._closing = True
        tasks = list(self._tasks.values())
        for live in self._live.values():
            live.stop()
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSING_S)
        self._hub.close()
        try:
            await self._store.aclose()
        finally:
            await self._agents.aclose()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # --- sessions -------------------------------------------------------------------------------------

    async def create(
        self, *, model: str | None = None, title: str = "", system_prompt: str | None = None
    ) -> Session:
        """Make a session; ``model`` defaults to the best that can be used now. Raises `AgentError` for an unknown one."""
        session = Session(
            model=self._agents.resolve(model) if model else await self._agents.default_model(),
            title=title,
            system_prompt=self._default_system_prompt if system_prompt is None else system_prompt,
        )
        await self._store.add_session(session)
        self._hub.publish(SessionChanged(session=session))
        return session

    async def session(self, session_id: str) -> Session:
        """Return a session by its whole id. Raises `SessionNotFoundError`."""
        return await self._store.session(session_id)

    async def find_session(self, name: str) -> Session:
        """Return the session that an id, an unambiguous start of one, or ``last`` means."""
        return await self._store.find_session(name)

    async def list_sessions(
        self, *, limit: int = 50, after: Session | None = None, title: str = ""
    ) -> list[Session]:
        """Return a page of sessions, newest change first; ``after`` is the last one of the page before."""
        return await self._store.list_sessions(limit=limit, after=after, title=title)

    async def count_sessions(self) -> int:
        """Return how many sessions there are."""
        return await self._store.count_sessions()

    async def rename(self, session_id: str, title: str) -> Session:
        """Give a session a title."""
        return await self._update(session_id, title=" ".join(title.split()))

    async def set_model(self, session_id: str, model: str) -> Session:
        """Let another model answer from the next turn on. Raises `AgentError` for an unknown one."""
        session = await self._update(session_id, model=self._agents.resolve(model))
        await self._ledger.model_changed(session)
        return session

    async def set_system_prompt(self, session_id: str, text: str) -> Session:
        """Set the system prompt, from the next turn on."""
        session = await self._update(session_id, system_prompt=text)
        self._ledger.basis_changed(session)
        return session

    async def save_draft(self, session_id: str, text: str) -> None:
        """Keep what is in the composer."""
        await self._store.update_session(session_id, draft=text)

    async def delete(self, session_id: str) -> None:
        """Put a session into the bin and stop its turn. `restore` undoes it."""
        await self.stop(session_id)
        await self._store.update_session(session_id, deleted_at=now())
        self._hub.publish(SessionDeleted(session_id=session_id))

    async def restore(self, session_id: str) -> Session:
        """Take a session out of the bin."""
        return await self._update(session_id, deleted_at=None)

    async def _update(self, session_id: str, **fields: object) -> Session:
        session = await self._store.update_session(session_id, **fields)
        self._hub.publish(SessionChanged(session=session))
        return session

    # --- turns ----------------------------------------------------------------------------------------

    async def send(self, session_id: str, text: str) -> Turn:
        """Ask. When this returns the prompt is on disk.

        While a turn runs, the prompt waits in the session's queue. Prompts that were left in the queue by a
        turn that failed or was stopped go first.

        Raises:
            ValueError: there is no text.
            SessionNotFoundError: there is no such session.
            StoreError: the prompt could not be stored.
        """
        if not text.strip():
            raise ValueError("There is nothing to send.")
        async with self._lock(session_id):
            session = await self._store.session(session_id)
            turn = Turn(session_id)
            if session_id not in self._tasks and not session.queued:
                await self._start(session, turn, text=text)
                return turn
            await self._set_queue(session_id, (*session.queued, text))
            waiting = self._waiting.setdefault(session_id, [])
            waiting.extend(Turn(session_id) for _ in range(len(session.queued) - len(waiting)))
            waiting.append(turn)
            if session_id not in self._tasks:
                await self._start_next(session_id)
            return turn

    async def retry(self, session_id: str) -> Turn:
        """Ask again for the last prompt. The new answer is a sibling of the old one, which stays stored.

        Raises:
            BrimError: there is nothing to ask again, or a turn is running.
        """
        async with self._lock(session_id):
            session = await self._store.session(session_id)
            if session_id in self._tasks:
                raise BrimError("The answer is still being written.", hint="Stop it first.")
            prompt = next(
                (m for m in reversed(await self._store.tail(session_id, limit=2)) if m.role == "user"), None
            )
            if prompt is None:
                raise BrimError("There is no prompt to ask again.")
            turn = Turn(session_id)
            await self._start(session, turn, prompt=prompt)
            return turn

    async def stop(self, session_id: str) -> None:
        """Stop the running answer; what came is kept and stored when this returns. The queue waits."""
        task, live = self._tasks.get(session_id), self._live.get(session_id)
        if live is not None:
            live.stop()
        if task is not None:
            await asyncio.wait({task})

    async def take_back_queue(self, session_id: str) -> tuple[str, ...]:
        """Empty the queue and return the prompts that were in it, oldest first."""
        async with self._lock(session_id):
            queued = (await self._store.session(session_id)).queued
            if queued:
                await self._set_queue(session_id, ())
            for turn in self._waiting.pop(session_id, []):
                turn.withdraw()
            return queued

    def _lock(self, session_id: str) -> asyncio.Lock:
        return self._locks.setdefault(session_id, asyncio.Lock())

    async def _set_queue(self, session_id: str, texts: tuple[str, ...]) -> None:
        await self._store.update_session(session_id, queued=texts)
        self._hub.publish(QueueChanged(session_id=session_id, texts=texts))

    async def _start_next(self, session_id: str) -> None:
        session = await self._store.session(session_id)
        if not session.queued:
            return
        text, *rest = session.queued
        waiting = self._waiting.get(session_id)
        turn = waiting.pop(0) if waiting else Turn(session_id)
        await self._start(session, turn, text=text)
        await self._set_queue(session_id, tuple(rest))

    async def _start(
        self, session: Session, turn: Turn, *, text: str = "", prompt: Message | None = None
    ) -> None:
        """Store the prompt (unless it is there) and an empty answer, and start the task of the turn."""
        if session.model is None:
            session = await self._update(session.id, model=await self._agents.default_model())
        if prompt is None:
            prompt = Message(
                role="user",
                content=text,
                tokens=self._ledger.weigh_text(session.model, text),
                session_id=session.id,
                parent_id=session.head_id,
            )
            await self._store.add_message(prompt)
            if not session.title:
                await self._store.update_session(session.id, title=title_from(text))
        answer = Message(
            role="assistant",
            session_id=session.id,
            parent_id=prompt.id,
            model=session.model,
            status=Status.STREAMING,
            tokens=0,
        )
        session = await self._store.add_message(answer)
        live = LiveAnswer(answer, self._store, self._hub.publish)
        self._live[session.id] = live
        self._hub.publish(SessionChanged(session=session))
        self._hub.publish(TurnStarted(session_id=session.id, prompt=prompt, answer=answer))
        task = asyncio.create_task(self._run(session, turn, live, prompt, answer))
        self._tasks[session.id] = task

    async def _run(
        self, session: Session, turn: Turn, live: LiveAnswer, prompt: Message, answer: Message
    ) -> None:
        async def agent() -> AgentInterface:
            if session.model is None:
                raise AgentError(
                    "No model can be used.", hint="`brim doctor` says what is missing and how to mend it."
                )
            chosen = await self._agents.agent_for(session.model)
            await self._ledger.agent_found(session.model, chosen)
            return chosen

        async def context() -> AgentContext:
            window = await self._ledger.make_room(session, answer.id)
            return build_context(session, window, prompt)

        try:
            ended = await run_turn(live, agent, context, silence_s=self._silence_s)
            try:
                ended = await self._ledger.settle(session, ended)
                del self._live[session.id]
                await self._ledger.close_turn(session, ended)
            except StoreError as error:
                failure = Failure(kind="store", sentence=error.sentence, hint=error.hint)
                ended = ended.model_copy(update={"status": Status.FAILED, "failure": failure})
                self._hub.publish(TurnFailed(session_id=session.id, answer=ended))
            turn.finish(ended)
        finally:
            self._live.pop(session.id, None)
            del self._tasks[session.id]
            turn.withdraw()
        if ended.status is Status.COMPLETE and not self._closing:
            async with self._lock(session.id):
                if session.id not in self._tasks:
                    await self._start_next(session.id)

    # --- watching and reading -------------------------------------------------------------------------

    def subscribe(self, session_id: str | None = None) -> Subscription:
        """Watch one session, or with ``None`` all of them without the growth of their answers.

        Take the snapshot (`live`, `running`) right after, with no ``await`` between: events then go on from
        exactly there.
        """
        return self._hub.subscribe(session_id)

    def live(self, session_id: str) -> Message | None:
        """Return the answer being written, as far as it has come; ``None`` when no turn runs."""
        live = self._live.get(session_id)
        return live.message() if live else None

    def running(self) -> frozenset[str]:
        """Return the ids of the sessions that are being answered."""
        return frozenset(self._live)

    async def tail(self, session_id: str, *, limit: int, before_id: str | None = None) -> list[Message]:
        """Return the last messages of a session, or the last before ``before_id``, in order."""
        return await self._store.tail(session_id, limit=limit, before_id=before_id)

    async def outline(self, session_id: str) -> list[OutlineRow]:
        """Return all messages of a session without their texts."""
        return await self._store.outline(session_id)

    async def messages_by_id(self, message_ids: Sequence[str]) -> list[Message]:
        """Return the messages with these ids, in the order of the ids."""
        return await self._store.messages_by_id(message_ids)

    async def transcript(self, session_id: str) -> list[Message]:
        """Return all messages of a session."""
        return await self._store.transcript(session_id)

    async def context_usage(self, session_id: str) -> ContextUsage:
        """Return what fills the window of a session, without a draft."""
        return await self._ledger.usage(await self._store.session(session_id))

    def estimate(self, model: str | None, text: str) -> int:
        """Return about how many tokens a draft adds to the window of ``model``."""
        return self._ledger.weigh_text(model, text) if text else 0

    async def models(self) -> list[ModelInfo]:
        """Return the models that can be named."""
        return await self._agents.models()

    async def default_model(self) -> str | None:
        """Return the model of a new session, or ``None`` when none can be used."""
        return await self._agents.default_model()

    async def prompts(self, *, limit: int = 200) -> list[str]:
        """Return earlier prompts of all sessions, newest first."""
        return await self._store.prompts(limit=limit)
