"""What a person can do in the transcript with keys and the mouse."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.timer import Timer

from brim.core.text import visible
from brim.tui.behind import work_behind
from brim.tui.widgets.message_view import MessageView
from brim.tui.widgets.transcript_paint import LinePainter
from brim.tui.widgets.transcript_view import TranscriptView

_WHEEL_LINES = 3
_EDGE_S = 0.04
"""Seconds between two lines when a selection is dragged past an edge."""


def key(keys: str, action: str, label: str) -> Binding:
    """Return a binding of the transcript, named so that a keymap can give it other keys."""
    return Binding(keys, action, label, show=False, id=f"transcript.{action}")


class TranscriptKeys(TranscriptView):
    """Moving, choosing messages, folding, copying, selecting."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("up,k", "line_up", "Line up"),
        key("down,j", "line_down", "Line down"),
        key("pageup,ctrl+b", "page_up", "Page up"),
        key("pagedown,ctrl+f", "page_down", "Page down"),
        key("home,g", "top", "Top"),
        key("end,G", "bottom", "Bottom"),
        key("left_square_bracket,ctrl+up", "previous_message", "Previous message"),
        key("right_square_bracket,ctrl+down", "next_message", "Next message"),
        key("y", "copy_message", "Copy message"),
        key("c", "copy_code", "Copy code block"),
        key("space,enter", "toggle_fold", "Fold"),
        key("n", "find_next", "Next hit"),
        key("N", "find_previous", "Previous hit"),
        key("ctrl+c,super+c", "copy_selection", "Copy selection"),
        key("escape", "dismiss", "Clear selection"),
    ]

    class RetryWanted(Message, namespace="transcript"):
        """The person wants the answer ``message_id`` asked for again."""

        def __init__(self, message_id: str) -> None:
            super().__init__()
            self.message_id = message_id

    class LinkClicked(Message, namespace="transcript"):
        """A link was clicked. ``href`` comes from a model: whoever opens it looks at it first."""

        def __init__(self, href: str) -> None:
            super().__init__()
            self.href = href

    class Copied(Message, namespace="transcript"):
        """``text`` was put on the clipboard; ``what`` names it for a person."""

        def __init__(self, what: str, text: str) -> None:
            super().__init__()
            self.what = what
            self.text = text

    _edge_timer: Timer | None = None
    _edge: tuple[int, int] = (0, 0)
    _code_copied: tuple[int, int] | None = None
    """The message and the number of the code block that was copied last."""

    # --- moving -----------------------------------------------------------------------------------

    def _scroll_lines(self, lines: int) -> None:
        self.column.scroll_by(lines)
        self._sync()

    def action_line_up(self) -> None:
        """Move up by a line."""
        self._scroll_lines(-1)

    def action_line_down(self) -> None:
        """Move down by a line."""
        self._scroll_lines(1)

    def action_page_up(self) -> None:
        """Move up by a page less one line."""
        self._scroll_lines(-max(1, self.size.height - 1))

    def action_page_down(self) -> None:
        """Move down by a page less one line."""
        self._scroll_lines(max(1, self.size.height - 1))

    def action_top(self) -> None:
        """Go to the first message."""
        self.column.scroll_to(0)
        self._sync()

    def action_bottom(self) -> None:
        """Go to the end and follow it."""
        self.current = None
        self.column.viewport.follow()
        self._sync(repaint=True)

    def action_previous_message(self) -> None:
        """Choose the message above the chosen one, or the first that is seen."""
        self._choose(-1)

    def action_next_message(self) -> None:
        """Choose the message below the chosen one, or the last that is seen."""
        self._choose(1)

    def _choose(self, step: int) -> None:
        viewport, count = self.column.viewport, self.column.model.count
        if not count:
            return
        seen = viewport.visible()
        if self.current is not None and self.current in seen:
            chosen = self.current + step
        else:
            chosen = seen.stop - 1 if step < 0 else seen.start
            if viewport.row_of(min(chosen, count - 1)) < 0 and len(seen) > 1:
                chosen += 1
        self.current = max(0, min(chosen, count - 1))
        self._show_entry(self.current)
        self._sync(repaint=True)

    def _show_entry(self, entry: int) -> None:
        """Bring a message into view, its beginning if it does not fit."""
        viewport = self.column.viewport
        self.column.measure_one(entry)
        row, height = viewport.row_of(entry), viewport.heights[entry]
        if row < 0 or height > viewport.rows:
            self.column.scroll_to(viewport.heights.before(entry))
        elif row + height > viewport.rows:
            self.column.scroll_to(viewport.y + row + height - viewport.rows)

    def _chosen(self) -> int | None:
        """Return the message that the keys speak of: the chosen one, else the last that is seen."""
        count = self.column.model.count
        if self.current is not None and self.current < count:
            return self.current
        seen = self.column.viewport.visible()
        return min(seen.stop, count) - 1 if count and len(seen) else None

    def _chosen_view(self) -> tuple[int, MessageView] | None:
        entry = self._chosen()
        view = self.column.model.view(entry) if entry is not None else None
        return None if entry is None or view is None else (entry, view)

    # --- folding ----------------------------------------------------------------------------------

    def action_toggle_fold(self) -> None:
        """Fold or unfold everything that folds in the chosen message, or the last one seen that has such."""
        chosen = self._chosen_view()
        if chosen is not None and self.current is None and not chosen[1].folds():
            for entry in reversed(self.column.viewport.visible()):
                view = self.column.model.view(entry)
                if view is not None and view.folds():
                    chosen = (entry, view)
                    break
        if chosen is None or not chosen[1].folds():
            return
        entry, view = chosen
        folds = set(view.folds())
        view.unfolded = set() if view.unfolded & folds else folds
        view.refresh()
        self._changed(entry)

    def _changed(self, entry: int) -> None:
        """Lay out a message that is seen again, and paint it."""
        self.column.measure_one(entry)
        self._sync(repaint=True)

    # --- copying ----------------------------------------------------------------------------------

    def _copy(self, what: str, text: str) -> None:
        if text:
            self.app.copy_to_clipboard(text)
            self.post_message(self.Copied(what, text))

    def action_copy_message(self) -> None:
        """Copy the chosen message as Markdown."""
        chosen = self._chosen_view()
        if chosen is not None:
            self._copy("message", visible(chosen[1].content))

    def action_copy_code(self) -> None:
        """Copy the code block that is nearest to the middle of the view; the next one when repeated."""
        viewport = self.column.viewport
        middle = viewport.y + viewport.rows // 2
        seen = [self.current] if self.current is not None else viewport.visible()
        found: list[tuple[int, int, int]] = []
        for entry in seen:
            view = self.column.model.views.get(entry)
            start = viewport.heights.before(entry)
            number = view.code_at(middle - start) if view else None
            if view is not None and number is not None:
                found.append((abs(start + view.code_row(number) - middle), entry, number))
        if not found:
            return
        _, entry, number = min(found)
        view = self.column.model.views[entry]
        blocks = view.code_blocks()
        if self._code_copied is not None and self._code_copied[0] == entry:
            number = (self._code_copied[1] + 1) % len(blocks)
        self._code_copied = (entry, number)
        self._copy(
            "code block" if len(blocks) == 1 else f"code block {number + 1} of {len(blocks)}",
            visible(blocks[number]),
        )

    def action_copy_selection(self) -> None:
        """Copy what is selected; leaves the key to others when nothing is."""
        if not self.copy_selection():
            raise SkipAction()

    def copy_selection(self) -> bool:
        """Copy what is selected; returns whether something is."""
        if not self.selector.has_text:
            return False
        work_behind(self, self._copy_selected, group="copying", exclusive=True)
        return True

    async def _copy_selected(self) -> None:
        from brim.core.errors import BrimError

        try:
            self._copy("selection", await self.selector.text())
        except BrimError as error:
            self.post_message(self.Troubled(error.sentence))

    def clear_selection(self) -> bool:
        """Select nothing; returns whether something was selected."""
        had = self.selector.clear()
        if had:
            self.refresh(self.size.region)
        return had

    # --- the mouse --------------------------------------------------------------------------------

    def _at(self, event: events.MouseEvent) -> tuple[int, int]:
        return event.x - LinePainter.MARGIN, event.y

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin to select."""
        if event.button != 1:
            return
        self._code_copied = None
        had = self.selector.has_text
        if event.shift and had:
            self.selector.extend(*self._at(event))
            self.selector.is_dragging = True
        else:
            self.selector.begin(*self._at(event))
        self.capture_mouse()
        if had:
            self.refresh(self.size.region)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Select up to where the mouse is, and move on while it is beyond an edge."""
        if not self.selector.is_dragging:
            return
        self._edge = self._at(event)
        self.selector.extend(*self._edge)
        self.refresh(self.size.region)
        beyond = not 0 <= event.y < self.size.height
        if beyond and self._edge_timer is None:
            self._edge_timer = self.set_interval(_EDGE_S, self._scroll_at_edge)
        elif not beyond:
            self._stop_edge()

    def _scroll_at_edge(self) -> None:
        x, y = self._edge
        past = y if y < 0 else y - self.size.height + 1
        self._scroll_lines(max(-10, min(10, past)))
        self.selector.extend(x, y)
        self.refresh(self.size.region)

    def _stop_edge(self) -> None:
        if self._edge_timer is not None:
            self._edge_timer.stop()
            self._edge_timer = None

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Stop selecting; what is selected stays so."""
        del event
        self._stop_edge()
        if self.selector.is_dragging:
            self.selector.end()
            self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        """Select a word or a paragraph, or do what stands under the mouse."""
        x, y = self._at(event)
        if event.chain == 2:
            self.selector.select_word(x, y)
        elif event.chain >= 3:
            self.selector.select_paragraph(x, y)
        elif not self.selector.has_text:
            self._press(x, y)
            return
        else:
            return
        self.refresh(self.size.region)

    def _press(self, x: int, y: int) -> None:
        seen = self.column.seen()
        if not 0 <= y < len(seen):
            return
        entry, number = seen[y]
        view = self.column.model.views.get(entry)
        found = view.section_at(number) if view is not None else None
        if view is None or found is None:
            return
        section, index = found
        if section.fold:
            view.toggle(section.fold)
            self._changed(entry)
        elif section.key == "retry":
            self.post_message(self.RetryWanted(view.message.id))
        else:
            cells = 0
            for segment in section.lines[index].segments:
                cells += segment.cell_length
                if x < cells:
                    href = segment.style.meta.get("href") if segment.style else None
                    if href:
                        self.post_message(self.LinkClicked(str(href)))
                    return

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move down."""
        self._wheel(event, _WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move up."""
        self._wheel(event, -_WHEEL_LINES)

    def _wheel(self, event: events.MouseEvent, lines: int) -> None:
        event.stop()
        event.prevent_default()
        self._scroll_lines(lines)
