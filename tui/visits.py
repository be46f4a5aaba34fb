"""Going to what a search has found, and back to where one was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brim.core.search import Hit
    from brim.tui.controller import ChatController
    from brim.tui.screens.chat import ChatScreen
    from brim.tui.widgets.transcript_model import Place


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where one was."""

    session_id: str | None
    head_id: str | None
    place: Place
    was_over: bool
    """Whether the sessions lay over the chat."""


class Visits:
    """Opens sessions at hits. Sending a prompt or going elsewhere ends the visit."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._origin: _Origin | None = None
        self._at: str | None = None
        """The session visited."""
        self.wanted: Hit | None = None
        """The hit to go to."""

    def end(self) -> None:
        """Stay: there is no way back any more."""
        self._origin = None

    async def open(self, controller: ChatController) -> None:
        """Go to the hit that is wanted; one on another branch is shown with its branch."""
        screen, hit = self._screen, self.wanted
        if hit is None:
            return
        manager = controller.manager
        was_over = screen.panes.close_over()
        if self._origin is None or controller.session_id != self._at:
            head_id = controller.session.head_id if controller.session else None
            self._origin = _Origin(controller.session_id, head_id, screen.transcript.place(), was_over)
        is_on_path = any(row.id == hit.message_id for row in await manager.outline(hit.session_id))
        self._at = hit.session_id
        was_shown = controller.session_id == hit.session_id
        if not is_on_path:
            await manager.branches.show(hit.message_id)
        await controller.open(hit.session_id)
        if is_on_path or not was_shown:
            await self.mark(controller)
        if not was_over:
            screen.composer.focus()

    async def mark(self, controller: ChatController) -> None:
        """Mark the hit that is wanted, once its session and branch are shown."""
        hit = self.wanted
        if hit is None or hit.session_id != controller.session_id:
            return
        if await self._screen.transcript.show_hit(hit.message_id, hit.found, hit.place):
            self.wanted = None

    async def go_back(self, controller: ChatController) -> bool:
        """Go back to where one was; false where nothing was visited."""
        origin, self._origin, self.wanted = self._origin, None, None
        if origin is None or controller.session_id != self._at:
            return False
        screen = self._screen
        screen.transcript.clear_find()
        if origin.session_id is None:
            await controller.open_new()
        elif origin.session_id != controller.session_id:
            await controller.open(origin.session_id)
        elif controller.session and origin.head_id and controller.session.head_id != origin.head_id:
            await controller.manager.branches.show(origin.head_id)
        else:
            screen.transcript.return_to(origin.place)
        if origin.was_over:
            screen.panes.show("sessions")
        screen.sessions.focus_hits()
        return True
