"""Which session is shown, and what is done with it and the others."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from brim.core.errors import BrimError
from brim.core.events import TurnFailed, TurnFinished, TurnStarted
from brim.core.types import Message, OutlineRow, Session
from brim.tui import bridge
from brim.tui.beginning import Beginning
from brim.tui.behind import work_behind
from brim.tui.branch_showing import read_siblings, show_branch
from brim.tui.elsewhere import Elsewhere
from brim.tui.undoing import Undo, as_before
from brim.tui.views import AllSessionsView, OpenSessionView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brim.core.attachments import Attachment
    from brim.core.counting import NextPrompt
    from brim.core.hub import Subscription
    from brim.core.parameters import Parameters
    from brim.core.personas import Persona
    from brim.core.sessions import SessionManager
    from brim.tui.screens.chat import ChatScreen
    from brim.tui.widgets.transcript_model import Place

TAIL = 40
"""How many of the last messages are read when a session is opened."""

_TURN_BOUNDARIES = (TurnStarted, TurnFinished, TurnFailed)


class _Source:
    """Where the transcript reads the rest of a session."""

    def __init__(self, manager: SessionManager, session_id: str) -> None:
        self._manager = manager
        self._session_id = session_id

    async def outline(self) -> list[OutlineRow]:
        """Return all messages without their texts."""
        return await self._manager.outline(self._session_id)

    async def messages_by_id(self, ids: Sequence[str]) -> list[Message]:
        """Return messages with their texts."""
        return await self._manager.messages_by_id(ids)


class ChatController:
    """Between the chat screen and the manager.

    A session that has not been asked anything does not exist yet: ``session`` is then ``None``, and the
    model and system prompt chosen for it wait here.
    """

    def __init__(self, manager: SessionManager, screen: ChatScreen) -> None:
        self.manager = manager
        self.session: Session | None = None
        self.undo = Undo(screen)
        self.elsewhere = Elsewhere(screen, self)
        self._screen = screen
        self._next = Beginning(model=screen.wanted_model)
        self._open_view = OpenSessionView(screen, self)
        self._places: dict[str, Place] = {}
        self._watched: Subscription | None = None
        self._sending = asyncio.Lock()
        self._switching = asyncio.Lock()

    # --- what is shown --------------------------------------------------------------------------------

    @property
    def session_id(self) -> str | None:
        """The id of the session shown, ``None`` for one that does not exist yet."""
        return self.session.id if self.session else None

    @property
    def model(self) -> str | None:
        """The model id that answers next, ``None`` when none can be used."""
        return self.session.model if self.session else self._next.model

    @property
    def system_prompt(self) -> str:
        """The system prompt of the session shown."""
        return self.session.system_prompt if self.session else self._next.system_prompt or ""

    @property
    def parameters(self) -> Parameters:
        """The parameters of the session shown."""
        return self.session.parameters if self.session else self._next.parameters

    @property
    def persona(self) -> str:
        """The persona that the session shown was begun with, empty for none."""
        return self.session.persona if self.session else self._next.persona

    @property
    def is_answering(self) -> bool:
        """Whether the session shown is being answered."""
        return self.session_id in self.manager.running()

    def shown_session(self) -> Session:
        """Return the session shown. Raises `BrimError` where it does not exist yet."""
        if self.session is None:
            raise BrimError("This session is still empty.", hint="Send a message first.")
        return self.session

    async def count(self, draft: str, files: Sequence[Attachment]) -> NextPrompt:
        """Return how long the next prompt would be. Raises as `Counting.next_prompt`."""
        counting = self.manager.counting
        if self.session is not None:
            return await counting.next_prompt(self.session.id, draft, files)
        return await counting.first_prompt(self._next.imagined(self.manager), draft, files)

    # --- beginning ------------------------------------------------------------------------------------

    async def start(self, wanted: str | None) -> None:
        """Fill the list of sessions and show the one that is wanted, or a new one."""
        everything = self.manager.subscribe(None)
        for session_id in self.manager.running():
            self._screen.sessions.mark(session_id, streaming=True)
        self._watch(everything, AllSessionsView(self._screen, self))
        await self.show_limits()
        if self._next.model is None:
            self._next.model = await self.manager.default_model()
        if wanted is None:
            self._show_totals()
        else:
            session = await self.manager.find_session(wanted)
            if self._screen.wanted_model is not None:
                await self.manager.tuning.set_model(session.id, self._screen.wanted_model)
            await self.open(session.id, keeps_typed=True)
        self._screen.composer.fill_recall(await self.manager.prompts(limit=200))

    async def show_limits(self) -> None:
        """Tell the meters what today has taken, what may be spent and who decides about cleanups."""
        total, budgets = await self.manager.today(), self.manager.budgets
        for meter in self._screen.meters:
            meter.set_day(total)
            meter.set_budgets(budgets.session_usd, budgets.day_usd)
        self.show_mode()

    def show_mode(self) -> None:
        """Tell the meters who decides about cleanups."""
        for meter in self._screen.meters:
            meter.set_mode(self.manager.cleanup_mode.value)

    def _watch(self, subscription: Subscription, view: bridge.ChatView) -> None:
        work_behind(self._screen, partial(bridge.watch, subscription, view), group="watch")

    # --- switching ------------------------------------------------------------------------------------

    async def open(self, session_id: str, *, keeps_typed: bool = False) -> None:
        """Show a session: its last messages, its answer as far as it has come, its draft, its place."""
        async with self._switching:
            if session_id == self.session_id:
                return
            session = await self.manager.session(session_id)
            await self._leave_shown()
            if session.model is None and self._next.model is not None:
                session = await self.manager.tuning.set_model(session_id, self._next.model)
            subscription, messages, live = await self._attach(session_id)
            self._watched = subscription
            typed = self._screen.composer.draft if keeps_typed else ""
            self.take(session)
            screen = self._screen
            screen.composer.restore("\n\n".join(filter(None, (session.draft, typed))))
            screen.sessions.set_current(session_id)
            screen.sessions.mark(session_id, unread=False)
            total = session.messages if len(messages) == TAIL else len(messages)
            await screen.transcript.show(
                _Source(self.manager, session_id), total, messages, self._places.get(session_id)
            )
            read_siblings(screen, self)
            self.undo.opened()
            self._open_view.show_queue(session_id, session.queued)
            self._open_view.show_usage(session_id, await self.manager.context_usage(session_id))
            self._show_last_turn(messages, live)
            screen.show_answering(is_answering=live is not None)
            self._watch(subscription, self._open_view)

    async def _meet(self, session_id: str) -> None:
        """Ask the one who answers next for its window: it may know better than whatever was known before."""
        with suppress(BrimError):
            await self.manager.tuning.meet(session_id)

    def _show_last_turn(self, messages: Sequence[Message], live: Message | None = None) -> None:
        """Tell the meters of the last answer that is not being written."""
        last = next((m for m in reversed(messages) if m.role == "assistant" and m is not live), None)
        for meter in self._screen.meters:
            meter.set_turn(last)

    async def show_again(self, message_id: str = "") -> None:
        """Read the session shown anew: another branch of it is shown now, the one with that message."""
        async with self._switching:
            session_id = self.session_id
            if session_id is None or self._watched is None:
                return
            self._watched.close()
            subscription, messages, live = await self._attach(session_id)
            session = await self.manager.session(session_id)
            self._watched = subscription
            session.draft = self.shown_session().draft
            self.take(session)
            await show_branch(self._screen, _Source(self.manager, session_id), messages, message_id)
            read_siblings(self._screen, self)
            self._open_view.show_queue(session_id, session.queued)
            self._show_last_turn(messages, live)
            self._screen.show_answering(is_answering=live is not None)
            self._watch(subscription, self._open_view)

    async def read_on(self, session: Session) -> None:
        """Show what another brim has added to the session shown; its other branch, if it went to one."""
        async with self._switching:
            messages = await self.manager.tail(session.id, limit=TAIL)
            if session.id != self.session_id or self.is_answering:
                return
            goes_on = self._screen.transcript.take(messages)
        if goes_on:
            self._show_last_turn([m for m in messages if m.status != "streaming"])
            read_siblings(self._screen, self)
            self._open_view.show_usage(session.id, await self.manager.context_usage(session.id))
        else:
            await self.show_again()

    async def _attach(self, session_id: str) -> tuple[Subscription, list[Message], Message | None]:
        """Return a subscription, and the end of the session exactly as it was before its first event."""
        while True:
            probe = self.manager.subscribe(session_id)
            messages = await self.manager.tail(session_id, limit=TAIL)
            subscription, live = self.manager.subscribe(session_id), self.manager.live(session_id)
            probe.close()
            if not [e async for batch in probe.batches() for e in batch if isinstance(e, _TURN_BOUNDARIES)]:
                return subscription, [live if live and m.id == live.id else m for m in messages], live
            subscription.close()

    async def open_new(self) -> None:
        """Show an empty session; it comes into being with its first message."""
        async with self._switching:
            if self.session is None:
                self._screen.composer.focus()
                return
            model = self.session.model
            await self._leave_shown()
            self._next = Beginning(model=model)
            self._show_empty()

    async def _leave_shown(self) -> None:
        """Keep the draft and the place of the session shown, and stop watching it."""
        await self._screen.drafts.store()
        self._screen.editing.leave()
        if self._watched is not None:
            self._watched.close()
            self._watched = None
        if self.session is not None:
            self._places[self.session.id] = self._screen.transcript.place()

    def _show_empty(self) -> None:
        screen = self._screen
        self.session = None
        screen.transcript.clear()
        screen.composer.restore(screen.state.new_draft)
        screen.composer.queue_waits = False
        screen.sessions.set_current(None)
        screen.show_answering(is_answering=False)
        screen.composer.focus()
        self._show_totals()

    def take(self, session: Session) -> None:
        """Show the title, the model and the totals of the session that is open."""
        known, self.session = self.session, session
        self._show_totals()
        if known is None or (known.id, known.model) != (session.id, session.model):
            work_behind(self._screen, partial(self._meet, session.id), group="meet", exclusive=True)
        if known is not None and (known.model, known.turns) != (session.model, session.turns):
            self._screen.drafts.weigh()

    def _show_totals(self) -> None:
        self._screen.show_session(self.session, self.model)

    def left(self, session_id: str) -> None:
        """Show an empty session in place of one that is gone."""
        if session_id == self.session_id:
            if self._watched is not None:
                self._watched.close()
                self._watched = None
            self._screen.drafts.forget()
            self._screen.editing.leave()
            self._show_empty()

    # --- asking ---------------------------------------------------------------------------------------

    async def send(
        self,
        text: str,
        attachments: Sequence[Attachment] = (),
        *,
        cleanup: bool | None = None,
        over_budget: bool = False,
    ) -> None:
        """Ask, in the order of the calls; the first message makes the session. The arguments are the manager's.

        How long the text is has been looked at before.
        """
        async with self._sending:
            if self.session is None:
                session = await self._next.make(self.manager)
                await self.open(session.id, keeps_typed=True)
                self._screen.state.new_draft = ""
            await self.manager.send(
                self.shown_session().id,
                text,
                attachments=attachments,
                cleanup=cleanup,
                over_budget=over_budget,
                any_length=True,
            )

    async def stop(self) -> None:
        """Stop the answer of the session shown."""
        if self.session is not None:
            await self.manager.stop(self.session.id)

    async def retry(self, *, cleanup: bool | None = None, over_budget: bool = False) -> None:
        """Ask again for the last prompt. The arguments are the manager's."""
        await self.manager.retry(self.shown_session().id, cleanup=cleanup, over_budget=over_budget)

    async def take_back_queue(self) -> None:
        """Put the prompts that wait into the composer."""
        if self.session is not None and (queued := await self.manager.take_back_queue(self.session.id)):
            attaching = self._screen.attaching
            texts = [attaching.with_mentions(prompt.text, prompt.attachments) for prompt in queued]
            self._screen.composer.put_back("\n\n".join(texts))

    async def store_draft(self, draft: str) -> None:
        """Keep what is in the composer with the session shown."""
        if self.session is None:
            self._screen.state.new_draft = draft
        elif draft != self.session.draft:
            self.session.draft = draft
            await self.manager.tuning.save_draft(self.session.id, draft)

    # --- changing -------------------------------------------------------------------------------------

    async def set_model(self, model: str) -> None:
        """Let another model answer from now on."""
        if self.session is None:
            self._next.model = model
            self._show_totals()
            self._screen.drafts.weigh()
        else:
            await self.manager.tuning.set_model(self.session.id, model)

    async def set_system_prompt(self, text: str) -> None:
        """Set the system prompt of the session shown."""
        if self.session is None:
            self._next.system_prompt = text
        else:
            self.take(await self.manager.tuning.set_system_prompt(self.session.id, text))

    async def set_parameters(self, parameters: Parameters) -> None:
        """Set the parameters of the session shown, in place of all that were set before."""
        if self.session is None:
            self._next.parameters = parameters
            self._show_totals()
        else:
            self.take(await self.manager.tuning.set_parameters(self.session.id, parameters))

    async def begin_with(self, persona: Persona) -> None:
        """Show an empty session that will be asked as a persona says. Raises `AgentError` for an unknown model."""
        beginning = Beginning.of(persona, self.manager, self.model)
        await self.open_new()
        self._next = beginning
        self._show_totals()

    async def undo_last(self) -> None:
        """Undo what was done last to whole sessions, or bring back what the last cleanup took out of the window."""
        if (change := self.undo.change) is not None:
            self.undo.forget_change()
            sessions = await self.manager.library.put_back(change.before, change.field)
            if change.field != "deleted_at":
                self._screen.brim.tell(as_before(sessions))
                return
            for session in sessions:
                self._screen.sessions.put(session)
            if len(sessions) == 1:
                await self.open(sessions[0].id)
        elif (message_id := self.undo.message_id) is not None:
            await self.manager.undo_cleanup(self.shown_session().id, message_id)
            self._screen.brim.tell("The cleanup is undone: what fits is back in the window.")
