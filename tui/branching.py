"""Asking differently, asking again, and forking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brim.core.errors import BrimError, InputTooLongError
from brim.tui.choosing import choose_model
from brim.tui.sending import attempt

if TYPE_CHECKING:
    from brim.tui.controller import ChatController
    from brim.tui.screens.chat import ChatScreen


def _not_while_answering(controller: ChatController) -> None:
    if controller.is_answering:
        raise BrimError("The answer is still being written.", hint="Esc stops it.")


async def edit(screen: ChatScreen, controller: ChatController, message_id: str) -> None:
    """Put a prompt into the composer to be asked differently; without an id the one that the keys speak of."""
    _not_while_answering(controller)
    wanted = message_id or screen.transcript.prompt_to_edit
    if wanted is None:
        raise BrimError("There is no prompt to edit yet.", hint="Ask something first.")
    found = await controller.manager.messages_by_id([wanted])
    (message,) = await controller.manager.library.with_files(found)
    screen.editing.begin(wanted, screen.attaching.with_mentions(message.content, message.attachments))


async def send_edited(
    screen: ChatScreen, controller: ChatController, text: str, *, any_length: bool = False
) -> None:
    """Ask what the composer was edited to, in place of the earlier prompt."""
    message_id = screen.editing.message_id
    if message_id is None:
        return
    was_asked = False
    files = await screen.attaching.take(text)
    if files is None:
        return

    async def ask(*, cleanup: bool | None, over_budget: bool) -> None:
        nonlocal was_asked
        await controller.manager.branches.edit(
            message_id,
            text,
            attachments=files,
            cleanup=cleanup,
            over_budget=over_budget,
            any_length=any_length,
        )
        was_asked = True

    try:
        await attempt(screen, ask, text)
    except InputTooLongError as error:
        if (chosen := await screen.attaching.shortened(error, text)) is not None:
            await send_edited(screen, controller, chosen, any_length=chosen == text)
    except BrimError:
        screen.composer.put_back(text)
        raise
    if was_asked and screen.editing.message_id == message_id:
        screen.editing.sent()


async def regenerate(screen: ChatScreen, controller: ChatController, message_id: str) -> None:
    """Let the model answer again; without an id in place of the answer that the keys speak of."""
    await _regenerate(screen, controller, message_id or screen.transcript.answer_to_redo)


async def regenerate_with(screen: ChatScreen, controller: ChatController, name: str) -> None:
    """Let another model answer again: it is the session's model from then on, if it was asked at all."""
    _not_while_answering(controller)
    session, message_id = controller.shown_session(), screen.transcript.answer_to_redo
    chosen = await choose_model(screen.brim, controller, name, title="Regenerate with")
    if chosen is None:
        return
    await controller.set_model(chosen)
    was_asked = False
    try:
        was_asked = await _regenerate(screen, controller, message_id)
    finally:
        if not was_asked and session.model and session.model != chosen:
            await controller.manager.tuning.set_model(session.id, session.model)


async def _regenerate(screen: ChatScreen, controller: ChatController, message_id: str | None) -> bool:
    _not_while_answering(controller)
    if message_id is None:
        raise BrimError("There is no answer yet.", hint="Ask something first.")
    was_asked = False

    async def ask(*, cleanup: bool | None, over_budget: bool) -> None:
        nonlocal was_asked
        await controller.manager.branches.regenerate(message_id, cleanup=cleanup, over_budget=over_budget)
        was_asked = True

    await attempt(screen, ask)
    return was_asked


async def fork(screen: ChatScreen, controller: ChatController, message_id: str) -> None:
    """Open a session of its own of all up to a message; without an id up to the one that the keys speak of."""
    wanted = message_id or screen.transcript.message_to_fork
    if wanted is None:
        raise BrimError("There is nothing to fork yet.", hint="Ask something first.")
    if (live := controller.manager.live(controller.shown_session().id)) and live.id == wanted:
        raise BrimError(
            "The answer is still being written.", hint="Esc stops it; an earlier message can be forked."
        )
    session = await controller.manager.branches.fork(wanted)
    await controller.open(session.id)
    screen.composer.focus()
    screen.brim.tell("This is a session of its own now: what it was forked from stays as it is.")


async def show_origin(screen: ChatScreen, controller: ChatController) -> None:
    """Go to the message up to which the session shown was copied, in the session that it is from.

    Raises:
        BrimError: it is no fork, or what it is from is gone or in the bin.
    """
    message_id = controller.shown_session().forked_from
    if message_id is None:
        raise BrimError("This session is not forked from another.")
    manager = controller.manager
    found = await manager.messages_by_id([message_id])
    source = await manager.session(found[0].session_id) if found else None
    if source is None:
        raise BrimError("The session that this one was forked from is gone.")
    if source.deleted_at is not None:
        raise BrimError(f"“{source.display_title}” is in the bin.", hint="/bin brings it back.")
    if not any(row.id == message_id for row in await manager.outline(source.id)):
        await manager.branches.show(message_id)
    await controller.open(source.id)
    screen.transcript.focus()
    await screen.transcript.go_to_message(message_id)
