"""What the transcript knows of its messages: all by number and size, a few by text, fewer still as lines."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from brim.tui.render.document import estimate_height
from brim.tui.widgets.message_receipt import FOLD
from brim.tui.widgets.message_sections import Mark
from brim.tui.widgets.message_view import MessageView
from brim.tui.widgets.transcript_inks import TranscriptInks

if TYPE_CHECKING:
    from brim.core.types import CleanupReceipt, Message, OutlineRow

PAGE = 40
"""Messages that are fetched at once."""
_MOST_MESSAGES = 320
_MOST_CHARS = 1_500_000
_MOST_VIEWS = 96
_AROUND_TEXT = 2
"""Rows of a message beside its text: the header and the blank line below."""
_UNKNOWN_CHARS, _UNKNOWN_LINES = 300, 4
_MARKS = ("pinned", "in_window", "left_out", "shortened_chars", "tokens", "tokens_estimated")


class TranscriptSource(Protocol):
    """Where a session's messages are read from."""

    async def outline(self) -> Sequence[OutlineRow]:
        """Return all messages of the path without their texts, in order."""
        ...

    async def messages_by_id(self, ids: Sequence[str]) -> Sequence[Message]:
        """Return the messages with these ids; unknown ids are left out."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a session's transcript, to come back to.

    ``entry`` is the number of the message at the top of the view, ``line`` the line of it and ``mark`` what
    that line shows (`None`: not known). ``following`` means the end, wherever that is by then.
    """

    message_id: str = ""
    entry: int = 0
    line: int = 0
    mark: Mark | None = None
    following: bool = True


