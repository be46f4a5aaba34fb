"""The Textual app: what is put together, how it begins and how it ends."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import App

from brim import themes
from brim.core.text import visible
from brim.tui import crash
from brim.tui.behind import work_behind
from brim.tui.ending import Watchdog, catch_hangup, catch_signals, in_time
from brim.tui.gate import ControlGate
from brim.tui.screens.chat import ChatScreen
from brim.tui.state import ScreenState

if TYPE_CHECKING:
    from textual.command import Provider
    from textual.driver import Driver
    from textual.filter import LineFilter
    from textual.screen import Screen
    from textual.types import CSSPathType

    from brim.core.preferences import Preferences
    from brim.core.sessions import SessionManager

CLOSING_S = 2.5
"""How long the store and the turns may take to end before brim ends without them, in seconds."""

_WARNING_S = 15.0
"""How long a sentence about the settings is shown, in seconds: it is there before anybody reads."""

_GC_THRESHOLDS = (2_000, 5, 500)
"""New objects before the young ones are looked through (1 ms), such rounds before those that outlived them are
(4 ms), and such before all are."""


def _spare_the_keyboard() -> None:
    """Leave what was loaded at the start out of garbage collections, which otherwise stop everything for 50 to 90 ms."""
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


Connect = Callable[[], Awaitable["SessionManager"]]


def _commands() -> type[Provider]:
    from brim.tui.palette import BrimCommands

    return BrimCommands


class BrimApp(App[None]):
    """brim on the screen.

    Args:
        connect: makes the manager and opens it; awaited after the first paint. The app closes it.
        session: the session to show, an id, a start of one or ``last``; ``None`` begins a new one.
        model: the model id of new sessions; ``None`` leaves it to the manager.
        persona: the persona to begin with, by its name; ``None`` for none.
        theme: the theme's name; empty for the one chosen last.
        state_folder: where the screen keeps what it remembers.
        config_folder: holds the person's own ``themes``.
        warnings: sentences about settings that are not used; ``connect`` may still add some.
        preferences: gives what changes the settings, ``None`` where they cannot be changed here.
    """

    CSS_PATH: ClassVar[CSSPathType | None] = ["app.tcss", "screens/chat.tcss"]
    TITLE = "brim"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_commands}
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (90, "-medium"), (120, "-wide"), (170, "-broad")]  # noqa: RUF012 - App declares it

    def __init__(
        self,
        connect: Connect,
        *,
        session: str | None,
        model: str | None,
        theme: str,
        state_folder: Path,
        config_folder: Path,
        warnings: Sequence[str] = (),
        persona: str | None = None,
        preferences: Callable[[], Preferences | None] = lambda: None,
    ) -> None:
        self._gate = ControlGate()
        self._themes: list[str] = []
        self._problems: list[str] = []
        super().__init__()
        self.state = ScreenState.load(state_folder)
        self.manager: SessionManager | None = None
        """``None`` until the store is open."""
        self.farewell = ""
        """What to print once the terminal is restored."""
        self.watchdog: Watchdog | None = None
        """Ends the process when the way out takes too long; ``None`` where the app is not all of it."""
        self._connect = connect
        self._wanted_session = session
        self._wanted_model = model
        self.wanted_persona = persona
        self._state_folder = state_folder
        self.config_folder = config_folder
        self._warnings = warnings
        self.preferences = preferences
        self._connecting: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._take_themes(config_folder / "themes", theme)

    # --- what it is made of ---------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[Any]:
        """Begin with the chat, painted before anything is known of sessions."""
        return ChatScreen(self.state, self._wanted_session, self._wanted_model)

    def get_driver_class(self) -> type[Driver]:
        """Read the terminal with a driver that no input ends; elsewhere, or where one is named, with Textual's."""
        driver = super().get_driver_class()
        if driver.__name__ != "LinuxDriver":
            return driver
        from brim.tui.driver import TerminalDriver

        return TerminalDriver

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Add the last gate to Textual's own filters."""
        return [*super().get_line_filters(), self._gate]

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Stand in for what a theme does not say."""
        return themes.default_variables()

    @property
    def chat(self) -> ChatScreen:
        """The chat, also while another screen lies on it."""
        return cast("ChatScreen", self.screen_stack[0])

    @property
    def log_folder(self) -> Path:
        """Where the log is."""
        return self._state_folder / "logs"

    @property
    def theme_names(self) -> list[str]:
        """The themes to choose from: brim's and the person's own."""
        return list(self._themes)

    def _take_themes(self, folder: Path, wanted: str) -> None:
        loaded = themes.load(folder)
        self._themes, self._problems = [theme.name for theme in loaded.found], loaded.problems
        for theme in loaded.found:
            self.register_theme(theme)
        names = (wanted, self.state.theme, themes.DEFAULT_THEME)
        self.set_reactive(App.theme, next(name for name in names if name in self.available_themes))
        self.stylesheet.set_variables(self.get_css_variables())

    # --- beginning ------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Let the first paint go out, then connect."""
        catch_signals(self.leave)
        catch_hangup(self.leave)
        for problem in self._problems:
            self.tell(problem, is_error=True)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self._connecting = asyncio.create_task(self._connected())
        self._connecting.add_done_callback(self._look_at)

    async def _connected(self) -> None:
        await asyncio.to_thread(import_module, "brim.core.errors")
        from brim.core.errors import BrimError

        try:
            self.manager = await self._connect()
            for warning in self._warnings:
                self.notify(visible(warning), severity="warning", markup=False, timeout=_WARNING_S)
            await self.chat.connected(self.manager)
            _spare_the_keyboard()
        except BrimError as error:
            self.end(2, error.sentence + (f"\n{error.hint}" if error.hint else ""))

    def _look_at(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._handle_exception(error)

    # --- ending ---------------------------------------------------------------------------------------

    def end(self, code: int, sentence: str = "") -> None:
        """Leave with an exit code and a sentence for standard error."""
        self.farewell = sentence
        self.leave(code)

    def leave(self, code: int = 0) -> None:
        """Store everything and end; a second call changes nothing."""
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._leave(code))
            self._leaving.add_done_callback(self._look_at)

    async def _leave(self, code: int) -> None:
        if self.watchdog is not None:
            self.watchdog.start(code)
        await self.chat.store_draft()
        await self.close_manager()
        self.exit(return_code=code or self.return_code or 0)

    @property
    def is_left(self) -> bool:
        """Whether everything is stored and the app is only about to go."""
        return self._leaving is not None and self._leaving.done()

    async def close_manager(self) -> None:
        """Stop turns and drain the store; gives up on what takes too long. Does nothing the second time."""
        if self._connecting is not None and not self._connecting.done():
            self._connecting.cancel()
        manager, self.manager = self.manager, None
        self.save_state()
        if manager is not None:
            await in_time(manager.aclose(), CLOSING_S)

    def save_state(self) -> None:
        """Write what the screen remembers; a folder that cannot be written is told and nothing more."""
        self.state.theme = self.theme
        try:
            self.state.save(self._state_folder)
        except OSError as error:
            self.farewell = self.farewell or f"The screen's state could not be saved: {error}"

    async def action_quit(self) -> None:
        """End, with everything stored."""
        self.leave()

    def _fatal_error(self) -> None:
        """Say in a few lines what went wrong, where Textual would print every variable."""
        if self._exception is not None:
            self.farewell = crash.report(self._exception)
        self._close_messages_no_wait()

    # --- the clipboard --------------------------------------------------------------------------------

    def copy_to_clipboard(self, text: str) -> None:
        """Copy through the terminal and, where there is one, the platform's tool, and say so."""
        super().copy_to_clipboard(text)
        work_behind(self, partial(self._copied, text), group="clipboard", exclusive=True)

    async def _copied(self, text: str) -> None:
        from brim.tui import clipboard

        self.tell(await clipboard.copied(text))

    def action_help_quit(self) -> None:
        """Nothing is selected where Ctrl+C was pressed: say how to leave."""
        self.tell("Ctrl+C copies what is selected. Ctrl+Q quits.")

    def tell(self, sentence: str, *, is_error: bool = False) -> None:
        """Show a sentence for a while, in place of the one before unless that told of an error.

        The text is never read as markup.
        """
        for earlier in [one for one in self._notifications if one.severity == "information"]:
            self._unnotify(earlier, refresh=False)
        for holder in self.screen.query("ToastHolder"):
            if holder.query(".-information"):
                holder.remove()
        self.notify(visible(sentence), severity="error" if is_error else "information", markup=False)


def run(
    connect: Connect,
    *,
    session: str | None,
    model: str | None,
    theme: str,
    state_folder: Path,
    config_folder: Path,
    warnings: Sequence[str] = (),
    persona: str | None = None,
    preferences: Callable[[], Preferences | None] = lambda: None,
) -> int:
    """Run the app until the person leaves and return the exit code; `BrimApp` says what the arguments are.

    A `BrimError` of ``connect`` ends the app with code 2 and its sentence on standard error.
    """
    app = BrimApp(
        connect,
        session=session,
        model=model,
        theme=theme,
        state_folder=state_folder,
        config_folder=config_folder,
        warnings=warnings,
        persona=persona,
        preferences=preferences,
    )
    # Where nobody listens, Python writes what is logged to the terminal itself.
    logging.getLogger().addHandler(logging.NullHandler())
    app.watchdog = Watchdog()
    asyncio.run(_run(app))
    app.watchdog.stop()
    if app.farewell:
        sys.stderr.write(visible(app.farewell) + "\n")
    return app.return_code or 0


async def _run(app: BrimApp) -> None:
    try:
        await app.run_async()
    finally:
        await app.close_manager()
