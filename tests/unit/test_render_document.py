"""A document as lines: what each kind of Markdown looks like, and which source its lines show."""

from __future__ import annotations

import subprocess
import sys

import pytest

from brim.tui.render.document import MarkdownDocument, estimate_height
from brim.tui.render.inks import Inks
from brim.tui.render.line import Line
from tests.support.markdown_text import INKS, assert_sound


def lines_of(text: str, width: int = 40) -> list[Line]:
    lines = list(MarkdownDocument(text).lines(width, INKS))
    assert_sound(lines, width, text)
    return lines


def texts_of(text: str, width: int = 40) -> list[str]:
    return [line.text.rstrip() for line in lines_of(text, width)]


def styles_of(text: str, shown: str) -> list[object]:
    return [
        segment.style for line in lines_of(text) for segment in line.segments if segment.text.strip() == shown
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("one\ntwo  \nthree", ["one", "two", "three"]),
        ("one\n\n\n\ntwo", ["one", "", "two"]),
        ("# Head\ntext", ["Head", "━━━━", "", "text"]),
        ("Head\n---", ["Head"]),
        ("- a\n- b\n  - c\n\n- d", [" • a", " • b", "    ◦ c", "", " • d"]),
        ("9. a\n9. b\n9. c", [" 9. a", "10. b", "11. c"]),
        ("1) a", [" 1) a"]),
        ("- [x] done\n- [ ] open", [" ☑ done", " ☐ open"]),
        ("- ", [" •"]),
        ("> a\n> > b\n>\n> c", ["▌ a", "▌", "▌ ▌ b", "▌", "▌ c"]),
        ("***", ["─" * 40]),
        ("```rust\nfn\tmain\n\n```", [" rust", " fn  main", "", ""]),
        ("```\nopen", ["", " open", ""]),
        ("    code\n      more", [" code", "   more"]),
        ("<div>\n  <b>x</b>\n</div>", ["<div>", "  <b>x</b>", "</div>"]),
        ("a <b>c</b> &amp; d", ["a <b>c</b> & d"]),
        ("![alt *text*](/x.png)", ["▧ alt text"]),
        ("[foo]: /url\n\nsee [foo]", ["see foo"]),
        ("$a_1 * b$", ["$a_1 * b$"]),
        ("a\tb", ["a    b"]),
        ("日本語、日本語", ["日本語、日本語"]),
    ],
)
def test_a_block_is_shown_as(text: str, expected: list[str]) -> None:
    assert texts_of(text) == expected


def test_text_is_wrapped_at_words_and_wide_characters() -> None:
    assert texts_of("The quick brown fox jumps", 10) == ["The quick", "brown fox", "jumps"]
    assert texts_of("incomprehensibilities", 10) == ["incomprehe", "nsibilitie", "s"]
    assert texts_of("日本語、です", 6) == ["日本", "語、で", "す"]
    assert texts_of("- one two three", 10) == [" • one two", "   three"]


def test_a_table_is_aligned_and_its_cells_are_wrapped() -> None:
    table = "| Way | Cost |\n|:--|--:|\n| clone | O(n) |\n| `Arc` | x |"
    assert texts_of(table) == ["Way   │ Cost", "──────┼─────", "clone │ O(n)", "Arc   │    x"]
    wide = "| A | B |\n|---|---|\n| one two three | four five six seven |\n| 1 | 2 |"
    assert texts_of(wide, 20) == [
        "A        │ B",
        "─────────┼──────────",
        "one two  │ four five",
        "three    │ six seven",
        "─────────┼──────────",
        "1        │ 2",
    ]


def test_a_table_without_room_for_its_columns_is_shown_field_by_field() -> None:
    text = "| Name | Age |\n|---|---|\n| Ada | 36 |\n| Bob | 7 |"
    assert texts_of(text, 8) == ["Name:", "Ada", "Age: 36", "────────", "Name:", "Bob", "Age: 7"]


def test_inline_styles() -> None:
    assert styles_of("a **b** c", "b") == [INKS.text + INKS.strong]
    assert styles_of("a *b* c", "b") == [INKS.text + INKS.emphasis]
    assert styles_of("a ~~b~~ c", "b") == [INKS.text + INKS.strike]
    assert styles_of("a `b` c", "b") == [INKS.text + INKS.code]
    assert styles_of("***b***", "b") == [INKS.text + INKS.emphasis + INKS.strong]
    assert [lines_of(f"{'#' * level} h")[0].segments[0].style for level in range(1, 7)] == list(INKS.headings)


@pytest.mark.parametrize(
    ("text", "shown", "href"),
    [
        ("[the book](https://a.b/c 'title')", "the book", "https://a.b/c"),
        ("<https://a.b>", "https://a.b", "https://a.b"),
        ("(see https://a.b/c_(d).)", "https://a.b/c_(d)", "https://a.b/c_(d)"),
        ("![pic](/p.png)", "▧ pic", "/p.png"),
        ("[x][later]\n\n[later]: /l", "x", "/l"),
    ],
)
def test_links_carry_their_target(text: str, shown: str, href: str) -> None:
    (style,) = styles_of(text, shown)
    assert style.meta == {"href": href}
    assert style.underline
    assert style.link is None


def test_code_is_highlighted_by_the_language_that_is_named() -> None:
    assert styles_of("```python\ndef f(): pass\n```", "def") == [INKS.syntax_keyword]
    assert styles_of("```no-such-language\ndef f\n```", "def f") == [INKS.code_block]
    assert styles_of('```py\nx = """\ndef\n"""\n```', "def") == [INKS.syntax_string]


