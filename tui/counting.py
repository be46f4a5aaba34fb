"""The exact size of the next prompt, where someone can count it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brim.core.counting import NextPrompt
    from brim.tui.controller import ChatController
    from brim.tui.screens.chat import ChatScreen

SOON_S = 1.0
"""What takes longer is said to be under way, in seconds."""


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
    counting = asyncio.ensure_future(controller.count(draft, files))
    try:
        if not (await asyncio.wait({counting}, timeout=SOON_S))[0]:
            screen.brim.tell("Counting …")
        screen.brim.tell(words_of(await counting))
    finally:
        counting.cancel()


def words_of(counted: NextPrompt) -> str:
    """Return what is said of a counted prompt, e.g. ``Next prompt: 1,234 tokens (counted by Anthropic).``"""
    question = "" if counted.has_draft else " before your question"
    if counted.counted_by:
        by = counted.counted_by.replace("The ", "the ", 1)
        return f"Next prompt: {counted.tokens:,} tokens{question} (counted by {by})."
    return f"Next prompt: about {counted.tokens:,} tokens{question} (estimated: nobody counts for {counted.model})."
