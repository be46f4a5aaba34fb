"""Other brims on the same data: what they change is shown, and where they are answering."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brim.core.errors import BrimError, SessionNotFoundError
from brim.tui.behind import work_behind

if TYPE_CHECKING:
    from brim.core.types import Session
    from brim.tui.controller import ChatController
    from brim.tui.screens.chat import ChatScreen

_TOTALS = ("head_id", "messages", "window_tokens", "pinned_tokens", "tokens", "summary_id")
"""What changes in a session when its messages do."""


class Elsewhere:
    """Reads again what is shown when others have changed something, one look at a time."""

    def __init__(self, screen: ChatScreen, controller: ChatController) -> None:
        self._screen = screen
        self._controller = controller
        self._wants_look = self._is_looking = False
        self._was_answering = False

    def changed(self, answering: frozenset[str]) -> None:
        """Others wrote; they answer in the sessions with these ids."""
        self._screen.answering_elsewhere = answering
        self._screen.sessions.set_elsewhere(answering)
        self._screen.show_hints()
        self._wants_look = True
        if not self._is_looking:
            self._is_looking = True
            work_behind(self._screen, self._look, group="elsewhere")

    async def _look(self) -> None:
        try:
            while self._wants_look:
                self._wants_look = False
                try:
                    await self._screen.sessions.read_again()
                    await self._read_shown()
                except BrimError:
                    continue  # The file is looked at again with the next change.
        finally:
            self._is_looking = False

    async def _read_shown(self) -> None:
        """Read the session shown again, if anything in it is not as it was."""
        controller, shown = self._controller, self._controller.session
        if shown is None or controller.is_answering:
            return
        is_answering = shown.id in self._screen.answering_elsewhere
        try:
            session = await controller.manager.session(shown.id)
        except SessionNotFoundError:
            session = shown.model_copy(update={"deleted_at": shown.updated_at})
        if controller.session is None or controller.session.id != shown.id:
            return
        if session.deleted_at is not None:
            controller.left(shown.id)
            self._screen.brim.tell(f"“{shown.display_title}” was deleted in another window.")
            return
        session.draft = controller.session.draft
        has_changed = _totals(session) != _totals(controller.session)
        controller.take(session)
        if has_changed or is_answering or self._was_answering:
            self._was_answering = is_answering
            await controller.read_on(session)


def _totals(session: Session) -> list[object]:
    return [getattr(session, name) for name in _TOTALS]