def test_code_blocks_are_numbered_and_kept_as_written() -> None:
    text = "```py\na = '\x1b[0m'\r\n\tb\n```\n- item\n  ```\n  in item\n  ```\n\n> ```\n> quoted\n\n~~~\nopen"
    document = MarkdownDocument(text)
    assert document.code_blocks() == ["a = '\x1b[0m'\n\tb", "in item", "quoted", "open"]
    numbers = [line.code for line in document.lines(40, INKS) if line.code is not None]
    assert sorted(set(numbers)) == [0, 1, 2, 3]
    assert numbers == sorted(numbers)


def test_whole_lines_show_the_markdown_they_come_from() -> None:
    text = "# Title\n\nSome **bold** text that is wrapped\n\n- one `x`\n- two\n\n> quote\n\n```py\nx = 1\n```\n\n| a |\n|---|\n| 1 |\n"
    lines = lines_of(text, 16)
    assert text[lines[0].start : lines[-1].end] == text.rstrip("\n")
    source = {line.text.strip(): text[line.start : line.end] for line in lines}
    assert source["Title"] == "# Title"
    assert source["Some bold text"] == "Some **bold** text"
    assert source["that is wrapped"] == "that is wrapped"
    assert source["• one x"] == "- one `x`"
    assert source["▌ quote"] == "> quote"
    assert source["x = 1"] == "x = 1"
    assert source["py"] == "```py"
    assert source["1"] == "| 1 |"


def test_places_are_those_of_the_source_with_its_carriage_returns() -> None:
    text = "one\r\ntwo\r\n\r\n- three\r\n"
    assert [text[line.start : line.end] for line in lines_of(text) if line.text] == ["one", "two", "- three"]


def test_a_definition_that_comes_later_changes_what_uses_it() -> None:
    document = MarkdownDocument()
    document.append("see [foo]\n\nmore\n\n")
    assert document.lines(40, INKS)[0].text == "see [foo]"
    document.append("[foo]: /url\n")
    document.finish()
    assert document.changed_from() == 0
    assert document.lines(40, INKS)[0].text == "see foo"


def test_a_finished_document_goes_on_where_it_ended() -> None:
    document = MarkdownDocument("```py\na")
    assert [line.text.strip() for line in document.lines(40, INKS)] == ["py", "a", ""]
    document.append("b\n```\n- on")
    document.append("e\n")
    document.finish()
    assert list(document.lines(40, INKS)) == lines_of("```py\nab\n```\n- one\n")


def test_work_can_be_done_in_slices() -> None:
    text = "para **bold** text\n\n- item\n\n```py\nx = 1\n```\n\n" * 400
    document = MarkdownDocument(text)
    slices = 1
    while not document.render_some(60, INKS, 0.0):
        assert not document.lines_ready(60, INKS)
        slices += 1
    assert slices > 1000
    assert document.lines_ready(60, INKS)
    assert not document.lines_ready(61, INKS)
    assert list(document.lines(60, INKS)) == lines_of(text, 60)


def test_a_long_open_fence_changes_only_at_its_end() -> None:
    document = MarkdownDocument()
    document.append("```python\n" + "value = 1  # note\n" * 1000)
    count = len(document.lines(60, INKS))
    document.append("x = 2\n")
    assert document.changed_from() >= count - 1
    assert len(document.lines(60, INKS)) == count + 1
    document.append("```\n")
    document.finish()
    assert len(document.lines(60, INKS)) == count + 2


def test_only_the_end_of_a_long_list_is_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from brim.tui.render import pieces

    parsed: list[int] = []
    parse = pieces.parse_blocks

    def counted(text: str, inside: pieces.Container | None = None) -> list[pieces.Token]:
        parsed.append(len(text))
        return parse(text, inside)

    document = MarkdownDocument()
    document.append("- an item of the list\n" * 500)
    document.lines(60, INKS)
    monkeypatch.setattr(pieces, "parse_blocks", counted)
    for character in "- next\n":
        document.append(character)
        document.lines(60, INKS)
    assert max(parsed) < 100


def test_other_inks_draw_anew() -> None:
    light = Inks.from_variables({"foreground": "#000000", "background": "#ffffff"}, dark=False)
    document = MarkdownDocument("text")
    assert document.lines(10, INKS)[0].segments[0].style == INKS.text
    assert document.lines(10, light)[0].segments[0].style == light.text
    assert light.text != INKS.text


def test_inks_take_any_kind_of_variable() -> None:
    inks = Inks.from_variables(
        {
            "foreground": "ansi_default",
            "background": "ansi_default",
            "primary": "auto 80%",
            "syntax-keyword": "no colour",
        },
        dark=True,
    )
    assert inks.code_block.bgcolor is None
    assert inks.dim.dim
    assert Inks.from_variables({"syntax-string": "#00ff00"}, dark=True).syntax_string.color.name == "#00ff00"


@pytest.mark.parametrize(
    ("chars", "lines", "width"), [(0, 0, 80), (10, 1, 80), (5000, 20, 80), (5000, 20, 1)]
)
def test_an_estimate_is_near_and_never_nothing(chars: int, lines: int, width: int) -> None:
    height = estimate_height(chars, lines, width)
    assert max(1, chars // width // 2) <= height <= 2 * (chars // width + lines) + 1


def test_the_parser_is_not_imported_before_it_is_needed() -> None:
    program = (
        "import sys, brim.tui.render.document, brim.tui.render.inks, brim.tui.render.line\n"
        "brim.tui.render.document.MarkdownDocument('text').append('more')\n"
        "print([name for name in ('markdown_it', 'pygments', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
