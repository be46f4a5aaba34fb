"""What a person sees first where no model can be used: what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from brim.tui.behind import work_behind

if TYPE_CHECKING:
    from brim.core.sessions import SessionManager

SETTINGS = "(settings)"
"""What is returned where the person wants to set up a provider in the app."""

_WAYS = (
    ("S: the settings", "choose a provider, enter your key, test it"),
    ("OPENAI_API_KEY or ANTHROPIC_API_KEY", "your key for OpenAI or Anthropic"),
    ("OPENAI_BASE_URL", "the address of a server that speaks OpenAI's protocol, such as\nllama.cpp, Ollama, vLLM or LM Studio"),
    ("pip install 'brim[local]'", "a small model that runs on this machine, without key or network"),
)  # fmt: skip


class WelcomeScreen(ModalScreen[str | None]):
    """Returns the model that has been found or `SETTINGS`, ``None`` when the person goes on without one."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,r", "check", "Check again", id="welcome_check", show=False),
        Binding("s", f"dismiss('{SETTINGS}')", "Settings", id="welcome_settings", show=False),
        Binding("escape", "dismiss(None)", "Later", id="welcome_later", show=False),
    ]

    def __init__(self, manager: SessionManager) -> None:
        super().__init__()
        self._manager = manager

    def compose(self) -> ComposeResult:
        """The ways, and what the last check found."""
        parts: list[Content] = [
            Content.styled("No model can be used yet. Any one of these is enough:", "bold"),
            Content(""),
        ]
        for name, words in _WAYS:
            parts += [
                Content.styled(name, "bold $primary"),
                *(Content.styled(f"  {line}", "$dim") for line in words.split("\n")),
            ]
        parts += [
            Content(""),
            Content("The names stand in the environment, .env or config.toml; see `brim doctor`."),
        ]
        with Vertical(id="dialog") as box:
            box.border_title = "Welcome to brim"
            box.border_subtitle = "S settings · Enter check again · Esc later · Ctrl+Q quit"
            yield Static(Content("\n").join(parts))
            yield Static("", id="found")

    async def action_check(self) -> None:
        """Look again for a model that can be used."""
        self.query_one("#found", Static).update("Looking …")
        work_behind(self, self._check, exclusive=True)

    async def _check(self) -> None:
        model = await self._manager.default_model()
        if model is not None:
            self.dismiss(model)
        else:
            self.query_one("#found", Static).update("Still none.")
