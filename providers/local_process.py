"""The parent's side of the local model: one child process, started when it is needed, never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from brim.core.errors import AgentError, ConnectionFailedError
from brim.providers.local_file import look_at
from brim.providers.local_gguf import ModelHeader, Shape, choose_shape
from brim.providers.local_memory import LocalMemory, memory_bytes, resident_bytes
from brim.providers.local_server import Orders

_SECRET_WORDS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL")
_EXIT_S = 2.0
_LOG_TAIL_BYTES = 16_384
_MEMORY_SIGNS = ("failed to allocate", "out of memory", "bad_alloc", "unable to allocate")
_DAMAGE_SIGNS = ("not within the file bounds", "corrupted or incomplete", "unexpectedly reached end of file")
_STRANGE_SIGN = "unknown model architecture"
_PROGRAM_BYTES = 128 << 20
"""What a model's process takes apart from weights and windows, roughly."""
_LIBRARY_BYTES = 15_000_000
"""How much of its files is the program itself, roughly."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the child answers, and the key it asks for."""

    address: str
    key: SecretStr


class LocalProcess:
    """A model in a child process, started anew whenever it is needed and not there.

    Args:
        name: what the model is called in sentences, requests and the name of the log file.
        model_path: the GGUF file.
        log_folder: made with mode 0700 if it is missing. The log in it has mode 0600, a bounded size, and
            begins anew with each start; the one before is kept beside it.
        threads: processor threads for the model; ``None`` leaves one processor to the keyboard.
        window_tokens: the window of each answer; ``None`` chooses by model and memory.
        idle_s: seconds without use after which the child ends; 0 for never.
        memory: shared by models of which not all may be loaded at the same time.
    """

    def __init__(
        self,
        *,
        name: str,
        model_path: Path,
        log_folder: Path,
        threads: int | None = None,
        window_tokens: int | None = None,
        idle_s: float = 0,
        memory: LocalMemory | None = None,
    ) -> None:
        self.name = name
        self.model_path = model_path.absolute()
        self.log_path = log_folder / f"local-{_file_name(name)}.log"
        self._threads = min(threads, len(_processors())) if threads else default_threads()
        self._window_tokens = window_tokens
        self._idle_s = idle_s
        self._memory = memory or LocalMemory()
        self._header: ModelHeader | None = None
        self._users = 0
        self._rest: asyncio.TimerHandle | None = None
        self._unloading: asyncio.Task[None] | None = None
        self._child: Process | None = None
        self._endpoint: Endpoint | None = None
        self._starting: asyncio.Task[Endpoint] | None = None
        self._makes_room = False
        self._is_closed = False

    @property
    def endpoint(self) -> Endpoint | None:
        """Where the child answers now; ``None`` while there is none."""
        return self._endpoint if self.pid is not None else None

    @property
    def pid(self) -> int | None:
        """The process id of the running child, which may still be loading; ``None`` while there is none."""
        return self._child.pid if self._child is not None and self._child.returncode is None else None

    @property
    def is_busy(self) -> bool:
        """Whether somebody uses the child, or it is being started."""
        return self._users > 0 or (self._starting is not None and not self._starting.done())

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the child from being unloaded; afterwards the time begins after which it is."""
        self._users += 1
        if self._rest is not None:
            self._rest.cancel()
        try:
            yield
        finally:
            self._users -= 1
            self._memory.used(self)
            self._begin_rest()

    def progress(self, elapsed_s: float) -> str:
        """Return in words how far the start is, after so many seconds of it."""
        if (pid := self.pid) is None:
            others = self._memory.waits_for(self)
            return (
                f"waiting for the memory of {others} to load {self.name}"
                if others
                else f"loading {self.name}"
            )
        read = resident_bytes(pid)
        if not read or self._header is None:
            return f"loading {self.name} for {elapsed_s:.0f} s"
        percent = (read - _LIBRARY_BYTES) * 100 // max(1, self._header.file_bytes)
        if percent >= 100:
            return f"warming up {self.name}"
        return f"loading {self.name} {percent} %" if percent > 0 else f"loading {self.name}"

    async def shape(self) -> Shape:
        """Return the window and the number of slots that the child has or would get.

        Raises:
            AgentError: the file is missing, unreadable or no model.
        """
        self._header = await asyncio.to_thread(look_at, self.model_path)
        return choose_shape(
            self._header, memory_bytes=self._memory.most_bytes, window_tokens=self._window_tokens
        )

    async def start(self) -> Endpoint:
        """Return where the child answers, after starting it where it does not run. All callers share one start.

        The caller keeps it `in_use`.

        Raises:
            AgentError: the model cannot be loaded.
            ConnectionFailedError: `aclose` was called.
        """
        if self._is_closed:
            raise self._closed_error()
        if (endpoint := self.endpoint) is not None:
            return endpoint
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start(), name=f"start {self.name}")
            self._starting.add_done_callback(self._started)
        starting = self._starting
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            if starting.cancelled():
                raise self._closed_error() from None
            raise

    async def unload(self) -> None:
        """End the child until it is wanted again; nothing happens while it is in use."""
        if self.is_busy:
            return
        child, self._child, self._endpoint = self._child, None, None
        self._memory.release(self)
        if child is not None:
            await _stop(child)

    async def exit_reason(self) -> str:
        """Return how the child ended, for a sentence, after waiting a moment for its end; empty while it runs."""
        if self._child is None:
            return ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_EXIT_S):
                await self._child.wait()
        return _reason(self._child.returncode)

    async def aclose(self) -> None:
        """End the child, for good."""
        self._is_closed = True
        if self._rest is not None:
            self._rest.cancel()
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait([self._starting])
        if self._unloading is not None:
            await asyncio.wait([self._unloading])
        if self._child is not None:
            await _stop(self._child)
        self._memory.release(self)

    def _begin_rest(self) -> None:
        """Begin the time after which the child ends, where nobody uses it."""
        if self._users or self._is_closed:
            return
        if self._starting is not None and not self._starting.done():
            if self._makes_room:  # nobody waits any more for what has not begun
                self._starting.cancel()
                self._starting = None
        elif self._idle_s and self.pid is not None:
            if self._rest is not None:
                self._rest.cancel()
            self._rest = asyncio.get_running_loop().call_later(self._idle_s, self._end_rest)

    def _end_rest(self) -> None:
        self._unloading = asyncio.create_task(self.unload(), name=f"unload {self.name}")

    def _started(self, task: asyncio.Task[Endpoint]) -> None:
        """Give back the memory of a failed start, and keep one quiet whose turns were all stopped meanwhile."""
        if task.cancelled() or task.exception() is not None:
            if self._starting is task or self._starting is None:
                self._memory.release(self)
        else:
            self._begin_rest()

    async def _start(self) -> Endpoint:
        self._endpoint = None
        self._makes_room = True
        try:
            shape = await self.shape()
            await self._memory.reserve(self, self._needed_bytes(shape))
        finally:
            self._makes_room = False
        key = SecretStr(secrets.token_urlsafe(32))
        orders = Orders(
            model_path=str(self.model_path),
            name=self.name,
            key=key.get_secret_value(),
            threads=self._threads,
            window_tokens=shape.window_tokens,
            slots=shape.slots,
            cache_mib=max(128, min(2048, memory_bytes() // 2**20 // 32)),
        )
        child = await self._spawn()
        try:
            report = await _hand_over(child, orders)
        except asyncio.CancelledError:
            await _stop(child)
            raise
        if report is None:
            await _stop(child)
            raise await self._start_error(child.returncode)
        self._endpoint = Endpoint(report["address"], key)
        return self._endpoint

    def _needed_bytes(self, shape: Shape) -> int:
        """Return what the child takes, roughly: weights, windows, and the program itself."""
        assert self._header is not None  # noqa: S101  read for the shape
        windows = shape.slots * shape.window_tokens * (self._header.token_bytes or 0)
        return self._header.file_bytes + windows + _PROGRAM_BYTES

    async def _spawn(self) -> Process:
        log = await asyncio.to_thread(_open_log, self.log_path)
        try:
            # -P: whatever lies in the working folder is not imported. A session of its own: Ctrl+C in the
            # terminal is not the child's business.
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "brim.providers.local_server",
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                start_new_session=True,
                env=_environment(),
            )
        except OSError as error:
            raise AgentError(
                f"The local model {self.name} could not be started: {error.strerror}.", provider="local"
            ) from error
        finally:
            os.close(log)
        return self._child

    async def _start_error(self, returncode: int | None) -> AgentError:
        tail = await asyncio.to_thread(_read_tail, self.log_path)
        is_short = returncode == -signal.SIGKILL or any(sign in tail for sign in _MEMORY_SIGNS)
        reason = "there is not enough memory for it" if is_short else _reason(returncode)
        if any(sign in tail for sign in _DAMAGE_SIGNS):
            reason = "its file is cut off or damaged; fetch it again"
        elif _STRANGE_SIGN in tail:
            reason = "this llama.cpp does not know its kind of model"
        return AgentError(
            f"The local model {self.name} could not be loaded ({reason}); the details are in {self.log_path}.",
            hint="A smaller model or window may fit." if is_short else "",
            provider="local",
        )

    def _closed_error(self) -> ConnectionFailedError:
        return ConnectionFailedError(f"The local model {self.name} is closed.", provider="local")


def default_threads() -> int:
    """Return how many threads a model gets: one for each real core, less one processor for the keyboard."""
    allowed = _processors()
    cores = {_siblings(processor) for processor in allowed}
    return max(1, min(len(cores), len(allowed) - 1))


def _processors() -> set[int]:
    """Return the processors that brim may use: more threads than these would only wait for each other."""
    return os.sched_getaffinity(0) if sys.platform == "linux" else set(range(os.cpu_count() or 1))


def _siblings(processor: int) -> str:
    """Return which processors share a core with ``processor``, as the kernel writes it."""
    path = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
    return path.read_text(encoding="ascii") if path.exists() else str(processor)


def _environment() -> dict[str, str]:
    """Return the environment without what looks like a secret: the child needs none."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not any(word in name.upper() for word in _SECRET_WORDS)
    }
    # llama.cpp would start a debugger to print where it failed.
    return kept | {"GGML_NO_BACKTRACE": "1"}


