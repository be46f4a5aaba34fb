import pytest

from brim.core.context import ContextTracker, ContextUsage, Level


@pytest.mark.parametrize(
    ("used", "level"),
    [
        (0, Level.GREEN),
        (69_999, Level.GREEN),
        (70_000, Level.YELLOW),
        (89_999, Level.YELLOW),
        (90_000, Level.RED),
        (250_000, Level.RED),
    ],
)
def test_tracker_and_usage_agree_on_the_colour(used, level):
    tracker = ContextTracker(100_000)
    tracker.add(used)
    usage = ContextUsage(window_tokens=100_000, limit_tokens=100_000, history_tokens=used)
    assert tracker.level == usage.level == level
    assert tracker.share == usage.share


def test_the_tracker_never_goes_below_zero():
    tracker = ContextTracker(10)
    tracker.add(5)
    tracker.add(-50)
    assert tracker.used_tokens == 0
    tracker.report(7)
    assert tracker.used_tokens == 7


def test_a_window_must_be_positive():
    with pytest.raises(ValueError, match="positive"):
        ContextTracker(0)


def test_an_unknown_window_has_no_share_but_a_limit():
    usage = ContextUsage(window_tokens=None, limit_tokens=100_000, history_tokens=95_000)
    assert usage.share is None
    assert usage.needs_cleanup


def test_the_segments_add_up():
    usage = ContextUsage(
        window_tokens=1_000,
        limit_tokens=1_000,
        system_tokens=100,
        pinned_tokens=50,
        history_tokens=300,
        draft_tokens=25,
        reply_reserve_tokens=125,
    )
    assert usage.used_tokens == 475
    assert usage.free_tokens == 400
    assert not usage.needs_cleanup
