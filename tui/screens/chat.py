"""The chat: sessions on the left, the transcript and the composer, the context meter on the right."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events, getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen

from brim.tui.actions import BY_ID, screen_bindings
from brim.tui.attaching import Attaching
from brim.tui.behind import work_behind
from brim.tui.commands import Commands
from brim.tui.drafts import DraftKeeper
from brim.tui.editing import Editing
from brim.tui.gauges import draft_words
from brim.tui.panes import Panes
from brim.tui.state import ScreenState
from brim.tui.visits import Visits
from brim.tui.widgets.attached_line import AttachedLine
from brim.tui.widgets.composer import PLACEHOLDER, Composer
from brim.tui.widgets.context_meter import ContextMeter
from brim.tui.widgets.file_list import FileList
from brim.tui.widgets.find_bar import FindBar
from brim.tui.widgets.header import Header
from brim.tui.widgets.key_bar import KeyBar
from brim.tui.widgets.meter_line import MeterLine
from brim.tui.widgets.search_hits import SearchHits
from brim.tui.widgets.session_list import SessionList
from brim.tui.widgets.slash_list import SlashList
from brim.tui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from decimal import Decimal

    from brim.core.searching import Results
    from brim.core.sessions import SessionManager
    from brim.core.types import Session
    from brim.tui.app import BrimApp
    from brim.tui.controller import ChatController


EDITING = "editing an earlier prompt – Esc cancels"
ELSEWHERE = "Another brim is answering in this session"


class ChatScreen(Screen[None]):
    """Composition, folding, and who is told when a widget says what the person wants."""

    BINDINGS: ClassVar[list[BindingType]] = [*screen_bindings()]
    AUTO_FOCUS = "#composer"

    header = getters.query_one(Header)
    sessions = getters.query_one(SessionList)
    transcript = getters.query_one(Transcript)
    find_bar = getters.query_one(FindBar)
    meter_line = getters.query_one(MeterLine)
    composer = getters.query_one(Composer)
    slash_list = getters.query_one(SlashList)
    attached_line = getters.query_one(AttachedLine)
    meter = getters.query_one(ContextMeter)
    chat_pane = getters.query_one("#chat", Vertical)

    def __init__(self, state: ScreenState, session: str | None, model: str | None) -> None:
        super().__init__()
        self.state = state
        self._wanted_session = session
        self.wanted_model = model
        self.controller: ChatController | None = None
        """``None`` until the store is open."""
        self.commands = Commands(self)
        self.drafts = DraftKeeper(self)
        self._before_connection: list[tuple[str, str]] = []
        self.panes = Panes(self)
        self.visits = Visits(self)
        self.editing = Editing(self)
        self.attaching = Attaching(self)
        self.answering_elsewhere: frozenset[str] = frozenset()
        """The sessions that other brims answer in."""
        self.being_named: set[str] = set()
        """The sessions whose titles models are writing."""
        self._is_answering = False

    # --- composition ----------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Lay out the panes; nothing in them needs the manager yet."""
        yield Header()
        with Horizontal(id="panes"):
            yield SessionList(
                self._load_sessions,
                self._look_for,
                fits=self._is_listed,
                count=self._count_sessions,
                id="sessions",
            )
            with Vertical(id="chat", classes="-active"):
                yield Transcript(id="transcript")
                yield FindBar()
                commands, files = SlashList(), FileList()
                yield commands
                yield files
                yield MeterLine(id="meter-line")
                yield AttachedLine(id="attached")
                yield Composer(id="composer", commands=commands, files=files)
            yield ContextMeter(id="context")
        yield KeyBar()

    def on_mount(self) -> None:
        """Show what is known at once: the hints, the draft of a session that does not exist yet."""
        self.show_answering(is_answering=False)
        self.panes.remember()
        if self._wanted_session is None:
            self.composer.restore(self.state.new_draft)

    async def _load_sessions(self, limit: int, after: Session | None, title: str) -> list[Session]:
        if self.controller is None:
            return []
        from brim.tui.listing import filter_of

        return await self.controller.manager.list_sessions(limit=limit, after=after, only=filter_of(title))

    async def _count_sessions(self) -> int | None:
        return None if self.controller is None else await self.controller.manager.count_sessions()

    @staticmethod
    def _is_listed(session: Session, text: str) -> bool:
        from brim.tui.listing import fits

        return fits(session, text)

    def _look_for(self, text: str) -> Results | None:
        if self.controller is None:
            return None
        from brim.tui.listing import words_of

        return self.controller.manager.searching.look(words_of(text), as_typed=True)

    async def connected(self, manager: SessionManager) -> None:
        """Fill the panes and do what was asked for before the store was open."""
        from brim.tui.controller import ChatController

        controller = ChatController(manager, self)
        await controller.start(self._wanted_session)
        self.controller = controller
        if self.brim.wanted_persona is not None:
            from brim.tui.persona_choosing import begin

            await begin(self, controller, self.brim.wanted_persona, keeps_model=self.wanted_model is not None)
        self.drafts.weigh()
        self.sessions.reload()
        for name, argument in self._before_connection:
            self.commands.run(name, argument)
        self._before_connection.clear()
        manager.neighbours.watch()
        if controller.model is None:
            self.commands.run("welcome")

    async def store_draft(self) -> None:
        """Keep what is in the composer, for a quit."""
        await self.drafts.store()

    def keep_draft(self, draft: str) -> None:
        """Keep what was typed before the store was open, for the next start."""
        if self._wanted_session is None:
            self.state.new_draft = draft
        elif draft:
            self.state.new_draft = "\n\n".join(filter(None, (self.state.new_draft, draft)))

    # --- panes ----------------------------------------------------------------------------------------

    @on(events.Resize)
    def _unfold(self) -> None:
        self.panes.unfold()

    @on(events.DescendantFocus)
    def _light_up(self) -> None:
        self.panes.light_up()

    # --- what the widgets say -------------------------------------------------------------------------

    @on(Composer.Submitted)
    def _submitted(self, event: Composer.Submitted) -> None:
        self.drafts.forget()
        self.attaching.forget()
        self.show_draft(0)
        self.commands.submit(event.text)

    @on(Composer.Changed)
    def _draft_changed(self) -> None:
        self.drafts.changed()

    @on(Composer.QueueWanted)
    def _queue_wanted(self) -> None:
        self.commands.run("take_back")

    @on(Composer.ScrollWanted)
    def _scroll_wanted(self, event: Composer.ScrollWanted) -> None:
        if event.pages < 0:
            self.transcript.action_page_up()
        else:
            self.transcript.action_page_down()

    @on(SlashList.Taken)
    def _command_taken(self, event: SlashList.Taken) -> None:
        self.composer.take(event.slash)
        self.composer.focus()

    @on(FileList.Taken)
    def _file_taken(self, event: FileList.Taken) -> None:
        self.composer.take_file(event.offer)
        self.composer.focus()

    @on(FindBar.Changed)
    def _find_changed(self, event: FindBar.Changed) -> None:
        self.transcript.find(event.text)

    @on(FindBar.StepWanted)
    def _find_step(self, event: FindBar.StepWanted) -> None:
        if event.by > 0:
            self.transcript.action_find_next()
        else:
            self.transcript.action_find_previous()

    @on(FindBar.Closed)
    def _find_closed(self) -> None:
        self.transcript.find("")
        self.composer.focus()

    @on(SessionList.Selected)
    def _session_selected(self, event: SessionList.Selected) -> None:
        self.commands.run("open_session", event.session_id)
        if not self.panes.close_over():
            self.composer.focus()

    @on(SearchHits.Chosen)
    def _hit_chosen(self, event: SearchHits.Chosen) -> None:
        self.visits.wanted = event.hit
        self.commands.run("open_hit")

    @on(SessionList.NewWanted)
    def _new_wanted(self) -> None:
        self.commands.run("new")

    @on(SessionList.RenameWanted)
    def _rename_wanted(self, event: SessionList.RenameWanted) -> None:
        self.commands.run("rename_session", event.session_id)

    @on(SessionList.VerbWanted)
    def _verb_wanted(self, event: SessionList.VerbWanted) -> None:
        self.commands.run(event.verb, " ".join(event.session_ids))

    @on(Transcript.FindChanged)
    def _found(self, event: Transcript.FindChanged) -> None:
        self.find_bar.show_count(event.current, event.total, is_searching=event.searching)

    @on(Transcript.LinkClicked)
    def _link_clicked(self, event: Transcript.LinkClicked) -> None:
        self.commands.run("open_link", event.href)

    @on(Transcript.Troubled)
    @on(SessionList.Troubled)
    def _troubled(self, event: Transcript.Troubled | SessionList.Troubled) -> None:
        self.brim.tell(event.sentence, is_error=True)

    @on(Transcript.RetryWanted)
    def _retry_wanted(self, event: Transcript.RetryWanted) -> None:
        self.commands.run("regenerate_message", event.message_id)

    @on(Transcript.PicturesWanted)
    def _pictures_wanted(self, event: Transcript.PicturesWanted) -> None:
        if self.brim.manager is not None:
            work_behind(
                self, partial(self.attaching.draw, self.brim.manager, event.message), group="pictures"
            )

    @on(Transcript.FileWanted)
    def _file_wanted(self, event: Transcript.FileWanted) -> None:
        self.commands.run("show_file", f"{event.message_id} {event.file_id}")

    @on(Transcript.MarkWanted)
    def _mark_wanted(self, event: Transcript.MarkWanted) -> None:
        self.commands.run(event.wish, event.message_id)

    # --- doing ----------------------------------------------------------------------------------------

    def action_do(self, action_id: str) -> None:
        """Carry out an action of the table."""
        self.commands.run(action_id)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Ctrl+Z belongs to the composer unless there is something newer to take back."""
        if action == "do" and parameters == ("undo",):
            return self.controller is not None and self.controller.undo.has_any
        return super().check_action(action, parameters)

    def keep(self, name: str, argument: str) -> None:
        """Keep a prompt or another action until the store is open, in the order in which they came.

        A key that is pressed again meanwhile means the same action.
        """
        if name == "send" or (name, argument) not in self._before_connection:
            self._before_connection.append((name, argument))

    # --- showing --------------------------------------------------------------------------------------

    @property
    def brim(self) -> BrimApp:
        """The app, by its own type."""
        return cast("BrimApp", self.app)

    @property
    def meters(self) -> tuple[ContextMeter, MeterLine]:
        """Both meters; they are told the same."""
        return self.meter, self.meter_line

    def show_session(self, session: Session | None, model: str | None) -> None:
        """Show title, model and totals; ``None`` is a session that does not exist yet."""
        self.header.set_title(session.display_title if session else "New session")
        self.header.set_model(model)
        self.header.set_cost(session)
        self.show_notes()
        self.show_hints()
        for meter in self.meters:
            meter.set_session(session)

    def show_draft(self, tokens: int, usd: Decimal | None = None) -> None:
        """Show what the draft weighs, and what sending it now takes where that is known."""
        words = draft_words(tokens, usd)
        if self.editing.message_id is not None:
            words = f"{EDITING} · {words}" if words else EDITING
        self.composer.border_title = words or None
        for meter in self.meters:
            meter.set_draft(tokens)

    def show_answering(self, *, is_answering: bool) -> None:
        """Say at the composer what its keys do while the session is answered, or not."""
        self._is_answering = is_answering
        self.show_hints()

    def show_hints(self) -> None:
        """Say at the composer what its keys do now, and why they might not."""
        session_id = self.controller.session_id if self.controller else None
        is_elsewhere = session_id in self.answering_elsewhere and not self._is_answering
        hints = [f"{BY_ID[name].key_label} {word}" for name, word in self._hints()]
        self.chat_pane.border_subtitle = ELSEWHERE if is_elsewhere else " · ".join(hints)
        self.composer.placeholder = f"{ELSEWHERE} …" if is_elsewhere else PLACEHOLDER
        self.composer.set_class(self.editing.message_id is not None, "-editing")
        if self.composer.border_title is None or EDITING in str(self.composer.border_title):
            self.show_draft(0)

    def _hints(self) -> Iterator[tuple[str, str]]:
        is_editing = self.editing.message_id is not None
        yield "send", "queue" if self._is_answering else "ask this instead" if is_editing else "send"
        yield "newline", "newline"
        if self._is_answering or is_editing:
            yield "stop", "cancel" if is_editing else "stop"

    @work(group="notes", exclusive=True)
    async def show_notes(self) -> None:
        """Show what there is to say of the session beside its title."""
        session = self.controller.session if self.controller else None
        notes = []
        if session is not None:
            notes += ["writing a title …"] if session.id in self.being_named else []
            notes += ["forked: /origin"] if session.forked_from else []
            notes += ["archived"] if session.archived else []
            notes += [f"#{tag}" for tag in session.tags]
        if self.controller is not None:
            from brim.tui.tuning import noted

            notes += await noted(self.controller)
        self.header.set_note(" ".join(notes))
