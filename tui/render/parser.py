"""The Markdown parser: CommonMark with tables, strike-through and task lists, told what chat needs.

The block rules are those of markdown-it-py. Only which of them are asked for a line is decided here, by its
first character, and paragraphs are found in one pass: together that halves the time. Blocks that are nested
deeper than `MAX_NESTING` are kept as text instead of being left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Literal

from markdown_it import MarkdownIt
from markdown_it.common.utils import mdTrim
from markdown_it.parser_block import ParserBlock
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_block import (
    StateBlock,
    blockquote,
    code,
    fence,
    heading,
    hr,
    html_block,
    list_block,
    reference,
    table,
)
from markdown_it.rules_inline import (
    StateInline,
    autolink,
    backtick,
    emphasis,
    entity,
    escape,
    html_inline,
    image,
    link,
    newline,
    strikethrough,
)
from markdown_it.token import Token

MAX_NESTING = 24
"""Levels of nested blocks; a list takes two, one for itself and one for its item."""

Rule = Callable[[StateBlock, int, int, bool], bool]
Container = Literal["list", "quote"]

_ASK, _TAKE = True, False
"""What a rule is called for: to say whether it takes a line, or to take it."""


def _table(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """Ask for a table only where the next line may be the one below its header."""
    below = start_line + 1
    if below >= end_line:
        return False
    first = state.bMarks[below] + state.tShift[below]
    if first >= state.eMarks[below] or state.src[first] not in "|-:":
        return False
    return table(state, start_line, end_line, silent)


def _setext_level(state: StateBlock, line: int) -> int:
    """Return the level of heading that ``line`` underlines, or 0."""
    first = state.bMarks[line] + state.tShift[line]
    marker = state.src[first]
    if marker not in "-=" or state.sCount[line] < state.blkIndent:
        return 0
    if state.src[first : state.eMarks[line]].rstrip(" \t").strip(marker):
        return 0
    return 1 if marker == "=" else 2


def _ends_paragraph(state: StateBlock, line: int, end_line: int) -> bool:
    if _table(state, line, end_line, _ASK):
        return True
    rules = _INTERRUPTING.get(state.src[state.bMarks[line] + state.tShift[line]], ())
    return any(rule(state, line, end_line, _ASK) for rule in rules)


def _paragraph(state: StateBlock, start_line: int, end_line: int, _silent: bool) -> bool:
    """Take a paragraph or an underlined heading: whatever no other rule took."""
    parent = state.parentType
    state.parentType = "paragraph"
    level = 0
    line = start_line + 1
    while line < end_line and not state.isEmpty(line):
        if state.sCount[line] - state.blkIndent <= 3:
            level = _setext_level(state, line)
            if level or (state.sCount[line] >= 0 and _ends_paragraph(state, line, end_line)):
                break
        line += 1
    content = mdTrim(state.getLines(start_line, line, state.blkIndent, keepLastLF=False))
    state.line = line + 1 if level else line
    state.parentType = parent
    kind, tag = ("heading", f"h{level}") if level else ("paragraph", "p")
    opening = state.push(f"{kind}_open", tag, 1)
    opening.map = [start_line, state.line]
    inline = state.push("inline", "", 0)
    inline.content = content
    inline.map = [start_line, line]
    inline.children = []
    state.push(f"{kind}_close", tag, -1)
    return True


_INTERRUPTING: dict[str, tuple[Rule, ...]] = {
    "`": (fence,),
    "~": (fence,),
    ">": (blockquote,),
    "-": (hr, list_block),
    "*": (hr, list_block),
    "_": (hr,),
    "+": (list_block,),
    "<": (html_block,),
    "#": (heading,),
} | dict.fromkeys("0123456789", (list_block,))
_OPENING: dict[str, tuple[Rule, ...]] = {
    first: (_table, *rules, _paragraph) for first, rules in _INTERRUPTING.items()
} | {"[": (_table, reference, _paragraph)}
_ORDINARY: tuple[Rule, ...] = (_table, _paragraph)
_INDENTED: tuple[Rule, ...] = (code,)


class _BlockParser(ParserBlock):
    def tokenize(self, state: StateBlock, startLine: int, endLine: int) -> None:  # noqa: N803 (as the base has it)
        line = startLine
        empty_seen = False
        while line < endLine:
            state.line = line = state.skipEmptyLines(line)
            if line >= endLine or state.sCount[line] < state.blkIndent:
                break
            if state.level >= MAX_NESTING:
                _keep_as_text(state, line, endLine)
                break
            if state.sCount[line] - state.blkIndent >= 4:
                rules = _INDENTED
            else:
                rules = _OPENING.get(state.src[state.bMarks[line] + state.tShift[line]], _ORDINARY)
            for rule in rules:
                if rule(state, line, endLine, _TAKE):
                    break
            state.tight = not empty_seen
            line = state.line
            if state.isEmpty(line - 1):
                empty_seen = True
            if line < endLine and state.isEmpty(line):
                empty_seen = True
                line += 1
                state.line = line


_INLINE: dict[str, tuple[Callable[[StateInline, bool], bool], ...]] = {
    "\n": (newline,),
    "\\": (escape,),
    "`": (backtick,),
    "~": (strikethrough.tokenize,),
    "*": (emphasis.tokenize,),
    "_": (emphasis.tokenize,),
    "[": (link,),
    "!": (image,),
    "<": (autolink, html_inline),
    "&": (entity,),
}
_TEXT = re.compile(r"[^\n\\`~*_\[!<&]+")


class _InlineParser(ParserInline):
    def tokenize(self, state: StateInline) -> None:
        source, end = state.src, state.posMax
        while state.pos < end:
            text = _TEXT.match(source, state.pos, end)
            if text:
                state.append_pending(text[0])
                state.pos = text.end()
                continue
            rules = _INLINE[source[state.pos]] if state.level < MAX_NESTING else ()
            for rule in rules:
                if rule(state, _TAKE):
                    break
            else:
                state.append_pending(source[state.pos])
                state.pos += 1
        if state.pending:
            state.pushPending()


def _keep_as_text(state: StateBlock, start_line: int, end_line: int) -> None:
    line = start_line + 1
    while line < end_line and (state.isEmpty(line) or state.sCount[line] >= state.blkIndent):
        line += 1
    token = state.push("too_deep", "", 0)
    token.content = state.getLines(start_line, line, state.blkIndent, keepLastLF=False)
    token.map = [start_line, line]
    state.line = line


@cache
def markdown() -> MarkdownIt:
    """Return the one parser."""
    md = MarkdownIt(
        "commonmark", {"maxNesting": MAX_NESTING, "inline_definitions": True, "tasklists": True}
    ).enable(["table", "strikethrough"])
    fast = _BlockParser()
    fast.ruler = md.block.ruler
    md.block = fast
    fast_inline = _InlineParser()
    fast_inline.ruler, fast_inline.ruler2 = md.inline.ruler, md.inline.ruler2
    md.inline = fast_inline
    return md


def parse_blocks(text: str, inside: Container | None = None) -> list[Token]:
    """Return the block tokens of ``text``, whose inline tokens have their content but no children yet.

    ``inside`` says that the first line goes on in a list (it is the first line of an item) or in a quote
    (it starts with ``>``), which are then not taken for anything else. Definitions are tokens of their own.
    """
    md = markdown()
    tokens: list[Token] = []
    env: dict[str, Any] = {}
    state = StateBlock(text, md, env, tokens)
    line = 0
    if inside == "list":
        list_block(state, 0, state.lineMax, _TAKE)
        line = state.line
    elif inside == "quote":
        blockquote(state, 0, state.lineMax, _TAKE)
        line = state.line
    md.block.tokenize(state, line, state.lineMax)
    return tokens
