from decimal import Decimal

import pytest

from brim.core.context import ContextUsage, Provenance
from brim.core.events import TurnProgressed
from brim.core.types import Message, Session
from brim.core.usage import Usage
from brim.tui.widgets.context_meter import ContextMeter
from brim.tui.widgets.header import Header
from brim.tui.widgets.meter_line import MeterLine
from tests.support.themed import ThemedApp

USAGE = ContextUsage(
    window_tokens=200_000,
    limit_tokens=200_000,
    system_tokens=1_200,
    pinned_tokens=3_400,
    history_tokens=117_900,
    reply_reserve_tokens=4_096,
    provenance=Provenance.REPORTED,
)
ANSWER = Message(
    role="assistant",
    id="a",
    usage=Usage(input_tokens=4_800, cache_read_tokens=115_200, output_tokens=812, reasoning_tokens=100),
    first_token_s=0.5,
    duration_s=0.5 + 812 / 84,
)


class Host(ThemedApp):
    CSS = "ContextMeter { width: 27; height: 24; border: round $rule; } MeterLine { width: 78; }"

    def compose(self):
        yield Header()
        yield ContextMeter()
        yield MeterLine()

    def lines(self, kind):
        widget = self.query_one(kind)
        return [strip.text.rstrip() for strip in widget.render_lines(widget.outer_size.region)]

    def tell(self, verb, value):
        for meter in (self.query_one(ContextMeter), self.query_one(MeterLine)):
            getattr(meter, verb)(value)


def progress(tokens=812, speed=84.0, **fields):
    return TurnProgressed(
        session_id="s",
        message_id="a",
        output_tokens=tokens,
        output_estimated=True,
        speed=speed,
        first_token_s=fields.get("first_token_s", 0.5),
        elapsed_s=3.0,
    )


async def test_the_pane_shows_what_fills_the_window():
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        app.tell("set_usage", USAGE)
        await pilot.pause()
        text = "\n".join(app.lines(ContextMeter))
        assert f"{USAGE.used_tokens:,} of 200k" in text
        assert "61%" in text
        for row in ("system", "pinned", "history", "reply reserve", "free"):
            assert row in text
        assert "57.5k to cleanup" in text
        line = app.lines(MeterLine)[0]
        assert f"{USAGE.used_tokens:,} of 200k 61%" in line
        assert "✓ room" in line


async def test_a_draft_makes_the_sum_an_estimate():
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        app.tell("set_usage", USAGE)
        app.tell("set_draft", 310)
        await pilot.pause()
        text = "\n".join(app.lines(ContextMeter))
        assert "~123k of 200k" in text
        assert "~310" in text
        app.tell("set_draft", 0)
        await pilot.pause()
        assert "draft" not in "\n".join(app.lines(ContextMeter))


@pytest.mark.parametrize(
    ("used", "word"), [(69_999, "✓ room"), (70_000, "▲ filling"), (89_999, "▲ filling"), (90_000, "■ full")]
)
async def test_the_level_can_be_read_without_colour(used, word):
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        app.tell("set_usage", ContextUsage(window_tokens=100_000, limit_tokens=100_000, history_tokens=used))
        await pilot.pause()
        assert any(word in line for line in app.lines(ContextMeter))
        assert word in app.lines(MeterLine)[0]


async def test_an_unknown_window_has_no_percentage():
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        app.tell("set_usage", ContextUsage(window_tokens=None, limit_tokens=100_000, history_tokens=12_345))
        await pilot.pause()
        text = "\n".join(app.lines(ContextMeter))
        assert "~12.3k / ?" in text
        assert "%" not in text
        assert "window unknown" in text


async def test_a_turn_while_it_runs_and_when_it_is_over():
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        app.tell("set_usage", USAGE)
        app.tell("set_progress", progress(0, 0.0, first_token_s=None))
        await pilot.pause()
        assert any("waiting 3 s" in line for line in app.lines(ContextMeter))
        for speed in (10.0, 40.0, 84.0):
            app.tell("set_progress", progress(speed=speed))
        await pilot.pause()
        text = "\n".join(app.lines(ContextMeter))
        assert "↓ ~812" in text
        assert "84 tok/s" in text
        assert "▁▁▄█" in text
        app.tell("set_turn", ANSWER)
        await pilot.pause()
        text = "\n".join(app.lines(ContextMeter))
        assert "↑ 120,000" in text
        assert "96% cached" in text
        assert "↓ 812" in text
        assert "84 tok/s" in text
        assert "0.50 s" in text
        assert "↑120,000 ↓812" in app.lines(MeterLine)[0]


async def test_the_sessions_totals_say_what_is_not_priced():
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        app.tell("set_usage", USAGE)
        app.tell(
            "set_session", Session(turns=12, priced_turns=11, cost_usd=Decimal("0.42"), tokens=1_234_567)
        )
        await pilot.pause()
        text = "\n".join(app.lines(ContextMeter))
        assert "$0.42" in text
        assert "11 of 12 turns priced" in text
        assert "1.23M" in text
        app.tell("set_session", None)
        await pilot.pause()
        assert "nothing sent yet" in "\n".join(app.lines(ContextMeter))


@pytest.mark.parametrize("width", [9, 12, 18, 27, 60])
async def test_no_line_is_wider_than_the_pane(width):
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        meter = app.query_one(ContextMeter)
        meter.styles.width = width
        app.query_one(MeterLine).styles.width = width
        app.tell("set_usage", USAGE)
        app.tell("set_turn", ANSWER)
        app.tell("set_session", Session(turns=12, priced_turns=11, cost_usd=Decimal("0.42")))
        await pilot.pause()
        for line in app.lines(ContextMeter):
            assert len(line) <= width


async def test_the_header_gives_way_from_the_title():
    app = Host()
    async with app.run_test(size=(60, 10)) as pilot:
        header = app.query_one(Header)
        header.set_title("日本語の \x1b[31m[/foo] very long title that cannot be shown whole")
        header.set_model("anthropic:claude-sonnet-4-5")
        header.set_cost(Session(turns=1, priced_turns=1, cost_usd=Decimal("0.42")))
        await pilot.pause()
        line = app.lines(Header)[0]
        assert line.strip().startswith("brim · 日本語の ␛[")
        assert line.rstrip().endswith("anthropic:claude-sonnet-4-5 · $0.42")
        await pilot.resize_terminal(24, 10)
        await pilot.pause()
        assert app.lines(Header)[0].strip().startswith("brim")
        header.set_model(None)
        await pilot.resize_terminal(60, 10)
        await pilot.pause()
        assert "no model" in app.lines(Header)[0]
