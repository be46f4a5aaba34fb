"""What stands behind every action of the table: one method each, named by the action's id."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, cast

from brim.tui.behind import work_behind
from brim.tui.library_commands import LibraryCommands
from brim.tui.slash import Command, parse
from brim.tui.tuning_commands import TuningCommands

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from brim.core.errors import BrimError
    from brim.tui.app import BrimApp
    from brim.tui.controller import ChatController
    from brim.tui.screens.chat import ChatScreen


class NotYetError(Exception):
    """The store is not open yet."""


class Commands(LibraryCommands, TuningCommands):
    """Carries out actions for the chat screen, each as a worker so that no key waits for it."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen

    def run(self, name: str, argument: str = "") -> None:
        """Begin an action, or one of the widgets' wishes that are named like one."""
        work_behind(self._screen, partial(self._carry_out, name, argument), group=f"command-{name}")

    def submit(self, text: str) -> None:
        """Take what was sent from the composer: a slash command or a message."""
        found = parse(text)
        if isinstance(found, Command):
            self.run(found.action.id, found.argument)
        elif found is not None:
            self._screen.composer.put_back(text)
            self._app.tell(found.sentence, is_error=True)
        elif self._screen.controller is None:
            self._screen.keep("send", text)
        elif self._screen.editing.message_id is not None:
            self.run("send_edited", text)
        else:
            self._screen.transcript.action_bottom()
            self.run("send", text)

    async def _carry_out(self, name: str, argument: str) -> None:
        from brim.core.errors import BrimError

        method = cast("Callable[[str], Awaitable[None] | None]", getattr(self, name))
        try:
            result = method(argument)
            if inspect.isawaitable(result):
                await result
        except NotYetError:
            self._screen.keep(name, argument)
            self._app.tell("One moment: brim is still opening your sessions.")
        except BrimError as error:
            self.tell(error)
            if name == "send":
                self._screen.composer.put_back(argument)

    def tell(self, error: BrimError) -> None:
        """Say what went wrong and what to do next."""
        self._app.tell(f"{error.sentence} {error.hint}".strip(), is_error=True)

    @property
    def _app(self) -> BrimApp:
        return cast("BrimApp", self._screen.app)

    @property
    def _controller(self) -> ChatController:
        if self._screen.controller is None:
            raise NotYetError
        return self._screen.controller

    # --- brim -----------------------------------------------------------------------------------------

    def help(self, _: str) -> None:
        from brim.tui.screens.help import HelpScreen

        self._app.push_screen(HelpScreen())

    def palette(self, _: str) -> None:
        self._app.action_command_palette()

    async def theme(self, argument: str) -> None:
        from brim.tui.choosing import choose_theme

        await choose_theme(self._app, argument)

    async def settings(self, argument: str) -> None:
        from brim.tui.setting_up import show_settings

        await show_settings(self._screen, self._controller, argument)

    async def log(self, argument: str) -> None:
        from brim.tui.screens.log import LogScreen

        if not any(isinstance(screen, LogScreen) for screen in self._app.screen_stack):
            controller = self._screen.controller
            session_id = controller.session_id if controller is not None else None
            await self._app.push_screen_wait(LogScreen(self._app.log_folder, session_id or "", argument))

    def toggle_sessions(self, _: str) -> None:
        self._screen.panes.toggle("sessions")

    def toggle_context(self, _: str) -> None:
        self._screen.panes.toggle("context")

    def quit(self, _: str) -> None:
        self._app.leave()

    def exit(self, _: str) -> None:
        self._app.leave()

    # --- sessions -------------------------------------------------------------------------------------

    async def new(self, _: str) -> None:
        await self._controller.open_new()

    async def clear(self, _: str) -> None:
        await self._controller.open_new()

    async def open_session(self, session_id: str) -> None:
        await self._controller.open(session_id)

    async def search(self, argument: str) -> None:
        self._screen.panes.show("sessions")
        self._screen.sessions.search(argument)

    async def open_hit(self, _: str) -> None:
        await self._screen.visits.open(self._controller)

    async def switch(self, argument: str) -> None:
        from brim.tui.choosing import choose_session

        chosen = await choose_session(self._app, self._controller, argument)
        if chosen is not None:
            await self._controller.open(chosen)

    async def rename(self, argument: str) -> None:
        session = self._controller.shown_session()
        await self._rename(session.id, argument)

    async def rename_session(self, session_id: str) -> None:
        await self._rename(session_id, "")

    async def _rename(self, session_id: str, title: str) -> None:
        from brim.tui.choosing import ask

        controller = self._controller
        session = await controller.manager.session(session_id)
        if not title:
            title = await ask(self._app, "Rename session", session.title) or ""
        if title.strip():
            await controller.manager.rename(session_id, title)
            controller.undo.organised("title", [session])

    async def undo(self, _: str) -> None:
        await self._controller.undo_last()

    async def show_again(self, message_id: str) -> None:
        await self._controller.show_again(message_id)
        await self._screen.visits.mark(self._controller)

    # --- files ----------------------------------------------------------------------------------------

    async def export(self, argument: str) -> None:
        from brim.tui.exporting import export

        self._app.tell(await export(self._controller.manager, self._controller.shown_session(), argument))

    def open_file(self, _: str) -> None:
        self._screen.transcript.action_open_file()

    async def show_file(self, ids: str) -> None:
        await self._screen.attaching.show(self._controller.manager, *ids.split())

    async def attach(self, argument: str) -> None:
        await self._screen.attaching.begin(argument)

    # --- answers --------------------------------------------------------------------------------------

    async def welcome(self, _: str) -> None:
        from brim.tui.screens.welcome import SETTINGS, WelcomeScreen

        found = await self._app.push_screen_wait(WelcomeScreen(self._controller.manager))
        if found == SETTINGS:
            await self.settings("")
        elif found is not None:
            await self._controller.set_model(found)

    async def model(self, argument: str) -> None:
        from brim.tui.choosing import choose_model

        chosen = await choose_model(self._app, self._controller, argument)
        if chosen is not None:
            await self._controller.set_model(chosen)

    async def store_draft(self, _: str) -> None:
        await self._screen.drafts.store()

    async def send(self, text: str) -> None:
        self._screen.visits.end()
        from brim.tui.sending import send

        await send(self._screen, self._controller, text)

    async def stop(self, _: str) -> None:
        screen = self._screen
        if screen.panes.is_over_focused and screen.panes.close_over():
            return
        if screen.composer.has_focus and screen.editing.cancel():
            return
        if screen.controller is not None and screen.controller.is_answering:
            await screen.controller.stop()
        elif screen.find_bar.display:
            screen.find_bar.close()
        elif screen.controller is not None and await screen.visits.go_back(screen.controller):
            return
        elif not screen.panes.close_over():
            screen.clear_selection()
            screen.composer.focus()

    async def retry(self, _: str) -> None:
        from brim.tui.sending import attempt

        await attempt(self._screen, self._controller.retry)

    async def take_back(self, _: str) -> None:
        await self._controller.take_back_queue()

    # --- the window -----------------------------------------------------------------------------------

    async def context(self, _: str) -> None:
        from brim.tui.screens.context import ContextScreen

        controller = self._controller
        session = controller.shown_session()
        if any(isinstance(screen, ContextScreen) for screen in self._app.screen_stack):
            return
        chosen = await self._app.push_screen_wait(ContextScreen(controller.manager, session.id, self))
        if chosen is not None:
            self._screen.transcript.focus()
            await self._screen.transcript.go_to_message(chosen)

    async def cleanup(self, argument: str) -> None:
        from brim.tui.cleaning import clean

        await clean(self._screen, self._controller, argument)

    async def summary(self, _: str) -> None:
        from brim.tui.cleaning import edit_summary

        await edit_summary(self._screen, self._controller)

    async def cost(self, _: str) -> None:
        from brim.tui.screens.spending import cost_screen

        await self._app.push_screen_wait(await cost_screen(self._controller))

    async def stats(self, _: str) -> None:
        from brim.tui.screens.spending import stats_screen

        await self._app.push_screen_wait(await stats_screen(self._controller))

    def pin(self, _: str) -> None:
        self._screen.transcript.action_pin()

    def leave_out(self, _: str) -> None:
        self._screen.transcript.action_leave_out()

    async def pin_message(self, message_id: str) -> None:
        await self._controller.manager.pin(message_id)

    async def unpin_message(self, message_id: str) -> None:
        await self._controller.manager.pin(message_id, pinned=False)

    async def leave_out_message(self, message_id: str) -> None:
        await self._controller.manager.leave_out(message_id)

    async def bring_back_message(self, message_id: str) -> None:
        await self._controller.manager.bring_back(message_id)

    async def undo_cleanup_of(self, message_id: str) -> None:
        controller = self._controller
        await controller.manager.undo_cleanup(controller.shown_session().id, message_id)

    # --- the transcript -------------------------------------------------------------------------------

    async def find(self, argument: str) -> None:
        await self._screen.find_bar.open(argument)

    async def open_link(self, href: str) -> None:
        from brim.tui.links import open_link

        sentence = await open_link(href)
        if sentence is None:
            self._app.copy_to_clipboard(href)
        else:
            self._app.tell(sentence)

    def copy(self, _: str) -> None:
        self._screen.transcript.action_copy_message()

    def copy_code(self, _: str) -> None:
        self._screen.transcript.action_copy_code()

    def previous_message(self, _: str) -> None:
        self._screen.transcript.action_previous_message()

    def next_message(self, _: str) -> None:
        self._screen.transcript.action_next_message()

    def top(self, _: str) -> None:
        self._screen.transcript.action_top()

    def bottom(self, _: str) -> None:
        self._screen.transcript.action_bottom()
