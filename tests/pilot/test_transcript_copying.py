"""Selecting, copying and finding across messages."""

from __future__ import annotations

from typing import ClassVar

import pytest
from textual import events
from textual.binding import BindingType
from textual.pilot import Pilot

from brim.core.errors import StoreError
from brim.core.types import Message, OutlineRow
from brim.tui.widgets.transcript import Transcript
from tests.support.transcripts import ListSource, TranscriptHost, conversation, shown
from tests.support.waiting import wait_until

SIZE = (60, 40)
ANSWER = "It is **bold** and `code`.\n\n- one\n- two\n\n```python\nx = 1\ny = 2\n```\n\nSee [here](https://example.org/a)."


def session() -> list[Message]:
    return [
        Message(id="u", role="user", content="First line\n  indented *stars*"),
        Message(id="a", role="assistant", content=ANSWER),
        Message(id="v", role="user", content="Thanks 日本語 all"),
    ]


async def drag(pilot: Pilot[None], start: tuple[int, int], end: tuple[int, int]) -> None:
    await pilot.mouse_down(Transcript, offset=start)
    await pilot.hover(Transcript, offset=end)
    await pilot.mouse_up(Transcript, offset=end)
    await pilot.pause()


async def copied(app: TranscriptHost, pilot: Pilot[None], *keys: str) -> str:
    before = len(app.of(Transcript.Copied))
    await pilot.press(*keys)
    await wait_until(pilot, lambda: len(app.of(Transcript.Copied)) > before, "something copied")
    message = app.of(Transcript.Copied)[-1]
    assert app._clipboard == message.text
    return str(message.text)


def row_of(app: TranscriptHost, text: str) -> int:
    return next(at for at, row in enumerate(shown(app.transcript)) if text in row)


async def test_within_a_line_the_characters_are_copied() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        await app.open(session(), tail=3)
        row = row_of(app, "It is bold")
        await drag(pilot, (1 + 6, row), (1 + 10, row))
        assert await copied(app, pilot, "ctrl+c") == "bold"
        row = row_of(app, "Thanks")
        await drag(pilot, (1 + 8, row), (1 + 11, row))
        assert await copied(app, pilot, "ctrl+c") == "日本"


async def test_over_whole_lines_the_markdown_is_copied() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        await app.open(session(), tail=3)
        await drag(pilot, (1, row_of(app, "It is bold")), (50, row_of(app, "two")))
        assert await copied(app, pilot, "ctrl+c") == "It is **bold** and `code`.\n\n- one\n- two"
        await drag(pilot, (1, row_of(app, "x = 1")), (58, row_of(app, "y = 2")))
        assert await copied(app, pilot, "ctrl+c") == "x = 1\ny = 2"


async def test_across_messages_the_markdown_of_all_is_copied() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        await app.open(session(), tail=3)
        first, last = row_of(app, "First line"), row_of(app, "Thanks")
        await drag(pilot, (1, first), (55, last))
        wanted = "\n\n".join(message.content for message in session())
        assert await copied(app, pilot, "ctrl+c") == wanted
        await drag(pilot, (55, last), (1, first))
        assert await copied(app, pilot, "ctrl+c") == wanted


async def test_a_selection_survives_text_that_comes_and_another_width() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        await app.open(session(), tail=3)
        await drag(pilot, (1, row_of(app, "It is bold")), (50, row_of(app, "two")))
        text = await copied(app, pilot, "ctrl+c")
        prompt = Message(id="p", role="user", content="And?")
        app.transcript.begin(prompt, Message(id="b", role="assistant", status="streaming"))
        app.transcript.add_text("b", "more " * 50)
        await pilot.pause()
        assert await copied(app, pilot, "ctrl+c") == text
        await pilot.resize_terminal(44, 40)
        await pilot.pause()
        assert await copied(app, pilot, "ctrl+c") == text
        await pilot.press("escape")
        assert not app.transcript.has_selection


async def test_what_is_selected_is_painted_differently() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        await app.open(session(), tail=3)
        row = row_of(app, "Thanks")
        before = app.transcript.render_line(row)
        await drag(pilot, (1, row), (7, row))
        after = app.transcript.render_line(row)
        assert after.text == before.text
        assert after.crop(1, 7) != before.crop(1, 7)
        assert list(after.crop(7, 60)) == list(before.crop(7, 60))


async def test_dragging_past_the_edge_selects_what_is_far_and_fetches_it() -> None:
    app = TranscriptHost()
    messages = conversation(200)
    async with app.run_test(size=(60, 20)) as pilot:
        await app.open(messages)
        transcript = app.transcript
        await pilot.mouse_down(Transcript, offset=(50, 19))
        top = transcript.column.viewport.top
        transcript.on_mouse_move(
            events.MouseMove(
                transcript, 1, -8, 0, 0, 1, shift=False, meta=False, ctrl=False, screen_x=1, screen_y=0
            )
        )
        await wait_until(pilot, lambda: transcript.column.viewport.top.entry < top.entry - 12)
        await pilot.mouse_up(Transcript, offset=(1, 0))
        assert transcript._edge_timer is None
        text = await copied(app, pilot, "ctrl+c")
        first = transcript.selector.selection.first.entry
        wanted = "\n\n".join(message.content for message in messages[first + 1 :])
        assert text.endswith(wanted)


