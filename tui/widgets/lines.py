"""Lines that are typed into and what stands between them, and how every key takes effect in its turn."""

from __future__ import annotations

from typing import TypeVar

from textual import events
from textual.widget import Widget
from textual.widgets import Input, Select, TextArea

Chosen = TypeVar("Chosen")
_MOVES = ("app.focus_next", "app.focus_previous")


class Line(Input):
    """One line."""

    async def _on_key(self, event: events.Key) -> None:
        await in_turn(self, event)


class Lines(TextArea):
    """Several lines."""

    async def _on_key(self, event: events.Key) -> None:
        await in_turn(self, event)


class OneOf(Select[Chosen]):
    """One of several, between lines."""

    async def _on_key(self, event: events.Key) -> None:
        await in_turn(self, event)


async def in_turn(widget: Widget, event: events.Key) -> None:
    """Carry out a widget's own binding, and a move of the focus, here, in line with its other keys; for ``_on_key``.

    Left to the app, a binding is carried out when the app comes by: of keys that come all at once, an Enter would
    send only the characters that were inserted by then, and a Backspace would delete one that was typed after it.
    Keys behind one that has given the focus away go where it is now.
    """
    focused = widget.app.focused
    if focused is not None and focused is not widget:
        event.stop()
        event.prevent_default()
        focused._forward_event(events.Key(event.key, event.character))
        return
    moves = (
        binding
        for binding in widget.screen._bindings.key_to_bindings.get(event.key, ())
        if binding.action in _MOVES
    )
    for binding in (*widget._bindings.key_to_bindings.get(event.key, ()), *moves):
        if await widget.app.run_action(binding.action, widget):
            event.stop()
            event.prevent_default()
            return
