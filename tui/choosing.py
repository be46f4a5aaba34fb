"""What the dialogs are filled with, and what they give back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from brim.core.errors import BrimError
from brim.core.text import visible_line
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
    if name:
        return _named(await controller.manager.models(), name)
    return await pick_model(app, controller, title, controller.model or "")


async def pick_model(app: BrimApp, controller: ChatController, title: str, current: str) -> str | None:
    """Return a model id from a list, ``None`` when the person cancelled."""
    from brim.core.catalogue import lookup
    from brim.core.errors import AgentError
    from brim.tui.screens.models import ModelPickerScreen

    manager = controller.manager

    def resolve(typed: str) -> str | None:
        try:
            return manager.agents.resolve(typed)
        except AgentError:
            return None

    preferences = app.preferences()
    while True:
        chosen = await app.push_screen_wait(
            ModelPickerScreen(
                title,
                manager.tuning.listing(),
                recent=await manager.tuning.recent_models(),
                look_up=lookup,
                resolve=resolve,
                current=current,
                takes_keys=preferences is not None,
            )
        )
        if chosen is None or preferences is None or not chosen.endswith(":*"):
            return chosen
        from brim.tui.screens.provider import ProviderScreen

        said = await app.push_screen_wait(ProviderScreen(preferences, chosen.removesuffix(":*")))
        if said is not None:
            app.notify(visible_line(said), markup=False)


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
