"""The list of sessions as lines: what is loaded so far, those pinned first, then by day, newest first."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brim.core.types import Session

PINNED = "Pinned"
"""The name of the group at the top."""


def day_name(day: date, today: date) -> str:
    """Return what people call a day, seen from ``today``."""
    ago = (today - day).days
    if ago <= 0:
        return "Today"
    if ago == 1:
        return "Yesterday"
    if ago < 7:
        return day.strftime("%A")
    return f"{day.day} {day.strftime('%B')}" + (f" {day.year}" if day.year != today.year else "")


@dataclass(frozen=True, slots=True)
class ListLine:
    """A line of the list: a day's name or another group's, or a session."""

    text: str
    session: Session | None = None
    """``None`` for the name of a group."""

    @property
    def session_id(self) -> str | None:
        """The session's id, ``None`` for the name of a group."""
        return self.session.id if self.session else None


class SessionRows:
    """The sessions loaded so far, in the order of the list, and the lines that show them."""

    def __init__(self) -> None:
        self._sessions: list[Session] = []
        self.is_whole = False
        """Whether the last page has been loaded."""
        self.lines: list[ListLine] = []

    def __len__(self) -> int:
        return len(self._sessions)

    def __contains__(self, session_id: str) -> bool:
        return any(session.id == session_id for session in self._sessions)

    @property
    def ids(self) -> list[str]:
        """The ids of the sessions loaded, in the order of the list."""
        return [session.id for session in self._sessions]

    @property
    def last(self) -> Session | None:
        """The oldest one loaded, after which the next page begins."""
        return self._sessions[-1] if self._sessions else None

    def clear(self) -> None:
        """Forget everything."""
        self._sessions = []
        self.is_whole = False
        self._lay_out()

    def extend(self, page: Iterable[Session], *, is_last: bool) -> None:
        """Add the next page."""
        known = {session.id for session in self._sessions}
        self._sessions += [session for session in page if session.id not in known]
        self.is_whole = is_last
        self._lay_out()

    def put(self, session: Session) -> None:
        """Show a session that is new or has changed at its place; what lies beyond the loaded pages waits there."""
        self._sessions = [other for other in self._sessions if other.id != session.id]
        place = sum(_order(other) > _order(session) for other in self._sessions)
        if place < len(self._sessions) or self.is_whole or not self._sessions:
            self._sessions.insert(place, session)
        self._lay_out()

    def remove(self, session_id: str) -> None:
        """Take a session out."""
        self._sessions = [session for session in self._sessions if session.id != session_id]
        self._lay_out()

    def line_of(self, session_id: str | None) -> int | None:
        """Return the number of the line that shows a session, ``None`` if none does."""
        return next(
            (
                number
                for number, line in enumerate(self.lines)
                if line.session_id and line.session_id == session_id
            ),
            None,
        )

    def step(self, line: int, by: int) -> int:
        """Return the line of the session ``by`` sessions further on from ``line``, as far as there are any."""
        shown = [number for number, each in enumerate(self.lines) if each.session_id]
        if not shown:
            return 0
        at = bisect_left(shown, line)
        return shown[max(0, min(len(shown) - 1, at + by))]

    def _lay_out(self) -> None:
        today = datetime.now().astimezone().date()
        lines: list[ListLine] = []
        day = ""
        for session in self._sessions:
            name = PINNED if session.pinned else day_name(session.updated_at.astimezone().date(), today)
            if name != day:
                lines.append(ListLine(name))
                day = name
            lines.append(ListLine(session.display_title, session))
        self.lines = lines


def _order(session: Session) -> tuple[bool, datetime, str]:
    """Greater is nearer to the top; the id decides between equals, as in the store."""
    return session.pinned, session.updated_at, session.id
