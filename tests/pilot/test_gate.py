"""The last gate: whatever a widget is told, no control character reaches the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.color import Color
from textual.content import Content
from textual.filter import LineFilter
from textual.widgets import Collapsible, Input, Label, OptionList, Static, TextArea

from brim.tui.gate import ControlGate, safe
from tests.support.hostile import HOSTILE, assert_clean
from tests.support.waiting import wait_until


def screen_segments(app: App[None]) -> list[Segment]:
    strips = app.screen._compositor.render_strips()
    return [segment for strip in strips for segment in strip]


class GateHost(App[None]):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), ControlGate()]

    def compose(self) -> ComposeResult:
        text = self.text
        yield Static(text, markup=False)
        yield Label(Content(text), classes="titled")
        yield OptionList(text, markup=False)
        yield TextArea(text)
        yield Input(text)
        yield Collapsible(Static(text, markup=False), title=Content(text), collapsed=False)

    def on_mount(self) -> None:
        titled = self.query_one(".titled")
        titled.styles.border = ("round", "red")
        titled.styles.width = 60
        titled.border_title = Content(self.text)
        titled.border_subtitle = Content(self.text)
        self.notify(self.text, title=self.text, markup=False, timeout=60)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
async def test_no_widget_sends_a_control_character(text: str) -> None:
    app = GateHost(text)
    async with app.run_test(size=(100, 50), notifications=True) as pilot:
        await wait_until(pilot, lambda: app.screen.query("Toast"))
        await pilot.pause()
        assert_clean(screen_segments(app))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_the_gate_keeps_the_width(text: str) -> None:
    before = Segment(text)
    (after,) = ControlGate().apply([before], Color(0, 0, 0))
    assert_clean([after])
    assert after.cell_length == before.cell_length


def test_ordinary_text_passes_as_it_is() -> None:
    for text in ("plain", "日本語", "👩‍👩‍👧 e\u0301", "soft\u00adhyphen", "a\u00a0b", "\ue0b0", ""):
        assert safe(text) == text


@pytest.mark.parametrize(
    "link", ["http://x\x1b\\\x1b]52;c;QQ==", "http://x\x07", "http://x\u202e", "http://x\x9c"]
)
def test_a_link_cannot_end_its_own_sequence(link: str) -> None:
    (after,) = ControlGate().apply([Segment("text", Style(link=link))], Color(0, 0, 0))
    assert after.style is not None
    assert after.style.link is None


def test_an_honest_link_stays() -> None:
    (after,) = ControlGate().apply([Segment("text", Style(link="https://example.org/a?b=c"))], Color(0, 0, 0))
    assert after.style is not None
    assert after.style.link == "https://example.org/a?b=c"