async def test_two_clicks_take_a_word_and_three_a_paragraph() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        await app.open(session(), tail=3)
        await pilot.click(Transcript, offset=(1 + 16, row_of(app, "It is bold")), times=2)
        assert await copied(app, pilot, "ctrl+c") == "code"
        await pilot.click(Transcript, offset=(3, row_of(app, "First line")), times=3)
        assert await copied(app, pilot, "ctrl+c") == session()[0].content


async def test_a_message_and_its_code_are_copied_by_key() -> None:
    app = TranscriptHost()
    both = ANSWER + "\n\n```sh\nls\n```"
    async with app.run_test(size=SIZE) as pilot:
        await app.open([session()[0], Message(id="a", role="assistant", content=both)], tail=2)
        assert await copied(app, pilot, "y") == both
        first, second = await copied(app, pilot, "c"), await copied(app, pilot, "c")
        assert {first, second} == {"x = 1\ny = 2", "ls"}
        assert await copied(app, pilot, "c") == first
        await pilot.press("left_square_bracket", "left_square_bracket")
        assert await copied(app, pilot, "y") == session()[0].content


class BoundHost(TranscriptHost):
    """The host with a meaning of its own for the copy key and for escape."""

    BINDINGS: ClassVar[list[BindingType]] = [("ctrl+c,escape", "other", "Other")]
    others = 0

    def action_other(self) -> None:
        self.others += 1


async def test_without_a_selection_the_keys_are_left_to_the_app() -> None:
    app = BoundHost()
    async with app.run_test(size=SIZE) as pilot:
        await app.open(session(), tail=3)
        assert not app.transcript.copy_selection()
        await pilot.press("ctrl+c", "escape")
        assert app.others == 2
        row = row_of(app, "Thanks")
        await drag(pilot, (1, row), (7, row))
        assert await copied(app, pilot, "ctrl+c") == "Thanks"
        await pilot.press("escape")
        assert app.others == 2


async def test_a_click_on_a_link_names_its_target() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        await app.open(session(), tail=3)
        row = row_of(app, "See here")
        await pilot.click(Transcript, offset=(1 + 1, row))
        await pilot.click(Transcript, offset=(1 + 5, row))
        await wait_until(pilot, lambda: app.of(Transcript.LinkClicked))
        assert [message.href for message in app.of(Transcript.LinkClicked)] == ["https://example.org/a"]


async def test_find_counts_all_messages_and_goes_round() -> None:
    app = TranscriptHost()
    messages = conversation(600)
    for number in (3, 250, 590):
        messages[number] = messages[number].model_copy(
            update={"content": messages[number].content + "\n\nThe Needle is here."}
        )
    async with app.run_test(size=SIZE) as pilot:
        source = await app.open(messages)
        app.transcript.find("needle")
        await wait_until(
            pilot, lambda: any(not m.searching for m in app.of(Transcript.FindChanged)), "the search to end"
        )
        last = app.of(Transcript.FindChanged)[-1]
        assert (last.needle, last.current, last.total) == ("needle", 3, 3)
        assert len(set(source.fetched)) <= 600
        await wait_until(pilot, lambda: any("The Needle is here." in row for row in shown(app.transcript)))
        for expected in (2, 1, 3):
            app.transcript.find_previous()
            await wait_until(
                pilot,
                lambda number=expected: (
                    app.transcript.finder.number == number
                    and any("The Needle is here." in row for row in shown(app.transcript))
                ),
            )
        app.transcript.find_next()
        assert app.transcript.finder.number == 1
        plain = app.transcript.render_line(0)
        assert app.transcript.clear_find()
        assert app.transcript.finder is None
        assert plain.cell_length == 60


@pytest.mark.parametrize("needle", ["[/foo]", "(", "\\", "nowhere at all"])
async def test_find_takes_the_text_as_it_is(needle: str) -> None:
    app = TranscriptHost()
    messages = [*session(), Message(id="w", role="user", content="a [/foo] ( \\ b")]
    async with app.run_test(size=SIZE) as pilot:
        await app.open(messages, tail=4)
        app.transcript.find(needle)
        await wait_until(pilot, lambda: any(not m.searching for m in app.of(Transcript.FindChanged)))
        found = app.of(Transcript.FindChanged)[-1].total
        assert found == sum(message.content.count(needle) for message in messages)


async def test_hits_are_painted_and_the_current_one_apart() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        await app.open([Message(id="w", role="user", content="one two one\nthree")], tail=1)
        row = row_of(app, "one two one")
        app.transcript.find("ONE")
        await wait_until(pilot, lambda: any(not m.searching for m in app.of(Transcript.FindChanged)))
        strip = app.transcript.render_line(row)
        styles = [next(iter(strip.crop(cell, cell + 1))).style for cell in (1, 5, 9)]
        assert styles[0] != styles[1] != styles[2] != styles[0]


async def test_a_search_ends_where_the_messages_cannot_be_read() -> None:
    class Broken(ListSource):
        async def outline(self) -> list[OutlineRow]:
            raise StoreError("The data file cannot be read.")

    app = TranscriptHost()
    messages = conversation(300)
    async with app.run_test(size=SIZE) as pilot:
        await app.transcript.show(Broken(messages), 300, messages[-30:])
        app.transcript.find("Question 29")
        await wait_until(pilot, lambda: any(not m.searching for m in app.of(Transcript.FindChanged)))
        assert app.of(Transcript.FindChanged)[-1].total == 5
        assert app.of(Transcript.Troubled)
