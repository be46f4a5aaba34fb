"""The footer: the keys of the actions that everybody needs, each of them to be clicked too."""

from __future__ import annotations

from textual.widgets import Static

from brim.tui.actions import ACTIONS


def _footer() -> str:
    return "  ".join(
        f"[@click=screen.do('{action.id}')][b]{action.key_label}[/b] {action.footer}[/]"
        for action in ACTIONS
        if action.footer
    )


class KeyBar(Static):
    """One line, made of the table of actions."""

    DEFAULT_CSS = """
    KeyBar {
        dock: bottom; height: 1; padding: 0 1; background: $panel; color: $text-muted;
        link-color: $text-muted; link-style: none; link-background-hover: $primary; link-color-hover: $background;
        link-style-hover: none; text-wrap: nowrap; text-overflow: ellipsis;
    }
    """

    def __init__(self) -> None:
        super().__init__(_footer())
