"""The composer sends what was typed, recalls, completes, and keeps every draft."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual import events, on
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from brim.tui.pasted import LONGEST_CHARS
from brim.tui.widgets.composer import Composer
from brim.tui.widgets.slash_list import SlashList
from tests.support.waiting import wait_until


class ComposerHost(App[None]):
    CSS = "Composer { height: auto; max-height: 33vh; }"

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.queue_asks = 0
        self.taken: list[str] = []

    def compose(self) -> ComposeResult:
        commands = SlashList()
        yield commands
        yield Composer(id="composer", commands=commands)

    @on(Composer.Submitted)
    def _asked(self, event: Composer.Submitted) -> None:
        self.asked.append(event.text)

    @on(Composer.QueueWanted)
    def _queue(self) -> None:
        self.queue_asks += 1

    @on(SlashList.Taken)
    def _taken(self, event: SlashList.Taken) -> None:
        self.taken.append(event.slash)

    @property
    def composer(self) -> Composer:
        return self.query_one(Composer)

    @property
    def commands(self) -> SlashList:
        return self.query_one(SlashList)


@asynccontextmanager
async def host(width: int = 80, height: int = 24) -> AsyncIterator[tuple[ComposerHost, Pilot[None]]]:
    app = ComposerHost()
    async with app.run_test(size=(width, height)) as pilot:
        app.composer.focus()
        await pilot.pause()
        yield app, pilot


@pytest.mark.parametrize(
    "text", ["hello", "[/foo]", "日本語 👩‍👩‍👧", "  spaces kept  ", "a\tb", "שלום\u202e!"]
)
async def test_enter_submits_exactly_what_was_typed(text: str) -> None:
    async with host() as (app, pilot):
        app.composer.insert(text)
        await pilot.press("enter")
        assert app.asked == [text]
        assert app.composer.text == ""


@pytest.mark.parametrize("key", ["ctrl+j", "shift+enter", "alt+enter"])
async def test_newline_keys_break_the_line_and_send_nothing(key: str) -> None:
    async with host() as (app, pilot):
        await pilot.press("a", key, "b")
        assert app.composer.text == "a\nb"
        assert app.asked == []
        await pilot.press("enter")
        assert app.asked == ["a\nb"]


def press_at_once(app: ComposerHost, *keys: str) -> None:
    """Press keys faster than the app can handle them one by one."""
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))


async def test_keys_keep_their_order_however_fast_they_come() -> None:
    async with host() as (app, pilot):
        press_at_once(app, *"hellp", "backspace", "o", "enter", *"next", "ctrl+j", "x", "left", "y", "enter")
        await wait_until(pilot, lambda: len(app.asked) == 2)
        assert app.asked == ["hello", "next\nyx"]


@pytest.mark.parametrize("slash", ["/rename", "/export", "/quit"])
async def test_a_command_typed_fast_is_the_one_that_is_sent(slash: str) -> None:
    async with host() as (app, pilot):
        await pilot.press("slash")
        await wait_until(pilot, lambda: app.commands.chosen is not None)
        press_at_once(app, *slash[1:], "enter")
        await wait_until(pilot, lambda: bool(app.asked))
        assert app.asked == [slash]


async def test_waiting_for_what_was_pressed() -> None:
    async with host() as (app, pilot):
        press_at_once(app, *"hello")
        await pilot.pause()
        await app.composer.written()
        assert app.composer.text == "hello"


async def test_nothing_is_sent_where_nothing_stands() -> None:
    async with host() as (app, pilot):
        await pilot.press("enter", "space", "ctrl+j", "enter")
        assert app.asked == []
        assert app.composer.text == " \n"


async def test_it_grows_to_a_third_of_the_screen() -> None:
    async with host(height=30) as (app, pilot):
        heights = []
        for _ in range(20):
            heights.append(app.composer.size.height)
            await pilot.press("ctrl+j")
        await wait_until(pilot, lambda: app.composer.size.height == 30 * 33 // 100)
        assert heights[0] == 1
        assert heights == sorted(heights)
        assert app.composer.max_scroll_y > 0


async def test_up_recalls_and_down_comes_back_to_the_draft() -> None:
    async with host() as (app, pilot):
        app.composer.fill_recall(["second", "first"])
        await pilot.press(*"dra")
        await pilot.press("up")
        assert app.composer.text == "second"
        await pilot.press("up")
        assert app.composer.text == "first"
        await pilot.press("up")
        assert app.composer.text == "first"
        await pilot.press("down")
        assert app.composer.text == "second"
        await pilot.press("down")
        assert app.composer.text == "dra"
        await pilot.press("down")
        assert app.composer.text == "dra"


async def test_up_inside_a_text_moves_the_cursor() -> None:
    async with host() as (app, pilot):
        app.composer.fill_recall(["earlier"])
        app.composer.insert("one\ntwo")
        await pilot.press("up")
        assert app.composer.text == "one\ntwo"
        assert app.composer.cursor_location[0] == 0
        await pilot.press("up")
        assert app.composer.text == "earlier"


async def test_up_in_a_wrapped_line_moves_the_cursor_first() -> None:
    async with host(width=20) as (app, pilot):
        app.composer.fill_recall(["earlier"])
        app.composer.insert("word " * 12)
        await pilot.press("up")
        assert app.composer.text == "word " * 12


async def test_sending_a_recalled_prompt_gives_the_draft_back() -> None:
    async with host() as (app, pilot):
        app.composer.fill_recall(["earlier"])
        await pilot.press(*"draft")
        await pilot.press("up", "enter")
        assert app.asked == ["earlier"]
        assert app.composer.text == "draft"


async def test_an_edited_prompt_is_found_again_on_the_way_back() -> None:
    async with host() as (app, pilot):
        app.composer.fill_recall(["second", "first"])
        await pilot.press("up", "end", "!", "up", "down")
        assert app.composer.text == "second!"


async def test_what_was_sent_is_the_first_to_be_recalled() -> None:
    async with host() as (app, pilot):
        app.composer.fill_recall(["old"])
        await pilot.press(*"new", "enter", "up")
        assert app.composer.text == "new"


async def test_up_in_an_empty_composer_takes_the_queue() -> None:
    async with host() as (app, pilot):
        app.composer.fill_recall(["old"])
        app.composer.queue_waits = True
        await pilot.press("up")
        assert app.queue_asks == 1
        assert app.composer.text == ""
        app.composer.put_back("queued")
        assert app.composer.text == "queued"


async def test_what_comes_back_stands_before_what_was_typed_since() -> None:
    async with host() as (app, pilot):
        await pilot.press(*"since")
        app.composer.put_back("failed prompt")
        assert app.composer.draft == "failed prompt\n\nsince"


async def test_commands_are_offered_while_their_name_is_typed() -> None:
    async with host() as (app, pilot):
        await pilot.press(*"/re")
        assert app.commands.display
        assert app.commands.chosen is not None
        assert app.commands.chosen.slash == "rename"
        await pilot.press("down")
        assert app.commands.chosen.slash == "retry"
        await pilot.press("up", "tab")
        assert app.composer.text == "/rename "
        assert not app.commands.display
        assert app.asked == []


async def test_enter_takes_the_command_and_sends_it_where_it_is_whole() -> None:
    async with host() as (app, pilot):
        await pilot.press(*"/ret", "enter")
        assert app.asked == ["/retry"]
        assert app.composer.text == ""
        await pilot.press(*"/mod", "enter")
        assert app.composer.text == "/model "
        await pilot.press("enter")
        assert app.asked == ["/retry", "/model "]


async def test_escape_closes_the_list_and_keeps_the_text() -> None:
    async with host() as (app, pilot):
        await pilot.press(*"/re", "escape")
        assert not app.commands.display
        assert app.composer.text == "/re"


async def test_commands_are_taken_by_the_mouse() -> None:
    async with host() as (app, pilot):
        await pilot.press(*"/re")
        await wait_until(pilot, lambda: app.commands.region.height > 1)
        await pilot.click(SlashList, offset=(3, 1))
        await wait_until(pilot, lambda: app.taken)
        assert app.taken == ["retry"]


@pytest.mark.parametrize(
    ("pasted", "kept"),
    [
        ("plain", "plain"),
        ("two\r\nlines\rthree", "two\nlines\nthree"),
        ("\x1b]52;c;QQ==\x1b\\x\x00\x07\x9b31m\x7f", "]52;c;QQ==\\x31m"),
        ("tab\tstays", "tab\tstays"),
    ],
)
async def test_pastes_lose_their_control_characters_and_nothing_else(pasted: str, kept: str) -> None:
    async with host() as (app, pilot):
        app.composer.post_message(events.Paste(pasted))
        await wait_until(pilot, lambda: app.composer.text)
        await pilot.press("enter")
        assert app.asked == [kept]


@pytest.mark.parametrize("text", ["word " * 200_000, ("x" * 79 + "\n") * 12_500], ids=["one line", "lines"])
async def test_a_long_paste_is_kept_aside_and_sent_whole(text: str) -> None:
    async with host() as (app, pilot):
        await pilot.press(*"see ")
        app.composer.post_message(events.Paste(text))
        await wait_until(pilot, lambda: "paste 1" in app.composer.text)
        assert len(app.composer.text) < 100
        assert app.composer.draft == f"see {text}"
        await pilot.press("!", "enter")
        assert app.asked == [f"see {text}!"]


async def test_a_long_draft_comes_back_as_a_mark_and_whole() -> None:
    text = "y" * (LONGEST_CHARS + 1)
    async with host() as (app, pilot):
        app.composer.restore(text)
        await pilot.pause()
        assert len(app.composer.text) < 100
        assert app.composer.draft == text


async def test_of_a_long_draft_that_comes_back_both_ends_can_be_read() -> None:
    text = f"Sum this up: {'long words ' * 1_000} in one sentence"
    async with host() as (app, pilot):
        app.composer.restore(text)
        await pilot.pause()
        assert app.composer.text.startswith("Sum this up: ")
        assert app.composer.text.endswith(" in one sentence")
        assert len(app.composer.text) < 500
        assert app.composer.draft == text


@pytest.mark.parametrize("key", ["backspace", "delete"])
async def test_the_mark_of_a_paste_is_deleted_as_one(key: str) -> None:
    text = "word " * 2_000
    async with host() as (app, pilot):
        await pilot.press(*"see ")
        app.composer.post_message(events.Paste(text))
        await wait_until(pilot, lambda: "paste 1" in app.composer.text)
        end = app.composer.cursor_location
        app.composer.insert(" now")
        app.composer.move_cursor(end if key == "backspace" else (0, 4))
        await pilot.press(key)
        assert app.composer.text == "see  now"
        app.composer.undo()
        assert app.composer.draft == f"see {text} now"


async def test_an_invented_mark_is_only_text() -> None:
    async with host() as (app, pilot):
        app.composer.insert("⟦paste 7 · 10 characters⟧")
        await pilot.press("enter")
        assert app.asked == ["⟦paste 7 · 10 characters⟧"]
