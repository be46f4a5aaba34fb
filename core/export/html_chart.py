"""How the window filled, as a picture: one column a turn, stacked by segment, cleanups as drops."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from brim.core.context import ContextUsage
from brim.core.timeline import Column

_HEIGHT = 110
_TOP = 16
_MOST_COLUMNS = 400
_SEGMENTS = ("system", "summary", "pinned", "history")


def chart(columns: Sequence[Column]) -> str:
    """Return the timeline as a figure; empty where there are fewer than two turns to show."""
    if len(columns) < 2:
        return ""
    picked = _picked(columns)
    highest = max(_tops(column) for column in picked) or 1
    window = next((column.window_tokens for column in reversed(picked) if column.window_tokens), None)
    shows_window = window is not None and highest / 4 <= window <= 4 * highest
    scale = (_HEIGHT - _TOP) / max(highest, window if shows_window and window else 0)
    step = 18 if len(picked) <= 40 else 8 if len(picked) <= 100 else 4
    width = step * len(picked) + 4
    parts = [
        f'<svg width="{width}" height="{_HEIGHT}" viewBox="0 0 {width} {_HEIGHT}" role="img" '
        f'aria-label="Tokens sent in each of {len(columns):,} turns">'
    ]
    if shows_window and window:
        y = _HEIGHT - window * scale
        parts.append(f'<line class="limit" x1="0" x2="{width}" y1="{y:.1f}" y2="{y:.1f}"/>')
    for number, column in enumerate(picked):
        parts.append(_bar(column, 2 + number * step, step - max(1, step // 5), scale))
    parts.append("</svg>")
    legend = "".join(f'<span class="key {name}"></span>{name}' for name in (*_SEGMENTS, "answer"))
    limit = f" · dashed: the window, {window:,} tokens" if shows_window and window else ""
    return (
        f'<figure><div class="chart">{"".join(parts)}</div><figcaption>{legend}<br>'
        f"Tokens in the window, turn by turn; at most {highest:,}; ✂ marks a cleanup{limit}</figcaption></figure>"
    )


def gauge(usage: ContextUsage) -> str:
    """Return what fills the window as a bar; its place is the whole window as far as that is known."""
    whole = max(usage.limit_tokens, usage.used_tokens, 1)
    tokens = (usage.system_tokens, usage.summary_tokens, usage.pinned_tokens, usage.history_tokens)
    pieces = [
        f'<i class="{name}" style="width:{100 * size / whole:.2f}%" title="{name} {size:,}"></i>'
        for name, size in zip(_SEGMENTS, tokens, strict=True)
        if size
    ]
    return f'<div class="gauge">{"".join(pieces)}</div>'


def _picked(columns: Sequence[Column]) -> list[Column]:
    """Return so many columns that they can be seen: of neighbours the highest, or the one with a cleanup."""
    size = -(-len(columns) // _MOST_COLUMNS)
    groups = [columns[start : start + size] for start in range(0, len(columns), size)]
    return [max(group, key=lambda each: (each.cleaned is not None, each.total_tokens)) for group in groups]


def _tops(column: Column) -> int:
    before = column.cleaned.before_tokens if column.cleaned else 0
    return max(column.total_tokens + column.answer_tokens, before)


def _bar(column: Column, x: int, width: int, scale: float) -> str:
    sizes = [getattr(column, f"{name}_tokens") for name in _SEGMENTS]
    expected = column.expected_tokens
    share = column.total_tokens / expected if expected else 0.0
    counted = "reported" if column.reported_tokens is not None else "estimated"
    words = f"Turn {column.turn:,}: {column.total_tokens:,} tokens {counted}, answer {column.answer_tokens:,}"
    y = float(_HEIGHT)
    parts = []
    for name, size in (*zip(_SEGMENTS, sizes, strict=True), ("answer", column.answer_tokens)):
        height = size * scale * (1.0 if name == "answer" else share)
        if height > 0:
            y -= height
            parts.append(
                f'<rect class="{name}" x="{x}" y="{y:.1f}" width="{width}" height="{max(height, 0.5):.1f}"/>'
            )
    if column.cleaned is not None and not column.cleaned.undone:
        middle = x + width / 2
        top = _HEIGHT - column.cleaned.before_tokens * scale
        bottom = _HEIGHT - column.cleaned.after_tokens * scale
        words += f"; cleanup {column.cleaned.before_tokens:,} → {column.cleaned.after_tokens:,}"
        parts.append(f'<path class="drop" d="M{middle:.1f} {top:.1f}V{bottom:.1f}"/>')
        parts.append(f'<text class="cut" x="{middle:.1f}" y="{max(10.0, top - 3):.1f}">✂</text>')
    link = escape(f"#m-{column.message_id}")
    return f'<a href="{link}"><g><title>{escape(words)}</title>{"".join(parts)}</g></a>'
