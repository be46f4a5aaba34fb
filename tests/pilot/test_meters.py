from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from brim.core.context import ContextUsage, Provenance
from brim.core.events import TurnProgressed
from brim.core.stats import DayTotal
from brim.core.types import Message, Session, now
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
            getattr(meter, verb)(*value if isinstance(value, tuple) else (value,))


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


SESSION = Session(
    turns=12, priced_turns=11, cost_usd=Decimal("0.42"), tokens=1_234_567, cache_saved_usd=Decimal("0.88")
)
DAY = DayTotal(day=date(2027, 1, 2), turns=30, priced_turns=30, cost_usd=Decimal("3.10"))


async def test_the_forecast_names_tokens_and_turns():
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        usage = replace(USAGE, history_tokens=166_200, turn_tokens=1_600)
        app.tell("set_usage", usage)
        await pilot.pause()
        text = "\n".join(app.lines(ContextMeter))
        assert "9.2k to cleanup" in text
        assert "about 6 turns" in text
        app.query_one(ContextMeter).styles.width = 60
        await pilot.pause()
        assert "9.2k to cleanup, about 6 turns" in "\n".join(app.lines(ContextMeter))
        app.tell("set_mode", "off")
        await pilot.pause()
        text = "\n".join(app.lines(ContextMeter))
        assert "cleanup is off" in text
        assert "turns" not in text


async def test_a_learnt_window_and_an_assumed_one_are_said_to_be_so():
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        app.tell("set_usage", replace(USAGE, window_learnt=True))
        await pilot.pause()
        lines = [line.strip("│ ") for line in app.lines(ContextMeter)]
        at = lines.index("window learnt from the")
        assert lines[at + 1] == "provider"
        app.tell("set_usage", ContextUsage(window_tokens=None, limit_tokens=100_000, history_tokens=9))
        await pilot.pause()
        assert "cleanup assumes 100k" in "\n".join(app.lines(ContextMeter))


async def test_both_marks_are_seen_and_have_the_colours_of_what_begins_there():
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        meter = app.query_one(ContextMeter)
        variables = app.theme_variables
        for used, filled in ((20_000, 0), (80_000, 1), (99_000, 2)):
            app.tell(
                "set_usage", ContextUsage(window_tokens=100_000, limit_tokens=100_000, history_tokens=used)
            )
            await pilot.pause()
            strip = meter.render_lines(meter.outer_size.region)[1]
            marks = [segment for segment in strip if "┊" in segment.text]
            assert len(marks) == 2
            colours = [segment.style.color.get_truecolor().hex.upper() for segment in marks]
            names = ("gauge-yellow", "gauge-red")
            for number, name in enumerate(names):
                is_open = number >= filled
                assert (colours[number] == variables[name].upper()) is is_open


async def test_an_answer_that_grows_fills_the_window():
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        app.tell("set_usage", USAGE)
        app.tell("set_progress", progress(10_000))
        await pilot.pause()
        assert app.query_one(ContextMeter).usage.used_tokens == USAGE.used_tokens + 10_000
        assert "~132k of 200k" in "\n".join(app.lines(ContextMeter))
        app.tell("set_turn", ANSWER)
        await pilot.pause()
        assert app.query_one(ContextMeter).usage == USAGE


async def test_cost_today_savings_and_budgets():
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        app.tell("set_usage", USAGE)
        app.tell("set_session", SESSION)
        app.tell("set_day", DAY)
        await pilot.pause()
        text = "\n".join(app.lines(ContextMeter))
        for words in ("$0.42", "$3.10", "cache saved", "$0.88", "11 of 12 turns priced"):
            assert words in text
        app.tell("set_budgets", (Decimal("1.00"), Decimal("3.50")))
        await pilot.pause()
        text = "\n".join(app.lines(ContextMeter))
        assert "$0.42 of $1.00" in text
        assert "▲ today" in text
        assert "$3.10 of $3.50" in text
        assert "of $" not in app.lines(MeterLine)[0]
        app.tell("set_session", SESSION.model_copy(update={"cost_usd": Decimal("0.80")}))
        await pilot.pause()
        assert "▲ session   $0.80/$1.00" in "\n".join(app.lines(ContextMeter))
        assert "$0.80 of $1.00" in app.lines(MeterLine)[0]
        app.tell("set_session", SESSION.model_copy(update={"cost_usd": Decimal("1.20")}))
        await pilot.pause()
        assert "■ session" in "\n".join(app.lines(ContextMeter))


@pytest.mark.parametrize(
    ("model", "ago_s", "words"),
    [
        ("anthropic:claude-sonnet-4-5", 42, "cache warm"),
        ("anthropic:claude-sonnet-4-5", 400, "cache cold"),
        ("openai:gpt-4o", 42, ""),
    ],
)
async def test_the_cache_grows_cold_where_it_is_known_when(model, ago_s, words):
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        ended = now() - timedelta(seconds=ago_s)
        turn = ANSWER.model_copy(
            update={"model": model, "created_at": ended - timedelta(seconds=ANSWER.duration_s)}
        )
        app.tell("set_turn", turn)
        await pilot.pause()
        text = "\n".join(app.lines(ContextMeter))
        assert "cache read" in text
        assert "115,200" in text
        assert words in text
        if not words:
            assert "cache warm" not in text
            assert "cache cold" not in text
        elif words == "cache warm":
            assert "4:1" in text or "4:0" in text
        assert (app.query_one(ContextMeter)._cooling is not None) is (words == "cache warm")


@pytest.mark.parametrize("height", [6, 9, 14, 18, 22])
async def test_a_low_pane_keeps_what_matters(height):
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        app.query_one(ContextMeter).styles.height = height
        app.tell("set_usage", replace(USAGE, turn_tokens=900))
        app.tell("set_turn", ANSWER)
        app.tell("set_session", SESSION)
        app.tell("set_day", DAY)
        app.tell("set_budgets", (Decimal("0.50"), None))
        await pilot.pause()
        text = "\n".join(app.lines(ContextMeter))
        assert "122,500 of 200k" in text
        assert "▲ session   $0.42/$0.50" in text
        if height >= 14:
            assert "history" in text
            assert "↑ 120,000" in text
