"""An answer that grows: followed at the end, left alone elsewhere, and whole when it is done."""

from __future__ import annotations

import pytest
from textual import events
from textual.app import ComposeResult
from textual.geometry import Region

from brim.core.types import Failure, Message, Status, ToolCall
from brim.tui.widgets.transcript import Transcript
from tests.support.transcripts import TranscriptHost, conversation, is_idle, is_laid_out, shown
from tests.support.waiting import wait_until

SIZE = (80, 24)
MARKDOWN = (
    "# Title\n\nSome *text* with `code` and [a link](https://example.org).\n\n"
    "- one\n- two\n  - deeper\n\n```python\ndef f(x):\n    return x\n```\n\n"
    "| a | b |\n|---|---|\n| 日本 | 2 |\n\n1. first\n\n2. second\n\nThe end 👩‍👩‍👧.\r\nReally."
)


class Watched(Transcript):
    """A transcript that keeps which regions it was asked to paint."""

    painted: list[Region]

    def refresh(self, *regions: Region, **options: bool) -> Watched:
        self.__dict__.setdefault("painted", []).extend(regions)
        return super().refresh(*regions, **options)


class WatchedHost(TranscriptHost):
    """The host with a watched transcript."""

    def compose(self) -> ComposeResult:
        yield Watched()


def turn(transcript: Transcript, number: int = 0) -> str:
    """Begin a turn; returns the answer's id."""
    prompt = Message(id=f"p{number}", role="user", content="Tell me")
    answer = Message(id=f"a{number}", role="assistant", status=Status.STREAMING, model="scripted:one")
    transcript.begin(prompt, answer)
    return answer.id


def finished(message_id: str, text: str, **fields: object) -> Message:
    """Return an answer at its end."""
    answer = Message(id=message_id, role="assistant", content=text, model="scripted:one")
    return answer.model_copy(update=fields)


async def test_a_new_session_shows_prompt_and_answer() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        answer_id = turn(app.transcript)
        app.transcript.add_text(answer_id, "Hel")
        app.transcript.add_text(answer_id, "lo")
        await wait_until(pilot, lambda: "Hello" in "\n".join(shown(app.transcript)))
        await wait_until(pilot, lambda: is_laid_out(app.transcript))
        assert shown(app.transcript)[1:2] == [" Tell me"]


@pytest.mark.parametrize("size", [1, 3, 7, 50])
async def test_a_streamed_answer_ends_as_the_same_lines_as_a_whole_one(size: int) -> None:
    app, other = TranscriptHost(), TranscriptHost()
    whole = finished("a0", MARKDOWN)
    async with app.run_test(size=(60, 70)) as pilot:
        answer_id = turn(app.transcript)
        for start in range(0, len(MARKDOWN), size):
            app.transcript.add_text(answer_id, MARKDOWN[start : start + size])
            if start % 5 == 0:
                await pilot.pause()
                app.transcript._draw()
        app.transcript.settle(whole)
        streamed = [app.transcript.render_line(y) for y in range(70)]
        async with other.run_test(size=(60, 70)):
            await other.open([Message(id="p0", role="user", content="Tell me"), whole], tail=2)
            opened = [other.transcript.render_line(y) for y in range(70)]
    assert [strip.text for strip in streamed][3:] == [strip.text for strip in opened][3:]
    assert streamed[3:] == opened[3:]


async def test_the_end_is_followed_until_the_reader_scrolls_up_and_again_after_end() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        await app.open(conversation(40))
        transcript = app.transcript
        answer_id = turn(transcript)
        transcript.add_text(answer_id, "line\n\n" * 30 + "reached")
        await wait_until(pilot, lambda: shown(transcript)[-2:] == [" reached", ""])
        await pilot.press("pageup")
        assert not transcript.following
        await wait_until(pilot, lambda: is_laid_out(transcript))
        rows, total = shown(transcript), transcript.virtual_size.height
        transcript.add_text(answer_id, "\n\nmore" * 300)
        await wait_until(pilot, lambda: transcript.virtual_size.height > total + 100)
        assert shown(transcript) == rows
        await pilot.press("end")
        assert transcript.following
        transcript.add_text(answer_id, "\n\nlast words")
        await wait_until(pilot, lambda: shown(transcript)[-2] == " last words")


