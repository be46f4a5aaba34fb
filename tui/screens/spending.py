"""What was used and spent: by this session, today and by model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from brim.core.budgets import local_today
from brim.core.stats import DayTotal, ModelStats, day_totals, model_stats
from brim.core.text import visible_line
from brim.tui.gauges import budget_level, money, short, spent
from brim.tui.widgets.header import cut
from brim.tui.widgets.meter_rows import level_color

if TYPE_CHECKING:
    from brim.core.types import Session
    from brim.tui.controller import ChatController

_WIDTH = 68
_DAYS = 14


class SpendingScreen(ModalScreen[None]):
    """A table to read."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "app.pop_screen", "Close", id="spending_close", show=False)
    ]

    def __init__(self, title: str, body: Content) -> None:
        super().__init__()
        self._title = title
        self._body = body

    def compose(self) -> ComposeResult:
        """A box that scrolls."""
        with Vertical(id="dialog") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = "Esc close"
            with VerticalScroll():
                yield Static(self._body)

    def on_mount(self) -> None:
        """Let the keys scroll."""
        self.query_one(VerticalScroll).focus()


async def cost_screen(controller: ChatController) -> SpendingScreen:
    """Return what this session and today cost, and each model today."""
    manager = controller.manager
    spending = await manager.spending(local_today())
    lines: list[Content] = []
    if controller.session is not None:
        lines += [*_session_lines(controller.session, manager.budgets.session_usd), Content("")]
    today = await manager.today()
    lines += [*_today_lines(today, manager.budgets.day_usd), Content("")]
    lines += _model_lines("Today by model", model_stats(spending, ()))
    return SpendingScreen("Cost", Content("\n").join(lines))


async def stats_screen(controller: ChatController) -> SpendingScreen:
    """Return what each model and each of the last days took."""
    spending = await controller.manager.spending()
    models = model_stats(spending, ())
    lines = [*_model_lines("All days by model", models), Content("")]
    for model in models:
        lines += _bucket_lines(model)
    lines += [Content(""), *_day_lines(day_totals(spending))]
    return SpendingScreen("Statistics", Content("\n").join(lines))


def _session_lines(session: Session, budget: Decimal | None) -> Iterator[Content]:
    yield _title("This session")
    yield _money_line("cost", session.cost_usd, session.turns, session.priced_turns, budget)
    yield _line("tokens", f"{session.tokens:,}")
    yield _line("saved by the cache", _saved(session.cache_saved_usd, session.priced_turns))
    yield _line("turns", _priced(session.turns, session.priced_turns))


def _today_lines(today: DayTotal, budget: Decimal | None) -> Iterator[Content]:
    yield _title("Today, all sessions")
    yield _money_line("cost", today.cost_usd, today.turns, today.priced_turns, budget)
    yield _line("tokens", f"{today.tokens:,}")
    yield _line("saved by the cache", _saved(today.cache_saved_usd, today.priced_turns))
    yield _line("turns", _priced(today.turns, today.priced_turns))


def _model_lines(title: str, models: Sequence[ModelStats]) -> Iterator[Content]:
    yield _title(title)
    if not models:
        yield Content.styled("No turns yet.", "$dim")
        return
    yield Content.styled(_columns("model", "turns", "tokens", "saved", "cost"), "$dim")
    for model in models:
        yield Content(
            _columns(
                visible_line(model.model),
                f"{model.turns:,}",
                short(model.usage.total_tokens),
                _saved(model.cache_saved_usd, model.priced_turns),
                spent(model.cost_usd, model.turns, model.priced_turns),
            )
        )
    if len(models) > 1:
        turns, priced = sum(m.turns for m in models), sum(m.priced_turns for m in models)
        yield Content.styled(
            _columns(
                "together",
                f"{turns:,}",
                short(sum(m.usage.total_tokens for m in models)),
                _saved(sum((m.cache_saved_usd for m in models), Decimal(0)), priced),
                spent(sum((m.cost_usd for m in models), Decimal(0)), turns, priced),
            ),
            "bold",
        )
    unpriced = sum(m.turns - m.priced_turns for m in models)
    if unpriced:
        yield Content.styled(f"{unpriced:,} turn{'' if unpriced == 1 else 's'} not priced", "$dim")


def _bucket_lines(model: ModelStats) -> Iterator[Content]:
    usage, about = model.usage, "~" if model.usage.estimated else ""
    buckets = (
        ("fresh", usage.input_tokens),
        ("cache read", usage.cache_read_tokens),
        ("cache written", usage.cache_write_tokens),
        ("output", usage.output_tokens),
        ("of it reasoning", usage.reasoning_tokens),
    )
    words = " · ".join(f"{name} {about}{short(tokens)}" for name, tokens in buckets if tokens)
    yield Content.assemble(cut(visible_line(model.model), _WIDTH))
    yield Content.styled(cut(f"  {words or 'nothing counted'}", _WIDTH), "$dim")


def _day_lines(days: Sequence[DayTotal]) -> Iterator[Content]:
    yield _title("Latest days")
    for day in days[: -_DAYS - 1 : -1]:
        yield Content(
            _columns(
                f"{day.day:%a %d %b %Y}",
                f"{day.turns:,}",
                short(day.tokens),
                _saved(day.cache_saved_usd, day.priced_turns),
                spent(day.cost_usd, day.turns, day.priced_turns),
            )
        )


def _title(words: str) -> Content:
    return Content.styled(words, "bold $primary")


def _line(name: str, figure: str, style: str = "") -> Content:
    return Content.assemble((f"{name:<22}", "$dim"), (figure, style))


def _money_line(name: str, cost: Decimal, turns: int, priced: int, budget: Decimal | None) -> Content:
    words = spent(cost, turns, priced) or money(Decimal(0))
    if budget is None:
        return _line(name, words, "bold")
    return _line(name, f"{words} of {money(budget)}", f"bold {level_color(budget_level(cost, budget))}")


def _columns(name: str, turns: str, tokens: str, saved: str, cost: str) -> str:
    label = cut(name, 28)
    return f"{label}{' ' * (28 - Content(label).cell_length)}{turns:>7}{tokens:>9}{saved:>12}{cost:>12}"


def _saved(saved: Decimal, priced_turns: int) -> str:
    if not priced_turns or not saved:
        return "–"
    return money(saved) if saved > 0 else f"-{money(-saved)}"


def _priced(turns: int, priced: int) -> str:
    words = f"{turns:,}"
    return words if turns == priced else f"{words}, {priced:,} of them priced"
