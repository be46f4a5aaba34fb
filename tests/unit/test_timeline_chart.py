"""The timeline in cells."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brim.core.timeline import Column
from brim.core.types import CleanupReceipt
from brim.tui.gauges import Segment
from brim.tui.timeline_chart import CUT, GHOST, UNDONE, Block, draw


def receipt(
    before: int = 900, after: int = 500, *, undone: bool = False, after_answer: bool = False
) -> CleanupReceipt:
    return CleanupReceipt(
        before_tokens=before, after_tokens=after, left_ids=("a",), kept=5, pinned=0, reached_target=True,
        undone=undone, after_answer=after_answer,
    )  # fmt: skip


def column(turn: int, history: int, **fields: object) -> Column:
    return Column(message_id=f"m{turn}", turn=turn, history_tokens=history, **fields)  # type: ignore[arg-type]


def heights(rows: list[list[Block]]) -> list[int]:
    return [sum(cell.segment is not None for cell in column) for column in zip(*rows, strict=True)]


columns = st.lists(
    st.builds(
        Column,
        message_id=st.just("m"),
        turn=st.integers(1, 9),
        system_tokens=st.integers(0, 9_000),
        summary_tokens=st.integers(0, 9_000),
        pinned_tokens=st.integers(0, 9_000),
        history_tokens=st.integers(0, 300_000),
        window_tokens=st.none() | st.integers(1, 200_000),
        reported_tokens=st.none() | st.integers(1, 300_000),
        cleaned=st.none() | st.builds(receipt, before=st.integers(0, 400_000), undone=st.booleans()),
    ),
    max_size=300,
)


@given(shown=columns, width=st.integers(1, 200), height=st.integers(1, 20), back=st.integers(0, 400))
def test_the_chart_is_as_large_as_told(shown: list[Column], width: int, height: int, back: int) -> None:
    chart = draw(shown, width, height, back=back, threshold_tokens=90_000)
    assert len(chart.rows) == height
    assert all(len(row) == width for row in [*chart.rows, chart.marks])
    assert chart.mark_row is None or 0 <= chart.mark_row < height


def test_columns_grow_with_their_tokens_and_drop_after_a_cleanup() -> None:
    chart = draw([column(1, 200), column(2, 800), column(3, 400, cleaned=receipt(800, 400))], 3, 8)
    assert heights(chart.rows) == [2, 8, 4]
    assert [row[2].glyph for row in chart.rows].count(GHOST) == 4
    assert [block.glyph for block in chart.marks] == [" ", " ", CUT]
    assert (chart.first, chart.last, chart.top_tokens) == (1, 3, 800)


def test_what_was_undone_is_marked_as_such_and_has_no_ghost() -> None:
    chart = draw([column(1, 400, cleaned=receipt(800, 400, undone=True))], 1, 8)
    assert chart.marks[0].glyph == UNDONE
    assert all(row[0].glyph != GHOST for row in chart.rows)


def test_a_cleanup_after_the_answer_shows_as_the_next_columns_drop() -> None:
    chart = draw([column(1, 800, cleaned=receipt(900, 400, after_answer=True)), column(2, 400)], 2, 8)
    assert all(cell.glyph != GHOST for row in chart.rows for cell in row)


def test_segments_are_stacked_in_their_order() -> None:
    chart = draw([column(1, 400, system_tokens=200, pinned_tokens=200)], 1, 8)
    segments = [row[0].segment for row in reversed(chart.rows)]
    assert segments == [Segment.SYSTEM] * 2 + [Segment.PINNED] * 2 + [Segment.HISTORY] * 4


def test_what_the_provider_counted_is_the_height() -> None:
    chart = draw([column(1, 400, reported_tokens=800), column(2, 800)], 2, 8)
    assert heights(chart.rows) == [8, 8]


def test_the_newest_turns_are_shown_and_earlier_ones_can_be_gone_back_to() -> None:
    turns = [column(number, 100) for number in range(1, 101)]
    assert (draw(turns, 40, 4).first, draw(turns, 40, 4).last) == (61, 100)
    assert draw(turns, 40, 4, back=20).last == 80
    assert draw(turns, 40, 4, back=1_000).first == 1


def test_the_scale_reaches_the_window_once_it_matters() -> None:
    assert draw([column(1, 100, window_tokens=1_000)], 5, 5).top_tokens == 100
    assert draw([column(1, 500, window_tokens=1_000)], 5, 5).top_tokens == 1_000
    assert draw([column(1, 500, window_tokens=1_000)], 5, 5, threshold_tokens=900).mark_row == 0


def test_without_turns_there_is_nothing() -> None:
    assert heights(draw([], 4, 3).rows) == [0] * 4
