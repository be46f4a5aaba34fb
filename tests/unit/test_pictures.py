"""Images on the terminal: how it is chosen, and that all goes by way of Textual."""

import base64
import io
import re
import sys

import pytest
from PIL import Image
from textual.app import App

from brim.tui.picturing import picture, way_of
from brim.tui.thumbnails import COLUMNS, ROWS, thumbnail
from tests.support.pictures import image
from tests.support.waiting import wait_until


@pytest.mark.parametrize(
    ("environment", "way"),
    [
        ({}, "cells"),
        ({"TERM": "xterm-256color"}, "cells"),
        ({"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "sixel"),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, "cells"),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux"}, "cells"),
    ],
)
def test_the_way_is_chosen_by_what_the_terminal_calls_itself(environment, way):
    assert way_of(environment) == way


def test_a_thumbnail_is_small_and_keeps_its_colours():
    rows = thumbnail(image(size=(400, 300)), (0, 0, 0))
    assert len(rows) <= ROWS and len(rows[0]) <= COLUMNS
    upper, lower = rows[0][0]
    assert upper == lower == (30, 90, 200)
    assert rows[-1][-1][0] == (200, 60, 30)
    assert thumbnail(image(size=(1, 1)), (0, 0, 0)) == ((((200, 60, 30), (0, 0, 0)),),)
    assert thumbnail(b"no image", (0, 0, 0)) == ()


def test_what_is_clear_in_an_image_shows_the_ground():
    kept = io.BytesIO()
    Image.new("RGBA", (2, 2), (0, 0, 0, 0)).save(kept, "PNG")
    assert thumbnail(kept.getvalue(), (9, 8, 7)) == ((((9, 8, 7), (9, 8, 7)),) * 2,)


async def test_an_image_for_kitty_goes_out_by_the_way_it_is_given(capfd):
    written: list[str] = []

    class Showing(App[None]):
        def compose(self):
            shown = picture(image(size=(40, 30)), "kitty", written.append)
            shown.styles.width = shown.styles.height = "auto"
            yield shown

    async with Showing().run_test() as pilot:
        shown = pilot.app.query_one("_Kitty")
        await wait_until(pilot, lambda: shown.size.width > 0 and bool(written))
        sent = "".join(written)
        assert re.fullmatch(r"(\x1b_G[^\x1b]*\x1b\\)+", sent)
        pieces = re.findall(r"\x1b_Gi=\d+,f=100,m=\d,q=2;([^\x1b]*)\x1b", sent)
        with Image.open(io.BytesIO(base64.b64decode("".join(pieces)))) as received:
            assert received.format == "PNG"
        number = re.search(r"i=(\d+)", sent).group(1)
        painted = "".join(
            segment.text for strip in shown.render_lines(shown.size.region) for segment in strip
        )
        assert f"\x1b_Ga=p,i={number},p=1,C=1,q=2\x1b\\" in painted
        before = len(written)
        await shown.parent.remove()
        assert written[before:] == [f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\"]
    assert "\x1b_G" not in capfd.readouterr().out


def test_loading_leaves_everything_as_it_was():
    before = sys.__stdout__
    picture(image(), "sixel", lambda _: None)
    assert sys.__stdout__ is before
    with pytest.raises(OSError):
        picture(b"no image", "cells", lambda _: None)
