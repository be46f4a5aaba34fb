"""Keeps what is being typed, and says what it weighs, a moment after the last key."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from brim.tui.slash import complete, parse

if TYPE_CHECKING:
    from textual.timer import Timer

    from brim.tui.screens.chat import ChatScreen

STORE_AFTER_S = 0.3
WEIGH_AFTER_S = 0.04
_WEIGHED_AT_ONCE_CHARS = 4_000


class DraftKeeper:
    """Stores the composer's text with the session that is shown, and shows its tokens."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._storing: Timer | None = None
        self._weighing: Timer | None = None

    def changed(self) -> None:
        """Something was typed."""
        self.forget()
        self._storing = self._screen.set_timer(STORE_AFTER_S, self._store_soon)
        self._weighing = self._screen.set_timer(WEIGH_AFTER_S, self._weigh_soon)

    def forget(self) -> None:
        """Let go of what waits: it is about another text."""
        for timer in (self._storing, self._weighing):
            if timer is not None:
                timer.stop()

    async def store(self) -> None:
        """Keep the draft now."""
        await self._screen.composer.written()
        if self._storing is not None:
            self._storing.stop()
        controller, draft = self._screen.controller, self._screen.composer.draft
        if controller is None:
            self._screen.keep_draft(draft)
        else:
            await controller.store_draft(draft)

    def _store_soon(self) -> None:
        self._screen.commands.run("store_draft")

    def _weigh_soon(self) -> None:
        self._screen.run_worker(self._weigh(), group="weigh", exclusive=True)

    async def _weigh(self) -> None:
        controller, draft = self._screen.controller, self._screen.composer.draft
        if controller is None:
            return
        if parse(draft) is not None or complete(draft):
            tokens = 0
        elif len(draft) <= _WEIGHED_AT_ONCE_CHARS:
            tokens = controller.manager.estimate(controller.model, draft)
        else:
            tokens = await asyncio.to_thread(controller.manager.estimate, controller.model, draft)
        self._screen.show_draft_tokens(tokens)
