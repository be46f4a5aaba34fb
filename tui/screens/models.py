"""Choosing a model: a field that filters, and all models that can be named, as they become known."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, ClassVar, cast

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from brim.core.text import visible_line
from brim.tui.behind import work_behind
from brim.tui.model_rows import ModelRows, title_of
from brim.tui.widgets.lines import Line
from brim.tui.widgets.model_list import ModelList, head

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from brim.core.types import ModelInfo

_KEYS = "Enter choose · Esc cancel"


class ModelPickerScreen(ModalScreen[str | None]):
    """Returns the id of the model chosen, or ``None`` when the person thought better of it.

    Where a provider wants a key it returns the provider's name and ``:*``.

    Args:
        title: what it is chosen for.
        listing: yields the models as far as they are known, the whole list each time.
        recent: returns the models used last, newest first.
        look_up: returns what is known of a model that nobody lists.
        resolve: returns the id that a name means, ``None`` where it means nothing.
        current: the model that answers now.
        takes_keys: whether a key can be entered where this returns to.
    """

    CSS_PATH: ClassVar = ["dialogs.tcss", "models.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="models_cancel", show=False),
        Binding("down", "move(1)", "Down", id="models_down", priority=True, show=False),
        Binding("up", "move(-1)", "Up", id="models_up", priority=True, show=False),
        Binding("pagedown", "page(1)", "Page down", id="models_page_down", priority=True, show=False),
        Binding("pageup", "page(-1)", "Page up", id="models_page_up", priority=True, show=False),
        Binding("ctrl+home", "move(-100000)", "First", id="models_first", priority=True, show=False),
        Binding("ctrl+end", "move(100000)", "Last", id="models_last", priority=True, show=False),
    ]

    models = getters.query_one(ModelList)

    def __init__(
        self,
        title: str,
        listing: AsyncIterator[list[ModelInfo]],
        *,
        recent: Sequence[str],
        look_up: Callable[[str], Awaitable[ModelInfo]],
        resolve: Callable[[str], str | None],
        current: str,
        takes_keys: bool = False,
    ) -> None:
        super().__init__()
        self._title = title
        self._listing = listing
        self._recent = recent
        self._look_up = look_up
        self._current = current
        self._takes_keys = takes_keys
        self._rows = ModelRows(recent, resolve)

    def compose(self) -> ComposeResult:
        """A box with a field, the heads of the columns, the list, and what is known of the model chosen."""
        with Vertical(id="dialog") as box:
            box.border_title = Content(visible_line(self._title))
            box.border_subtitle = f"asking servers …  {_KEYS}"
            yield Line(placeholder="Type to filter", compact=True)
            yield Static(id="models-head", markup=False)
            yield ModelList(self._rows, self._current)
            yield Static(id="models-facts", markup=False)

    def on_mount(self) -> None:
        """Show what is known, and ask for the rest."""
        self.models.changed()
        work_behind(self, self._listen, group="models")

    def on_resize(self) -> None:
        """Draw the heads of the columns where the columns are."""
        self.call_after_refresh(self._show_head)

    def _show_head(self) -> None:
        self.query_one("#models-head", Static).update(head(self.models.row_cells))

    async def _listen(self) -> None:
        models: list[ModelInfo] = []
        async with aclosing(cast("AsyncGenerator[list[ModelInfo], None]", self._listing)) as listing:
            async for models in listing:
                self._take(models)
        listed = {model.id for model in models}
        if unlisted := [model_id for model_id in self._recent if model_id not in listed]:
            self._take([*models, *[await self._look_up(model_id) for model_id in unlisted]])
        self.query_one("#dialog").border_subtitle = _KEYS

    def _take(self, models: Sequence[ModelInfo]) -> None:
        self._rows.take(models)
        self.models.changed()
        self._show_head()

    # --- what the person does -------------------------------------------------------------------------

    @on(Input.Changed)
    def _filter(self, event: Input.Changed) -> None:
        self._rows.find(event.value)
        self.models.changed(to_top=bool(event.value))
        self._show_head()

    def action_move(self, by: int) -> None:
        """Move the choice."""
        self.models.step(by)

    def action_page(self, by: int) -> None:
        """Move the choice by a screenful."""
        self.models.page(by)

    @on(ModelList.Moved)
    def _moved(self) -> None:
        row = self.models.cursor
        facts = self.query_one("#models-facts", Static)
        silent = next((line for line in self._rows.lines if line.note), None) if row is None else None
        facts.set_class(
            silent is not None or (row is not None and bool(row.model.unavailable)), "-unavailable"
        )
        facts.set_class(silent is not None, "-whole")
        if row is None:
            told = f"{visible_line(silent.text)}\n{visible_line(silent.note)}" if silent is not None else ""
            facts.update(Content(told))
            return
        name = title_of(row.provider) if row.is_whole else row.model.id
        words = row.model.unavailable or row.facts() or "Nothing is known of it."
        if row.wants_key and self._takes_keys:
            words = f"Enter takes its key. Or: {words}"
        facts.update(Content(visible_line(name) + "\n" + visible_line(words)))

    @on(Input.Submitted)
    @on(ModelList.Chosen)
    def _chosen(self) -> None:
        row = self.models.cursor
        if row is None:
            return
        if row.wants_key and self._takes_keys:
            self.dismiss(f"{row.provider}:*")
            return
        if row.model.unavailable:
            self.notify(visible_line(row.model.unavailable), severity="error", markup=False)
            return
        self.dismiss(row.model.id)

    def action_cancel(self) -> None:
        """Choose nothing."""
        self.dismiss(None)
