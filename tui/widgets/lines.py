"""Lines that are typed into: every key takes effect in its turn."""

from __future__ import annotations

from textual import events
from textual.widget import Widget
from textual.widgets import Input, TextArea


class Line(Input):
    """One line."""

    async def _on_key(self, event: events.Key) -> None:
        await _in_turn(self, event)


class Lines(TextArea):
    """Several lines."""

    async def _on_key(self, event: events.Key) -> None:
        await _in_turn(self, event)


async def _in_turn(field: Widget, event: events.Key) -> None:
    """Carry out a field's own binding here, in line with the characters, which its base inserts after this.

    Left to the app, a binding is carried out when the app comes by: of keys that come all at once, an Enter would
    send only the characters that were inserted by then, and a Backspace would delete one that was typed after it.
    """
    for binding in field._bindings.key_to_bindings.get(event.key, ()):
        if await field.app.run_action(binding.action, field):
            event.stop()
            event.prevent_default()
            return
