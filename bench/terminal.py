"""A program in a pseudo-terminal, seen through a real terminal emulation, measured from outside."""

from __future__ import annotations

import fcntl
import gc
import os
import pty
import queue
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

_TICKS = os.sysconf("SC_CLK_TCK")
_SWITCH_S = 0.0005
"""How long the emulation may keep the reading thread from noting the time, in seconds."""


class Terminal:
    """Runs a command at a size of ``columns`` × ``rows`` and keeps its screen.

    A thread reads what the program writes and notes when each piece came, so that no figure holds the time that
    the emulation takes. All times are `time.monotonic`, which every process of the machine shares.
    """

    def __init__(
        self,
        command: list[str],
        *,
        env: dict[str, str],
        columns: int = 120,
        rows: int = 36,
        cwd: Path | None = None,
    ) -> None:
        self._command = command
        self._env = {**os.environ, **env, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self._cwd = cwd
        self._size = (columns, rows)
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._lines = [" " * columns] * rows
        self._pieces: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        self.read_at = 0.0
        """When the piece came that the screen took in last."""

    def __enter__(self) -> Self:
        columns, rows = self._size
        self._fd, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        # Without this the kernel echoes what is typed before the program has taken over.
        attributes = termios.tcgetattr(slave)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        self.started = time.monotonic()
        self._process = subprocess.Popen(
            self._command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=self._env,
            cwd=self._cwd,
            start_new_session=True,
        )
        os.close(slave)
        sys.setswitchinterval(_SWITCH_S)
        gc.disable()  # a collection would keep it too
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + 5
            while self._process.poll() is None and time.monotonic() < deadline:
                self.pump(0.05)
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()
        self._reader.join(timeout=5)
        os.close(self._fd)

    @property
    def pid(self) -> int:
        """The process id of the command."""
        return self._process.pid

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._fd, 1 << 18)
            except OSError:
                return
            if not data:
                return
            self._pieces.put((time.monotonic(), data))
            self._answer(data)

    def pump(self, timeout_s: float) -> bool:
        """Take in a piece of what the program wrote, waiting at most ``timeout_s``; false if nothing came."""
        try:
            self.read_at, data = self._pieces.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return False
        # pyte does not know private sequences with '<', '>' or '=' (keyboard protocols), nor DCS.
        self._stream.feed(data)
        return True

    def catch_up(self) -> None:
        """Take in all that has been read."""
        while self.pump(0.0):
            pass

    def _answer(self, data: bytes) -> None:
        """Answer what programs ask a terminal, so that none waits for it."""
        if b"\x1b[6n" in data:
            self.send(b"\x1b[1;1R")
        if b"\x1b[?2026$p" in data:
            self.send(b"\x1b[?2026;2$y")

    def send(self, keys: bytes) -> float:
        """Type; returns when."""
        os.write(self._fd, keys)
        return time.monotonic()

    def wait(self, seen: Callable[[], bool], timeout_s: float = 30.0) -> float:
        """Pump until ``seen()``; returns when that came. Raises `TimeoutError` with the screen's text."""
        at = time.monotonic()
        deadline = at + timeout_s
        while not seen():
            if self.pump(0.02):
                at = self.read_at
            elif time.monotonic() > deadline:
                raise TimeoutError("not seen; the screen is:\n" + self.text())
        return at

    def settle(self, quiet_s: float = 0.5, timeout_s: float = 20.0) -> None:
        """Pump until nothing has been written for ``quiet_s``."""
        deadline = time.monotonic() + timeout_s
        last = time.monotonic()
        while time.monotonic() - last < quiet_s and time.monotonic() < deadline:
            if self.pump(0.02):
                last = time.monotonic()

    def lines(self) -> list[str]:
        """The lines of the screen. Those that nothing was written to since the last look are not made again."""
        for row in self.screen.dirty:
            cells = self.screen.buffer[row]
            # The second cell of a wide character is empty.
            self._lines[row] = "".join([cells[column].data for column in range(self.screen.columns)])
        self.screen.dirty.clear()
        return self._lines

    def text(self) -> str:
        """The screen as lines of text."""
        return "\n".join(self.lines())

    def cpu_s(self) -> float:
        """CPU seconds (user and system) that the program has used so far, all its threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_mb(self) -> float:
        """Private and proportional shared memory of the program, in MB (10^6 bytes)."""
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise RuntimeError("the kernel does not tell the proportional set size")


def echo_times(terminal: Terminal, count: int, pause_s: float = 0.05) -> list[float]:
    """Type ``count`` letters; returns for each the seconds until it stood on the screen.

    Letters are recognised by a run that nothing else on the screen has: ``qzqzqz…``.
    """
    times = []
    typed = ""
    for index in range(count):
        typed += "qz"[index % 2]
        if len(typed) > 30:
            terminal.send(b"\x7f" * (len(typed) - 1))
            terminal.wait(lambda: "qzqz" not in terminal.text() and "zqzq" not in terminal.text())
            typed = ""
            typed += "qz"[index % 2]
        wanted = typed
        at = terminal.send(typed[-1].encode())
        times.append(terminal.wait(lambda wanted=wanted: shows(terminal, wanted)) - at)
        until = time.monotonic() + pause_s
        while time.monotonic() < until:
            terminal.pump(until - time.monotonic())
    terminal.send(b"\x7f" * len(typed))
    return times


def shows(terminal: Terminal, wanted: str) -> bool:
    """Whether a line of the screen holds ``wanted``, from the bottom up, where composers are."""
    return any(wanted in line for line in reversed(terminal.lines()))