class TranscriptModel:
    """The messages of one session by their number in the path, from 0.

    Texts and lines are kept near the view and dropped far from it; an answer that is being written is
    never dropped.
    """

    def __init__(
        self, source: TranscriptSource | None = None, total: int = 0, tail: Sequence[Message] = ()
    ) -> None:
        """Know of ``total`` messages, of which ``tail`` are the last."""
        before = max(total, len(tail)) - len(tail)
        chars, lines = _UNKNOWN_CHARS, _UNKNOWN_LINES
        if tail:
            chars = sum(len(message.content) for message in tail) // len(tail)
            lines = sum(message.content.count("\n") for message in tail) // len(tail) + 1
        self.source = source
        self.count = before + len(tail)
        self.ids = [""] * before
        """The ids of all messages; an empty string for one that is not known yet."""
        self.has_outline = before == 0
        self.messages: dict[int, Message] = {}
        self.views: dict[int, MessageView] = {}
        self.live: dict[str, int] = {}
        """The numbers of the answers that are being written, by id."""
        self.measured = bytearray(before)
        """1 for a message whose height is known for the width of now."""
        self.horizon = 0
        """The number of the first message that the model sees."""
        self.missing: set[int] = set()
        """Messages that the source did not give."""
        self.siblings: Mapping[str, tuple[str, ...]] = {}
        """For each message that stands beside others all of them, itself included, oldest first."""
        self.latest_cleanup: str | None = None
        """The message that keeps the receipt of the last cleanup that is not undone."""
        self._cleaned: dict[str, bool] = {}
        """The messages seen that keep a receipt, and whether it is undone."""
        self._chars = array("L", [chars]) * before
        self._lines = array("L", [lines]) * before
        self._unfolded: dict[str, frozenset[str]] = {}
        for message in tail:
            self._add(message)
        self._find_horizon(range(before, self.count))
        self._note_receipts(tail)

    def _add(self, message: Message) -> None:
        entry = len(self.ids)
        self.ids.append(message.id)
        self._chars.append(len(message.content))
        self._lines.append(message.content.count("\n") + 1)
        self.measured.append(0)
        self.messages[entry] = message
        if message.status == "streaming":
            self.live[message.id] = entry

    def append(self, message: Message) -> int:
        """Add a message at the end; returns its number."""
        self._add(message)
        self.count += 1
        self._note_receipts([message])
        return self.count - 1

    def truncate(self, count: int) -> None:
        """Forget all messages from number ``count`` on."""
        del self.ids[count:], self._chars[count:], self._lines[count:], self.measured[count:]
        for entry in [entry for entry in self.messages if entry >= count]:
            del self.messages[entry]
            self.views.pop(entry, None)
        self.live = {key: entry for key, entry in self.live.items() if entry < count}
        self.missing = {entry for entry in self.missing if entry < count}
        self.count = count
        self.horizon = min(self.horizon, count)
        ids = set(self.ids)
        self._cleaned = {key: undone for key, undone in self._cleaned.items() if key in ids}
        self._find_latest()

    def entry_of(self, message_id: str) -> int | None:
        """Return the number of a message, the last with that id; ``None`` if it is not known."""
        entry = self.live.get(message_id)
        if entry is not None:
            return entry
        for known, message in self.messages.items():
            if message.id == message_id:
                return known
        if not message_id:
            return None
        try:
            return self.ids.index(message_id)
        except ValueError:
            return None

    # --- sizes ------------------------------------------------------------------------------------

    def estimate(self, entry: int, width: int) -> int:
        """Return about how many rows a message takes."""
        return _AROUND_TEXT + estimate_height(self._chars[entry], self._lines[entry], width)

    def first_estimates(self, width: int) -> list[int]:
        """Return about how many rows each message takes, the same for all that are not known yet."""
        unknown = 0 if self.has_outline else min(self.messages, default=self.count)
        guess = [self.estimate(0, width)] * unknown if unknown else []
        return guess + self.estimates(width, range(unknown, self.count))

    def estimates(self, width: int, entries: range) -> list[int]:
        """Return about how many rows each of these messages takes."""
        return [
            _AROUND_TEXT + estimate_height(chars, lines, width)
            for chars, lines in zip(
                self._chars[entries.start : entries.stop],
                self._lines[entries.start : entries.stop],
                strict=True,
            )
        ]

    def set_outline(self, rows: Sequence[OutlineRow]) -> None:
        """Take the outline: the ids and sizes of all messages.

        Messages that came since it was read stay after it. Where the numbers differ from what was said
        before, what is known by text keeps its id and gets the outline's number.
        """
        known = {message.id: (entry, message) for entry, message in self.messages.items()}
        ids = [row.id for row in rows]
        places = {key: entry for entry, key in enumerate(ids) if key in known}
        late = [message for key, (_, message) in sorted(known.items(), key=_by_entry) if key not in places]
        views = {self.messages[entry].id: view for entry, view in self.views.items()}
        moved = any(places.get(key, entry) != entry for key, (entry, _) in known.items())
        measured = bytearray(len(ids))
        if not moved:
            measured[:] = self.measured[: len(ids)].ljust(len(ids), b"\0")
        live = self.live
        self.ids, self.measured, self.live = ids, measured, {}
        self._chars = array("L", [row.chars for row in rows])
        self._lines = array("L", [row.lines for row in rows])
        self.messages = {places[key]: message for key, (_, message) in known.items() if key in places}
        self.live = {key: places[key] for key in live if key in places}
        for message in late:
            self._add(message)
        self.count = len(self.ids)
        self.views = {
            entry: views[message.id] for entry, message in self.messages.items() if message.id in views
        }
        self.has_outline = True
        self._find_horizon(self.messages)

    # --- texts and lines --------------------------------------------------------------------------

    def absent(self, entries: Iterable[int]) -> list[int]:
        """Return which of these messages have no text here and can be fetched."""
        return [
            entry
            for entry in entries
            if 0 <= entry < self.count
            and entry not in self.messages
            and entry not in self.missing
            and self.ids[entry]
        ]

    def put(self, asked: Sequence[int], messages: Iterable[Message]) -> None:
        """Keep fetched messages. What was asked for and did not come is remembered as missing."""
        entries = {self.ids[entry]: entry for entry in asked if entry < self.count}
        for message in messages:
            entry = entries.pop(message.id, None)
            if entry is not None and entry not in self.messages:
                self.messages[entry] = message
        self.missing.update(entries.values())
        self._find_horizon(asked)
        self._note_receipts(self.messages[entry] for entry in asked if entry in self.messages)

    def view(self, entry: int) -> MessageView | None:
        """Return the view of a message; ``None`` while its text is not here."""
        view = self.views.get(entry)
        if view is None and entry in self.messages:
            message = self.messages[entry]
            view = MessageView(message, self._unfolded.get(message.id, frozenset()))
            view.horizon = entry == self.horizon > 0
            view.branch = self._branch(message.id)
            view.receipt.undoable = message.id == self.latest_cleanup
            self.views[entry] = view
        return view

    def lay_out(self, entry: int, width: int, inks: TranscriptInks, budget_s: float | None) -> bool:
        """Make the lines of a message whose text is here; tell whether they are made."""
        view = self.view(entry)
        if view is None or not view.lay_out(width, inks, budget_s):
            return False
        self.measured[entry] = 1
        return True

    def remember_folds(self, view: MessageView) -> None:
        """Keep what the person unfolded when the view is dropped; a receipt's list goes with it."""
        self._unfolded[view.message.id] = frozenset(view.unfolded - {FOLD})

    def settle(self, message: Message) -> int | None:
        """Take an answer as it is at its end; returns its number, ``None`` if it is not shown."""
        entry = self.entry_of(message.id)
        if entry is None:
            return None
        self.live.pop(message.id, None)
        if entry in self.messages:
            self.messages[entry] = message
            self._chars[entry] = len(message.content)
            self._lines[entry] = message.content.count("\n") + 1
            if entry in self.views:
                self.views[entry].settle(message)
            self._note_receipts([message])
        return entry

    # --- branches ---------------------------------------------------------------------------------

    def set_siblings(self, places: Mapping[str, tuple[str, ...]]) -> bool:
        """Note which messages stand beside others; returns whether one known by its lines looks different now."""
        self.siblings = places
        touched = [view for view in self.views.values() if view.branch != self._branch(view.message.id)]
        for view in touched:
            view.branch = self._branch(view.message.id)
            view.refresh()
        return bool(touched)

    def _branch(self, message_id: str) -> tuple[int, int] | None:
        places = self.siblings.get(message_id)
        return (places.index(message_id) + 1, len(places)) if places else None

    # --- what the model sees ----------------------------------------------------------------------

    def set_receipt(self, message_id: str, receipt: CleanupReceipt) -> list[str]:
        """Note a cleanup, or that one is undone; returns which messages known by text may look different now."""
        entry = self.entry_of(message_id)
        left = {*receipt.left_ids, *receipt.shortened_ids}
        touched = [message.id for message in self.messages.values() if message.id in left]
        if entry is not None and entry in self.messages:
            self._change(entry, {"receipt": receipt})
        if not receipt.undone:
            gone = set(receipt.left_ids)
            for number, message in list(self.messages.items()):
                if message.id in gone and message.in_window:
                    self._change(number, {"in_window": False})
            last = max((number for number, key in enumerate(self.ids) if key in gone), default=-1)
            self._set_horizon(max(self.horizon, last + 1))
        self._cleaned[message_id] = receipt.undone
        self._find_latest()
        return touched

    def set_marks(self, messages: Iterable[Message]) -> None:
        """Take the marks of messages as they are now; those that are not known by text are passed over."""
        for message in messages:
            entry = self.entry_of(message.id)
            if entry is not None and entry in self.messages:
                self._change(entry, {name: getattr(message, name) for name in _MARKS})
        gone = [number for number in self.messages if self._is_gone(number)]
        if gone or self.horizon > min(self.messages, default=0):
            self._set_horizon(max((number + 1 for number in gone), default=0))

    def _change(self, entry: int, fields: dict[str, object]) -> None:
        self.messages[entry] = self.messages[entry].model_copy(update=fields)
        if (view := self.views.get(entry)) is not None:
            view.message = self.messages[entry]
            if "receipt" in fields:
                view.receipt.left = None
            view.refresh()

    def _note_receipts(self, messages: Iterable[Message]) -> None:
        found = {message.id: message.receipt.undone for message in messages if message.receipt is not None}
        if found:
            self._cleaned |= found
            self._find_latest()

    def _find_latest(self) -> None:
        standing = [key for key, undone in self._cleaned.items() if not undone]
        before = self.latest_cleanup
        self.latest_cleanup = max(standing, key=lambda key: self.entry_of(key) or 0, default=None)
        if before == self.latest_cleanup:
            return
        for view in self.views.values():
            undoable = view.message.id == self.latest_cleanup
            if view.receipt.undoable is not undoable:
                view.receipt.undoable = undoable
                view.refresh()

    def is_dimmed(self, entry: int) -> bool:
        """Whether the model no longer sees a message."""
        message = self.messages.get(entry)
        return message is not None and not message.in_window

    def _is_gone(self, entry: int) -> bool:
        """Whether a cleanup took a message away: one that the person left out says nothing of those above it."""
        return self.is_dimmed(entry) and not self.messages[entry].left_out

    def _find_horizon(self, entries: Iterable[int]) -> None:
        gone = [entry for entry in entries if self._is_gone(entry)]
        self._set_horizon(max([self.horizon, *(entry + 1 for entry in gone)]))

    def _set_horizon(self, entry: int) -> None:
        before, self.horizon = self.horizon, entry
        if before == entry:
            return
        for number in (before, entry):
            view = self.views.get(number)
            if view is not None:
                view.horizon = number == entry > 0
                view.refresh()

    def forget_far(self, near: range) -> None:
        """Drop the texts and lines that are far from ``near`` when there are too many."""
        middle = (near.start + near.stop) // 2
        if len(self.views) > _MOST_VIEWS:
            for entry in self._farthest(self.views, middle)[: len(self.views) - _MOST_VIEWS // 2]:
                if entry not in near and self.ids[entry] not in self.live:
                    self.remember_folds(self.views.pop(entry))
        chars = sum(len(message.content) for message in self.messages.values())
        if len(self.messages) <= _MOST_MESSAGES and chars <= _MOST_CHARS:
            return
        for entry in self._farthest(self.messages, middle):
            if len(self.messages) <= _MOST_MESSAGES // 2 and chars <= _MOST_CHARS // 2:
                return
            if entry not in near and self.ids[entry] not in self.live:
                chars -= len(self.messages.pop(entry).content)
                view = self.views.pop(entry, None)
                if view is not None:
                    self.remember_folds(view)

    def _farthest(self, entries: Iterable[int], middle: int) -> list[int]:
        return sorted(entries, key=lambda entry: -abs(entry - middle))


def _by_entry(item: tuple[str, tuple[int, Message]]) -> int:
    return item[1][0]
