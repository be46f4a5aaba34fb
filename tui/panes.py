"""The side panes: beside the chat where there is room, over it where there is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brim.tui.screens.chat import ChatScreen

FITS = {"sessions": ("-wide", "-broad"), "context": ("-medium", "-wide", "-broad")}
"""The width classes at which a side pane, named by its id, stands beside the chat."""


class Panes:
    """Shows and puts away the side panes. Beside the chat that is remembered, over it it is not."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._over: str | None = None
        """The id of the pane that lies over the chat."""

    def remember(self) -> None:
        """Put away what was put away the last time."""
        for pane in FITS:
            self._screen.set_class(pane in self._screen.state.hidden, f"-no-{pane}")

    def toggle(self, pane: str) -> None:
        """Show a pane or put it away."""
        screen = self._screen
        if not self._fits(pane):
            self._lay_over(None if self._over == pane else pane)
            return
        screen.state.hidden = sorted({*screen.state.hidden} ^ {pane})
        self.remember()
        if pane in screen.state.hidden and not self._has_keys("composer"):
            screen.composer.focus()

    def show(self, pane: str) -> None:
        """Show a pane if it is not to be seen."""
        if self._over != pane if not self._fits(pane) else pane in self._screen.state.hidden:
            self.toggle(pane)

    def close_over(self) -> bool:
        """Put away the pane that lies over the chat; true if there was one."""
        if self._over is None:
            return False
        self._lay_over(None)
        return True

    def unfold(self) -> None:
        """Put a pane back beside the chat once there is room."""
        if self._over is not None and self._fits(self._over):
            self._lay_over(None)

    def light_up(self) -> None:
        """Show in whose pane the keys are. A class, since ``:focus-within`` styles every widget anew."""
        for pane in (*FITS, "chat"):
            widget = self._screen.query_one(f"#{pane}")
            if (has_keys := self._has_keys(pane)) != widget.has_class("-active"):
                widget.set_class(has_keys, "-active")

    @property
    def is_over_focused(self) -> bool:
        """Whether the pane that lies over the chat has the keys."""
        return self._over is not None and self._has_keys(self._over)

    def _has_keys(self, widget_id: str) -> bool:
        focused = self._screen.focused
        return focused is not None and any(node.id == widget_id for node in focused.ancestors_with_self)

    def _fits(self, pane: str) -> bool:
        return any(self._screen.has_class(name) for name in FITS[pane])

    def _lay_over(self, pane: str | None) -> None:
        for name in FITS:
            self._screen.query_one(f"#{name}").set_class(name == pane, "-over")
        self._over = pane
        if pane == "sessions":
            self._screen.sessions.focus()
        elif pane is None:
            self._screen.composer.focus()
