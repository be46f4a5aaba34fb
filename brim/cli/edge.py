"""The edge of the program: every way that a command can end becomes an exit code and one sentence.

0 is done, 1 a failed turn or a missing session, 2 wrong usage or settings, 130 interrupted, 141 a reader
that went away.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brim.core.errors import BrimError

DONE = 0
FAILED = 1
WRONG = 2
INTERRUPTED = 130
UNREAD = 141


def guarded(command: Callable[[], int]) -> int:
    """Run ``command`` and return its exit code; what it raises is said on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="replace")
    try:
        code = command()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        drop_output()
        return UNREAD
    except Exception as error:  # the last place that can turn it into words
        return _told(error)
    return code


def drop_output() -> None:
    """Let what is still waiting for standard output go nowhere: its reader is gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


def exit_code(error: BrimError) -> int:
    """Return what a command ends with that fails like this."""
    from brim.core.attaching import AttachmentError
    from brim.core.errors import AgentLoadError, SettingsError, StoreUnreachableError

    wrong = (SettingsError, AgentLoadError, AttachmentError, StoreUnreachableError)
    return WRONG if isinstance(error, wrong) else FAILED


def _told(error: Exception) -> int:
    from brim.core.errors import BrimError

    if isinstance(error, BrimError):
        complain(error.sentence, error.hint)
        return exit_code(error)
    from brim.tui.crash import report

    complain(report(error))
    return FAILED


def complain(*sentences: str) -> None:
    """Write sentences to standard error, one a line, safe for a terminal; empty ones are left out."""
    from brim.core.text import visible

    with contextlib.suppress(BrokenPipeError):
        for sentence in filter(None, sentences):
            sys.stderr.write(visible(sentence) + "\n")
        sys.stderr.flush()
