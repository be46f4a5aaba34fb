from datetime import UTC, datetime, timedelta

import pytest
from textual.widgets import Input

from brim.core.errors import StoreError
from brim.core.types import Session
from brim.tui.widgets.session_list import PAGE, SessionList
from tests.support.themed import ThemedApp
from tests.support.waiting import wait_until

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


class Host(ThemedApp):
    """The list alone, over sessions that are made when they are asked for."""

    CSS = "SessionList { width: 26; }"

    def __init__(self, count, title="Session {}"):
        super().__init__()
        self.count = count
        self.title_form = title
        self.read = 0
        self.trouble = None
        self.said = []

    def compose(self):
        yield SessionList(self.load, count=self.count_all, id="sessions")

    async def count_all(self):
        return self.count

    def on_mount(self):
        self.list.reload()

    @property
    def list(self):
        return self.query_one(SessionList)

    @property
    def lines(self):
        view = self.list._view
        return [view.render_line(y).text.rstrip() for y in range(view.size.height)]

    def make(self, number):
        return Session(
            id=f"{number:016x}",
            title=self.title_form.format(number),
            updated_at=datetime.now(UTC) - timedelta(hours=number),
        )

    async def load(self, limit, after, title):
        if self.trouble:
            raise self.trouble
        start = 0 if after is None else int(after.id, 16) + 1
        found = (
            [s for n in range(start, self.count) if title.lower() in (s := self.make(n)).title.lower()][
                :limit
            ]
            if title
            else [self.make(n) for n in range(start, min(self.count, start + limit))]
        )
        self.read += len(found)
        return found

    def on_session_list_selected(self, event):
        self.said.append(("open", event.session_id))

    def on_session_list_rename_wanted(self, event):
        self.said.append(("rename", event.session_id))

    def on_session_list_verb_wanted(self, event):
        self.said.append((event.verb, *event.session_ids))

    def on_session_list_new_wanted(self):
        self.said.append(("new",))


async def test_only_the_pages_that_are_seen_are_read():
    app = Host(100_000)
    async with app.run_test(size=(26, 24)) as pilot:
        await wait_until(pilot, lambda: app.read > 0, "the first page")
        await pilot.pause()
        assert app.read <= 2 * PAGE
        assert app.lines[0] == "Today"
        await wait_until(pilot, lambda: app.list.border_subtitle == "100,000 sessions", "the count")
        app.list.focus()
        for _ in range(8):
            await pilot.press("pagedown")
        await wait_until(pilot, lambda: len(app.list._view.rows) > 150, "further pages")
        assert app.read <= 8 * PAGE
        cursor = int(app.list._view.cursor, 16)
        assert any(f"Session {cursor}" in line for line in app.lines)


async def test_keys_say_what_is_wanted_of_the_session_under_the_cursor():
    app = Host(5)
    async with app.run_test(size=(26, 24)) as pilot:
        await wait_until(pilot, lambda: len(app.list._view.rows) == 5, "the sessions")
        app.list.focus()
        await pilot.press("down", "enter", "e", "end", "delete", "home", "f2", "n")
        one, four, none = (f"{n:016x}" for n in (1, 4, 0))
        await wait_until(pilot, lambda: len(app.said) == 5, "all that is wanted")
        assert app.said == [
            ("open", one),
            ("rename", one),
            ("delete_sessions", four),
            ("rename", none),
            ("new",),
        ]


async def test_a_click_opens():
    app = Host(5)
    async with app.run_test(size=(26, 24)) as pilot:
        await wait_until(pilot, lambda: len(app.list._view.rows) == 5, "the sessions")
        await wait_until(pilot, lambda: any("Session 2" in line for line in app.lines), "the row")
        row = next(y for y, line in enumerate(app.lines) if "Session 2" in line)
        await pilot.click(app.list._view, offset=(3, row))
        await wait_until(pilot, lambda: bool(app.said), "the message")
        assert app.said == [("open", f"{2:016x}")]
        await pilot.click(app.list._view, offset=(3, 20))
        await pilot.pause()
        assert len(app.said) == 1


