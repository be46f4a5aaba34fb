"""The settings: all there are, what holds and where that comes from, each to be changed at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events, getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from brim.core.errors import AuthenticationError, BrimError
from brim.core.places import Source
from brim.core.preferences import AT_NEXT_START, Preferences
from brim.core.presets import PRESETS
from brim.core.settings import Settings, must_be
from brim.core.text import visible_line
from brim.tui.behind import work_behind
from brim.tui.pasted import typed
from brim.tui.screens.asking import AskingScreen
from brim.tui.screens.picker import Choice, PickerScreen, among
from brim.tui.setting_rows import ADD, Row, State, choices, rows
from brim.tui.widgets.lines import Line

if TYPE_CHECKING:
    from brim.core.provider_tables import Provider

_KEYS = "Enter change · Del default · / filter · Ctrl+Z undo · Esc close"
_EDITING = "Enter save · Esc back"
_MODELS = ("default_model", "summary_model")
_LONG = ("system_prompt",)
_OTHERS = (
    ("openai", "Another server that speaks OpenAI's chat completions", "llama.cpp, vLLM, gateways …"),
    ("openai-responses", "Another server that speaks OpenAI's Responses", ""),
    ("anthropic", "Another server that speaks Anthropic's messages", ""),
)


class SettingsScreen(ModalScreen[None]):
    """Lists providers and settings; each change is saved and put in force at once, and can be undone.

    Args:
        preferences: reads and writes them.
        took: is told the settings that came in force, for what the app itself has to do.
        choose_model: asks for a model, given a title and the one chosen now; ``None`` for no change.
        themes: the names of the themes.
        wanted: what the list is filtered by at first.
    """

    CSS_PATH: ClassVar = ["dialogs.tcss", "settings.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", id="settings_close", priority=True, show=False),
        Binding("ctrl+z", "undo", "Undo", id="settings_undo", priority=True, show=False),
        Binding("delete,backspace", "reset", "Default", id="settings_reset", show=False),
        Binding("slash", "filter", "Filter", id="settings_filter", show=False),
    ]

    menu = getters.query_one("#settings-list", OptionList)
    narrowing = getters.query_one("#settings-filter", Input)
    value = getters.query_one("#settings-value", Input)
    words = getters.query_one("#settings-words", Static)
    told = getters.query_one("#settings-told", Static)

    def __init__(
        self,
        preferences: Preferences,
        *,
        took: Callable[[Settings], Awaitable[None]],
        choose_model: Callable[[str, str], Awaitable[str | None]],
        themes: Sequence[str],
        wanted: str = "",
    ) -> None:
        super().__init__()
        self._preferences = preferences
        self._took = took
        self._choose_model = choose_model
        self._themes = themes
        self._wanted = wanted
        self._states: dict[str, State] = {}
        self._rows: dict[str, Row] = {}
        self._drawn = ""

    def compose(self) -> ComposeResult:
        """A box with a filter, the list, a line to type in, and what is said of the row chosen."""
        with Vertical(id="dialog") as box:
            box.border_title = "Settings"
            box.border_subtitle = _KEYS
            yield Line(
                self._wanted,
                placeholder="Type to filter",
                compact=True,
                select_on_focus=False,
                id="settings-filter",
            )
            yield OptionList(markup=False, compact=True, id="settings-list")
            yield Line(compact=True, disabled=True, id="settings-value")
            yield Static(id="settings-words")
            yield Static(id="settings-told")

    async def on_mount(self) -> None:
        """Read the places again, then ask the servers."""
        self.menu.focus()
        try:
            await self._took(await self._preferences.read())
        except BrimError as error:
            self._tell(f"{_whole(error)} What held before still does.", is_error=True)
        self._draw(first=True)
        self._look_at_servers()

    def on_resize(self, _: events.Resize) -> None:
        """Give the columns the new width."""
        self.call_after_refresh(self._draw)

    # --- what stands there ----------------------------------------------------------------------------

    def _draw(self, *, first: bool = False) -> None:
        shown = [row for row in rows(self._preferences, self._states) if row.fits(self.narrowing.value)]
        chosen = self._row
        self._rows = {row.name: row for row in shown}
        width = max(40, self.menu.size.width - 2)
        options: list[Option] = []
        group = ""
        for row in shown:
            if row.group != group:
                group = row.group
                options.append(Option(Content.styled(group, "bold $primary"), disabled=True))
            options.append(Option(row.line(width), id=row.name))
        self.menu.clear_options()
        self.menu.add_options(options)
        if chosen is not None and chosen.name in self._rows and not first:
            self.menu.highlighted = self.menu.get_option_index(chosen.name)
        elif shown:
            self.menu.highlighted = 1
        else:
            self._show_words()

    @property
    def _row(self) -> Row | None:
        option = self.menu.highlighted_option
        return self._rows.get(option.id) if option is not None and option.id is not None else None

    @on(OptionList.OptionHighlighted)
    def _show_words(self) -> None:
        row = self._row
        if row is None:
            self.words.update(Content.styled("Nothing fits.", "$dim") if not self._rows else "")
            return
        parts = [Content.styled(visible_line(row.note), "$warning")] if row.note else []
        parts.append(Content(visible_line(row.words)))
        self.words.update(Content("\n").join(parts))

    def _tell(self, sentence: str, *, is_error: bool = False) -> None:
        self.told.set_class(is_error, "-error")
        self.told.update(Content(visible_line(sentence)))

    @on(Input.Changed, "#settings-filter")
    def _filtered(self) -> None:
        self._draw(first=True)

    def action_filter(self) -> None:
        """Go to the filter; Enter there takes the row chosen."""
        self.narrowing.focus()

    async def on_key(self, event: events.Key) -> None:
        """Filter by what is typed while the list is in focus; the arrows move in the list."""
        if self.narrowing.has_focus and event.key in ("down", "up"):
            event.prevent_default()
            self.menu.focus()
        elif self.focused is self.menu and event.is_printable and event.character not in (None, " ", "/"):
            event.stop()
            self.set_focus(self.narrowing)
            self.narrowing.insert_text_at_cursor(event.character or "")
        elif self.focused is self.narrowing and (event.is_printable or event.key == "backspace"):
            # The field takes these itself: this one was sent to the list before the key ahead gave the focus away.
            event.stop()
            self.narrowing._forward_event(events.Key(event.key, event.character))

    # --- servers --------------------------------------------------------------------------------------

    def _look_at_servers(self) -> None:
        work_behind(self, self._looked_at, group="servers", exclusive=True)

    async def _looked_at(self) -> None:
        listed = self._preferences.listed()
        self._states = {one.name: state for one in listed if (state := self._known(one)) is not None}
        self._draw()

        async def look(provider: Provider) -> None:
            self._states[provider.name] = await self._seen(provider)
            self._draw()

        async def find() -> None:
            for name, count in (await self._preferences.found_servers()).items():
                self._states[name] = State(f"found · {_models(count)}")
            self._draw()

        asked = [look(one) for one in listed if one.name not in self._states]
        await asyncio.gather(find(), *asked)

    def _known(self, provider: Provider) -> State | None:
        """Return what is known without asking: a provider's own server is asked in its form only."""
        preset = PRESETS.get(provider.name)
        if preset is None or preset.is_local or self._preferences.base_url(provider) != preset.base_url:
            return None
        if self._preferences.key_place(provider):
            return State("has a key")
        return State("no key", f"No key: choose it to enter one, or set {preset.key_env}.")

    async def _seen(self, provider: Provider) -> State:
        try:
            reached = await self._preferences.look_at(provider)
        except AuthenticationError as error:
            return State("no working key", error.sentence)
        except BrimError as error:
            return State("does not answer", error.sentence)
        return State(_models(len(reached.models)))

    # --- changing -------------------------------------------------------------------------------------

    @on(Input.Submitted, "#settings-filter")
    @on(OptionList.OptionSelected)
    def _selected(self) -> None:
        row = self._row
        if row is None:
            return
        if row.is_provider or _is_key(row.name) or row.name in (*_MODELS, *_LONG) or self._choices(row.name):
            work_behind(self, partial(self._ask, row), group="ask", exclusive=True)
        else:
            self._type(row)

    def _choices(self, name: str) -> Sequence[str]:
        return self._themes if name == "theme" else choices(name)

    def _type(self, row: Row) -> None:
        self.value.disabled = False
        self.value.value = typed(self._preferences.in_file(row.name))
        self.value.placeholder = f"{must_be(row.name)}; empty for the default"
        self.value.focus()
        self.query_one("#dialog").border_subtitle = _EDITING

    async def _ask(self, row: Row) -> None:
        if row.is_provider or _is_key(row.name):
            await self._open_provider(row.name.removesuffix("_api_key"))
            return
        now = self._preferences.in_file(row.name)
        text: str | None
        if row.name in _MODELS:
            text = await self._choose_model(row.label.capitalize(), now)
        elif row.name in _LONG:
            screen = AskingScreen(row.label.capitalize(), now, has_several_lines=True)
            text = await self.app.push_screen_wait(screen)
        else:
            offered = [
                Choice("(default)", "default"),
                *(Choice(one, one) for one in self._choices(row.name)),
            ]
            text = await self.app.push_screen_wait(
                PickerScreen(row.label.capitalize(), among(offered), current=now or "(default)")
            )
            text = "" if text == "(default)" else text
        if text is not None and text != now:
            await self._keep(row.name, text)

    @on(Input.Submitted, "#settings-value")
    async def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        row = self._row
        if row is None or event.value.strip() == self._preferences.in_file(row.name):
            self.action_close()
        elif await self._keep(row.name, event.value):
            self._leave_line()

    async def _keep(self, name: str, text: str) -> bool:
        """Save a change, or say what is wrong with it; returns whether it is saved."""
        try:
            settings = await self._preferences.set(name, text)
        except BrimError as error:
            self._tell(_whole(error), is_error=True)
            return False
        await self._took(settings)
        self._draw()
        what = "Saved" if text.strip() else "Taken out of config.toml"
        when = " It takes effect with the next start of brim." if name in AT_NEXT_START else ""
        if settings.source_of(name) not in (Source.CONFIG, Source.DEFAULT):
            when = f" But {settings.place_of(name)} still decides."
        self._tell(f"{what}.{when} Ctrl+Z undoes.")
        if name.endswith("_base_url"):
            self._look_at_servers()
        return True

    def _leave_line(self) -> None:
        self.value.value = ""
        self.value.placeholder = ""
        self.value.disabled = True
        self.query_one("#dialog").border_subtitle = _KEYS
        self.menu.focus()

    async def action_reset(self) -> None:
        """Take out what config.toml says of the setting chosen."""
        row = self._row
        if row is not None and not row.is_provider and row.is_set:
            await self._keep(row.name, "")

    async def action_undo(self) -> None:
        """Take back the last change made here."""
        try:
            is_undone = await self._preferences.undo()
        except BrimError as error:
            self._tell(_whole(error), is_error=True)
            return
        if is_undone:
            await self._took(self._preferences.settings)
            self._look_at_servers()
        self._tell("Undone." if is_undone else "There is nothing to undo here.")
        self._draw()

    def action_close(self) -> None:
        """Leave the line, the filter, or the screen."""
        if not self.value.disabled:
            self._leave_line()
            self._tell("")
        elif self.narrowing.value:
            self.narrowing.value = ""
            self.menu.focus()
        else:
            self.dismiss(None)

    # --- providers ------------------------------------------------------------------------------------

    async def _open_provider(self, name: str) -> None:
        from brim.tui.screens.provider import ProviderScreen

        kind = None
        if name == ADD:
            chosen = await self.app.push_screen_wait(PickerScreen("Add a provider", among(self._offered())))
            if chosen is None:
                return
            name, _, kind = chosen.partition(":")
        sentence = await self.app.push_screen_wait(ProviderScreen(self._preferences, name, kind=kind or None))
        if sentence is None:
            return
        await self._took(self._preferences.settings)
        self._tell(f"{sentence} Ctrl+Z undoes.")
        self._look_at_servers()

    def _offered(self) -> list[Choice]:
        """Return what can be added: those known by name that are not set up, then any other server."""
        there = {one.name for one in self._preferences.listed()}
        named = [
            Choice(name, preset.title, "runs on this machine" if preset.is_local else preset.key_env)
            for name, preset in PRESETS.items()
            if name not in there
        ]
        return [*named, *(Choice(f":{kind}", label, note) for kind, label, note in _OTHERS)]


def _is_key(name: str) -> bool:
    return name.endswith("_api_key")


def _whole(error: BrimError) -> str:
    return f"{error.sentence} {error.hint}".strip()


def _models(count: int) -> str:
    return f"{count} {'model' if count == 1 else 'models'}"
