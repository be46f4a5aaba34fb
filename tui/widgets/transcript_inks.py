"""The styles of the transcript beside those of rendered Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.style import Style
from textual.color import Color, ColorParseError

from brim.tui.render.inks import Inks


def _parse(variables: Mapping[str, str], *names: str) -> Color | None:
    for name in names:
        try:
            color = Color.parse(variables.get(name, ""))
        except ColorParseError:
            continue
        if color.a:
            return color
    return None


@dataclass(frozen=True)
class TranscriptInks:
    """Styles by what they are for. ``selection`` and the hits only add a background."""

    markdown: Inks
    user: Style
    assistant: Style
    horizon: Style
    good: Style
    warning: Style
    error: Style
    marker: Style
    selection: Style
    hit: Style
    current_hit: Style

    @classmethod
    def from_variables(cls, variables: Mapping[str, str], *, dark: bool) -> TranscriptInks:
        """Return the styles of a theme from its CSS variables; what a theme lacks has a stand-in."""
        markdown = Inks.from_variables(variables, dark)
        background = _parse(variables, "background", "surface") or Color.parse("black" if dark else "white")

        def ink(*names: str, bold: bool | None = None) -> Style:
            found = _parse(variables, *names)
            if found is None:
                return markdown.text + Style(bold=bold)
            return Style(color=found.rich_color, bold=bold)

        def over(share: float, *names: str) -> Style:
            found = _parse(variables, *names) or Color.parse("#4488cc")
            if found.ansi is not None or background.ansi is not None:
                return Style(reverse=True)
            return Style(bgcolor=background.blend(found.with_alpha(1), share).rich_color)

        return cls(
            markdown=markdown,
            user=ink("role-user", "secondary", bold=True),
            assistant=ink("role-assistant", "primary", bold=True),
            horizon=ink("horizon", "warning"),
            good=ink("gauge-green", "success"),
            warning=ink("gauge-yellow", "warning"),
            error=ink("gauge-red", "error"),
            marker=ink("accent", "primary"),
            selection=over(0.45, "primary"),
            hit=over(0.35, "warning"),
            current_hit=over(0.75, "warning"),
        )