async def test_the_wheel_stops_following_and_takes_it_up_again() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        await app.open(conversation(40))
        await pilot._post_mouse_events([events.MouseScrollUp], Transcript, (5, 5))
        await wait_until(pilot, lambda: not app.transcript.following)
        await pilot._post_mouse_events([events.MouseScrollDown], Transcript, (5, 5))
        await wait_until(pilot, lambda: app.transcript.following)


async def test_only_lines_that_changed_are_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brim.tui.widgets.transcript.MOVE_BUDGET_S", 10.0)
    app = WatchedHost()
    async with app.run_test(size=(80, 40)) as pilot:
        transcript = app.query_one(Watched)
        answer_id = turn(transcript)
        transcript.add_text(answer_id, "One.\n\nTwo.\n\nThree")
        await wait_until(pilot, lambda: " Three" in shown(transcript))
        await wait_until(pilot, lambda: is_idle(transcript))
        row = shown(transcript).index(" Three")
        transcript.painted.clear()
        transcript.add_text(answer_id, " is more")
        await wait_until(pilot, lambda: " Three is more" in shown(transcript))
        await wait_until(pilot, lambda: transcript.painted)
        assert min(region.y for region in transcript.painted) == row


async def test_many_small_additions_are_few_paints() -> None:
    app = WatchedHost()
    async with app.run_test(size=SIZE) as pilot:
        transcript = app.query_one(Watched)
        answer_id = turn(transcript)
        await pilot.pause()
        transcript.painted.clear()
        for number in range(2_000):
            transcript.add_text(answer_id, f"word{number} ")
        await wait_until(pilot, lambda: "word1999" in "\n".join(shown(transcript)))
        assert len(transcript.painted) < 20


async def test_reasoning_waiting_and_tools_of_a_running_answer() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        transcript = app.transcript
        answer_id = turn(transcript)
        transcript.set_waiting(answer_id, "loading smollm2")
        await wait_until(pilot, lambda: " ◌ loading smollm2 …" in shown(transcript))
        transcript.set_waiting(answer_id, "")
        transcript.add_reasoning(answer_id, "hmm, well")
        await wait_until(pilot, lambda: " ▸ Thinking … 9 characters" in shown(transcript))
        transcript.add_text(answer_id, "Let me look.")
        transcript.set_tool_call(answer_id, ToolCall(id="c", name="clock", at=12))
        await wait_until(pilot, lambda: "running" in "\n".join(shown(transcript)))
        call = ToolCall(id="c", name="clock", result="noon", at=12)
        transcript.set_tool_call(answer_id, call)
        transcript.add_text(answer_id, "It is noon.")
        await wait_until(pilot, lambda: " It is noon." in shown(transcript))
        rows = [row.strip() for row in shown(transcript) if row.strip()]
        done = finished(
            answer_id,
            "Let me look.It is noon.",
            reasoning="hmm, well",
            tool_calls=(call,),
            first_token_s=3.2,
        )
        transcript.settle(done)
        settled = [row.strip() for row in shown(transcript) if row.strip()]
        assert settled[3] == "▸ Thought for 3 s"
        assert settled[4:] == rows[4:]
        assert [row.split()[0] for row in settled[4:]] == ["Let", "▸", "It"]


