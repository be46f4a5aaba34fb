"""``brim logs``: what was asked of whom, what it took, and what went wrong."""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from itertools import islice

from brim.cli.edge import DONE, FAILED, complain
from brim.cli.output import is_terminal, put, styled
from brim.core.log_file import log_files
from brim.core.log_lines import LogEntry, LogFilter, LogTail, entries_back
from brim.core.log_words import clock, words
from brim.core.paths import Paths
from brim.core.text import visible_line

_AGAIN_S = 0.3
_ID_CHARS = 8
_COLOURS = {"debug": "bright_black", "info": None, "warning": "yellow", "error": "red"}


def show(only: LogFilter, *, limit: int, follows: bool, as_json: bool) -> int:
    """Print the last entries that fit, the newest at the end, and with ``follows`` those that come."""
    folder = Paths.find().logs
    tail = LogTail(folder)
    try:
        found = list(islice(filter(None, entries_back(folder, only)), limit))
        for entry in reversed(found):
            _print(entry, as_json=as_json)
        if not found and not follows:
            complain(
                "Nothing in the log fits." if log_files(folder)[0].exists() else "Nothing was logged yet.",
                f"It is {log_files(folder)[0]}.",
            )
        known = deque((entry.raw for entry in found), maxlen=limit)
        while follows:
            sys.stdout.flush()
            for entry in tail.read():
                # What was written between the opening and the reading has been printed.
                if only.fits(entry) and entry.raw not in known:
                    _print(entry, as_json=as_json)
            known.clear()
            time.sleep(_AGAIN_S)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        complain(f"The log cannot be read: {error.strerror}.", f"It is {log_files(folder)[0]}.")
        return FAILED
    finally:
        tail.close()
    return DONE


def _print(entry: LogEntry, *, as_json: bool) -> None:
    if as_json:
        # Written anew, so that it is one object a line, and plain ASCII, whatever stands in the file.
        said = {"time": entry.time, "level": entry.level, "event": entry.event, "session": entry.session_id}
        put(json.dumps({**{name: value for name, value in said.items() if value}, **entry.fields}))
        return
    level = visible_line(entry.level)
    head = f"{clock(entry)}  {level:<7}  {visible_line(entry.session_id)[:_ID_CHARS]:<{_ID_CHARS}}"
    line = f"{head}  {visible_line(entry.event)}  {words(entry)}".rstrip()
    put(styled(line, fg=_COLOURS.get(entry.level, "red")) if is_terminal() else line)
