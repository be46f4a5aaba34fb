"""The short lines around a message's text: header, folds, marks, the horizon, the record of a cleanup."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from brim.core.text import visible_line
from brim.tui.render.line import Line
from brim.tui.widgets.plain_text import PlainText
from brim.tui.widgets.transcript_inks import TranscriptInks

if TYPE_CHECKING:
    from brim.core.types import Message, ToolCall

Parts = Sequence[tuple[str, Style]]
_LEAST_GAP = 2
_ARGUMENTS_SHOWN = 200
BLANK = Line((), 0, 0, 0)


def line_of(parts: Parts, width: int, *, right: Parts = ()) -> Line:
    """Return one line with ``parts`` at its left, cut at ``width``, and ``right`` at its end if it fits."""
    segments: list[Segment] = []
    cells = 0
    for text, style in parts:
        room = width - cells
        size = cell_len(text)
        if size > room:
            shown = set_cell_size(text, max(0, room - 1)) + "…" if room > 0 else ""
            size = room
        else:
            shown = text
        if shown:
            segments.append(Segment(shown, style))
            cells += size
    right_cells = sum(cell_len(text) for text, _ in right)
    gap = width - cells - right_cells
    if right_cells and gap >= _LEAST_GAP:
        segments.append(Segment(" " * gap, right[0][1]))
        segments += [Segment(text, style) for text, style in right]
        cells = width
    return Line(segments, cells, 0, 0)


def wrapped(text: str, mark: str, style: Style, width: int) -> list[Line]:
    """Return the lines of a text with a mark before the first, the others indented like it."""
    rows = PlainText(text).lines(max(1, width - len(mark)), style)
    blank = " " * len(mark)
    return [
        line_of([(blank if number else mark, style), (row.text, style)], width)
        for number, row in enumerate(rows)
    ]


def header(
    message: Message,
    inks: TranscriptInks,
    width: int,
    *,
    live: bool,
    branch: tuple[int, int] | None = None,
) -> Line:
    """Return who speaks, and at the right when, or what the answer took, and which of the branches it is."""
    if message.role == "user":
        name, style = "You", inks.user
    elif message.role == "assistant":
        model = visible_line(message.model or "")
        name, style = model.partition(":")[2] or model or "Assistant", inks.assistant
    else:
        name, style = message.role.capitalize(), inks.markdown.dim + Style(bold=True)
    right = [] if live else _figures(message)
    if message.shortened_chars is not None:
        right.append("◐ shortened")
    if message.pinned:
        right.append("◆ pinned")
    if message.left_out:
        right.append("✕ left out")
    left = [(name, style)]
    words = " · ".join(right)
    figures = [(words, inks.markdown.dim)] if words else []
    if branch is None:
        return line_of(left, width, right=figures)
    number, count = branch
    places = [
        ("  " if figures else "", inks.markdown.dim),
        (f"‹{number}", inks.marker + Style(meta={"branch": -1})),
        (f"/{count}›", inks.marker + Style(meta={"branch": 1})),
    ]
    room = width - cell_len(name) - sum(cell_len(text) for text, _ in places) - _LEAST_GAP
    return line_of(left, width, right=[*(figures if cell_len(words) <= room else ()), *places])


def _figures(message: Message) -> list[str]:
    if message.role == "user":
        return [clock(message.created_at)]
    figures: list[str] = ["from cache"] if message.from_cache else []
    tokens, estimated = message.tokens, message.tokens_estimated
    if message.usage is not None and not message.from_cache:
        tokens, estimated = message.usage.output_tokens, message.usage.estimated
    if tokens:
        about = "~" if estimated else ""
        figures.append(f"{about}{tokens:,} tok")
        writing_s = (message.duration_s or 0.0) - (message.first_token_s or 0.0)
        if message.usage is not None and not message.from_cache and writing_s > 0.05:
            figures.append(f"{about}{tokens / writing_s:.0f}/s")
    return figures


def clock(moment: datetime) -> str:
    """Return the local time, with the day when that is not today."""
    local = moment.astimezone()
    if local.date() == datetime.now(UTC).astimezone().date():
        return f"{local:%H:%M}"
    return f"{local:%Y-%m-%d %H:%M}"


def reasoning_fold(message: Message, reasoning: str, unfolded: bool, thinking: bool) -> str:
    """Return the label of the fold over a model's reasoning."""
    arrow = "▾" if unfolded else "▸"
    if thinking:
        return f"{arrow} Thinking … {len(reasoning):,} characters"
    if message.first_token_s is not None:
        return f"{arrow} Thought for {_seconds(message.first_token_s)}"
    return f"{arrow} Thoughts"


def _seconds(seconds: float) -> str:
    if seconds < 1:
        return "less than 1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def tool_fold(call: ToolCall, inks: TranscriptInks, width: int, unfolded: bool, live: bool) -> Line:
    """Return the line of a tool call: its name, the start of its arguments, how it went."""
    if call.result is None:
        state, style = ("running …", inks.markdown.dim) if live else ("no result", inks.warning)
    elif call.is_error:
        state, style = "✗ failed", inks.error
    else:
        state, style = "✓", inks.good
    dim = inks.markdown.dim
    arguments = visible_line(call.arguments[:_ARGUMENTS_SHOWN])
    room = width - cell_len(state) - _LEAST_GAP
    parts = [("▾ " if unfolded else "▸ ", dim), (visible_line(call.name), inks.markdown.text)]
    if arguments and not unfolded:
        parts.append((f" {arguments}", dim))
    left = line_of(parts, max(4, room))
    return line_of([(s.text, s.style or dim) for s in left.segments], width, right=[(state, style)])


def horizon(inks: TranscriptInks, width: int) -> Line:
    """Return the line below which the model sees."""
    words = " above here the model no longer sees "
    if width < cell_len(words) + 4:
        words = " out of the window " if width >= 24 else ""
    left = (width - len(words)) // 2
    return Line((Segment("┈" * left + words + "┈" * (width - left - len(words)), inks.horizon),), width, 0, 0)
