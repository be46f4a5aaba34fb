from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brim.core.types import Session
from brim.tui.session_rows import SessionRows, day_name

TODAY = date(2026, 3, 4)


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (TODAY, "Today"),
        (TODAY + timedelta(days=1), "Today"),
        (TODAY - timedelta(days=1), "Yesterday"),
        (TODAY - timedelta(days=3), "Sunday"),
        (TODAY - timedelta(days=7), "25 February"),
        (date(2025, 12, 31), "31 December 2025"),
    ],
)
def test_days_have_the_names_people_use(day, name):
    assert day_name(day, TODAY) == name


def session(number, minutes):
    return Session(
        id=f"s{number}",
        title=str(number),
        updated_at=datetime(2026, 3, 4, tzinfo=UTC) - timedelta(minutes=minutes),
    )


@given(ages=st.lists(st.integers(0, 9_000), max_size=20), moved=st.integers(0, 19), age=st.integers(0, 9_000))
def test_a_changed_session_goes_to_its_place(ages, moved, age):
    rows = SessionRows()
    newest_first = sorted(
        (session(n, minutes) for n, minutes in enumerate(ages)),
        key=lambda s: (s.updated_at, s.id),
        reverse=True,
    )
    rows.extend(newest_first, is_last=True)
    changed = session(moved, age)
    rows.put(changed)
    expected = sorted(
        [*(s for s in newest_first if s.id != changed.id), changed],
        key=lambda s: (s.updated_at, s.id),
        reverse=True,
    )
    assert [line.session_id for line in rows.lines if line.session_id] == [s.id for s in expected]


def test_what_belongs_behind_the_loaded_pages_waits_there():
    rows = SessionRows()
    rows.extend([session(1, 10), session(2, 20)], is_last=False)
    rows.put(session(3, 30))
    assert rows.line_of("s3") is None
    rows.extend([session(3, 30)], is_last=True)
    assert rows.line_of("s3") is not None


def test_steps_pass_over_the_names_of_days():
    rows = SessionRows()
    rows.extend([session(1, 0), session(2, 3_000), session(3, 6_000)], is_last=True)
    assert [line.session_id for line in rows.lines].count(None) >= 2
    first, last = rows.line_of("s1"), rows.line_of("s3")
    assert rows.step(first, 2) == last
    assert rows.step(last, -99) == first
    assert rows.step(first, -1) == first
    assert SessionRows().step(0, 5) == 0
