"""What a person can do in the transcript about branches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, NamedTuple

from textual.binding import BindingType

from brim.tui.widgets.transcript_keys import key
from brim.tui.widgets.transcript_marks import TranscriptMarks
from brim.tui.widgets.transcript_model import Place


class View(NamedTuple):
    """Where a person reads, and which message is chosen (``None``: none)."""

    place: Place
    chosen: int | None


class TranscriptBranches(TranscriptMarks):
    """Keys and clicks that go from branch to branch, ask differently and ask again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("left,h", "previous_branch", "Previous branch"),
        key("right,l", "next_branch", "Next branch"),
        key("r", "regenerate", "Ask again"),
        key("e", "edit", "Edit the prompt"),
        key("f", "fork", "Fork"),
    ]

    # --- between branches -------------------------------------------------------------------------

    def set_siblings(self, places: Mapping[str, tuple[str, ...]]) -> None:
        """Show at which messages there are branches."""
        if self.column.model.set_siblings(places):
            self._sync(repaint=True)

    def action_previous_branch(self) -> None:
        """Show the branch before this one."""
        self._step_branch(-1)

    def action_next_branch(self) -> None:
        """Show the branch after this one."""
        self._step_branch(1)

    def _step_branch(self, step: int) -> None:
        """Go between the branches at the chosen message, else at the last one seen that has any."""
        model = self.column.model
        seen = [self.current] if self.current is not None else [*reversed(self.column.viewport.visible())]
        for entry in seen:
            if entry < model.count and model.ids[entry] in model.siblings:
                self._want_branch(entry, step)
                return

    def _want_branch(self, entry: int, step: int) -> None:
        message_id = self.column.model.ids[entry]
        places = self.column.model.siblings.get(message_id, ())
        at = places.index(message_id) + step if places else -1
        if 0 <= at < len(places):
            self.post_message(self.MarkWanted("show_branch", places[at]))

    def _press(self, x: int, y: int) -> None:
        """Go between branches where that is what was clicked."""
        seen = self.column.seen()
        line = self.column.line(*seen[y]) if 0 <= y < len(seen) else None
        cells = 0
        for segment in line.segments if line is not None else ():
            cells += segment.cell_length
            if x < cells:
                step = segment.style.meta.get("branch") if segment.style else None
                if step is not None:
                    self._want_branch(seen[y][0], int(step))
                    return
                break
        super()._press(x, y)

    # --- asking differently, again, elsewhere -----------------------------------------------------

    def action_edit(self) -> None:
        """Edit the chosen prompt, or the one that the chosen message answers."""
        self.post_message(self.MarkWanted("edit_message", self.prompt_to_edit or ""))

    def action_regenerate(self) -> None:
        """Ask for the chosen answer again, or the last one."""
        self.post_message(self.MarkWanted("regenerate_message", self.answer_to_redo or ""))

    def action_fork(self) -> None:
        """Make a session of its own of all up to the chosen message."""
        self.post_message(self.MarkWanted("fork_message", self.message_to_fork or ""))

    @property
    def message_to_fork(self) -> str | None:
        """The chosen message, else the last one."""
        model = self.column.model
        entry = self.current if self.current is not None else model.count - 1
        return (model.ids[entry] or None) if 0 <= entry < model.count else None

    @property
    def answer_to_redo(self) -> str | None:
        """The chosen message, else the last one: its answer is asked for again."""
        return self.message_to_fork

    @property
    def prompt_to_edit(self) -> str | None:
        """The prompt that is chosen, else the one nearest above the chosen message, or above the end."""
        model = self.column.model
        entry = self.current if self.current is not None and self.current < model.count else model.count - 1
        while entry >= 0 and (message := model.messages.get(entry)) is not None:
            if message.role == "user":
                return message.id
            entry -= 1
        return None

    def view_of(self, message_id: str) -> View:
        """Return where to be once the branch with a message is shown: it stands where the one beside it stands."""
        model, viewport, place = self.column.model, self.column.viewport, self.column.place()
        beside = (model.entry_of(each) for each in model.siblings.get(message_id, ()))
        entry = next((entry for entry in beside if entry is not None), None)
        if entry is None:
            return View(place, None)
        if viewport.top.entry >= entry:
            return View(Place(message_id, entry, following=False), entry)
        return View(replace(place, following=False), entry)
