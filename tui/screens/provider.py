"""One provider: its address, its protocol and its key, typed in, tested and saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from pydantic import SecretStr
from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Select, Static

from brim.core import keyrings
from brim.core.errors import BrimError
from brim.core.places import without_secrets
from brim.core.preferences import KeyPlace, Preferences, ProviderDraft
from brim.core.presets import PRESETS, Kind
from brim.core.text import visible_line
from brim.tui.behind import work_behind
from brim.tui.screens.deciding import DecidingScreen
from brim.tui.screens.picker import Choice
from brim.tui.widgets.lines import Line, OneOf

if TYPE_CHECKING:
    from brim.core.reached import Reached

_KINDS: tuple[tuple[str, Kind], ...] = (
    ("OpenAI chat completions", "openai"),
    ("OpenAI Responses", "openai-responses"),
    ("Anthropic messages", "anthropic"),
)
_PLACES = {
    KeyPlace.AS_IS: "as it is now",
    KeyPlace.KEYRING: "typed in, kept in the system keyring",
    KeyPlace.FILE: "typed in, kept in a file that only you can read",
    KeyPlace.VARIABLE: "an environment variable",
    KeyPlace.COMMAND: "what a command prints",
    KeyPlace.PATH: "a file that is there",
    KeyPlace.NONE: "none",
}
_ENTRIES = {
    KeyPlace.VARIABLE: ("Variable", "e.g. WORK_API_KEY"),
    KeyPlace.COMMAND: ("Command", "e.g. pass show work/llm"),
    KeyPlace.PATH: ("File", "e.g. /run/secrets/llm_key"),
}
_NAMED = 4
_NAME_CHARS = 40


class ProviderScreen(ModalScreen[str | None]):
    """Returns a sentence about what was saved or removed, ``None`` where nothing was.

    Args:
        preferences: reads and writes the settings.
        name: the provider, empty for a new one that the person names.
        kind: the protocol of a new one.
    """

    CSS_PATH: ClassVar = ["dialogs.tcss", "settings.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back", id="provider_close", show=False),
        Binding("ctrl+t", "test", "Test", id="provider_test", priority=True, show=False),
        Binding("ctrl+s", "save", "Save", id="provider_save", priority=True, show=False),
        Binding("down", "app.focus_next", "Next", id="provider_next", show=False),
        Binding("up", "app.focus_previous", "Previous", id="provider_previous", show=False),
    ]

    typed_name = getters.query_one("#provider-name", Input)
    url = getters.query_one("#provider-url", Input)
    kind = getters.query_one("#provider-kind", Select)
    place = getters.query_one("#provider-place", Select)
    entry = getters.query_one("#provider-entry", Input)
    told = getters.query_one("#provider-told", Static)

    def __init__(self, preferences: Preferences, name: str, *, kind: str | None = None) -> None:
        super().__init__()
        self._preferences = preferences
        self._provider_name = name
        self._provider = preferences.settings.providers.get(name)
        self._preset = PRESETS.get(name)
        self._kind = cast("Kind", kind or (self._provider.kind if self._provider else "openai"))
        self._key = preferences.key_place(self._provider) if self._provider is not None else ""
        self._begun: ProviderDraft | None = None
        self._failed: tuple[ProviderDraft, str] | None = None
        """What was tested last and failed, and why."""

    def compose(self) -> ComposeResult:
        """A box with a line for each field, and what the last test showed."""
        with Vertical(id="dialog") as box:
            title = self._preset.title if self._preset is not None else self._provider_name
            box.border_title = Content(visible_line(title or "Another server"))
            box.border_subtitle = "Tab next · Ctrl+T test · Ctrl+S save · Esc back"
            with Horizontal(classes="row"):
                yield Label("Name")
                yield Line(
                    self._provider_name,
                    placeholder="e.g. work, for models named work:…",
                    compact=True,
                    disabled=bool(self._provider_name),
                    id="provider-name",
                )
            with Horizontal(classes="row"):
                yield Label("Protocol")
                yield OneOf(_KINDS, value=self._kind, allow_blank=False, compact=True, id="provider-kind")
            with Horizontal(classes="row"):
                yield Label("Address")
                yield Line(
                    self._base_url,
                    placeholder="e.g. http://127.0.0.1:8080/v1",
                    compact=True,
                    id="provider-url",
                )
            with Horizontal(classes="row"):
                yield Label("Key from")
                yield OneOf(
                    self._places(has_keyring=True),
                    value=self._first_place,
                    allow_blank=False,
                    compact=True,
                    id="provider-place",
                )
            with Horizontal(classes="row", id="provider-entry-row"):
                yield Label("Key", id="provider-entry-label")
                yield Line(compact=True, id="provider-entry")
            with Horizontal(id="buttons"):
                yield Button("Test", compact=True, id="test")
                yield Button("Save", compact=True, id="save", variant="primary")
                if self._provider is not None and self._provider.place:
                    yield Button("Remove", compact=True, id="remove", variant="error")
            yield Static(id="provider-told")

    async def on_mount(self) -> None:
        """Begin at what is missing."""
        self._show_entry()
        if not self._provider_name:
            self.typed_name.focus()
        elif self._preset is not None and not self._preset.is_local and not self._key:
            self.entry.focus()
        else:
            self.url.focus()
        self._begun = self._draft
        work_behind(self, self._leave_out_keyring, group="keyring")

    @property
    def _base_url(self) -> str:
        return self._preferences.base_url(self._provider) if self._provider is not None else ""

    # --- the key --------------------------------------------------------------------------------------

    @property
    def _first_place(self) -> KeyPlace:
        if self._key:
            return KeyPlace.AS_IS
        is_set_up = self._provider is not None and bool(self._provider.place)
        wants_none = self._preset.is_local if self._preset is not None else is_set_up
        return KeyPlace.NONE if wants_none else KeyPlace.FILE

    def _places(self, *, has_keyring: bool) -> list[tuple[str, KeyPlace]]:
        left_out = set() if self._key else {KeyPlace.AS_IS}
        if not has_keyring:
            left_out.add(KeyPlace.KEYRING)
        return [(words, place) for place, words in _PLACES.items() if place not in left_out]

    async def _leave_out_keyring(self) -> None:
        """Offer the system keyring only where there is one."""
        if await keyrings.is_there():
            return
        chosen = cast("KeyPlace", self.place.value)
        if chosen is not KeyPlace.KEYRING:
            self.place.set_options(self._places(has_keyring=False))
            self.place.value = chosen

    @on(Select.Changed, "#provider-place")
    def _show_entry(self) -> None:
        place = cast("KeyPlace", self.place.value)
        label, hint = _ENTRIES.get(place, ("Key", "paste it here; it is not shown"))
        if place is KeyPlace.AS_IS:
            label, hint = "", self._key
        self.query_one("#provider-entry-label", Label).update(label)
        self.entry.placeholder = visible_line(hint)
        self.entry.password = place in (KeyPlace.KEYRING, KeyPlace.FILE)
        self.entry.disabled = place is KeyPlace.AS_IS
        self.query_one("#provider-entry-row").display = place is not KeyPlace.NONE

    @property
    def _draft(self) -> ProviderDraft:
        place = cast("KeyPlace", self.place.value)
        is_key = place in (KeyPlace.KEYRING, KeyPlace.FILE)
        return ProviderDraft(
            name=self.typed_name.value.strip(),
            kind=cast("Kind", self.kind.value),
            base_url=self.url.value.strip(),
            key_place=place,
            leads_to="" if is_key else self.entry.value,
            key=SecretStr(self.entry.value) if is_key else None,
        )

    # --- what can be done -----------------------------------------------------------------------------

    def _tell(self, sentence: str, *, kind: str = "") -> None:
        self.told.set_class(kind == "good", "-good")
        self.told.set_class(kind == "error", "-error")
        self.told.update(Content(visible_line(sentence)))

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        {"test": self.action_test, "save": self.action_save, "remove": self._remove}[event.button.id or ""]()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.focus_next()

    def action_test(self) -> None:
        """Ask the server for its models."""
        work_behind(self, self._test, group="do", exclusive=True)

    async def _test(self) -> None:
        draft, self._failed = self._draft, None
        self._tell(f"Asking {visible_line(without_secrets(draft.base_url))} …")
        try:
            reached = await self._preferences.try_out(draft)
        except BrimError as error:
            self._failed = draft, error.sentence
            self._tell(f"{error.sentence} {error.hint}".strip(), kind="error")
            return
        self._tell(_words(reached, has_key=draft.key_place is not KeyPlace.NONE), kind="good")

    def action_save(self) -> None:
        """Save it and put it in force."""
        work_behind(self, self._save, group="do", exclusive=True)

    async def _save(self) -> None:
        draft = self._draft
        if draft == self._begun and self._provider is not None and self._provider.place:
            self.dismiss(None)
            return
        if not self._provider_name and draft.name in {one.name for one in self._preferences.listed()}:
            self._tell(f"There is a provider “{visible_line(draft.name)}” already.", kind="error")
            return
        try:
            key = await self._preferences.save(draft)
        except BrimError as error:
            self._tell(f"{error.sentence} {error.hint}".strip(), kind="error")
            return
        if self._failed is not None and self._failed[0] == draft:
            saved = f"{draft.name} is saved, but its test has failed: {self._failed[1]}"
        else:
            saved = f"{draft.name} is saved and can be used: in the chat, F4 chooses one of its models."
        self.dismiss(f"{saved} {key}".strip())

    def _remove(self) -> None:
        work_behind(self, self._removed, group="do", exclusive=True)

    async def _removed(self) -> None:
        try:
            key = await self._preferences.remove(self._provider_name)
        except BrimError as error:
            self._tell(f"{error.sentence} {error.hint}".strip(), kind="error")
            return
        self.dismiss(f"The table of {self._provider_name} is taken out of config.toml. {key}".strip())

    def action_close(self) -> None:
        """Go back; what was typed and not saved is asked about."""
        if self._draft == self._begun:
            self.dismiss(None)
        else:
            work_behind(self, self._ask_to_leave, group="do", exclusive=True)

    async def _ask_to_leave(self) -> None:
        choices = [Choice("save", "Save"), Choice("drop", "Leave without saving")]
        question = Content("What you typed is not saved yet.")
        chosen = await self.app.push_screen_wait(DecidingScreen("Not saved", question, choices))
        if chosen == "save":
            await self._save()
        elif chosen == "drop":
            self.dismiss(None)


def _cut(name: str) -> str:
    return name if len(name) <= _NAME_CHARS else f"{name[: _NAME_CHARS - 1]}…"


def _words(reached: Reached, *, has_key: bool) -> str:
    count = len(reached.models)
    named = ", ".join(_cut(visible_line(model)) for model in reached.models[:_NAMED])
    more = f", and {count - _NAMED} more" if count > _NAMED else ""
    words = f"✓ {count} {'model' if count == 1 else 'models'}{f': {named}{more}' if named else ''}."
    if has_key and not reached.is_key_tested:
        words += " It lists them to anybody, so the key is only tested by the first answer."
    return words
