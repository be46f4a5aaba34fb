"""Heights and the place that is kept."""

from __future__ import annotations

from brim.tui.viewport import Anchor, Heights, Viewport


def viewport(*heights: int, rows: int = 10) -> Viewport:
    view = Viewport(rows)
    view.heights.replace(heights)
    return view


def test_empty_heights_have_one_place() -> None:
    heights = Heights()
    assert (len(heights), heights.total, heights.before(0), heights.at(0)) == (0, 0, 0, (0, 0))


def test_entries_without_height_are_passed_over() -> None:
    heights = Heights((2, 0, 0, 3))
    assert [heights.at(y) for y in range(5)] == [(0, 0), (0, 1), (3, 0), (3, 1), (3, 2)]


def test_below_the_end_lies_the_end_of_the_last_entry() -> None:
    assert Heights((2, 3)).at(6) == (1, 4)
    assert Heights((2, 3)).at(-4) == (0, 0)


def test_the_end_is_followed_until_one_scrolls_up() -> None:
    view = viewport(30, 30)
    view.set_height(1, 50)
    assert view.y == 70
    view.scroll_to(60)
    view.set_height(1, 90)
    assert (view.y, view.following) == (60, False)
    view.scroll_to(view.max_y)
    view.set_height(1, 95)
    assert (view.y, view.following) == (115, True)


def test_a_short_column_is_always_followed() -> None:
    view = viewport(3, 3)
    view.scroll_to(2)
    assert (view.y, view.following) == (0, True)


def test_a_change_above_moves_the_number_and_not_the_place() -> None:
    view = viewport(20, 20, 20, 20)
    view.scroll_to(45)
    assert view.top == Anchor(2, 5)
    view.set_height(0, 200)
    assert (view.top, view.y) == (Anchor(2, 5), 225)


def test_the_top_entry_says_where_its_line_went() -> None:
    view = viewport(20, 20, 20)
    view.scroll_to(30)
    view.set_height(1, 40, line=23)
    assert view.top == Anchor(1, 23)
    view.set_height(1, 5)
    assert view.top == Anchor(1, 4)


def test_truncating_below_the_place_shows_the_new_end() -> None:
    view = viewport(20, 20, 20)
    view.scroll_to(45)
    view.truncate(2)
    assert (view.y, view.heights.total) == (30, 40)


def test_reveal_moves_only_as_far_as_needed() -> None:
    view = viewport(*[5] * 20)
    view.scroll_to(50)
    view.reveal(11)
    assert view.y == 50
    view.reveal(9, margin=2)
    assert view.y == 43
    view.reveal(19, 4)
    assert view.y == 90


def test_visible_counts_partly_seen_entries() -> None:
    view = viewport(*[4] * 10)
    view.scroll_to(6)
    assert view.visible() == range(1, 4)
    assert view.visible(above=6, below=1) == range(5)
