"""Code, highlighted: lines of text as runs in the colours of the theme."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from pygments.lexers import get_lexer_by_name
from pygments.token import Token as Kind
from pygments.util import ClassNotFound
from rich.style import Style

from .inks import Inks
from .wrap import Run

Highlighted = list[list[Run]]

_PLAIN = frozenset(("", "text", "txt", "plain", "plaintext", "none", "output"))
EXACT_CHARS = 24_000
"""Code that is longer is never highlighted as a whole."""
CHUNK_LINES = 20
"""Lines of a chunk: those that are highlighted together where the whole is not."""

_INK_OF_KIND: tuple[tuple[Any, str], ...] = (
    (Kind.Comment.Preproc, "syntax_keyword"),
    (Kind.Comment, "syntax_comment"),
    (Kind.Keyword.Type, "syntax_type"),
    (Kind.Keyword.Constant, "syntax_number"),
    (Kind.Keyword, "syntax_keyword"),
    (Kind.Operator.Word, "syntax_keyword"),
    (Kind.Operator, "syntax_operator"),
    (Kind.Literal.String, "syntax_string"),
    (Kind.Literal.Number, "syntax_number"),
    (Kind.Literal, "syntax_string"),
    (Kind.Name.Function, "syntax_function"),
    (Kind.Name.Decorator, "syntax_function"),
    (Kind.Name.Attribute, "syntax_function"),
    (Kind.Name.Class, "syntax_type"),
    (Kind.Name.Builtin, "syntax_type"),
    (Kind.Name.Exception, "syntax_type"),
    (Kind.Name.Namespace, "syntax_type"),
    (Kind.Name.Constant, "syntax_number"),
    (Kind.Name.Tag, "syntax_keyword"),
    (Kind.Generic.Inserted, "syntax_string"),
    (Kind.Generic.Deleted, "syntax_error"),
    (Kind.Generic.Traceback, "syntax_error"),
    (Kind.Generic.Heading, "syntax_keyword"),
    (Kind.Generic.Subheading, "syntax_type"),
    (Kind.Generic.Prompt, "syntax_comment"),
)


@lru_cache(maxsize=512)
def _ink_name(kind: Any) -> str:
    return next((name for above, name in _INK_OF_KIND if kind in above), "code_block")


def language_of(info: str) -> str:
    """Return the language that the line opening a fence names, or nothing."""
    words = info.strip().split(maxsplit=1)
    return words[0].strip("{}.").split(",")[0] if words else ""


@lru_cache(maxsize=64)
def _lexer(language: str) -> Any:
    """Return the lexer for ``language``, or `None` for plain text and what no lexer knows."""
    if language in _PLAIN:
        return None
    try:
        return get_lexer_by_name(language)
    except ClassNotFound:
        return None


def highlight(text: str, language: str, inks: Inks, *, settled: bool) -> Iterator[list[Run]]:
    """Yield the lines of ``text`` as runs.

    Code that is not ``settled`` or has more than `EXACT_CHARS` is highlighted in chunks, each as if it stood
    alone, so that to add to its end is cheap. A chunk that starts within a long string has its colours wrong.
    """
    language = language.lower()
    if _lexer(language) is None:
        for line in text.split("\n"):
            yield [(line, inks.code_block)]
    elif settled and len(text) <= EXACT_CHARS:
        yield from _lexed(text, language, inks)
    else:
        lines = text.split("\n")
        for start in range(0, len(lines), CHUNK_LINES):
            chunk = "\n".join(lines[start : start + CHUNK_LINES])
            yield from _lexed(chunk, language, inks) if settled else _remembered(chunk, language, inks)


@lru_cache(maxsize=32)
def _remembered(text: str, language: str, inks: Inks) -> Highlighted:
    return _lexed(text, language, inks)


def _lexed(text: str, language: str, inks: Inks) -> Highlighted:
    styles: dict[Any, Style] = {}
    lines: Highlighted = [[]]
    seen = 0
    for _, kind, value in _lexer(language).get_tokens_unprocessed(text + "\n"):
        style = styles.get(kind)
        if style is None:
            style = styles[kind] = getattr(inks, _ink_name(kind))
        seen += len(value)
        if "\n" not in value:
            lines[-1].append((value, style))
            continue
        first, *others = value.split("\n")
        if first:
            lines[-1].append((first, style))
        lines += [[(line, style)] if line else [] for line in others]
    lines.pop()
    if seen != len(text) + 1 or len(lines) != text.count("\n") + 1:
        return [[(line, inks.code_block)] for line in text.split("\n")]
    return lines
