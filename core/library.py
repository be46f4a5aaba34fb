"""The library: what is kept at the top, put away, labelled, deleted, and titled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from brim.core.agent import AgentSource
from brim.core.attached import with_files
from brim.core.attachments import loaded
from brim.core.errors import BrimError
from brim.core.events import SessionChanged, SessionDeleted, TurnEvent
from brim.core.running import TurnRunner
from brim.core.store.protocol import SessionStore
from brim.core.titles import title_by
from brim.core.types import Message, Session, SessionFilter, Shelf, now

if TYPE_CHECKING:
    from pathlib import Path

    from brim.core.importing import Kind, Position, Problem
    from brim.core.importing.taking import Report

Changeable = Literal["title", "pinned", "archived", "tags", "deleted_at"]
"""What is changed of sessions as a whole, and can be put back."""
LONGEST_TAG = 40
"""In characters."""
_PAGE = 500


class Library:
    """All sessions as a collection; `SessionManager.library` gives it. Each verb takes a selection.

    Args:
        store: where the sessions are.
        publish: tells the watchers.
        turns: stops what runs in a session that is deleted.
        agents: who is asked for titles.
    """

    def __init__(
        self,
        store: SessionStore,
        publish: Callable[[TurnEvent], None],
        *,
        turns: TurnRunner,
        agents: AgentSource,
    ) -> None:
        self._store = store
        self._publish = publish
        self._turns = turns
        self._agents = agents

    async def pin(self, session_ids: Iterable[str], pinned: bool = True) -> list[Session]:
        """Keep sessions at the top of the list, or no longer."""
        return [await self._update(session_id, pinned=pinned) for session_id in session_ids]

    async def archive(self, session_ids: Iterable[str], archived: bool = True) -> list[Session]:
        """Put sessions away, out of the list, or back into it."""
        return [await self._update(session_id, archived=archived) for session_id in session_ids]

    async def tag(
        self, session_ids: Iterable[str], *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> list[Session]:
        """Label sessions; tags that differ in letter case only are the same.

        Raises:
            ValueError: a tag is empty, too long or holds a space or a comma.
        """
        adding = {tag.casefold(): tag for tag in map(checked_tag, add)}
        removing = {tag.casefold() for tag in remove}
        changed = []
        for session_id in session_ids:
            tags = {tag.casefold(): tag for tag in (await self._store.session(session_id)).tags}
            kept = [tag for key, tag in {**adding, **tags}.items() if key not in removing]
            changed.append(await self._update(session_id, tags=tuple(sorted(kept, key=str.casefold))))
        return changed

    async def with_files(self, messages: Sequence[Message]) -> list[Message]:
        """Return messages with the data of their attachments, for a file or a screen that shows them."""
        return await with_files(self._store, messages)

    async def with_queue(self, session: Session) -> Session:
        """Return a session, the prompts that wait in it with the data of their attachments."""
        ids = {one.id for prompt in session.queued for one in prompt.attachments}
        if not ids:
            return session
        data = await self._store.attachment_data(ids)
        queued = [
            prompt.model_copy(update={"attachments": loaded(prompt.attachments, data)})
            for prompt in session.queued
        ]
        return session.model_copy(update={"queued": tuple(queued)})

    async def tags(self) -> list[tuple[str, int]]:
        """Return the tags in use and how many sessions have each, the commonest first."""
        return await self._store.tags()

    async def delete(self, session_ids: Iterable[str]) -> None:
        """Put sessions into the bin and stop their turns. `restore` undoes it."""
        for session_id in session_ids:
            await self._turns.stop(session_id)
            await self._store.update_session(session_id, deleted_at=now())
            self._publish(SessionDeleted(session_id=session_id))

    async def restore(self, session_ids: Iterable[str]) -> list[Session]:
        """Take sessions out of the bin."""
        return [await self._update(session_id, deleted_at=None) for session_id in session_ids]

    async def put_back(self, sessions: Iterable[Session], field: Changeable) -> list[Session]:
        """Give one field of sessions the value again that it has in ``sessions``; the others stay as they are."""
        return [await self._update(each.id, **{field: getattr(each, field)}) for each in sessions]

    async def take_in(
        self,
        path: Path,
        kind: Kind,
        *,
        problem: Callable[[Problem], None] = lambda _: None,
        progress: Callable[[Report, Position], None] = lambda *_: None,
    ) -> Report:
        """Bring in the conversations of an archive; see `brim.core.importing.taking.take_in`."""
        from brim.core.importing.taking import take_in

        return await take_in(self._store, path, kind, problem=problem, progress=progress)

    async def in_bin(self, age: timedelta = timedelta(0)) -> list[Session]:
        """Return the sessions that have been in the bin for longer than ``age``."""
        before = now() - age
        return [s for s in await self._all(Shelf.BIN) if s.deleted_at is not None and s.deleted_at <= before]

    async def erase(self, session_ids: Iterable[str]) -> int:
        """Delete sessions for good, with their messages; returns how many there were."""
        ids = tuple(session_ids)
        for session_id in ids:
            await self._turns.stop(session_id)
        erased = await self._store.erase(ids)
        for session_id in ids:
            self._publish(SessionDeleted(session_id=session_id))
        return erased

    async def unchanged_for(self, age: timedelta) -> list[Session]:
        """Return the open and archived sessions that nothing has happened in for ``age``, those pinned or tagged aside."""
        before = now() - age
        kept = [*await self._all(Shelf.OPEN), *await self._all(Shelf.ARCHIVE)]
        return [s for s in kept if s.updated_at < before and not s.pinned and not s.tags]

    async def _all(self, shelf: Shelf) -> list[Session]:
        found: list[Session] = []
        only = SessionFilter(shelf=shelf)
        while page := await self._store.list_sessions(
            limit=_PAGE, after=found[-1] if found else None, only=only
        ):
            found += page
        return found

    async def write_title(self, session_id: str) -> Session:
        """Let the session's model write its title.

        Raises:
            BrimError: there is nothing to name yet, or no usable title came.
            AgentError: the model cannot be used, or the request failed.
        """
        session = await self._store.session(session_id)
        messages = await self._store.tail(session_id, limit=6)
        if session.model is None or not any(message.content for message in messages):
            raise BrimError("There is nothing to name yet.", hint="Ask something first.")
        title = await title_by(await self._agents.agent_for(session.model), messages)
        return await self._update(session_id, title=title)

    async def _update(self, session_id: str, **fields: object) -> Session:
        session = await self._store.update_session(session_id, **fields)
        self._publish(SessionChanged(session=session))
        return session


def checked_tag(tag: str) -> str:
    """Return a tag without the blanks around it and a ``#`` before it.

    Raises:
        ValueError: it is empty, too long, or holds a space or a comma.
    """
    tag = tag.strip().removeprefix("#")
    if (
        not tag
        or len(tag) > LONGEST_TAG
        or not tag.isprintable()
        or any(c.isspace() or c == "," for c in tag)
    ):
        raise ValueError(f"A tag is one word of at most {LONGEST_TAG} characters, not {tag[:LONGEST_TAG]!r}.")
    return tag
