"""The files that a mention may become while it is typed, shown above the composer."""

from __future__ import annotations

from textual import events
from textual.message import Message

from brim.core.text import visible_line
from brim.tui.mentioning import Offer
from brim.tui.widgets.offer_list import OfferList


class FileList(OfferList[Offer]):
    """Files and folders; a folder that is taken shows what is in it."""

    class Taken(Message):
        """A file or folder was chosen with the mouse."""

        def __init__(self, offer: Offer) -> None:
            super().__init__()
            self.offer = offer

    def words(self, offer: Offer) -> tuple[str, str]:
        """Return the name."""
        return visible_line(offer.name), ""

    def on_click(self, event: events.Click) -> None:
        """Take what is under the mouse."""
        if (offer := self.at(event.y)) is not None:
            self.post_message(self.Taken(offer))
