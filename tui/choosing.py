"""What the dialogs are filled with, and what they give back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from brim.core.errors import BrimError
from brim.tui.screens.asking import AskingScreen
from brim.tui.screens.picker import Choice, PickerScreen, among

if TYPE_CHECKING:
    from brim.core.types import ModelInfo, Session
    from brim.tui.app import BrimApp
    from brim.tui.controller import ChatController

_SESSIONS = 100


async def ask(
    app: BrimApp, title: str, text: str, *, has_several_lines: bool = False, goes_on: bool = False
) -> str | None:
    """Ask for a text; ``None`` when the person cancelled. `AskingScreen` says what the arguments are."""
    return await app.push_screen_wait(
        AskingScreen(title, text, has_several_lines=has_several_lines, goes_on=goes_on)
    )


async def choose_session(app: BrimApp, controller: ChatController, name: str) -> str | None:
    """Return the id of a session by a part of its title, its id, or from a list."""
    from brim.core.types import SessionFilter

    manager = controller.manager
    if name:
        titled = await manager.list_sessions(limit=2, only=SessionFilter(title=name))
        if len(titled) == 1:
            return titled[0].id
        if not titled:
            return (await manager.find_session(name)).id

    async def load(text: str) -> Sequence[Choice]:
        running = manager.running()
        found = await manager.list_sessions(limit=_SESSIONS, only=SessionFilter(title=text or name))
        return [Choice(s.id, s.display_title, _about(s, is_running=s.id in running)) for s in found]

    return await app.push_screen_wait(
        PickerScreen("Switch session", load, current=controller.session_id or "")
    )


def _about(session: Session, *, is_running: bool) -> str:
    when = session.updated_at.astimezone().strftime("%d %b %H:%M")
    return f"{'⟳ ' if is_running else ''}{when} · {session.messages} messages"


async def choose_model(
    app: BrimApp, controller: ChatController, name: str, *, title: str = "Model"
) -> str | None:
    """Return a model id by its name or from a list."""
    models = await controller.manager.models()
    if name:
        return _named(models, name)
    choices = [Choice(m.id, m.id, _facts(m), disabled=bool(m.unavailable)) for m in models]
    return await app.push_screen_wait(PickerScreen(title, among(choices), current=controller.model or ""))


def _named(models: Sequence[ModelInfo], name: str) -> str:
    """Return the id that ``name`` means; a name nobody lists is taken as it is, where it names a provider."""
    same = [m for m in models if name in (m.id, m.id.partition(":")[2])]
    if same:
        return same[0].id
    if ":" in name:
        return name
    near = [m.id for m in models if name.casefold() in m.id.casefold() and not m.unavailable]
    if len(near) == 1:
        return near[0]
    raise BrimError(
        f"There is no model {name}." if not near else f"{name} fits several models: {', '.join(near[:5])}.",
        hint="/model lists them; provider:model names any other.",
    )


def _facts(model: ModelInfo) -> str:
    if model.unavailable:
        return model.unavailable
    parts = []
    if model.window_tokens is not None:
        parts.append(f"{model.window_tokens // 1000:,}k window")
    if model.input_usd_per_million is not None and model.output_usd_per_million is not None:
        parts.append(
            f"${model.input_usd_per_million:f} in, ${model.output_usd_per_million:f} out per million"
        )
    return " · ".join(parts)


async def choose_theme(app: BrimApp, name: str) -> None:
    """Switch the colours by name, or from a list that shows each theme while the choice moves."""
    names = app.theme_names
    if name:
        if name not in names:
            raise BrimError(f"There is no theme {name}.", hint=f"There are {', '.join(names)}.")
        app.theme = name
        return
    before = app.theme

    def preview(value: str) -> None:
        app.theme = value

    choices = [
        Choice(known, known, "dark" if app.available_themes[known].dark else "light") for known in names
    ]
    chosen = await app.push_screen_wait(
        PickerScreen("Theme", among(choices), current=before, preview=preview)
    )
    app.theme = before if chosen is None else chosen
