"""What is done with whole sessions: keeping them at the top, putting them away, labelling, naming and deleting them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from brim.core.errors import BrimError
from brim.core.types import SessionFilter, Shelf
from brim.tui.choosing import ask
from brim.tui.exporting import export
from brim.tui.screens.deciding import DecidingScreen
from brim.tui.screens.picker import Choice, PickerScreen
from brim.tui.screens.working import Say, WorkingScreen

if TYPE_CHECKING:
    from brim.core.types import Session
    from brim.tui.app import BrimApp
    from brim.tui.controller import ChatController
    from brim.tui.screens.chat import ChatScreen

_LISTED = 200
_EMPTY, _KEEP = "empty the bin", "keep"
_TAGS_NAMED = 6


async def pin(screen: ChatScreen, controller: ChatController, ids: Sequence[str]) -> None:
    """Keep sessions at the top of the list; if all of them are there, no longer."""
    sessions = await _sessions(controller, ids)
    pinned = not all(session.pinned for session in sessions)
    await controller.manager.library.pin(ids, pinned)
    controller.undo.organised("pinned", sessions)
    done = "stands" if len(sessions) == 1 else "stand"
    where = "at the top of the list." if pinned else "at the day of the last change again."
    _done(screen, f"{_named(sessions)} {done} {where}")


async def archive(screen: ChatScreen, controller: ChatController, ids: Sequence[str]) -> None:
    """Put sessions away, out of the list; if all of them are, take them back."""
    sessions = await _sessions(controller, ids)
    archived = not all(session.archived for session in sessions)
    await controller.manager.library.archive(ids, archived)
    controller.undo.organised("archived", sessions)
    are = "is" if len(sessions) == 1 else "are"
    where = "archived: is:archived finds it, Ctrl+Z undoes it." if archived else "in the list again."
    if len(sessions) > 1:
        where = where.replace(" it", " them")
    _done(screen, f"{_named(sessions)} {are} {where}")


async def tag(screen: ChatScreen, controller: ChatController, ids: Sequence[str], argument: str) -> None:
    """Label sessions: ``work -old`` adds one tag and takes one away; without words the person is asked."""
    sessions = await _sessions(controller, ids)
    before = sessions[0].tags if len(sessions) == 1 and not argument else ()
    if not argument:
        shown = "".join(f"{name} " for name in before)
        text = await ask(screen.brim, await _tags_question(controller, sessions), shown, goes_on=True)
        if text is None:
            return
        argument = text
    words = [word for word in argument.replace(",", " ").split() if word not in ("-", "#")]
    add = [word for word in words if not word.startswith("-")]
    named = {word.removeprefix("#").casefold() for word in add}
    remove = [word.removeprefix("-").removeprefix("#") for word in words if word.startswith("-")]
    remove += [old for old in before if old.casefold() not in named]
    try:
        await controller.manager.library.tag(ids, add=add, remove=remove)
    except ValueError as error:
        raise BrimError(str(error)) from error
    controller.undo.organised("tags", sessions)
    _done(screen)


async def _tags_question(controller: ChatController, sessions: Sequence[Session]) -> str:
    used = [name for name, _ in (await controller.manager.library.tags())[:_TAGS_NAMED]]
    title = f"Tags of {_named(sessions)}"
    if len(sessions) > 1:
        title = f"Tags of {len(sessions)} sessions: work -old"
    return f"{title} (in use: {', '.join(used)})" if used else title


async def delete(screen: ChatScreen, controller: ChatController, ids: Sequence[str]) -> None:
    """Put sessions into the bin, and say how to get them back."""
    sessions = await _sessions(controller, ids)
    if controller.session_id in ids:
        await screen.drafts.store()
    await controller.manager.library.delete(ids)
    controller.undo.organised("deleted_at", sessions)
    back = "it" if len(sessions) == 1 else "them"
    _done(screen, f"Deleted {_named(sessions)}. Ctrl+Z brings {back} back.")


async def export_all(screen: ChatScreen, controller: ChatController, ids: Sequence[str]) -> None:
    """Write each session to a file of its own."""
    sessions = await _sessions(controller, ids)
    if len(sessions) == 1:
        _done(screen, await export(controller.manager, sessions[0], ""))
        return
    written = 0

    async def work(show: Say, add: Say) -> Sequence[str]:
        nonlocal written
        for number, session in enumerate(sessions, 1):
            show(f"{number:,} of {len(sessions):,}: {session.display_title}")
            try:
                await export(controller.manager, session, "")
                written += 1
            except BrimError as error:
                add(f"{session.display_title}: {error.sentence}")
        return [f"Exported {written:,} sessions, each to a file of its own in this folder."]

    stopped = "Stopped. The files that were written stay."
    title = f"Export {len(sessions):,} sessions"
    _done(
        screen, await screen.brim.push_screen_wait(WorkingScreen(title, work, stopped=stopped, closes=True))
    )


async def write_title(screen: ChatScreen, controller: ChatController) -> None:
    """Let the model write the title of the session shown."""
    session = controller.shown_session()
    if session.id in screen.being_named:
        return
    screen.being_named.add(session.id)
    screen.show_notes()
    try:
        named = await controller.manager.library.write_title(session.id)
    finally:
        screen.being_named.discard(session.id)
        screen.show_notes()
    controller.undo.organised("title", [session])
    screen.brim.tell(f"This session is “{named.display_title}” now.")


async def open_bin(screen: ChatScreen, controller: ChatController) -> None:
    """Show what was deleted, to be brought back or erased."""
    app, library = screen.brim, controller.manager.library

    async def load(text: str) -> Sequence[Choice]:
        only = SessionFilter(shelf=Shelf.BIN, title=text)
        found = await controller.manager.list_sessions(limit=_LISTED, only=only)
        choices = [
            Choice(s.id, s.display_title, f"deleted {_when(s)} · {s.messages} messages") for s in found
        ]
        if choices and not text:
            choices.append(Choice(_EMPTY, "Empty the bin …", "erases all of it for good"))
        return choices or [Choice("", "The bin is empty." if not text else "Nothing fits.", disabled=True)]

    while True:
        chosen = await app.push_screen_wait(PickerScreen("Bin", load, verb="bring back"))
        if chosen == _EMPTY:
            await _empty(app, controller)
        elif chosen:
            (restored,) = await library.restore([chosen])
            app.tell(f"“{restored.display_title}” is in the list again.")
        else:
            return


async def _empty(app: BrimApp, controller: ChatController) -> None:
    """Erase what is in the bin, if the person says so again."""
    ids = [session.id for session in await controller.manager.library.in_bin()]
    count = f"{len(ids):,} sessions" if len(ids) != 1 else "1 session"
    body = Content(f"This erases {count} from the data file, with all messages. There is no way back.")
    choices = [Choice(_KEEP, "Keep what is in the bin"), Choice(_EMPTY, f"Erase {count} for good")]
    if await app.push_screen_wait(DecidingScreen("Empty the bin", body, choices)) == _EMPTY:
        erased = await controller.manager.library.erase(ids)
        app.tell(f"Erased {erased:,} session{'' if erased == 1 else 's'}.")


def _when(session: Session) -> str:
    return session.deleted_at.astimezone().strftime("%d %b %H:%M") if session.deleted_at else ""


async def _sessions(controller: ChatController, ids: Sequence[str]) -> list[Session]:
    return [await controller.manager.session(session_id) for session_id in ids]


def _named(sessions: Sequence[Session]) -> str:
    return f"“{sessions[0].display_title}”" if len(sessions) == 1 else f"{len(sessions)} sessions"


def _done(screen: ChatScreen, sentence: str = "") -> None:
    """Say what was done, and let go of what was chosen for it."""
    screen.sessions.choose_none()
    if sentence:
        screen.brim.tell(sentence)
