"""Ends that come from outside, and an end that never takes for ever."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any

LONGEST_S = 4.0
"""How long ending may take in all before the process is ended as it is, in seconds."""

_RESTORED = (
    "\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?7h"
)


def catch_signals(leave: Callable[[int], None]) -> None:
    """Let the signals that end a program call ``leave`` with the exit code a shell gives for them."""
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        loop.add_signal_handler(number, leave, 128 + number)


def catch_hangup(leave: Callable[[int], None]) -> None:
    """Let a terminal that vanishes without a signal call ``leave``, as SIGHUP does.

    A process without a controlling terminal gets no signal. Its reads would return at once for ever and its
    writes fail, which the screen's threads do not survive, so both go nowhere from then on.
    """
    if sys.platform == "win32" or not (
        os.isatty(0) and threading.current_thread() is threading.main_thread()
    ):
        return
    loop = asyncio.get_running_loop()
    terminal = os.fstat(0).st_rdev

    def wait() -> None:
        hangup = select.poll()
        hangup.register(0, 0)  # an end of the line is told unasked
        hangup.poll()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            if os.fstat(descriptor).st_rdev == terminal:
                os.dup2(nowhere, descriptor)
        with contextlib.suppress(RuntimeError):  # the loop is closed: the app is at its end
            loop.call_soon_threadsafe(leave, 128 + signal.SIGHUP)

    threading.Thread(target=wait, name="hangup", daemon=True).start()


async def in_time(closing: Coroutine[Any, Any, None], seconds: float) -> None:
    """Await ``closing``, and go on without it after ``seconds``. What it raises in time is raised."""
    task = asyncio.create_task(closing)
    await asyncio.wait({task}, timeout=seconds)
    if task.done():
        task.result()


class Watchdog:
    """Ends the process when closing hangs: a thread that does not return, a terminal that is gone."""

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None

    def start(self, code: int) -> None:
        """Begin to count; does nothing where it counts already."""
        if self._timer is None:
            self._timer = threading.Timer(LONGEST_S, _end, (code,))
            self._timer.daemon = True
            self._timer.start()

    def stop(self) -> None:
        """Stop counting: all is closed."""
        if self._timer is not None:
            self._timer.cancel()


def _end(code: int) -> None:
    try:
        os.write(2, _RESTORED.encode())
    finally:
        os._exit(code)
