"""Sending where the window or a budget may refuse: the person decides, and no text is ever lost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from brim.core.budgets import BudgetError
from brim.core.errors import CleanupWantedError, InputTooLongError
from brim.tui.cleanup_words import (
    ALL_THE_SAME,
    AS_IT_IS,
    CLEAN,
    asked_choices,
    budget_choices,
    budget_content,
    plan_content,
)
from brim.tui.screens.deciding import DecidingScreen

if TYPE_CHECKING:
    from brim.tui.controller import ChatController
    from brim.tui.screens.chat import ChatScreen


class Attempt(Protocol):
    """Sends a prompt, or asks for one again, with the person's word on cleanup and budget."""

    async def __call__(self, *, cleanup: bool | None, over_budget: bool) -> None:
        """Do it. Raises what the manager's `send` raises."""
        ...


async def send(
    screen: ChatScreen, controller: ChatController, text: str, *, any_length: bool = False
) -> None:
    """Send a text with the files that it mentions; of one that is too long the person says how it goes."""
    try:
        if not any_length:
            controller.manager.admission.check_length(text)
    except InputTooLongError as error:
        if (chosen := await screen.attaching.shortened(error, text)) is not None:
            await send(screen, controller, chosen, any_length=chosen == text)
        return
    files = await screen.attaching.take(text)
    if files is not None:
        await attempt(screen, partial(controller.send, text, files), text)


async def attempt(screen: ChatScreen, send: Attempt, text: str = "") -> None:
    """Send, and ask the person where that is refused.

    While the question is open ``text`` stands in the composer, where it stays if the person thinks better
    of it: nothing that happens meanwhile can lose it.
    """
    cleanup: bool | None = None
    over_budget = False
    while True:
        try:
            await send(cleanup=cleanup, over_budget=over_budget)
        except CleanupWantedError as error:
            chosen = await ask_first(screen, await _cleanup_question(screen, error), text)
            if chosen not in (CLEAN, AS_IT_IS):
                return
            cleanup = chosen == CLEAN
        except BudgetError as error:
            question = DecidingScreen("Over the budget", budget_content(error), budget_choices())
            if await ask_first(screen, question, text) != ALL_THE_SAME:
                return
            over_budget = True
        else:
            return


async def _cleanup_question(screen: ChatScreen, error: CleanupWantedError) -> DecidingScreen:
    controller = screen.controller
    if controller is None:
        raise error
    usage = await controller.manager.context_usage(controller.shown_session().id)
    return DecidingScreen("The window is nearly full", plan_content(error.plan, usage), asked_choices())


async def ask_first(screen: ChatScreen, question: DecidingScreen, text: str) -> str | None:
    """Ask, with ``text`` in front of what is in the composer; a decision to send takes it out again."""
    composer = screen.composer
    typed = composer.draft
    if text:
        composer.put_back(text)
    chosen = await screen.brim.push_screen_wait(question)
    if text and chosen in (CLEAN, AS_IT_IS, ALL_THE_SAME):
        composer.restore(typed)
    return chosen
