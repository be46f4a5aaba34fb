"""What stands behind the action that shows the settings: what the app itself has to do about a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brim.core.errors import BrimError
from brim.tui.choosing import pick_model
from brim.tui.screens.settings import SettingsScreen

if TYPE_CHECKING:
    from brim.core.settings import Settings
    from brim.tui.controller import ChatController
    from brim.tui.screens.chat import ChatScreen


async def show_settings(screen: ChatScreen, controller: ChatController, wanted: str) -> None:
    """Show the settings until they are left.

    Args:
        screen: the chat below.
        controller: the session shown.
        wanted: what the list is filtered by at first.

    Raises:
        BrimError: they cannot be changed in this app.
    """
    app = screen.brim
    preferences = app.preferences()
    if preferences is None:
        raise BrimError("The settings cannot be changed here.", hint="`brim config` changes them.")
    if any(isinstance(one, SettingsScreen) for one in app.screen_stack):
        return
    before = held = preferences.settings

    async def took(settings: Settings) -> None:
        nonlocal held
        if settings.theme != held.theme and settings.theme in app.theme_names and settings.theme is not None:
            app.theme = settings.theme
        held = settings
        await controller.show_limits()
        if controller.session_id is not None:
            await controller.manager.tuning.meet(controller.session_id)

    async def choose_model(title: str, now: str) -> str | None:
        return await pick_model(app, controller, title, now)

    await app.push_screen_wait(
        SettingsScreen(
            preferences, took=took, choose_model=choose_model, themes=app.theme_names, wanted=wanted
        )
    )
    is_new = controller.session is None and preferences.settings.default_model != before.default_model
    if is_new or controller.model is None:
        shown = (controller.session_id, controller.model)
        model = await controller.manager.default_model()
        # A server may be asked for it, and the person may choose or send meanwhile.
        is_as_before = shown == (controller.session_id, controller.model)
        if model is not None and is_as_before and model != controller.model:
            await controller.set_model(model)
