"""The service's log: a JSON object a line on standard error, where containers want it. It holds no message text."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime

request_of_log: ContextVar[str] = ContextVar("request_of_log", default="")
"""The id of the request that is being answered; a turn that it began has it to its end."""

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonLines(logging.Formatter):
    """Writes a record and its extra fields as one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. Of an error it tells where it was raised, not what it said: that may be a user's text."""
        said: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _event(record.getMessage()),
        }
        if request_id := request_of_log.get():
            said["request_id"] = request_id
        said |= {name: value for name, value in vars(record).items() if name not in _OWN}
        if record.exc_info and record.exc_info[0] is not None:
            frames = traceback.extract_tb(record.exc_info[2])
            said["error"] = record.exc_info[0].__name__
            said["at"] = [f"{frame.name}:{frame.lineno}" for frame in frames[-8:]]
        return json.dumps(said, ensure_ascii=True, default=str)


def _event(message: str) -> str:
    """Return what happened; of a traceback that a library wrote out, the name of the error."""
    if not message.startswith("Traceback (most recent call last)"):
        return message
    return f"a library raised {message.rstrip().rpartition(chr(10))[2].partition(':')[0]}"


def log_to_stderr(level: int = logging.INFO) -> None:
    """Let everything that is logged go to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("brim").setLevel(level)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
