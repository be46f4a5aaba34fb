"""Markdown-like text for property tests, and what no rendered line may break."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st
from rich.cells import cell_len

from brim.core.text import visible
from brim.tui.render.inks import Inks
from brim.tui.render.line import Line

INKS = Inks.from_variables({}, dark=True)

_ATOMS = (
    "# H\n", "## Two\n", "para text ", "**bold** ", "*em* ", "`code` ", "~~struck~~ ", "***both*** ", "snake_case ",
    "- item\n", "  - sub\n", "    - deep\n", "1. one\n", "2) two\n", "10. ten\n", "+ x\n", "- [x] done\n", "- [ ] open\n",
    "- a\n\n  b\n", "- ", "1. ", "* * *\n", "---\n", "===\n", "```py\n", "```\n", "~~~\n", "~~~~ js\n", "  ```\n",
    "x = 1 # \n", "'''doc\n", "    indented\n", "> quote\n", "> - a\n", "> ```\n", ">\n", "> lazy\ncont\n", "   > q\n",
    "    > four\n", "| a | b |\n", "|---|:-:|\n", "| 1 | 2 |\n", "a | b\n", "--|--\n", "- |-\n", "[foo]\n", "[foo]: /url\n",
    '[foo]: /u "ti\ntle"\n', "[foo]:\n", "[bar][foo] ", '"title"\n', "[l](http://a.b 't') ", "![img](/x.png) ",
    "https://ex.com/a_b). ", "<https://a.b> ", "<div>\n", "</div>\n", "<!-- c\n", "-->\n", "<b>x</b> ", "&amp;", "&#27;",
    "日本語テキスト", "、。", "👩‍💻 ", "❤️", "e\u0301", "\u0301", "\u200d", "שלום ", "\u202e", "\x1b[31m", "\x9b2J", "\x00",
    "\t", "\r\n", "\r", "\n", "\n\n", "  \n", "\\\n", "  ", "    ", "a", "b", " ", "-", "=", "|", ":", "`", "*", "_", "[", "]",
    "(", ")", "<", ">", "#", "!", "\\", "1", ".",
)  # fmt: skip

markdown_texts = st.lists(st.one_of(st.sampled_from(_ATOMS), st.text(max_size=4)), max_size=30).map("".join)


@st.composite
def markdown_chunks(draw: st.DrawFn) -> list[str]:
    """Markdown-like text, cut anywhere."""
    text = draw(markdown_texts)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def assert_sound(lines: Sequence[Line], width: int, source: str) -> None:
    """Assert that ``lines`` fit ``width``, hold no control character and show parts of ``source`` in order."""
    before = 0
    for line in lines:
        assert line.strip.cell_length <= width
        assert line.cells == sum(cell_len(segment.text) for segment in line.segments)
        for segment in line.segments:
            assert segment.style is not None
            assert visible(segment.text) == segment.text
            assert not set("\n\t\r") & set(segment.text)
        assert before <= line.start <= line.end <= len(source)
        before = line.start
