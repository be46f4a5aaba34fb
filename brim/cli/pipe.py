"""Text that goes to standard output while it is made, whatever the reader does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import select
import sys
import threading
from collections.abc import Callable
from functools import partial

from brim.cli.output import is_terminal
from brim.core.text import visible

_LAST_CHANCE_S = 1.0


class Output:
    """Writes from a thread, so that a reader who takes his time (``| less``) does not hold up the turn.

    Args:
        failed: called in the event loop with the error when nothing can be written any more.
    """

    def __init__(self, failed: Callable[[OSError], None]) -> None:
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._is_terminal = is_terminal()
        self._encoding = sys.stdout.encoding or "utf-8"
        self._descriptor = sys.stdout.fileno()
        self._texts: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._drained = asyncio.Event()
        self._held = ""
        self._ends_line = True
        threading.Thread(target=self._work, name="brim-output", daemon=True).start()

    def write(self, text: str) -> None:
        """Hand over more text; on a terminal it is made safe."""
        text = self._held + text
        # A carriage return is harmless only with the new line that may come in the next piece.
        self._held = "\r" if self._is_terminal and text.endswith("\r") else ""
        self._put(text.removesuffix(self._held) if self._held else text)

    def _put(self, text: str) -> None:
        if text:
            self._ends_line = text.endswith("\n")
            self._texts.put(visible(text) if self._is_terminal else text)

    async def aclose(self, cut: asyncio.Event) -> None:
        """End the last line and wait until all is written, but hardly longer than until ``cut`` is set."""
        self._put(self._held)
        if not self._ends_line:
            self._put("\n")
        self._texts.put(None)
        drained, given_up = asyncio.ensure_future(self._drained.wait()), asyncio.ensure_future(cut.wait())
        await asyncio.wait({drained, given_up}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({drained}, timeout=_LAST_CHANCE_S)
        for waiting in (drained, given_up):
            waiting.cancel()

    def _work(self) -> None:
        try:
            while (text := self._texts.get()) is not None:
                self._write_all(text.encode(self._encoding, "replace"))
        except OSError as error:
            self._tell(partial(self._failed, error))
        self._tell(self._drained.set)

    def _write_all(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                select.select([], [self._descriptor], [])

    def _tell(self, what: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended without waiting for the reader
            self._loop.call_soon_threadsafe(what)


class Progress:
    """One line on standard error that says what is being waited for, on a terminal only."""

    def __init__(self, *, is_wanted: bool = True) -> None:
        self._is_wanted = is_wanted and sys.stderr.isatty()
        self._is_shown = False

    def show(self, text: str) -> None:
        """Show ``text`` in place of what is there; an empty one takes the line away."""
        if self._is_wanted and (text or self._is_shown):
            sys.stderr.write(f"\r{visible(text)}\x1b[K" if text else "\r\x1b[K")
            sys.stderr.flush()
            self._is_shown = bool(text)
