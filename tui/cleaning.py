"""Cleaning the window by hand: the plan first, then what the person decides; and the summary's own text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brim.core.cleanup import CleanupMode
from brim.core.errors import BrimError
from brim.tui.choosing import ask
from brim.tui.cleanup_words import CLEAN, MODE, look_choices, next_mode, plan_content
from brim.tui.gauges import short
from brim.tui.screens.deciding import DecidingScreen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brim.tui.controller import ChatController
    from brim.tui.screens.chat import ChatScreen
    from brim.tui.screens.picker import Choice

_MODE_SENTENCES = {
    CleanupMode.AUTO: "Messages leave the window at the mark, and a receipt says so.",
    CleanupMode.ASK: "You are asked before messages leave the window.",
    CleanupMode.OFF: "No message leaves the window unless you say so.",
}


async def clean(screen: ChatScreen, controller: ChatController, argument: str) -> None:
    """Show what a cleanup would do, or do what ``argument`` says: now, undo, or one of the modes."""
    word = argument.strip().lower()
    if not word:
        await _look(screen, controller)
    elif word == "now":
        await _carry_out(screen, controller)
    elif word == "undo":
        await controller.manager.undo_cleanup(controller.shown_session().id)
    elif word in set(CleanupMode):
        set_mode(controller, CleanupMode(word))
        screen.brim.tell(_MODE_SENTENCES[controller.manager.cleanup_mode])
    else:
        raise BrimError(f"/cleanup does not know “{word}”.", hint="It knows now, undo, auto, ask and off.")


def set_mode(controller: ChatController, mode: CleanupMode) -> None:
    """Let another one decide about cleanups, until brim ends."""
    controller.manager.cleanup_mode = mode
    controller.show_mode()


async def _look(screen: ChatScreen, controller: ChatController) -> None:
    manager, session = controller.manager, controller.shown_session()
    plan = await manager.plan_cleanup(session.id)
    usage = await manager.context_usage(session.id)

    def take(choice: str) -> Sequence[Choice] | None:
        if choice != MODE:
            return None
        set_mode(controller, next_mode(manager.cleanup_mode))
        return look_choices(plan, manager.cleanup_mode)

    question = DecidingScreen(
        "Clean up", plan_content(plan, usage), look_choices(plan, manager.cleanup_mode), take=take
    )
    if await screen.brim.push_screen_wait(question) == CLEAN:
        await _carry_out(screen, controller)


async def _carry_out(screen: ChatScreen, controller: ChatController) -> None:
    receipt = await controller.manager.clean_up(controller.shown_session().id)
    count = len(receipt.left_ids)
    screen.brim.tell(
        f"{count:,} message{'' if count == 1 else 's'} left the window: ~{short(receipt.before_tokens)} → "
        f"~{short(receipt.after_tokens)}. Ctrl+Z brings them back."
    )


async def edit_summary(screen: ChatScreen, controller: ChatController) -> None:
    """Let the person edit the summary that stands in the window. Raises `BrimError` where there is none."""
    manager, session = controller.manager, controller.shown_session()
    kept = await manager.messages_by_id([session.summary_id]) if session.summary_id else []
    receipt = kept[0].receipt if kept else None
    if receipt is None or receipt.summary is None:
        raise BrimError(
            "The window holds no summary.", hint="Summaries are written once summary_model is set."
        )
    text = await ask(screen.brim, "Summary in the window", receipt.summary.text, has_several_lines=True)
    if text is None or text.strip() == receipt.summary.text.strip():
        return
    await manager.edit_summary(session.id, text)
    for message in await manager.messages_by_id([kept[0].id]):
        if message.receipt is not None:
            screen.transcript.set_receipt(message.id, message.receipt)
