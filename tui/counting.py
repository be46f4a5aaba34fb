"""The exact size of the next prompt, where someone can count it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brim.core.counting import NextPrompt
    from brim.tui.controller import ChatController
    from brim.tui.screens.chat import ChatScreen


async def count(screen: ChatScreen, controller: ChatController, text: str) -> None:
    """Have the next prompt counted and say how long it is.

    Args:
        screen: has the draft, which is counted where the command came with no text.
        controller: knows the session shown.
        text: the question that would be asked.
    """
    draft = text or screen.composer.draft
    files = await screen.attaching.take(draft) if draft.strip() else ()
    if files is None:
        return
    screen.brim.tell("Counting …")
    counted = await controller.manager.counting.next_prompt(controller.shown_session().id, draft, files)
    screen.brim.tell(words_of(counted))


def words_of(counted: NextPrompt) -> str:
    """Return what is said of a counted prompt, e.g. ``Next prompt: 1,234 tokens (counted by Anthropic).``"""
    question = "" if counted.has_draft else " before your question"
    if counted.counted_by:
        by = counted.counted_by.replace("The ", "the ", 1)
        return f"Next prompt: {counted.tokens:,} tokens{question} (counted by {by})."
    return f"Next prompt: about {counted.tokens:,} tokens{question} (estimated: nobody counts for {counted.model})."
