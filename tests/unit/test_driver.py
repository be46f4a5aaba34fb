"""What comes from the terminal, cut anywhere, gives the same keys and pastes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual._xterm_parser import XTermParser

from brim.tui.driver import PasteGuard

START, END = "\x1b[200~", "\x1b[201~"


def read(pieces: list[str]) -> list[str]:
    """Return what the app is told: the keys' names, and what is pasted in quotes."""
    guard, parser = PasteGuard(), XTermParser()
    told = []
    for piece in pieces:
        if text := guard.feed(piece):
            told += [
                f'"{e.text}"' if isinstance(e, events.Paste) else e.key
                for e in parser.feed(text)
                if isinstance(e, events.Paste | events.Key)
            ]
    return told


@pytest.mark.parametrize(
    "pasted",
    [
        "plain",
        "\x1b[31mred\x1b[0m and a line\rthat is not sent",
        "\x1b" * 40 + "\r",
        "\x1b]52;c;QQ==\x1b\\",
        START + "twice",
        "[201~ but no end",
        "\x1b[20 nor this",
        "the end of a chunk\x1b",
    ],
)
@given(data=st.data())
def test_what_is_pasted_is_one_paste_however_it_is_cut(pasted: str, data: st.DataObject) -> None:
    text = f"a{START}{pasted}{END}\rb\x1b[A"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert read(pieces) == ["a", '"{}"'.format(pasted.replace("\x1b", "␛")), "enter", "b", "up"]


def test_keys_pass_as_they_are() -> None:
    guard = PasteGuard()
    for text in ("a", "\x1b", "[A", "\x1b[20", "1~", "日本", "\x1b[<0;3;4M"):
        assert guard.feed(text) == text