async def test_marks_current_and_changes():
    app = Host(3)
    async with app.run_test(size=(26, 24)) as pilot:
        await wait_until(pilot, lambda: any("Session 2" in line for line in app.lines), "the sessions")
        app.list.mark(f"{1:016x}", streaming=True)
        app.list.mark(f"{2:016x}", unread=True)
        app.list.set_current(f"{1:016x}")
        row = {n: next(line for line in app.lines if f"Session {n}" in line) for n in range(3)}
        assert row[1].startswith("▌") and row[1].endswith("⟳")
        assert row[2].endswith("●") and not row[0].endswith("●")
        app.list.mark(f"{1:016x}", streaming=False)
        app.list.mark(f"{2:016x}", unread=False)
        assert not any(mark in line for line in app.lines for mark in "⟳●")

        changed = app.make(2).model_copy(
            update={"updated_at": datetime.now(UTC) + timedelta(seconds=5), "title": "Renamed"}
        )
        app.list.put(changed)
        assert app.lines[1].strip() == "Renamed"
        app.list.put(Session(title="Brand new", updated_at=datetime.now(UTC) + timedelta(seconds=9)))
        assert [line.strip() for line in app.lines[1:4]] == ["Brand new", "Renamed", "Session 0"]
        app.list.drop(changed.id)
        assert "Renamed" not in "".join(app.lines)
        assert app.list.border_subtitle == "3 sessions"


async def test_the_filter_reads_titles_and_escape_clears_it():
    app = Host(300)
    async with app.run_test(size=(26, 24)) as pilot:
        await wait_until(pilot, lambda: len(app.list._view.rows) > 0, "the sessions")
        app.list.focus()
        await pilot.press("slash")
        await wait_until(pilot, lambda: isinstance(app.focused, Input), "the line to type in")
        await pilot.press(*"n 29")
        await wait_until(pilot, lambda: "11 sessions" in str(app.list.border_subtitle), "the titles that fit")
        assert all("n 29" in line for line in app.lines if "Session" in line)
        await pilot.press(*"zzz")
        await wait_until(pilot, lambda: app.lines[0] == "Nothing fits.", "the empty list")
        await pilot.press("escape")
        await wait_until(pilot, lambda: any("Session 0" in line for line in app.lines), "all sessions")


async def test_the_count_is_of_all_sessions_and_keeps_up():
    app = Host(300)
    async with app.run_test(size=(26, 24)) as pilot:
        await wait_until(pilot, lambda: app.list.border_subtitle == "300 sessions", "the count")
        app.count = 299
        app.list.drop(f"{7:016x}")
        await wait_until(pilot, lambda: app.list.border_subtitle == "299 sessions", "one less")
        app.count = 300
        app.list.put(Session(title="Brand new", updated_at=datetime.now(UTC)))
        await wait_until(pilot, lambda: app.list.border_subtitle == "300 sessions", "one more")
        app.list.focus()
        await pilot.press("slash")
        await wait_until(pilot, lambda: isinstance(app.focused, Input), "the line to type in")
        await pilot.press("1")
        await wait_until(pilot, lambda: app.list.border_subtitle == "50+ sessions", "those read that fit")
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.list.border_subtitle == "300 sessions", "all again")


async def test_sessions_that_cannot_be_read_are_told_and_the_list_stays():
    app = Host(300)
    told = []
    async with app.run_test(size=(26, 24), message_hook=told.append) as pilot:
        await wait_until(pilot, lambda: len(app.list._view.rows) > 0, "the sessions")
        app.trouble = StoreError("The data file is damaged.")
        app.list.reload()
        await wait_until(
            pilot, lambda: any(isinstance(m, SessionList.Troubled) for m in told), "the sentence"
        )
        assert {m.sentence for m in told if isinstance(m, SessionList.Troubled)} == {
            "The data file is damaged."
        }
        assert any("Session 0" in line for line in app.lines)


async def test_an_empty_list_says_so():
    app = Host(0)
    async with app.run_test(size=(26, 24)) as pilot:
        await wait_until(pilot, lambda: app.lines[0] == "No sessions yet.", "the words")
        app.list.focus()
        await pilot.press("enter", "delete", "down", "end")
        assert app.said == []


@pytest.mark.parametrize("width", [8, 12, 26, 60])
async def test_titles_from_outside_control_nothing_and_stay_in_their_row(width):
    app = Host(3, "\x1b[31m[/foo] {}\x07\u202e 日本語の長い題名がここに続きます\nsecond\tline")
    async with app.run_test(size=(width, 24)) as pilot:
        app.list.styles.width = width
        await wait_until(pilot, lambda: len(app.list._view.rows) == 3, "the sessions")
        view = app.list._view
        for y in range(view.size.height):
            strip = view.render_line(y)
            assert strip.cell_length <= view.size.width
            assert strip.text.isprintable()
