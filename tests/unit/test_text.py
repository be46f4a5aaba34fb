import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brim.core.text import visible, visible_line


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("\x1b]52;c;QQ==\x07", "␛]52;c;QQ==␇"),
        ("a\r\nb\rc", "a\nb␍c"),
        ("\x9b31m\x7f\x00", "�31m␡␀"),
        ("abc\u202edef\u2069", "abc�def�"),
        ("[/foo] [red]x", "[/foo] [red]x"),
        ("👩‍👩‍👧 日本 e\u0301 עברית", "👩‍👩‍👧 日本 e\u0301 עברית"),
        ("a\tb\n", "a\tb\n"),
        ("\ud800", "�"),
    ],
)
def test_control_characters_are_shown(raw, shown):
    assert visible(raw) == shown


@given(st.text(st.characters()))
def test_nothing_that_controls_a_terminal_is_left(text):
    for char in visible(text):
        assert char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp")
    assert not set(visible_line(text)) & set("\n\t")


@given(st.text(st.characters()))
def test_places_stay_where_they_are(text):
    assert len(visible(text)) == len(text.replace("\r\n", "\n"))
