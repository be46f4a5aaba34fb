"""Hits as lines: grouped by session, with the words in the first line and nothing wider than the pane."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from brim.core.search import Hit, excerpt, parse
from brim.tui.search_rows import lay_out, order


def hit(session, text, query="needle", role="assistant"):
    snippet, ranges, place, found = excerpt(parse(query), text)
    return Hit(
        session_id=session,
        session_title=session.upper(),
        is_archived=False,
        message_id=f"{session}-{text[:9]}",
        role=role,
        model=None,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        snippet=snippet,
        ranges=ranges,
        place=place,
        found=found,
    )


def test_hits_of_a_session_stand_together_where_its_best_stands():
    hits = [hit("a", "needle 1"), hit("b", "needle 2"), hit("a", "needle 3")]
    titles = [line.text for line in lay_out(hits, 30) if line.hit is None]
    assert titles == ["A", "B"]
    assert order(hits) == [0, 2, 1]
    assert list(dict.fromkeys(line.hit for line in lay_out(hits, 30) if line.hit is not None)) == [0, 2, 1]


def test_the_words_are_in_the_first_line_after_whole_words():
    first = lay_out([hit("a", "one two three four five six seven eight nine a needle in it")], 26)[1]
    assert first.text.startswith("…")
    assert first.text[1:].split()[0] in ("nine", "eight", "a")
    assert [first.text[start:end] for start, end in first.marks] == ["needle"]


def test_what_the_person_said_has_a_mark():
    assert lay_out([hit("a", "needle", role="user")], 30)[1].text == "› needle"


@given(st.text(), st.text(), st.integers(0, 60))
def test_no_line_is_too_wide_and_the_marks_are_in_it(before, after, width):
    text = f"{before} needle {after}"
    for line in lay_out([hit("a", text)], width)[1:]:
        assert cell_len(line.text) <= max(8, width - 2) + 1
        for start, end in line.marks:
            assert 0 <= start < end