async def test_a_failure_stands_below_the_text_that_came() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        answer_id = turn(app.transcript)
        app.transcript.add_text(answer_id, "Half an ans")
        failure = Failure(kind="connection", sentence="[/foo] The wire \x1b[31mbroke.", retryable=True)
        app.transcript.settle(finished(answer_id, "Half an ans", status=Status.FAILED, failure=failure))
        rows = [row.strip() for row in shown(app.transcript)]
        at = rows.index("Half an ans")
        assert rows[at + 1 : at + 3] == ["✗ [/foo] The wire ␛[31mbroke.", "r retry"]
        await pilot.pause()
        assert not app.transcript._pacer.waits


async def test_a_retry_replaces_the_answer() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        messages = conversation(30)
        await app.open(messages)
        again = Message(id="again", role="assistant", status=Status.STREAMING)
        app.transcript.begin(messages[28], again)
        app.transcript.add_text("again", "Another answer")
        await wait_until(pilot, lambda: " Another answer" in shown(app.transcript))
        assert app.transcript.message_count == 30
        assert "Answer 29." not in "\n".join(shown(app.transcript))


async def test_a_turn_that_begins_before_the_outline_is_read_stays_at_the_end() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        source = await app.open(conversation(3_000))
        answer_id = turn(app.transcript)
        app.transcript.add_text(answer_id, "Here I am")
        await wait_until(pilot, lambda: source.outlines == 1 and app.transcript.column.model.has_outline)
        app.transcript.add_text(answer_id, ", still.")
        await wait_until(pilot, lambda: " Here I am, still." in shown(app.transcript))
        assert app.transcript.message_count == 3_002


async def test_text_for_an_answer_that_is_not_shown_is_left_alone() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE):
        await app.open(conversation(10), tail=10)
        rows = shown(app.transcript)
        app.transcript.add_text("stranger", "x")
        app.transcript.settle(finished("stranger", "x"))
        assert shown(app.transcript) == rows


HOSTILE = (
    "\x1b]52;c;QUFB\x07 \x1b[2J \x9b31m \x00 \x7f \u202edesrever\u202c [/foo] [bold]x[/bold] "
    "`\x1b[1m` \x1bP1$r\x1b\\ \x1b]8;;https://evil.example\x1b\\here\x1b]8;;\x1b\\ \r rest"
)


async def test_hostile_text_is_painted_without_a_control_character() -> None:
    app = TranscriptHost()
    call = ToolCall(id=HOSTILE, name=HOSTILE, arguments=HOSTILE, result=HOSTILE)
    failure = Failure(kind=HOSTILE, sentence=HOSTILE, hint=HOSTILE)
    answer = Message(
        role="assistant",
        content=f"# {HOSTILE}\n\n{HOSTILE}\n\n```{HOSTILE}\n{HOSTILE}\n```\n\n[{HOSTILE}](http://x/{HOSTILE})",
        reasoning=HOSTILE,
        tool_calls=(call,),
        model=HOSTILE,
        status=Status.FAILED,
        failure=failure,
    )
    async with app.run_test(size=(70, 90)) as pilot:
        await app.open([Message(role="user", content=HOSTILE), answer], tail=2)
        await pilot.press("space")
        app.transcript.set_queue((HOSTILE,))
        await pilot.pause()
        text = ""
        for y in range(90):
            for segment in app.transcript.render_line(y):
                assert segment.text.isprintable()
                assert not segment.control
                assert segment.style is None or segment.style.link is None
                text += segment.text
        assert text.count("[bold]x[/bold]") >= 4


async def test_a_line_of_a_hundred_thousand_characters_is_cut_into_rows() -> None:
    app = TranscriptHost()
    async with app.run_test(size=SIZE) as pilot:
        answer_id = turn(app.transcript)
        app.transcript.add_text(answer_id, "x" * 100_000)
        await wait_until(pilot, lambda: app.transcript.virtual_size.height > 1_250)
        app.transcript.settle(finished(answer_id, "x" * 100_000))
        rows = shown(app.transcript)
        assert set("".join(rows).replace(" ", "")) == {"x"}
        assert {len(row) for row in rows[:-2]} == {78}
