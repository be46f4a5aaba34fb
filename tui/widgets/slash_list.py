"""The slash commands that a typed beginning may become, shown above the composer."""

from __future__ import annotations

from textual import events
from textual.message import Message

from brim.tui.actions import Action
from brim.tui.widgets.offer_list import OfferList


class SlashList(OfferList[Action]):
    """The commands.

    Not called ``CommandList``: the palette's own widget has that name, and style sheets go by names.
    """

    class Taken(Message):
        """A command was chosen with the mouse."""

        def __init__(self, slash: str) -> None:
            super().__init__()
            self.slash = slash

    def words(self, offer: Action) -> tuple[str, str]:
        """Return the command with its argument, and what it does."""
        return f"/{offer.slash} {offer.argument}", offer.help

    def on_click(self, event: events.Click) -> None:
        """Take the command under the mouse."""
        if (action := self.at(event.y)) is not None:
            self.post_message(self.Taken(action.slash))
