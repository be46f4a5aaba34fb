"""Prefix sums against the naive ones, and a place that stays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brim.tui.viewport import Heights, Viewport

sizes = st.lists(st.integers(0, 40), max_size=60)
operations = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 40), st.just(0)),
        st.tuples(st.just("truncate"), st.integers(0, 70), st.just(0)),
        st.tuples(st.just("set"), st.integers(0, 70), st.integers(0, 40)),
    ),
    max_size=30,
)


@given(sizes, operations)
def test_sums_equal_the_naive_sums(start: list[int], changes: list[tuple[str, int, int]]) -> None:
    heights, naive = Heights(start), list(start)
    for kind, first, second in changes:
        if kind == "append":
            heights.append(first)
            naive.append(first)
        elif kind == "truncate" and first <= len(naive):
            heights.truncate(first)
            del naive[first:]
        elif kind == "set" and first < len(naive):
            assert heights.set(first, second) == second - naive[first]
            naive[first] = second
    assert list(heights) == naive
    assert heights.total == sum(naive)
    assert [heights.before(entry) for entry in range(len(naive) + 1)] == [
        sum(naive[:entry]) for entry in range(len(naive) + 1)
    ]
    lines = [(entry, line) for entry, height in enumerate(naive) for line in range(height)]
    assert [heights.at(y) for y in range(sum(naive))] == lines


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=60),
    st.integers(1, 50),
    st.integers(0, 3000),
    st.lists(st.tuples(st.integers(0, 59), st.integers(1, 40)), max_size=20),
    st.lists(st.integers(1, 40), max_size=5),
)
def test_the_place_stays_whatever_grows_or_shrinks_around_it(
    start: list[int],
    rows: int,
    y: int,
    corrections: list[tuple[int, int]],
    added: list[int],
) -> None:
    view = Viewport(rows)
    view.heights.replace(start)
    view.scroll_to(y)
    place, followed = view.top, view.following
    for entry, height in corrections:
        if entry < len(start) and entry != place.entry:
            view.set_height(entry, height)
    for height in added:
        view.heights.append(height)
    if followed:
        assert view.y == view.max_y
    else:
        wanted = view.heights.before(place.entry) + place.line
        assert view.y == min(wanted, view.max_y)
        if wanted <= view.max_y:
            assert view.top == place
