"""Hostile and huge text: shown, within the frame, and never obeyed."""

from __future__ import annotations

import pytest

from brim.tui.render.document import MarkdownDocument
from tests.support.markdown_text import INKS, assert_sound

_HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;QQ==\x07",
    "\x9b2J\x9d0;title\x9c",
    "a\x00b\x08\x7f",
    "\u202eevil\u202c \u2066x\u2069",
    "&#27;[2J &#x202e; &#155;",
    "[/foo] [bold]x[/bold] [link=a]b[/]",
    "\udcff lone",
)
_WRAPPERS = (
    "{}", "# {}", "**{}**", "`{}`", "[{}](/x)", "[x](</{}>)", "![{}](/x)", "- {}", "1. {}", "> {}", "    {}",
    "```py\n{}\n```", "```{}\ncode\n```", "| {} | b |\n|---|---|\n| c | {} |", "<div {}>", "a <b {}> c", "[r]\n\n[r]: /{}",
)  # fmt: skip


@pytest.mark.parametrize("wrapper", _WRAPPERS)
@pytest.mark.parametrize("hostile", _HOSTILE)
def test_no_control_character_reaches_a_segment(hostile: str, wrapper: str) -> None:
    text = wrapper.replace("{}", hostile)
    streamed = MarkdownDocument()
    for character in text:
        streamed.append(character)
        assert_sound(streamed.lines(20, INKS), 20, text)
    streamed.finish()
    lines = MarkdownDocument(text).lines(20, INKS)
    assert_sound(lines, 20, text)
    assert list(streamed.lines(20, INKS)) == list(lines)
    for line in lines:
        for segment in line.segments:
            assert segment.style.link is None
            href = str(segment.style.meta.get("href", ""))
            assert href.isprintable()


def test_console_markup_is_text() -> None:
    (line,) = MarkdownDocument("[bold]x[/bold] [/foo]").lines(80, INKS)
    assert line.text == "[bold]x[/bold] [/foo]"
    assert {segment.style for segment in line.segments} == {INKS.text}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x" * 100_000, id="one line"),
        pytest.param("word " * 20_000, id="words"),
        pytest.param("日本👩‍💻e\u0301" * 15_000, id="wide"),
        pytest.param("```\n" + "x" * 100_000 + "\n```", id="line of code"),
        pytest.param("```python\n" + "def f(x): return x + 1\n" * 10_000 + "```", id="10,000 lines of code"),
        pytest.param("\n".join(f"{'  ' * n}- level {n}" for n in range(1000)), id="nested list"),
        pytest.param("\n".join("> " * n + f"level {n}" for n in range(1, 300)), id="nested quotes"),
        pytest.param(">" * 1000 + " deep", id="quotes in a line"),
        pytest.param("- " * 1000 + "deep", id="lists in a line"),
        pytest.param("*" * 2000 + "x" + "*" * 2000, id="stars"),
        pytest.param("[" * 2000 + "x" + "]" * 2000, id="brackets"),
        pytest.param("`" * 3000 + "x", id="backticks"),
        pytest.param("<" * 3000, id="angles"),
        pytest.param("|" * 500 + "\n" + "|-" * 499 + "|\n", id="columns"),
        pytest.param("\u0301" * 5000, id="marks alone"),
        pytest.param("\t" * 5000 + "x", id="tabs"),
    ],
)
@pytest.mark.parametrize("width", [1, 10, 80])
def test_huge_and_deep_text_is_rendered(text: str, width: int) -> None:
    lines = MarkdownDocument(text).lines(width, INKS)
    assert_sound(lines, width, text)
    assert lines


@pytest.mark.parametrize("text", ["> " * 1000 + "deep", "- " * 1000 + "deep", "1. " * 200 + "deep"])
def test_what_is_nested_too_deep_is_kept(text: str) -> None:
    document = MarkdownDocument()
    document.append(text)
    assert "deep" in "".join(line.text for line in document.lines(60, INKS))


def test_a_huge_paragraph_grows_as_it_is_rendered_whole() -> None:
    text = "some **words** of a paragraph " * 1500
    document = MarkdownDocument()
    for start in range(0, len(text), 5000):
        document.append(text[start : start + 5000])
        document.lines(70, INKS)
    document.finish()
    assert list(document.lines(70, INKS)) == list(MarkdownDocument(text).lines(70, INKS))


@pytest.mark.parametrize("fence", ["```", "  ~~~~"])
@pytest.mark.parametrize("closed", [True, False])
def test_a_huge_block_of_code_grows_as_it_is_rendered_whole(fence: str, closed: bool) -> None:
    text = f"before\n\n{fence}python\n" + '  def f(x):\n\t"""a\n  b"""\n\treturn x  # note\n' * 500
    text += f"{fence.strip()}\nafter" if closed else "   "
    document = MarkdownDocument()
    for start in range(0, len(text), 3001):
        document.append(text[start : start + 3001])
        document.lines(70, INKS)
    document.finish()
    assert list(document.lines(70, INKS)) == list(MarkdownDocument(text).lines(70, INKS))


def test_the_end_of_a_huge_block_of_code_leaves_its_lines_as_they_are() -> None:
    document = MarkdownDocument()
    document.append("```python\n" + "value = 1  # a note about the value\n" * 2000)
    before = list(document.lines(70, INKS))
    document.append("```\n")
    after = document.lines(70, INKS)
    assert document.changed_from() == len(before)
    assert all(line is known for line, known in zip(after, before, strict=False))
