"""What stands behind the actions on whole sessions and on branches."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brim.tui.controller import ChatController
    from brim.tui.screens.chat import ChatScreen


class LibraryCommands:
    """Part of `Commands`. Ids of several sessions are told with blanks between them."""

    _screen: ChatScreen

    @property
    def _controller(self) -> ChatController:
        raise NotImplementedError

    # --- whole sessions -------------------------------------------------------------------------------

    async def delete(self, _: str) -> None:
        await self.delete_sessions(self._controller.shown_session().id)

    async def delete_sessions(self, ids: str) -> None:
        from brim.tui.organising import delete

        await delete(self._screen, self._controller, ids.split())

    async def pin_session(self, _: str) -> None:
        await self.pin_sessions(self._controller.shown_session().id)

    async def pin_sessions(self, ids: str) -> None:
        from brim.tui.organising import pin

        await pin(self._screen, self._controller, ids.split())

    async def archive(self, _: str) -> None:
        await self.archive_sessions(self._controller.shown_session().id)

    async def archive_sessions(self, ids: str) -> None:
        from brim.tui.organising import archive

        await archive(self._screen, self._controller, ids.split())

    async def tag(self, argument: str) -> None:
        from brim.tui.organising import tag

        await tag(self._screen, self._controller, [self._controller.shown_session().id], argument)

    async def tag_sessions(self, ids: str) -> None:
        from brim.tui.organising import tag

        await tag(self._screen, self._controller, ids.split(), "")

    async def export_sessions(self, ids: str) -> None:
        from brim.tui.organising import export_all

        await export_all(self._screen, self._controller, ids.split())

    async def import_archive(self, argument: str) -> None:
        from brim.tui.importing import import_archive

        await import_archive(self._screen, self._controller, argument)

    async def title(self, _: str) -> None:
        from brim.tui.organising import write_title

        await write_title(self._screen, self._controller)

    async def bin(self, _: str) -> None:
        from brim.tui.organising import open_bin

        await open_bin(self._screen, self._controller)

    # --- branches -------------------------------------------------------------------------------------

    async def show_branch(self, message_id: str) -> None:
        await self._controller.manager.branches.show(message_id)

    def previous_branch(self, _: str) -> None:
        self._screen.transcript.action_previous_branch()

    def next_branch(self, _: str) -> None:
        self._screen.transcript.action_next_branch()

    async def edit(self, _: str) -> None:
        await self.edit_message("")

    async def edit_message(self, message_id: str) -> None:
        from brim.tui.branching import edit

        await edit(self._screen, self._controller, message_id)

    async def send_edited(self, text: str) -> None:
        from brim.tui.branching import send_edited

        self._screen.visits.end()
        await send_edited(self._screen, self._controller, text)

    async def regenerate(self, model: str) -> None:
        await (self.regenerate_with(model) if model else self.regenerate_message(""))

    async def regenerate_message(self, message_id: str) -> None:
        from brim.tui.branching import regenerate

        await regenerate(self._screen, self._controller, message_id)

    async def regenerate_with(self, model: str) -> None:
        from brim.tui.branching import regenerate_with

        await regenerate_with(self._screen, self._controller, model)

    async def fork(self, _: str) -> None:
        await self.fork_message("")

    async def fork_message(self, message_id: str) -> None:
        from brim.tui.branching import fork

        await fork(self._screen, self._controller, message_id)

    async def origin(self, _: str) -> None:
        from brim.tui.branching import show_origin

        await show_origin(self._screen, self._controller)
