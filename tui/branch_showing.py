"""Showing which messages stand beside others, and another branch at the reading place."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from brim.core.errors import BrimError
from brim.tui.behind import work_behind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brim.core.types import Message, OutlineRow
    from brim.tui.controller import ChatController
    from brim.tui.screens.chat import ChatScreen
    from brim.tui.widgets.transcript_branches import View
    from brim.tui.widgets.transcript_model import TranscriptSource

_AROUND = 20
"""How many messages around the reading place are read with a branch."""


def read_siblings(screen: ChatScreen, controller: ChatController) -> None:
    """Find out, behind everything else, which messages stand beside others."""
    if controller.session_id is not None:
        reading = partial(_read_siblings, screen, controller, controller.session_id)
        work_behind(screen, reading, group="siblings", exclusive=True)


async def _read_siblings(screen: ChatScreen, controller: ChatController, session_id: str) -> None:
    try:
        places = await controller.manager.branches.siblings(session_id)
    except BrimError:
        return
    if session_id == controller.session_id:
        screen.transcript.set_siblings(places)


async def show_branch(
    screen: ChatScreen, source: TranscriptSource, tail: Sequence[Message], message_id: str
) -> None:
    """Show what the session's path is now, at the reading place.

    Args:
        screen: where.
        source: gives the path.
        tail: its last messages.
        message_id: the message that the branch was chosen by; it then stands where the one beside it stood.
    """
    view = screen.transcript.view_of(message_id)
    path = await source.outline()
    near = await source.messages_by_id(_missing(path, view, tail))
    screen.transcript.show_path(source, path, tail, near, view)


def _missing(path: Sequence[OutlineRow], view: View, tail: Sequence[Message]) -> list[str]:
    """Return the messages around a place that are not among the last."""
    known = {message.id for message in tail}
    start = max(0, view.place.entry - _AROUND) if not view.place.following else len(path)
    return [row.id for row in path[start : view.place.entry + _AROUND] if row.id not in known]
