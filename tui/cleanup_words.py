"""What is said of cleanups before they happen: the plan, the mode, a budget that is used up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.content import Content

from brim.core.cleanup import CleanupMode
from brim.core.text import visible_line
from brim.tui.gauges import money, short
from brim.tui.screens.picker import Choice
from brim.tui.widgets.header import cut

if TYPE_CHECKING:
    from brim.core.budgets import BudgetError
    from brim.core.cleanup import CleanupPlan
    from brim.core.context import ContextUsage
    from brim.core.types import Message

CLEAN, AS_IT_IS, MODE, ALL_THE_SAME, BACK = "clean", "as it is", "mode", "all the same", "back"

_WIDTH = 64
_BAR_WIDTH = 40
_LISTED = 200
_OPENING_CHARS = 200
_NAMES = {"user": "You", "assistant": "Answer", "system": "System", "tool": "Tool"}
_MODES = {
    CleanupMode.AUTO: "auto: at the mark, with a receipt",
    CleanupMode.ASK: "ask: at the mark you are asked first",
    CleanupMode.OFF: "off: a full window refuses the prompt",
}


def plan_content(plan: CleanupPlan, usage: ContextUsage) -> Content:
    """Return what a cleanup would do: the sizes, and the messages that would leave."""
    return Content("\n").join(_plan_lines(plan, usage))


def _plan_lines(plan: CleanupPlan, usage: ContextUsage) -> Iterator[Content]:
    if not plan.leaving:
        yield Content(f"Nothing would leave: the window holds about {short(plan.before_tokens)} tokens,")
        yield Content(f"and a cleanup goes down to {short(plan.target_tokens)}.")
        if not plan.reaches_target:
            yield Content.styled("System, pinned and the last messages never leave.", "$dim")
        return
    for name, tokens, style in (
        ("now", plan.before_tokens, f"$gauge-{usage.level.value}"),
        ("after", plan.after_tokens, "$gauge-green"),
    ):
        filled = min(_BAR_WIDTH, max(1, round(_BAR_WIDTH * tokens / usage.limit_tokens)))
        yield Content.assemble(
            (f"{name:<6}", "$dim"),
            ("█" * filled, style),
            ("·" * (_BAR_WIDTH - filled), "$rule"),
            (f"  ~{short(tokens)}", "bold"),
        )
    yield Content("")
    pinned = sum(message.pinned for message in plan.staying)
    words = [f"{_messages(len(plan.leaving))} would leave", f"{len(plan.staying):,} stay"]
    yield Content.assemble((" · ".join(words), "bold"), f", {pinned:,} of them pinned" if pinned else "")
    if not plan.reaches_target:
        yield Content.styled(
            f"More could not leave: the target is {short(plan.target_tokens)}.", "$gauge-yellow"
        )
    if not plan.is_worthwhile:
        yield Content.styled("It would free less than a tenth of what is used.", "$gauge-yellow")
    yield Content.styled("They stay in the session, and undoing brings them back.", "$dim")
    yield Content("")
    yield from message_lines(plan.leaving, _WIDTH)


def message_lines(messages: Sequence[Message], width: int) -> Iterator[Content]:
    """Yield a line a message: tokens, who, the opening words; the number of those that are too many."""
    for message in messages[:_LISTED]:
        about = "~" if message.tokens_estimated else ""
        tokens = f"{about}{short(message.tokens or 0)}"
        name = _NAMES[message.role]
        opening = visible_line(message.content[:_OPENING_CHARS]).strip() or "…"
        room = width - 8 - 8
        yield Content.assemble((f"{tokens:>7} ", "$dim"), f"{name:<7} ", (cut(opening, room), "$dim"))
    if len(messages) > _LISTED:
        yield Content.styled(f"        … and {len(messages) - _LISTED:,} more", "$dim")


def _messages(count: int) -> str:
    return f"{count:,} message{'' if count == 1 else 's'}"


def look_choices(plan: CleanupPlan, mode: CleanupMode) -> list[Choice]:
    """Return what can be done about a plan that the person asked for."""
    return [
        Choice(CLEAN, "Clean up now", disabled=not plan.leaving),
        Choice(MODE, f"Mode {_MODES[mode]}", "(Enter changes it)"),
        Choice(BACK, "Close"),
    ]


def asked_choices() -> list[Choice]:
    """Return what can be done about a prompt that needs a cleanup."""
    return [
        Choice(CLEAN, "Clean up and send"),
        Choice(AS_IT_IS, "Send as it is"),
        Choice(BACK, "Back", "the text stays in the composer"),
    ]


def budget_content(error: BudgetError) -> Content:
    """Return why a prompt was not sent, with the figures."""
    lines = [Content(line) for line in _wrapped(visible_line(error.sentence), _WIDTH)]
    lines.append(Content(""))
    rows = (
        ("spent", money(error.spent_usd)),
        ("this turn, at most", money(error.worst_usd)),
        (f"budget of {'this session' if error.scope == 'session' else 'today'}", money(error.budget_usd)),
    )
    lines += [Content.assemble((f"{name:<24}", "$dim"), f"{figure:>12}") for name, figure in rows]
    return Content("\n").join(lines)


def budget_choices() -> list[Choice]:
    """Return what can be done about a prompt that a budget does not let through."""
    return [
        Choice(BACK, "Back", "the text stays in the composer"),
        Choice(ALL_THE_SAME, "Send all the same"),
    ]


def next_mode(mode: CleanupMode) -> CleanupMode:
    """Return the mode that comes after ``mode``."""
    modes = list(CleanupMode)
    return modes[(modes.index(mode) + 1) % len(modes)]


def _wrapped(text: str, width: int) -> Iterator[str]:
    line = ""
    for word in text.split(" "):
        if line and cell_len(line) + 1 + cell_len(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line
