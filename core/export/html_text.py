"""Messages' Markdown as HTML in which nothing acts: no HTML of theirs, no links but to the web and to mail."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from brim.core.export.html_style import code_prefix
from brim.core.text import visible, visible_line

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LONGEST_MARKDOWN = 300_000
"""Characters; a longer text stands as it was written."""
LONGEST_COLOURED = 50_000
"""Characters of code."""

_LINK = re.compile(r"(?:https?|mailto):", re.IGNORECASE)
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=%]*", re.IGNORECASE)


def line(text: str) -> str:
    """Return a text as HTML on one line."""
    return escape(visible_line(text))


def plain(text: str) -> str:
    """Return a text as HTML that keeps its lines."""
    return f'<pre class="plain">{escape(visible(text))}</pre>'


def markdown(text: str, *, keeps_lines: bool) -> str:
    """Return Markdown as HTML.

    Args:
        text: what was written.
        keeps_lines: whether each line stays one, as people mean it who do not think of Markdown.
    """
    if len(text) > LONGEST_MARKDOWN:
        return plain(text)
    try:
        return str(_renderer(keeps_lines).render(visible(text)))
    except RecursionError:
        return plain(text)


@cache
def _renderer(keeps_lines: bool) -> MarkdownIt:
    from markdown_it import MarkdownIt

    renderer = MarkdownIt("commonmark", {"html": False, "breaks": keeps_lines, "highlight": None})
    renderer.enable(["table", "strikethrough"])
    renderer.validateLink = _may_lead  # type: ignore[method-assign]  # how the library wants it
    rules: dict[str, Any] = renderer.renderer.rules  # type: ignore[attr-defined]  # a mapping of functions
    rules["link_open"] = _link
    rules["image"] = _image
    rules["fence"] = rules["code_block"] = _code
    rules["table_open"] = lambda *_: '<div class="scroll"><table>\n'
    rules["table_close"] = lambda *_: "</table></div>\n"
    return renderer


def _may_lead(url: str) -> bool:
    return bool(_LINK.match(url) or _PICTURE.fullmatch(url))


def _link(tokens: Sequence[Token], index: int, *_: Any) -> str:
    return _anchor(str(tokens[index].attrs.get("href", "")))


def _anchor(url: str) -> str:
    if not _LINK.match(url):
        return "<a>"
    return f'<a href="{escape(url)}" rel="noopener noreferrer nofollow">'


def _image(tokens: Sequence[Token], index: int, *_: Any) -> str:
    token = tokens[index]
    url, words = str(token.attrs.get("src", "")), escape(token.content)
    if _PICTURE.fullmatch(url):
        return f'<img src="{escape(url)}" alt="{words}">'
    return f"{_anchor(url)}[picture: {words or escape(url)}]</a>"


def _code(tokens: Sequence[Token], index: int, *_: Any) -> str:
    token = tokens[index]
    language = token.info.split()[0] if token.info.strip() else ""
    return code(token.content, language)


def code(text: str, language: str) -> str:
    """Return code as HTML, coloured if its language is known."""
    said = _coloured(text, language) if language and len(text) <= LONGEST_COLOURED else escape(text)
    return f'<pre class="code"><code>{said}</code></pre>\n'


def _coloured(text: str, language: str) -> str:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return escape(text)
    return str(highlight(text, lexer, HtmlFormatter(nowrap=True, classprefix=code_prefix())))
