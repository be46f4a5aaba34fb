"""Who watches what: subscriptions to turn events.

A subscription keeps what its watcher has not taken yet. Additions of text to the same message are joined
while they wait, so that a slow watcher costs memory for the text and not for each piece. Nothing is dropped, unless
the watcher said how much may wait: it has fallen behind then, and looks at the answer itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from brim.core.events import (
    ReasoningAdded,
    SummarySkipped,
    TextAdded,
    ToolCallChanged,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnProgressed,
    TurnStarted,
    WindowCleaned,
)

_DETAIL = (TextAdded, ReasoningAdded, ToolCallChanged, TurnProgressed)


class Subscription:
    """A watcher's queue of events. Close it, or use it as a context manager, to stop watching.

    Args:
        hub: hands it the events.
        session_id: what is watched; ``None`` for all sessions.
        most_chars: how many characters of text may wait; ``None`` for any number.
    """

    def __init__(self, hub: Hub, session_id: str | None, most_chars: int | None = None) -> None:
        self.session_id = session_id
        self.is_behind = False
        """Whether growth of answers was dropped since `caught_up`."""
        self.earlier = hub.of_window(session_id)
        """What had become of the window, before this began, for the turn that runs."""
        self._most_chars = most_chars
        self._chars = 0
        self._hub = hub
        self._waiting: list[TurnEvent] = []
        self._texts: list[str] = []
        self._wake = asyncio.Event()
        self._closed = False

    def put(self, event: TurnEvent) -> None:
        """Add an event at the end."""
        if self._most_chars is not None and isinstance(event, _DETAIL):
            if isinstance(event, TextAdded | ReasoningAdded):
                self._chars += len(event.text)
            if self._chars > self._most_chars:
                self._drop_detail()
                self.is_behind = True
            if self.is_behind:
                self._wake.set()
                return
        if isinstance(event, TextAdded | ReasoningAdded):
            last = self._waiting[-1] if self._waiting else None
            if type(last) is type(event) and last.message_id == event.message_id:
                self._texts.append(event.text)
                return
            self._join()
            self._texts = [event.text]
        else:
            self._join()
            if isinstance(event, TurnProgressed) and self._waiting:
                last = self._waiting[-1]
                if isinstance(last, TurnProgressed) and last.message_id == event.message_id:
                    self._waiting.pop()
        self._waiting.append(event)
        self._wake.set()

    def caught_up(self) -> None:
        """Take note that the watcher looks at the answer now, with all that has come of it; events go on from there."""
        self._drop_detail()
        self.is_behind = False

    def _drop_detail(self) -> None:
        self._waiting = [event for event in self._waiting if not isinstance(event, _DETAIL)]
        self._texts = []
        self._chars = 0

    def _join(self) -> None:
        """Put the joined text into the text event that it belongs to, which is the last one."""
        last = self._waiting[-1] if len(self._texts) > 1 else None
        if isinstance(last, TextAdded | ReasoningAdded):
            self._waiting[-1] = type(last)(
                session_id=last.session_id, message_id=last.message_id, text="".join(self._texts)
            )
        self._texts = []

    async def batches(self) -> AsyncIterator[list[TurnEvent]]:
        """Yield all that waits, again and again, until the subscription is closed and empty.

        Who has fallen behind gets what waits besides, and calls `caught_up`.
        """
        while True:
            if not self._waiting and not self.is_behind:
                if self._closed:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            self._join()
            batch, self._waiting = self._waiting, []
            self._chars = 0
            yield batch

    def close(self) -> None:
        """Stop watching. What waits can still be taken."""
        self._closed = True
        self._hub.drop(self)
        self._wake.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Hub:
    """Hands each event to the subscriptions that want it, and looks at no others."""

    def __init__(self) -> None:
        self._subscriptions: dict[str | None, set[Subscription]] = {}
        self._of_window: dict[str, list[WindowCleaned | SummarySkipped]] = {}

    def subscribe(self, session_id: str | None, most_chars: int | None = None) -> Subscription:
        """Watch one session whole, or, with ``None``, all sessions without the growth of their answers."""
        subscription = Subscription(self, session_id, most_chars)
        self._subscriptions.setdefault(session_id, set()).add(subscription)
        return subscription

    def drop(self, subscription: Subscription) -> None:
        """Forget a subscription; does nothing if it is forgotten already."""
        beside = self._subscriptions.get(subscription.session_id, set())
        beside.discard(subscription)
        if not beside:
            self._subscriptions.pop(subscription.session_id, None)

    def publish(self, event: TurnEvent) -> None:
        """Give ``event`` to everyone who watches its session."""
        for subscription in self._subscriptions.get(event.session_id, ()):
            subscription.put(event)
        if not isinstance(event, _DETAIL):
            self._note(event)
            for subscription in self._subscriptions.get(None, ()):
                subscription.put(event)

    def of_window(self, session_id: str | None) -> tuple[WindowCleaned | SummarySkipped, ...]:
        """Return what has become of the window of a session for the turn that runs, nothing where none does."""
        return () if session_id is None else tuple(self._of_window.get(session_id, ()))

    def _note(self, event: TurnEvent) -> None:
        match event:
            case TurnStarted(session_id=session_id):
                self._of_window[session_id] = []
            case TurnFinished(session_id=session_id) | TurnFailed(session_id=session_id):
                self._of_window.pop(session_id, None)
            case WindowCleaned(session_id=session_id) | SummarySkipped(session_id=session_id):
                if session_id in self._of_window:
                    self._of_window[session_id].append(event)
            case _:
                pass

    def close(self) -> None:
        """Close all subscriptions."""
        for subscription in [each for beside in self._subscriptions.values() for each in beside]:
            subscription.close()
