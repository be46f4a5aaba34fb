"""An entry of the log in a few words, for the screen and the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from brim.core.log_lines import LogEntry
from brim.core.text import visible_line

_FIRST = (
    "model",
    "kind",
    "status_code",
    "sentence",
    "text",
    "status",
    "from_cache",
    "duration_s",
    "cost_usd",
)
_SPEAKING = frozenset({"model", "kind", "sentence", "text", "status", "logger", "reason", "error", "line"})
"""Fields that need no name."""


def clock(entry: LogEntry, *, has_date: bool = True) -> str:
    """Return when it was, in the time of this machine; as it stands where it is no time."""
    try:
        moment = datetime.fromisoformat(entry.time).astimezone()
    except (ValueError, OverflowError):
        return visible_line(entry.time)[:19]
    return f"{moment:%Y-%m-%d %H:%M:%S}" if has_date else f"{moment:%H:%M:%S}"


def words(entry: LogEntry) -> str:
    """Return what an entry says besides time, level, event and session, in one line that is safe to show."""
    return visible_line(" · ".join(part for part in _parts(entry.fields) if part))


def field_lines(entry: LogEntry) -> list[tuple[str, str]]:
    """Return the fields of an entry, all of them, each as a safe name and a safe line."""
    found = {"time": entry.time, "level": entry.level, "event": entry.event, "session": entry.session_id}
    shown: list[tuple[str, str]] = []
    for name, value in (found | dict(entry.fields)).items():
        if isinstance(value, dict) and value:
            shown += [(visible_line(f"{name}.{inner}"), _line(one)) for inner, one in value.items()]
        elif value not in ("", None):
            shown.append((visible_line(name), _line(value)))
    return shown


def _line(value: Any) -> str:
    if isinstance(value, list):
        return visible_line(", ".join(map(str, value)))
    return visible_line(str(value).lower() if isinstance(value, bool) else str(value))


def _parts(fields: Mapping[str, Any]) -> Iterator[str]:
    said = dict(fields)
    for name in ("process", "message"):
        said.pop(name, None)
    if said.get("finish_reason") == "stop":
        del said["finish_reason"]
    tokens = said.pop("tokens", None)
    for name in _FIRST:
        if name in said:
            yield _part(name, said.pop(name))
    if isinstance(tokens, dict):
        yield _tokens(tokens)
    for name, value in said.items():
        yield _part(name, value)


def _part(name: str, value: Any) -> str:
    spoken = name.replace("_", " ")
    match name, value:
        case "cost_usd", int() | float():
            return f"${value:g}"
        case "status", "complete":
            return ""
        case _, bool():
            return spoken if value else ""
        case _, int() | float() if name.endswith("_s"):
            return f"{spoken.removesuffix(' s')} {value:g} s"
        case _, int():
            return f"{spoken} {value:,}"
        case _, str() if name in _SPEAKING:
            return value
        case _, str() | float():
            return f"{spoken} {value}"
    return ""


def _tokens(tokens: Mapping[str, Any]) -> str:
    about = "~" if tokens.get("estimated") else ""
    figures = [
        f"{name.removesuffix('_tokens').replace('_', ' ')} {about}{count:,}"
        for name, count in tokens.items()
        if isinstance(count, int) and not isinstance(count, bool)
    ]
    return f"tokens {', '.join(figures)}" if figures else ""
