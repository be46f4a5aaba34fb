"""What the model sees, as a table and as a picture, on a real session."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from time import thread_time

import pytest
from textual.app import ComposeResult
from textual.pilot import Pilot

from brim.core.cleanup import CleanupMode
from brim.core.types import ContextRow, Message, now
from brim.tui.app import BrimApp
from brim.tui.context_table import ContextTable, Order, State, state_of
from brim.tui.screens.context import ContextScreen
from brim.tui.widgets.context_list import ContextList
from tests.support.filled import filled
from tests.support.hostile import HOSTILE, assert_clean
from tests.support.screen import ask, opens, screen_lines, screen_text, sees
from tests.support.themed import ThemedApp
from tests.support.waiting import wait_until


async def opened(app: BrimApp, pilot: Pilot[None]) -> ContextScreen:
    await pilot.press("f7")
    screen = await opens(app, pilot, ContextScreen)
    await wait_until(pilot, lambda: screen.rows.table.rows, "the rows")
    await pilot.pause()
    return screen


def row(number: int = 0, **fields: object) -> ContextRow:
    told: dict[str, object] = {
        "id": f"m{number}", "role": "user", "status": "complete", "created_at": now(), "opening": f"text {number}",
        "tokens": 10, "tokens_estimated": False, "in_window": True, "pinned": False, "left_out": False,
        "shortened_chars": None, "prompt_parts": None, "usage": None, "receipt": None,
    }  # fmt: skip
    return ContextRow(**(told | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_every_message_stands_there_in_order(tmp_path: Path, size: tuple[int, int]) -> None:
    async with filled(tmp_path, 5, size=size) as (app, pilot):
        screen = await opened(app, pilot)
        assert [r.opening[:11] for r in screen.rows.table.shown[::2]] == [
            f"Question {n:02}" for n in range(5)
        ]
        lines = screen_lines(app)
        assert all(len(line) <= size[0] for line in lines)
        text = "\n".join(lines)
        for word in (
            "10 of 10 messages",
            "tokens",
            "share",
            "age",
            "state",
            "in window",
            "█ history",
            "turns 1 to 5",
        ):
            assert word in text
        assert any("Question 04" in line and "%" in line and "now" in line for line in lines)
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat, "the chat")


async def test_pin_leave_out_and_bring_back(tmp_path: Path) -> None:
    async with filled(tmp_path, 5) as (app, pilot):
        screen = await opened(app, pilot)
        before = app.chat.meter.usage
        assert before is not None
        await pilot.press("home", "p")
        await wait_until(pilot, lambda: screen.rows.state is State.PINNED, "the pin")
        await sees(app, pilot, "◆ You")
        await wait_until(
            pilot, lambda: (u := app.chat.meter.usage) and u.pinned_tokens > 0, "the pinned tokens"
        )
        await pilot.press("p")
        await wait_until(pilot, lambda: screen.rows.state is State.IN_WINDOW, "the pin gone")
        await pilot.press("down", "x")
        await wait_until(pilot, lambda: screen.rows.state is State.LEFT_OUT, "left out")
        await sees(app, pilot, "9 of 10 messages")
        await wait_until(
            pilot, lambda: (u := app.chat.meter.usage) and u.used_tokens < before.used_tokens, "fewer tokens"
        )
        assert app.chat.transcript.column.model.is_dimmed(1)
        assert app.chat.transcript.column.model.horizon == 0
        await pilot.press("b")
        await wait_until(pilot, lambda: screen.rows.state is State.IN_WINDOW, "brought back")
        await wait_until(pilot, lambda: not app.chat.transcript.column.model.is_dimmed(1), "no dimming")


async def test_largest_first_and_back(tmp_path: Path) -> None:
    async with filled(tmp_path, 5) as (app, pilot):
        screen = await opened(app, pilot)
        await pilot.press("s")
        await sees(app, pilot, "largest first")
        sizes = [r.tokens or 0 for r in screen.rows.table.shown]
        assert sizes == sorted(sizes, reverse=True)
        assert screen.rows.line == 0
        await pilot.press("s")
        await wait_until(pilot, lambda: screen.rows.table.shown == screen.rows.table.rows, "the talk's order")


async def test_enter_goes_to_the_message(tmp_path: Path) -> None:
    async with filled(tmp_path, 12, size=(100, 24)) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("home", "enter")
        await wait_until(pilot, lambda: app.screen is app.chat, "the chat")
        await sees(app, pilot, "Question 00")
        assert app.chat.transcript.current == 0


async def test_a_cleanup_is_a_drop_and_left_messages_say_so(tmp_path: Path) -> None:
    async with filled(tmp_path, 22, mode=CleanupMode.AUTO) as (app, pilot):
        screen = await opened(app, pilot)
        await sees(app, pilot, "✂ cleanup")
        assert "✂" in screen_text(app).split("█ history")[0]
        await pilot.press("home")
        await wait_until(pilot, lambda: screen.rows.state is State.LEFT, "the first row")
        await sees(app, pilot, "○ You")
        columns = screen.chart._columns
        assert any(after.total_tokens < before.total_tokens for before, after in pairwise(columns))
        seen = screen.rows.table.seen
        await pilot.press("u")
        await wait_until(pilot, lambda: screen.rows.table.seen > seen, "messages to come back")


async def test_the_table_follows_a_turn(tmp_path: Path) -> None:
    async with filled(tmp_path, 2) as (app, pilot):
        screen = await opened(app, pilot)
        assert app.chat.controller is not None
        await app.chat.controller.send("One more?")
        await wait_until(pilot, lambda: len(screen.rows.table.rows) == 6, "the new messages")
        await wait_until(pilot, lambda: "turns 1 to 3" in screen_text(app), "the new column")


async def test_an_empty_session_has_no_window_yet(tmp_path: Path) -> None:
    async with filled(tmp_path, 1) as (app, pilot):
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: app.chat.controller and app.chat.controller.session is None, "empty")
        await ask(app, pilot, "/context")
        await sees(app, pilot, "still empty")
        assert app.screen is app.chat


async def test_meter_and_screen_show_one_number_whoever_answers(tmp_path: Path) -> None:
    async with filled(tmp_path, 5) as (app, pilot):
        assert app.manager is not None
        assert app.chat.controller is not None
        await wait_until(
            pilot, lambda: (u := app.chat.meter.usage) and u.window_tokens == 2_000, "the window"
        )
        await app.manager.tuning.set_model(app.chat.controller.shown_session().id, "openai:gpt-4o")
        await wait_until(
            pilot, lambda: app.chat.controller and app.chat.controller.model == "openai:gpt-4o", "it"
        )
        await wait_until(pilot, lambda: (u := app.chat.meter.usage) and u.window_tokens == 2_000, "its word")
        screen = await opened(app, pilot)
        await wait_until(pilot, lambda: screen._usage == app.chat.meter.usage, "one number")


def test_states() -> None:
    assert state_of(row()) is State.IN_WINDOW
    assert state_of(row(pinned=True)) is State.PINNED
    assert state_of(row(shortened_chars=5)) is State.SHORTENED
    assert state_of(row(in_window=False)) is State.LEFT
    assert state_of(row(in_window=False, left_out=True)) is State.LEFT_OUT


def test_a_changed_message_keeps_its_place() -> None:
    table = ContextTable([row(n, tokens=n) for n in range(4)], Order.SIZE)
    assert table.put(Message(role="user", id="m1", tokens=1, in_window=False))
    assert [r.id for r in table.shown] == ["m3", "m2", "m1", "m0"]
    assert state_of(table.shown[2]) is State.LEFT
    assert table.seen == 3
    assert not table.put(Message(role="user", id="other"))


class Host(ThemedApp):
    """The list alone."""

    def __init__(self, rows: Sequence[ContextRow]) -> None:
        super().__init__()
        self._rows = rows

    def compose(self) -> ComposeResult:
        yield ContextList()

    def on_mount(self) -> None:
        self.query_one(ContextList).show(ContextTable(self._rows), 200_000)


async def test_ten_thousand_rows_cost_what_is_seen_of_them() -> None:
    app = Host([row(n, tokens=n % 997) for n in range(10_000)])
    async with app.run_test(size=(120, 40)) as pilot:
        shown = app.query_one(ContextList)
        shown.focus()
        await pilot.press("home", "end", "pageup", "down")
        await pilot.pause()
        assert shown.line == 10_000 - 1 - (shown.size.height - 1) + 1
        begun = thread_time()
        for y in range(shown.size.height):
            shown.render_line(y)
        assert thread_time() - begun < 0.25
        begun = thread_time()
        shown.sort(Order.SIZE)
        assert thread_time() - begun < 0.5
        assert not shown.children


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
async def test_openings_are_shown_not_obeyed(text: str) -> None:
    app = Host([row(0, opening=text[:120])])
    async with app.run_test(size=(100, 10)) as pilot:
        await pilot.pause()
        shown = app.query_one(ContextList)
        line = shown.render_line(0)
        assert_clean(line)
        assert line.cell_length == shown.scrollable_content_region.width
