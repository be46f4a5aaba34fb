"""The styles that rendered text is drawn with, made from the variables of the theme."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.style import Style
from textual.color import Color, ColorParseError


class _Palette:
    """Colours of a theme by name, with what stands in for those that it lacks or leaves to the screen."""

    def __init__(self, variables: Mapping[str, str], dark: bool) -> None:
        self._variables = variables
        self._fallback = Color.parse("#e0e0e0" if dark else "#202020")
        self.background = self.find("background") or Color.parse("#121212" if dark else "#f5f5f5")

    def find(self, *names: str) -> Color | None:
        for name in names:
            value = self._variables.get(name, "")
            if not value or value.startswith(("auto", "initial")):
                continue
            try:
                color = Color.parse(value)
            except ColorParseError:
                continue
            if color.a == 0:
                continue
            if color.a < 1 and color.ansi is None:
                color = self.background.blend(color.with_alpha(1), color.a)
            return color
        return None

    def __call__(self, *names: str) -> Color:
        return self.find(*names) or self._fallback

    def mix(self, color: Color, share: float) -> Color:
        """Return ``color`` over the background; a terminal's own colours cannot be mixed and stay."""
        if color.ansi is not None or self.background.ansi is not None:
            return color
        return self.background.blend(color, share)


@dataclass(frozen=True)
class Inks:
    """Rich styles for every part of rendered Markdown.

    ``text`` and those that stand alone carry a foreground; ``strong``, ``emphasis`` and ``strike`` only add
    to the style around them. Only ``code``, ``code_block`` and the ``syntax`` styles have a background.
    """

    text: Style
    dim: Style
    strong: Style
    emphasis: Style
    strike: Style
    headings: tuple[Style, Style, Style, Style, Style, Style]
    code: Style
    code_block: Style
    code_label: Style
    quote: Style
    quote_bar: Style
    link: Style
    marker: Style
    table_header: Style
    table_line: Style
    rule: Style
    syntax_keyword: Style
    syntax_string: Style
    syntax_number: Style
    syntax_comment: Style
    syntax_function: Style
    syntax_type: Style
    syntax_operator: Style
    syntax_error: Style

    @classmethod
    def from_variables(cls, variables: Mapping[str, str], dark: bool) -> Inks:
        """Return the styles of a theme from its CSS variables, without their leading ``$``.

        A variable that is missing, or is not a colour, is replaced by a close one.
        """
        color = _Palette(variables, dark)
        foreground = color("foreground")
        dim = color.find("dim", "foreground-muted") or color.mix(foreground, 0.6)
        faint = color.mix(foreground, 0.3)
        ansi = color.background.ansi is not None
        panel = None if ansi else color.mix(foreground, 0.07).rich_color
        inline = None if ansi else color.mix(foreground, 0.11).rich_color
        heading = color("markdown-h1-color", "text-primary", "primary")
        accent = color("text-accent", "accent")

        def syntax(name: str, *others: str, italic: bool | None = None) -> Style:
            found = color(f"syntax-{name}", *others)
            return Style(color=found.rich_color, bgcolor=panel, italic=italic)

        def plain(found: Color, bold: bool | None = None, underline: bool | None = None) -> Style:
            return Style(color=found.rich_color, bold=bold, underline=underline)

        return cls(
            text=plain(foreground),
            dim=plain(dim) + Style(dim=True) if ansi else plain(dim),
            strong=Style(bold=True),
            emphasis=Style(italic=True),
            strike=Style(strike=True),
            headings=(
                plain(heading, bold=True),
                plain(heading, bold=True, underline=True),
                plain(heading, bold=True),
                plain(accent, bold=True),
                plain(foreground, bold=True),
                plain(dim, bold=True),
            ),
            code=Style(color=accent.rich_color, bgcolor=inline),
            code_block=Style(color=foreground.rich_color, bgcolor=panel),
            code_label=Style(color=dim.rich_color, bgcolor=panel),
            quote=plain(color.mix(foreground, 0.8)),
            quote_bar=plain(color("primary")),
            link=plain(color("text-primary", "primary"), underline=True),
            marker=plain(color("text-primary", "primary")),
            table_header=plain(heading, bold=True),
            table_line=plain(dim if ansi else faint),
            rule=plain(dim if ansi else faint),
            syntax_keyword=syntax("keyword", "text-primary", "primary"),
            syntax_string=syntax("string", "text-success", "success"),
            syntax_number=syntax("number", "text-warning", "warning"),
            syntax_comment=syntax("comment", "dim", "foreground-muted", italic=True),
            syntax_function=syntax("function", "text-accent", "accent"),
            syntax_type=syntax("type", "text-warning", "warning"),
            syntax_operator=syntax("operator", "foreground"),
            syntax_error=syntax("error", "text-error", "error"),
        )
