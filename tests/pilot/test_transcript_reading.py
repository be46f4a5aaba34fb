"""Reading in the transcript: opening, moving, keeping the place, whatever the number of messages."""

from __future__ import annotations

import pytest

from brim.core.errors import StoreError
from brim.core.types import CleanupReceipt, Failure, Message, Status, ToolCall
from brim.tui.widgets.transcript import Transcript
from brim.tui.widgets.transcript_model import PAGE
from tests.support.transcripts import (
    ListSource,
    TranscriptHost,
    conversation,
    is_idle,
    is_laid_out,
    shown,
)
from tests.support.waiting import wait_until

SIZE = (80, 24)


async def test_without_messages_it_says_what_to_do() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        await wait_until(pilot, lambda: any("press Enter" in row for row in shown(app.transcript)))


async def test_ten_thousand_messages_open_at_their_end_with_few_texts_read() -> None:
    app = TranscriptHost()
    messages = conversation(10_000)
    async with app.run_test(size=SIZE) as pilot:
        source = ListSource(messages)
        await app.transcript.show(source, len(messages), messages[-30:])
        assert source.fetched == []
        await wait_until(pilot, lambda: is_laid_out(app.transcript))
        rows = shown(app.transcript)
        assert "So it is." in [row.strip() for row in rows[-3:]]
        assert any("Answer 9999." in row for row in rows) or "value_" in "\n".join(rows)
        await wait_until(pilot, lambda: source.outlines == 1 and is_idle(app.transcript))
        assert shown(app.transcript) == rows
        assert len(source.fetched) <= PAGE
        await pilot.press("home")
        await wait_until(pilot, lambda: "Question 0" in "\n".join(shown(app.transcript)))
        await wait_until(pilot, lambda: is_idle(app.transcript))
        assert len(source.fetched) <= 3 * PAGE
        assert len(app.transcript.column.model.messages) <= 4 * PAGE


async def test_paging_up_shows_every_line_once() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        await app.open(conversation(60), tail=60)
        transcript = app.transcript
        await wait_until(pilot, lambda: is_idle(transcript))
        for _ in range(5):
            top = shown(transcript)[0]
            await pilot.press("pageup")
            await wait_until(pilot, lambda: is_idle(transcript))
            assert shown(transcript)[-1] == top
        for _ in range(5):
            bottom = shown(transcript)[-1]
            await pilot.press("pagedown")
            assert shown(transcript)[0] == bottom


async def test_measuring_and_the_outline_do_not_move_what_is_read() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        source = await app.open(conversation(2_000))
        for _ in range(6):
            await pilot.press("up")
        await wait_until(pilot, lambda: is_laid_out(app.transcript))
        rows = shown(app.transcript)
        assert not app.transcript.following
        await wait_until(pilot, lambda: source.outlines == 1 and is_idle(app.transcript))
        assert shown(app.transcript) == rows


async def test_a_message_above_that_unfolds_does_not_move_what_is_read() -> None:
    app = TranscriptHost()
    messages = conversation(40)
    messages[9] = messages[9].model_copy(update={"reasoning": "first\nsecond\nthird"})
    async with app.run_test(size=SIZE) as pilot:
        await app.open(messages, tail=40)
        transcript = app.transcript
        transcript.column.viewport.hold(transcript.column.viewport.top.__class__(11, 1))
        transcript._sync(repaint=True)
        await wait_until(pilot, lambda: is_idle(transcript))
        rows, y = shown(transcript), transcript.scroll_y
        view = transcript.column.model.view(9)
        assert view is not None
        view.toggle("reasoning")
        transcript._changed(9)
        assert shown(transcript) == rows
        assert transcript.scroll_y == y + 4


async def test_another_width_keeps_the_message_at_the_top() -> None:
    app = TranscriptHost()
    words = " ".join(f"word{number}" for number in range(400))
    messages = [
        Message(id=f"m{number}", role="assistant" if number % 2 else "user", content=f"n{number} {words}")
        for number in range(60)
    ]
    async with app.run_test(size=SIZE) as pilot:
        await app.open(messages)
        await pilot.press("pageup", "pageup", "pageup")
        await wait_until(pilot, lambda: is_idle(app.transcript))
        top_words = shown(app.transcript)[0].split()
        for size in ((50, 24), (120, 30), (80, 24)):
            width = app.transcript.column.width
            await pilot.resize_terminal(*size)
            await wait_until(pilot, lambda width=width: app.transcript.column.width != width)
            await wait_until(pilot, lambda: is_idle(app.transcript))
            first = " ".join(shown(app.transcript)[:2]).split()
            assert top_words[0] in first
        assert shown(app.transcript)[0].split() == top_words


async def test_a_place_is_found_again_after_another_session() -> None:
    app = TranscriptHost()
    messages = conversation(500)
    async with app.run_test(size=SIZE) as pilot:
        source = await app.open(messages)
        await wait_until(pilot, lambda: source.outlines == 1 and is_idle(app.transcript))
        for _ in range(12):
            await pilot.press("pageup")
        await wait_until(pilot, lambda: is_idle(app.transcript))
        rows, place = shown(app.transcript), app.transcript.place()
        await app.open(conversation(3), tail=3)
        assert app.transcript.following
        await app.transcript.show(source, 500, messages[-30:], place)
        await wait_until(pilot, lambda: shown(app.transcript) == rows, "the same rows again")


async def test_the_previous_and_the_next_message_are_marked() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        await app.open(conversation(30))
        await pilot.press("left_square_bracket")
        assert app.transcript.current == 29
        await pilot.press("ctrl+up", "left_square_bracket")
        assert app.transcript.current == 27
        marked = [row for row in shown(app.transcript) if row.startswith("▌")]
        assert any("Answer 27." in row for row in marked)
        assert not any("Question" in row for row in marked)
        await pilot.press("right_square_bracket")
        assert app.transcript.current == 28
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.transcript.current is None)


