from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brim.core.context import ContextUsage, Provenance
from brim.core.types import Session
from brim.tui.gauges import Segment, bar, cost_of, gauge, headline, money, short, sparkline

tokens = st.integers(0, 300_000)
usages = st.builds(
    ContextUsage,
    window_tokens=st.none() | st.integers(1, 2_000_000),
    limit_tokens=st.integers(1, 2_000_000),
    system_tokens=tokens,
    pinned_tokens=tokens,
    history_tokens=tokens,
    draft_tokens=tokens,
    reply_reserve_tokens=tokens,
)


def usage(used=0, window=100_000, **fields):
    return ContextUsage(window_tokens=window, limit_tokens=window or 100_000, history_tokens=used, **fields)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"), (999, "999"), (1_000, "1.0k"), (12_345, "12.3k"), (99_949, "99.9k"), (99_950, "100k"),
        (124_499, "124k"), (999_499, "999k"), (999_500, "1.00M"), (1_048_576, "1.05M"),
    ],
)  # fmt: skip
def test_short_counts(count, text):
    assert short(count) == text


@pytest.mark.parametrize(
    ("provenance", "text"),
    [
        (Provenance.REPORTED, "12,345"),
        (Provenance.EXACT, "12,345"),
        (Provenance.ESTIMATE, "~12.3k"),
        (Provenance.PENDING, "~12.3k …"),
    ],
)
def test_provenance_can_be_seen(provenance, text):
    assert gauge(12_345, provenance) == text


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (usage(124_000, 200_000, provenance=Provenance.REPORTED), ("124,000 of 200k", "62%")),
        (usage(89_999), ("~90.0k of 100k", "89%")),
        (usage(90_000), ("~90.0k of 100k", "90%")),
        (usage(130_000), ("~130k of 100k", "130%")),
        (usage(12_345, None), ("~12.3k / ?", "")),
    ],
)
def test_the_headline(shown, expected):
    assert headline(shown) == expected


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        ("0", "$0.00"), ("0.42", "$0.42"), ("3.1", "$3.10"), ("1234.5", "$1,234.50"), ("0.0375", "$0.0375"),
        ("0.00042", "$0.0004"), ("0.00001", "<$0.0001"),
    ],
)  # fmt: skip
def test_money(usd, text):
    assert money(Decimal(usd)) == text


def test_the_cost_of_a_session():
    assert cost_of(None) == cost_of(Session()) == ""
    assert cost_of(Session(turns=2)) == "not priced"
    assert cost_of(Session(turns=2, priced_turns=1, cost_usd=Decimal("0.5"))) == "$0.50"


def test_the_sparkline():
    assert sparkline([0, 1, 2, 4, 8], 9) == "▁▂▃▅█"
    assert sparkline([5] * 9, 3) == "███"
    assert sparkline([0, 0], 5) == "▁▁"
    assert sparkline([], 5) == sparkline([1], 0) == ""


@given(shown=usages, width=st.integers(1, 80))
def test_the_bar_is_as_wide_as_told_and_in_order(shown, width):
    cells = bar(shown, width)
    assert len(cells) == width
    order = [list(Segment).index(cell.segment) for cell in cells]
    assert order == sorted(order)


@given(shown=usages)
def test_whatever_is_there_can_be_seen(shown):
    seen = {cell.segment for cell in bar(shown, 40)}
    if shown.history_tokens:
        assert Segment.HISTORY in seen
    if (
        shown.used_tokens <= 0.5 * shown.limit_tokens
        and shown.reply_reserve_tokens < 0.2 * shown.limit_tokens
    ):
        assert Segment.FREE in seen


def test_marks_stand_where_yellow_and_cleanup_begin():
    glyphs = "".join(cell.glyph for cell in bar(usage(20_000), 20))
    assert glyphs == "████··········┊···┊·"
