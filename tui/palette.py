"""The command palette: every action, and the sessions, models and themes to go to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from brim.core.text import visible_line
from brim.tui.actions import ACTIONS

if TYPE_CHECKING:
    from brim.tui.app import BrimApp

_SESSIONS = 30


@dataclass(frozen=True, slots=True)
class _Entry:
    """Something the palette can do: an action's or a wish's name, and what it is told."""

    words: str
    help: str
    name: str
    argument: str = ""


class BrimCommands(Provider):
    """Actions from the table first; what is stored is looked up as soon as something is typed."""

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
        for model in await manager.models():
            if not model.unavailable:
                yield _Entry(
                    f"Model: {visible_line(model.id)}", "Answer with it from now on", "model", model.id
                )

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
