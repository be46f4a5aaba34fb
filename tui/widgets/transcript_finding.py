"""Finding text in the transcript: what is looked for, where it is, and going there."""

from __future__ import annotations

import asyncio
from functools import partial

from textual.actions import SkipAction
from textual.message import Message
from textual.worker import WorkerCancelled

from brim.tui.behind import work_behind
from brim.tui.widgets.transcript_column import MOVE_BUDGET_S
from brim.tui.widgets.transcript_find import Finder, Hit
from brim.tui.widgets.transcript_keys import TranscriptKeys
from brim.tui.widgets.transcript_model import PAGE, Place


class TranscriptFinding(TranscriptKeys):
    """Looks through all messages, those that are seen first and the others page by page."""

    _target: Hit | None = None
    """Where to be once the lines of that message are known."""

    class FindChanged(Message, namespace="transcript"):
        """What is known of the text looked for: the hit shown (from 1, 0 for none) and how many there are.

        ``searching`` is true while messages are left to look at.
        """

        def __init__(self, needle: str, current: int, total: int, searching: bool) -> None:
            super().__init__()
            self.needle = needle
            self.current = current
            self.total = total
            self.searching = searching

    def find(self, text: str) -> None:
        """Look for ``text`` in all messages, letter case aside, upwards from what is seen first."""
        self.workers.cancel_group(self, "finding")
        if not text:
            self.clear_find()
            return
        model = self.column.model
        seen = self.column.viewport.visible()
        self.finder = Finder(text, model.count, max(0, min(seen.stop, model.count) - 1))
        for entry in sorted(model.messages):
            view = model.views.get(entry)
            self.finder.look(entry, view.content if view else model.messages[entry].content)
        self.refresh(self.size.region)
        work_behind(self, partial(self._find_everywhere, self.finder), group="finding", exclusive=True)

    async def show_hit(self, message_id: str, text: str, place: int) -> bool:
        """Go to ``text`` in a message, near the character ``place`` of it, and mark it there and everywhere else.

        An empty text is the message's beginning.

        Returns:
            Whether the message is on the branch that is shown.
        """
        model = self.column.model
        if not model.has_outline:
            self._fetch()
            if self._fetcher is not None:
                await self._fetcher.wait()
        entry = model.entry_of(message_id)
        if entry is None or model.source is None or model is not self.column.model:
            return False
        messages = await model.source.messages_by_id([message_id])
        if not messages or model is not self.column.model:
            return False
        if not text:
            self.clear_find()
            self._target = Hit(entry, 0)
            self._go_to_target()
            return True
        self.find(text)
        finder = self.finder or Finder(text, model.count, entry)
        finder.look(entry, messages[0].content)
        hit = finder.step(forward=True, start=Hit(entry, place - 1))
        if hit is None or hit.entry != entry:
            finder.current = Hit(entry, 0)
        self._target = finder.current
        self._go_to_target()
        self._tell_find()
        return True

    def return_to(self, place: Place) -> None:
        """Go back to a place in the session that is shown."""
        if place.following:
            self.action_bottom()
        else:
            self.column.go_to(place.entry, place.line)
            self._sync(repaint=True)

    async def _find_everywhere(self, finder: Finder) -> None:
        from brim.core.errors import BrimError

        model = self.column.model
        start = Hit(min(self.column.viewport.visible().stop, model.count), 0)
        try:
            while model is self.column.model and self.finder is finder:
                if finder.current is None and finder.step(forward=False, start=start) is not None:
                    self._go_to_hit()
                unseen = [entry for entry in finder.unseen(PAGE) if entry < model.count]
                if not unseen:
                    break
                self._tell_find()
                if not model.has_outline:
                    self._fetch()
                    if self._fetcher is not None:
                        await self._fetcher.wait()
                if model.source is None or not all(model.ids[entry] for entry in unseen):
                    break
                messages = await model.source.messages_by_id([model.ids[entry] for entry in unseen])
                texts = {message.id: message.content for message in messages}
                for entry in unseen:
                    finder.look(entry, texts.get(model.ids[entry], ""))
                await asyncio.sleep(0)
        except BrimError as error:
            self.post_message(self.Troubled(error.sentence))
        except WorkerCancelled:
            return
        finder.is_complete = True
        self._tell_find()
        self.refresh(self.size.region)

    def find_next(self) -> bool:
        """Go to the hit below; returns whether there is one."""
        return self._step_find(forward=True)

    def find_previous(self) -> bool:
        """Go to the hit above; returns whether there is one."""
        return self._step_find(forward=False)

    def _step_find(self, *, forward: bool) -> bool:
        if self.finder is None or self.finder.step(forward) is None:
            return False
        self._go_to_hit()
        self._tell_find()
        return True

    def clear_find(self) -> bool:
        """Look for nothing any more; returns whether something was looked for."""
        had = self.finder is not None
        self.workers.cancel_group(self, "finding")
        self.finder, self._target = None, None
        if had:
            self.refresh(self.size.region)
        return had

    def _tell_find(self) -> None:
        finder = self.finder
        if finder is not None:
            self.post_message(
                self.FindChanged(finder.needle, finder.number, finder.total, not finder.is_complete)
            )

    def _go_to_hit(self) -> None:
        if self.finder is not None and self.finder.current is not None:
            self._target = self.finder.current
            self._go_to_target()

    def _go_to_target(self) -> None:
        if self._target is not None:
            if not self.column.measure_one(self._target.entry, MOVE_BUDGET_S):
                self.column.go_to(self._target.entry, 0)
            self._sync(repaint=True)

    def _sync(self, *, repaint: bool = False) -> None:
        target = self._target
        if target is not None and target.entry < self.column.model.count:
            view = self.column.model.view(target.entry)
            if view is not None and self.column.measure_one(target.entry, MOVE_BUDGET_S):
                self._target = None
                self.column.go_to(target.entry, view.row_of_content(target.place))
                repaint = True
        super()._sync(repaint=repaint)

    def action_find_next(self) -> None:
        """Go to the hit below."""
        if not self.find_next():
            raise SkipAction()

    def action_find_previous(self) -> None:
        """Go to the hit above."""
        if not self.find_previous():
            raise SkipAction()