def _file_name(name: str) -> str:
    return "".join(char if char.isalnum() or char in "-_." else "-" for char in name)[:80]


def _open_log(path: Path) -> int:
    """Open an empty log file for this start, and keep that of the one before."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        path.replace(path.with_suffix(".old.log"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)


def _read_tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LOG_TAIL_BYTES))
        return file.read().decode(errors="replace").lower()


async def _hand_over(child: Process, orders: Orders) -> dict[str, str] | None:
    """Give the child its orders and return its report, or ``None`` if it ended without one."""
    assert child.stdin is not None  # noqa: S101  opened as pipes above
    assert child.stdout is not None  # noqa: S101
    with contextlib.suppress(ConnectionError):
        child.stdin.write(orders.line())
        await child.stdin.drain()
    line = await child.stdout.readline()
    return json.loads(line) if line.endswith(b"\n") else None


async def _stop(child: Process) -> None:
    """End a child by force: it has nothing to save, and while it loads it would not listen."""
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    await child.wait()
    if child.stdin is not None:
        child.stdin.close()
    if child.stdout is not None:
        await child.stdout.read()


def _reason(returncode: int | None) -> str:
    if returncode is None:
        return ""
    if returncode >= 0:
        return f"exit code {returncode}"
    name = signal.Signals(-returncode).name if -returncode in signal.valid_signals() else str(-returncode)
    return f"signal {name}"