async def test_folds_open_and_close_by_key_and_by_click() -> None:
    app = TranscriptHost()
    answer = Message(
        role="assistant",
        content="Before. After.",
        reasoning="I think\ntherefore",
        tool_calls=(ToolCall(id="c1", name="clock", arguments='{"zone": 1}', result="noon", at=8),),
    )
    async with app.run_test(size=SIZE) as pilot:
        await app.open([Message(role="user", content="q"), answer], tail=2)
        folded = shown(app.transcript)
        assert any(row.strip() == "▸ Thoughts" for row in folded)
        order = [row.strip()[:7] for row in folded if row.strip()[:7] in ("Before.", "▸ clock", "After.")]
        assert order == ["Before.", "▸ clock", "After."]
        await pilot.press("space")
        rows = [row.strip() for row in shown(app.transcript)]
        assert "│ therefore" in rows
        assert "│ noon" in rows
        await pilot.press("enter")
        assert shown(app.transcript) == folded
        await pilot.click(Transcript, offset=(3, folded.index(" ▸ Thoughts")))
        assert "│ therefore" in [row.strip() for row in shown(app.transcript)]
        assert "│ noon" not in [row.strip() for row in shown(app.transcript)]


@pytest.mark.parametrize(
    ("status", "words"),
    [(Status.STOPPED, "stopped"), (Status.INTERRUPTED, "interrupted"), (Status.FAILED, "The wire broke.")],
)
async def test_an_answer_that_did_not_end_says_so_and_is_asked_again(status: Status, words: str) -> None:
    app = TranscriptHost()
    failure = Failure(kind="connection", sentence="The wire broke.", hint="Look at the plug.", retryable=True)
    answer = Message(
        id="a1",
        role="assistant",
        content="Half of",
        status=status,
        failure=failure if status is Status.FAILED else None,
    )
    async with app.run_test(size=SIZE) as pilot:
        await app.open([Message(role="user", content="q"), answer], tail=2)
        text = "\n".join(shown(app.transcript))
        assert words in text
        assert "Half of" in text
        assert ("Look at the plug." in text) == (status is Status.FAILED)
        await pilot.press("r")
        await wait_until(pilot, lambda: app.of(Transcript.MarkWanted))
        wanted = app.of(Transcript.MarkWanted)[0]
        assert (wanted.wish, wanted.message_id) == ("regenerate_message", "a1")


async def test_above_the_horizon_messages_are_dimmed_and_a_cleanup_leaves_its_record() -> None:
    app = TranscriptHost()
    messages = conversation(8)
    async with app.run_test(size=(80, 60)) as pilot:
        source = await app.open(messages, tail=8)
        before = {row.text: row for row in map(app.transcript.render_line, range(60))}
        receipt = CleanupReceipt(
            before_tokens=124_000,
            after_tokens=74_000,
            left_ids=("m0", "m1", "m2", "m3"),
            kept=4,
            pinned=0,
            reached_target=True,
        )
        for key in receipt.left_ids:
            source.messages[key] = source.messages[key].model_copy(update={"in_window": False})
        app.transcript.set_receipt("m7", receipt)
        await wait_until(pilot, lambda: "above here the model" in "\n".join(shown(app.transcript)))
        await wait_until(pilot, lambda: is_laid_out(app.transcript))
        rows = [row.strip() for row in shown(app.transcript)]
        horizon = next(at for at, row in enumerate(rows) if "above here the model no longer sees" in row)
        assert rows[horizon + 1].startswith("You")
        assert rows[horizon + 2].startswith("Question 4")
        words = "▸ ✂ ~124k → ~74.0k · 4 messages left, 4 kept, 0 pinned · free · Ctrl+Z undoes"
        record = rows.index(words)
        assert rows[record + 1].startswith("one")
        above = app.transcript.render_line(horizon - 2)
        below = app.transcript.render_line(horizon + 2)
        assert above != before[above.text]
        assert below == before[below.text]


async def test_prompts_that_wait_stand_at_the_end() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        await app.open(conversation(30))
        app.transcript.set_queue(("first one", "second\none"))
        await pilot.pause()
        rows = [row.strip() for row in shown(app.transcript)]
        assert rows[-7:-1] == ["You · queued", "first one", "", "You · queued", "second", "one"]
        app.transcript.set_queue(())
        await pilot.pause()
        assert "queued" not in "\n".join(shown(app.transcript))


async def test_a_source_that_fails_is_told_in_a_sentence() -> None:
    class Broken(ListSource):
        async def messages_by_id(self, ids: object) -> list[Message]:
            raise StoreError("The data file cannot be read.")

    app = TranscriptHost()
    messages = conversation(300)
    async with app.run_test(size=SIZE) as pilot:
        await app.transcript.show(Broken(messages), 300, messages[-30:])
        await pilot.press("home")
        await wait_until(pilot, lambda: app.of(Transcript.Troubled))
        assert app.of(Transcript.Troubled)[0].sentence == "The data file cannot be read."


@pytest.mark.parametrize("width", [20, 24, 33, 200])
async def test_every_width_from_twenty_up_shows_whole_rows(width: int) -> None:
    app = TranscriptHost()
    async with app.run_test(size=(width, 24)) as pilot:
        await app.open(conversation(40))
        await pilot.press("pageup")
        for y in range(24):
            assert app.transcript.render_line(y).cell_length == width


async def test_an_idle_transcript_has_no_timer() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        await app.open(conversation(200))
        await wait_until(pilot, lambda: is_idle(app.transcript))
        assert not app.transcript._pacer.waits
        assert not app.transcript._timers
