"""An app with brim's theme variables and nothing else, for a widget to live in."""

from __future__ import annotations

from textual.app import App

from brim import themes


class ThemedApp(App[None]):
    """The host of a widget under test."""

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.default_variables()
