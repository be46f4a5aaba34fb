"""The quick ways through the parser lead where the parser itself would."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from brim.core.text import visible
from brim.tui.render.inline import Flow, _Writer
from brim.tui.render.parser import MAX_NESTING, markdown, parse_blocks
from brim.tui.render.pieces import Splitter
from brim.tui.render.simple import read_simple
from tests.support.markdown_text import INKS, markdown_texts

_WORDS = (
    "word", "a", " ", " ", "`c d`", "`x`", "``", "`", "**bold**", "**", "*", "*em*", "**Note:**", "**`k`**",
    "**a `b` c**", "_", "snake_case", ".", ",", ":", "(", ")", "\n", "&", "&amp;", "<", "<b>", "< 3", "!", "[", "]",
    "é", "日", "1", "\\", "~~", "https://a.b/c_d", " - ", "\t", "\u00a0",
)  # fmt: skip
simple_texts = st.lists(st.sampled_from(_WORDS), max_size=9).map(lambda words: "".join(words).strip(" \n\t"))


@cache
def reference() -> MarkdownIt:
    options = {"maxNesting": MAX_NESTING, "inline_definitions": True, "tasklists": True}
    md = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    md.core.ruler.disable(["inline"])
    return md


def facts(tokens: Sequence[Token]) -> list[object]:
    return [
        (token.type, token.level, token.map, token.content, token.info, token.attrs, token.meta, facts(token.children or []))
        for token in tokens
    ]  # fmt: skip


@given(markdown_texts.map(visible))
@settings(max_examples=400, deadline=None)
def test_blocks_are_those_of_markdown_it(text: str) -> None:
    assert facts(parse_blocks(text)) == facts(reference().parse(text))


@given(markdown_texts.map(lambda text: visible(text).strip()))
@settings(max_examples=400, deadline=None)
def test_inline_tokens_are_those_of_markdown_it(text: str) -> None:
    env = {"references": {"FOO": {"href": "/url", "title": ""}}}
    expected: list[Token] = []
    reference().inline.parse(text, reference(), env, expected)
    found: list[Token] = []
    markdown().inline.parse(text, markdown(), env, found)
    assert facts(found) == facts(expected)


@given(markdown_texts.map(visible))
@settings(max_examples=400, deadline=None)
def test_pieces_hold_what_the_whole_text_holds(text: str) -> None:
    splitter = Splitter()
    while splitter.step(text, final=True):
        pass
    kinds = ("inline", "fence", "code_block", "html_block", "hr", "definition")
    expected = [(token.type, token.content) for token in reference().parse(text) if token.type in kinds]
    found = [
        (token.type, token.content)
        for piece in splitter.pieces
        for token in parse_blocks(text[piece.start : piece.end], piece.inside)
        if token.type in kinds
    ]
    assert found == expected


@given(simple_texts)
@settings(max_examples=1000, deadline=None)
def test_simple_text_is_read_as_the_parser_reads_it(text: str) -> None:
    parts = read_simple(text)
    if parts is None:
        return
    tokens: list[Token] = []
    markdown().inline.parse(text, markdown(), {"references": {}}, tokens)
    expected, found = Flow(text), Flow(text)
    _Writer(expected, INKS.text, INKS).write(tokens)
    _Writer(found, INKS.text, INKS).write_parts(parts)
    assert joined(found) == joined(expected)


def joined(flow: Flow) -> list[tuple[str, object]]:
    made: list[tuple[str, object]] = []
    for text, style in flow.runs:
        if made and made[-1][1] == style:
            made[-1] = (made[-1][0] + text, style)
        else:
            made.append((text, style))
    return made
