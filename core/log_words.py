"""An entry of the log in a few words, for the screen and the command line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from brim.core.log_lines import LogEntry
from brim.core.text import visible_line


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
    return visible_line(str(value))


def _parts(fields: Any) -> Iterator[str]:
    said = dict(fields)
    for name in ("process", "message"):
        said.pop(name, None)
    yield str(said.pop("model", ""))
    yield str(said.pop("sentence", "") or said.pop("text", ""))
    tokens = said.pop("tokens", None)
    for name, value in said.items():
        match name, value:
            case "cost_usd", int() | float():
                yield f"${value:g}"
            case "status", "complete":
                pass
            case (("status" | "kind" | "logger" | "reason" | "error" | "line"), str()):
                yield value
            case _, bool():
                yield name.replace("_", " ") if value else ""
            case _, int() | float() if name.endswith("_s"):
                yield f"{name.removesuffix('_s').replace('_', ' ')} {value:g} s"
            case _, int():
                yield f"{name.replace('_', ' ')} {value:,}"
            case _, str() | float():
                yield f"{name.replace('_', ' ')} {value}"
            case _:
                pass
    if isinstance(tokens, dict):
        figures = [(name.removesuffix("_tokens").replace("_", " "), count) for name, count in tokens.items()]
        yield "tokens " + ", ".join(f"{name} {count:,}" for name, count in figures if isinstance(count, int))
