"""The record of a cleanup in the transcript: one line, and below it what left when it is unfolded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.style import Style

from brim.core.text import visible, visible_line
from brim.tui.gauges import money, short
from brim.tui.render.line import Line
from brim.tui.widgets import message_lines as shapes
from brim.tui.widgets.message_sections import Section
from brim.tui.widgets.plain_text import PlainText
from brim.tui.widgets.transcript_inks import TranscriptInks

if TYPE_CHECKING:
    from brim.core.types import CleanupReceipt, Message, Summary

FOLD = "receipt"
LISTED = 200
"""How many of the messages that left are listed."""

_BAR = "│ "
_OPENING_CHARS = 200
_NAMES = {"user": "You", "assistant": "Answer", "system": "System", "tool": "Tool"}
_REASONS = {"asked": "by hand", "too_long": "the request was too long"}


class ReceiptView:
    """What is known of a receipt beside itself: whether a key undoes it, and the messages that left."""

    def __init__(self) -> None:
        self.undoable = False
        self.left: Sequence[Message] | None = None
        """The first of them; ``None`` until they are read."""
        self._summary: tuple[str, PlainText] | None = None

    def sections(
        self, record: CleanupReceipt, inks: TranscriptInks, width: int, *, unfolded: bool
    ) -> Iterator[Section]:
        """Yield the line, and what stands below it."""
        lines = _headline(record, inks, width, unfolded=unfolded, undoable=self.undoable)
        yield Section(FOLD, lines, len(lines), fold=FOLD)
        if not unfolded:
            return
        details = list(self._details(record, inks, width))
        if details:
            yield Section("left", details, len(details))
        if record.summary is not None:
            lines = [_summary_line(record.summary, inks, width)]
            yield Section("summary line", lines, 1)
            if self._summary is None or self._summary[0] != record.summary.text:
                text = PlainText(visible(record.summary.text), prefix=_BAR)
                self._summary = record.summary.text, text
            document = self._summary[1]
            shown = document.lines(width, inks.markdown.dim)
            yield Section("summary", shown, len(shown), document)
        yield Section("space", [shapes.BLANK], 1)

    def _details(self, record: CleanupReceipt, inks: TranscriptInks, width: int) -> Iterator[Line]:
        dim = inks.markdown.dim
        if self.left is None:
            yield shapes.line_of([(f"{_BAR}reading …", dim)], width)
            return
        shortened = set(record.shortened_ids)
        for message in self.left:
            about = "~" if message.tokens_estimated else ""
            tokens = f"{about}{short(message.tokens or 0)}"
            opening = visible_line(message.content[:_OPENING_CHARS]).strip() or "…"
            name = _NAMES[message.role]
            words = f"{name:<7} " + ("shortened: " if message.id in shortened else "") + opening
            yield shapes.line_of([(f"{_BAR}{tokens:>7}  ", dim), (words, dim)], width)
        more = len(record.left_ids) + len(record.shortened_ids) - len(self.left)
        if more > 0:
            yield shapes.line_of([(f"{_BAR}… and {more:,} more; F7 lists them all", dim)], width)


def _headline(
    record: CleanupReceipt, inks: TranscriptInks, width: int, *, unfolded: bool, undoable: bool
) -> list[Line]:
    """Return what a cleanup freed and what stayed. Its token figures are estimates."""
    dim = inks.markdown.dim
    words = list(_words(record))
    if undoable:
        words.append("Ctrl+Z undoes")
    arrow = "▾ " if unfolded else "▸ "
    lines: list[str] = []
    for word in words:
        joined = f"{lines[-1]} · {word}" if lines else f"{arrow}✂ {word}"
        if not lines or cell_len(joined) <= width:
            lines[-1:] = [joined]
        else:
            lines.append(f"    {word}")
    style = dim + Style(strike=True) if record.undone else dim
    return [shapes.line_of([(line, dim if "undone" in line else style)], width) for line in lines]


def _words(record: CleanupReceipt) -> Iterator[str]:
    left, shortened = len(record.left_ids), len(record.shortened_ids)
    if record.undone:
        yield "undone"
    yield f"~{short(record.before_tokens)} → ~{short(record.after_tokens)}"
    counts = [f"{left:,} message{'' if left == 1 else 's'} left"] if left or not shortened else []
    counts += [f"{shortened:,} shortened"] if shortened else []
    yield ", ".join([*counts, f"{record.kept:,} kept", f"{record.pinned:,} pinned"])
    if record.reason in _REASONS:
        yield _REASONS[record.reason]
    if not record.reached_target and not record.undone:
        yield "more could not leave"
    yield _cost(record.summary)


def _cost(summary: Summary | None) -> str:
    if summary is None:
        return "free"
    return "summary, not priced" if summary.cost_usd is None else f"summary {money(summary.cost_usd)}"


def _summary_line(summary: Summary, inks: TranscriptInks, width: int) -> Line:
    who = "edited by you" if summary.edited else f"by {visible_line(summary.model)}"
    words = (
        f"Summary {who} · ~{short(summary.tokens)} tok in place of ~{short(summary.replaced_tokens)}"
        f" · {'not priced' if summary.cost_usd is None else money(summary.cost_usd)}"
    )
    return shapes.line_of([(words, inks.markdown.dim + Style(bold=True))], width)
