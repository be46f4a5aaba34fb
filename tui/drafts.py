"""Keeps what is being typed, and says what it weighs and what sending it takes, a moment after the last key."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from brim.tui.behind import work_behind
from brim.tui.slash import complete, parse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from textual.timer import Timer

    from brim.core.attachments import Attachment
    from brim.tui.controller import ChatController
    from brim.tui.screens.chat import ChatScreen

STORE_AFTER_S = 0.3
WEIGH_AFTER_S = 0.02
_PRICED_WITHIN_S = 0.02
"""How long the tokens wait for their price, so that both change at once."""
_READ_WITHIN_S = 0.01
"""The same for files."""
_WEIGHED_AT_ONCE_CHARS = 4_000


class DraftKeeper:
    """Stores the composer's text with the session that is shown, and shows its tokens and its price."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self.changed_at = 0.0
        """When something was typed last, by the monotonic clock."""
        self._storing: Timer | None = None
        self._weighing: Timer | None = None

    def changed(self) -> None:
        """Something was typed."""
        self.changed_at = monotonic()
        self.forget()
        self._storing = self._screen.set_timer(STORE_AFTER_S, self._store_soon)
        self._weighing = self._screen.set_timer(WEIGH_AFTER_S, self._weigh_soon)

    def weigh(self) -> None:
        """Show anew what the draft weighs and takes: who reads it, or what goes before it, has changed."""
        if self._screen.composer.text:
            self._weigh_soon()

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
        controller = self._screen.controller
        draft = self._screen.editing.draft_of(self._screen.composer.draft)
        if controller is None:
            self._screen.keep_draft(draft)
        else:
            await controller.store_draft(draft)

    def _store_soon(self) -> None:
        self._screen.commands.run("store_draft")

    def _weigh_soon(self) -> None:
        work_behind(self._screen, self._weigh, group="weigh", exclusive=True)

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
        if not tokens:
            self._screen.attaching.forget()
            self._screen.show_draft(0)
            return
        files: Sequence[Attachment] = ()
        if "@" in draft:
            gathering = asyncio.ensure_future(self._screen.attaching.gatherer.gather(draft))
            try:
                if not (await asyncio.wait({gathering}, timeout=_READ_WITHIN_S))[0]:
                    self._screen.show_draft(tokens)
                gathered = await gathering
            finally:
                gathering.cancel()
            tokens += await self._screen.attaching.weigh(controller.manager, controller.model, gathered)
            files = gathered.attachments
        else:
            self._screen.attaching.forget()
        pricing = asyncio.create_task(self._price(controller, draft, files))
        try:
            if not (await asyncio.wait({pricing}, timeout=_PRICED_WITHIN_S))[0]:
                self._screen.show_draft(tokens)
            self._screen.show_draft(tokens, await pricing)
        finally:
            pricing.cancel()

    async def _price(
        self, controller: ChatController, draft: str, files: Sequence[Attachment]
    ) -> Decimal | None:
        """Return what sending the draft now takes; ``None`` where that cannot be said."""
        from brim.core.errors import BrimError

        if controller.session_id is None or self._screen.editing.message_id is not None:
            return None
        try:
            return (await controller.manager.quote(controller.session_id, draft, files)).prompt_usd
        except BrimError:
            return None
