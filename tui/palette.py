"""The command palette: every action, and the sessions, models and themes to go to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from brim.core.text import visible_line
from brim.tui.actions import ACTIONS

if TYPE_CHECKING:
    from brim.core.sessions import SessionManager
    from brim.core.types import ModelInfo
    from brim.tui.app import BrimApp

_SESSIONS = 30
_WAIT_S = 0.2
"""How long the first answer waits for servers."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """Something the palette can do: an action's or a wish's name, and what it is told."""

    words: str
    help: str
    name: str
    argument: str = ""


class BrimCommands(Provider):
    """Actions from the table first; what is stored is looked up as soon as something is typed.

    Servers are asked for their models then, too, and nobody waits for them: what they list is found by what is
    typed after they have answered.
    """

    _models: Sequence[ModelInfo] = ()
    _listening: asyncio.Task[None] | None = None

    def _actions(self) -> list[_Entry]:
        return [
            _Entry(a.label, f"{a.help}{f'  ({a.key_label})' if a.keys else ''}", a.id)
            for a in ACTIONS
            if a.palette and a.place == "screen"
        ]

    async def _stored(self, query: str) -> AsyncIterator[_Entry]:
        app = cast("BrimApp", self.app)
        for name in app.theme_names:
            yield _Entry(f"Theme: {name}", "Switch the colours", "theme", name)
        if (manager := app.manager) is None:
            return
        from brim.core.types import SessionFilter

        for session in await manager.list_sessions(limit=_SESSIONS, only=SessionFilter(title=query)):
            title = visible_line(session.display_title)
            yield _Entry(f"Session: {title}", f"{session.messages} messages", "open_session", session.id)
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen(manager))
            await asyncio.wait([self._listening], timeout=_WAIT_S)
        if self._listening.done():
            await self._listening  # it may have failed
        for model in self._models:
            if not model.unavailable:
                yield _Entry(
                    f"Model: {visible_line(model.id)}", "Answer with it from now on", "model", model.id
                )

    async def _listen(self, manager: SessionManager) -> None:
        """Take in the models as they become known."""
        listing = cast("AsyncGenerator[list[ModelInfo], None]", manager.tuning.listing())
        async with aclosing(listing):
            async for models in listing:
                self._models = models

    async def shutdown(self) -> None:
        """Stop listening to servers."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])

    async def discover(self) -> Hits:
        """Offer all actions."""
        for entry in self._actions():
            yield DiscoveryHit(Content(entry.words), self._run(entry), entry.words, entry.help)

    async def search(self, query: str) -> Hits:
        """Offer what fits ``query``."""
        matcher = self.matcher(query)
        for entry in self._actions():
            if (score := matcher.match(entry.words)) > 0:
                yield self._hit(entry, score)
        async for entry in self._stored(query):
            score = matcher.match(entry.words)
            if score > 0 or entry.name == "open_session":
                yield self._hit(entry, score or 0.1)

    def _hit(self, entry: _Entry, score: float) -> Hit:
        return Hit(score, Content(entry.words), self._run(entry), entry.words, entry.help)

    def _run(self, entry: _Entry) -> partial[None]:
        return partial(cast("BrimApp", self.app).chat.commands.run, entry.name, entry.argument)
