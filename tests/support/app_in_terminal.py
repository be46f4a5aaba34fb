"""The app as a process of its own in a pseudo-terminal, with an agent that is told by its first argument.

Run as ``python -m tests.support.app_in_terminal FOLDER KIND``; `AppInTerminal` does so.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

from brim.core.agent import AgentInterface
from brim.core.events import StreamEvent, TextDelta
from brim.core.types import AgentContext, AgentResponse

ROOT = Path(__file__).parents[2]
ROWS, COLUMNS = 24, 80
_KITTY = re.compile(rb"\x1b\[[<>=]\d*u")
"""A request for another way of telling keys, which the emulated terminal would print in part."""


class Endless(AgentInterface):
    """Says a little and then nothing more, for ever."""

    async def process(self, context: AgentContext) -> AgentResponse:
        raise NotImplementedError

    async def process_stream(self, context: AgentContext) -> AsyncIterator[StreamEvent]:
        yield TextDelta("half an ans")
        await asyncio.Event().wait()


class Telling(AgentInterface):
    """Counts at the pace of a model, in its prompt's own words: to 150, and on until the file `TOLD` is there."""

    async def process(self, context: AgentContext) -> AgentResponse:
        raise NotImplementedError

    async def process_stream(self, context: AgentContext) -> AsyncIterator[StreamEvent]:
        number = 0
        while number < 150 or not Path(os.environ["TOLD"]).exists():
            number += 1
            yield TextDelta(f"{context.input}{number} ")
            await asyncio.sleep(0.02)


class Stubborn(Endless):
    """Cannot be closed: its connection never ends, and neither does a thread of its own."""

    async def aclose(self) -> None:
        await asyncio.to_thread(time.sleep, 30)


class Broken(Endless):
    """Makes the app fail, not the turn."""

    async def aclose(self) -> None:
        key = os.environ["OPENAI_API_KEY"]
        raise RuntimeError(f"cannot close with {key}")


KINDS = {"endless": Endless, "telling": Telling, "stubborn": Stubborn, "broken": Broken}


def main(folder: Path, kind: str) -> int:
    """Run the app until it is ended."""
    from brim.core.sessions import SessionManager
    from brim.core.store.sqlite import SQLiteStore
    from brim.tui.app import run

    async def connect() -> SessionManager:
        manager = SessionManager(KINDS[kind](), store=SQLiteStore(folder / "brim.db"))
        await manager.open()
        return manager

    return run(connect, session=None, model=None, theme="", state_folder=folder, config_folder=folder)


class AppInTerminal:
    """Starts the app, reads what it writes, presses keys, sends signals.

    Args:
        folder: holds the data of the app; with ``command`` its working folder.
        kind: the agent, one of `KINDS`.
        command: the command to run in place of the app alone.
        environment: is added to this process's own.
    """

    def __init__(
        self, folder: Path, kind: str = "", *, command: Sequence[str] = (), **environment: str
    ) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.output = b""
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._terminal = pyte.ByteStream(self._screen)
        self.process = subprocess.Popen(
            command or [sys.executable, "-m", "tests.support.app_in_terminal", str(folder), kind],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder if command else ROOT,
            env={**os.environ, "TERM": "xterm-256color", **environment},
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.slave)
        self.hang_up()

    def read_until(self, wanted: bytes, seconds: float = 30.0) -> None:
        """Read until ``wanted`` has been written since the start."""
        deadline = time.monotonic() + seconds
        while wanted not in self.output:
            assert time.monotonic() < deadline, f"waited for {wanted!r}, saw {self.output[-2000:]!r}"
            assert self._read(), f"ended without {wanted!r}: {self.output[-2000:]!r}"

    @property
    def shown(self) -> str:
        """What stands on the terminal's screen, its lines joined by spaces, without borders at their ends."""
        return " ".join(" ".join(line.strip(" │▌") for line in self._screen.display).split())

    def read_until_shown(self, wanted: str, seconds: float = 30.0) -> None:
        """Read until ``wanted`` stands on the screen; a break of the line counts as a space."""
        deadline = time.monotonic() + seconds
        while wanted not in self.shown:
            assert time.monotonic() < deadline, f"waited for {wanted!r}, saw {self.shown}"
            assert self._read(), f"ended without {wanted!r}: {self.shown}"

    def read_for(self, seconds: float) -> None:
        """Read for a while."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._read()

    def _read(self) -> bool:
        if not select.select([self.master], [], [], 0.2)[0]:
            return self.process.poll() is None
        try:
            data = os.read(self.master, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return False
        self.output += data
        self._terminal.feed(_KITTY.sub(b"", data))
        return bool(data)

    def write(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.master, keys)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the app."""
        self.process.send_signal(number)

    def hang_up(self) -> None:
        """Close the terminal."""
        with contextlib.suppress(OSError):
            os.close(self.master)

    def ended(self, seconds: float = 20.0) -> int:
        """Read to the end and return the exit code."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, "the app did not end"
            self._read()
        while select.select([self.master], [], [], 0)[0] and self._read():
            pass
        return self.process.returncode


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2]))
