"""What stands behind the actions on how a session is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brim.tui.controller import ChatController
    from brim.tui.screens.chat import ChatScreen


class TuningCommands:
    """Part of `Commands`."""

    _screen: ChatScreen

    @property
    def _controller(self) -> ChatController:
        raise NotImplementedError

    async def system(self, argument: str) -> None:
        from brim.tui.tuning import set_system_prompt

        await set_system_prompt(self._screen, self._controller, argument)

    async def parameters(self, argument: str) -> None:
        from brim.tui.tuning import set_parameter, show_parameters

        if argument:
            await set_parameter(self._screen, self._controller, argument)
        else:
            await show_parameters(self._screen, self._controller)

    async def set(self, argument: str) -> None:
        await self.parameters(argument)

    async def persona(self, name: str) -> None:
        from brim.tui.persona_choosing import begin, choose_persona

        if name:
            await begin(self._screen, self._controller, name)
        else:
            await choose_persona(self._screen, self._controller)

    async def count(self, argument: str) -> None:
        from brim.tui.counting import count

        await count(self._screen, self._controller, argument)
