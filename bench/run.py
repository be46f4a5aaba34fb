"""Takes the figures of bench/README.md and prints them as a table. Run one by name: ``python bench/run.py start``."""

from __future__ import annotations

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from terminal import Terminal, echo_times, shows

HERE = Path(__file__).parent
PYTHON = sys.executable
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
MINIMAL = [PYTHON, str(HERE / "minimal_app.py")]
BRIM = [PYTHON, "-m", "brim", "--model", "openai:gpt-4o"]


def median(values: list[float]) -> float:
    return statistics.median(values)


def p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, round(0.95 * (len(values) - 1)))]


def row(name: str, figure: str, goal: str) -> None:
    print(f"{name:<58} {figure:<44} {goal}", flush=True)


class Server:
    """The scripted server as a process of its own, and the moments at which it sent each token."""

    def __enter__(self) -> Server:
        self._process = subprocess.Popen(
            [PYTHON, str(HERE / "stream_server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.url = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        # Read to the end: the server says when it sent each token, more than a pipe holds.
        self._process.communicate(timeout=10)

    def sent(self) -> list[float]:
        """Wait for the end of an answer; returns when each of its tokens was sent."""
        return json.loads(self._process.stdout.readline())["sent"]


@contextmanager
def brim(server_url: str, home: Path | None = None, *args: str) -> Iterator[Terminal]:
    """brim, ready for typing, on an empty or a given home."""
    with tempfile.TemporaryDirectory() as folder:
        env = {"BRIM_HOME": str(home or folder), "OPENAI_BASE_URL": server_url, "OPENAI_API_KEY": "none"}
        with Terminal([*BRIM, *args], env=env, cwd=Path(folder)) as terminal:
            yield terminal


@contextmanager
def minimal(server_url: str) -> Iterator[Terminal]:
    """The minimal app."""
    with Terminal(MINIMAL, env={"OPENAI_BASE_URL": server_url}) as terminal:
        yield terminal


def until_echo(terminal: Terminal) -> float:
    """Type letters until one shows; returns seconds from the spawn. Typing goes on since early keys may be lost."""
    while True:
        terminal.send(b"~")
        limit = time.monotonic() + 0.02
        while time.monotonic() < limit:
            terminal.pump(0.005)
            if shows(terminal, "~"):
                return terminal.read_at - terminal.started
        if time.monotonic() - terminal.started > 30:
            raise TimeoutError("no key was ever echoed; the screen is:\n" + terminal.text())


def start() -> None:
    """Spawn to ready for typing, and memory at that moment."""
    times: dict[str, list[float]] = {"brim": [], "minimal": []}
    memory: dict[str, list[float]] = {"brim": [], "minimal": []}
    with Server() as server, tempfile.TemporaryDirectory() as home:
        for run in range(RUNS + 1):
            for name, app in (
                ("brim", lambda: brim(server.url, Path(home))),
                ("minimal", lambda: minimal(server.url)),
            ):
                with app() as terminal:
                    elapsed = until_echo(terminal)
                    used = terminal.memory_mb()
                if run:  # the first one warms the caches
                    times[name].append(elapsed)
                    memory[name].append(used)
    ratio = median(times["brim"]) / median(times["minimal"])
    row(
        "start: spawn to ready for typing",
        f"{median(times['brim']):.3f} s, {ratio:.2f} x minimal",
        "<= 1.3 x",
    )
    ratio = median(memory["brim"]) / median(memory["minimal"])
    row("memory at that moment", f"{median(memory['brim']):.0f} MB, {ratio:.2f} x minimal", "<= 1.5 x")


def version() -> None:
    """`brim --version` beside `python -c pass`."""
    script = str(Path(PYTHON).with_name("brim"))

    def seconds(command: list[str]) -> float:
        began = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.monotonic() - began

    pairs = [(seconds([script, "--version"]), seconds([PYTHON, "-c", "pass"])) for _ in range(5 * RUNS)]
    ours, bare = (median(list(side)) for side in zip(*pairs, strict=True))
    row("brim --version", f"{ours * 1000:.0f} ms, {ours / bare:.2f} x python -c pass", "<= 3 x")


def make_session(home: Path, messages: int) -> str:
    """Write a session of many messages into a new store; returns its id."""
    from stream_server import pieces

    from brim.core.paths import Paths
    from brim.core.store.sqlite import SQLiteStore
    from brim.core.types import Message, Session

    texts = ["".join(pieces(12 + index % 40)) for index in range(50)]

    async def write() -> str:
        os.environ["BRIM_HOME"] = str(home)
        paths = Paths.find()
        paths.make()
        store = SQLiteStore(paths.database)
        await store.open()
        session = Session(title=f"{messages} messages", model="openai:gpt-4o")
        await store.add_session(session)
        parent = None
        for index in range(messages):
            is_last = index == messages - 1
            message = Message(
                role="user" if index % 2 == 0 else "assistant",
                content=f"message {index}\n\n{texts[index % 50]}" + ("\n\nlastmessage" if is_last else ""),
                tokens=100,
                session_id=session.id,
                parent_id=parent,
                in_window=index > messages - 200,
            )
            parent = message.id
            await store.add_message(message)
        await store.aclose()
        return session.id

    return asyncio.run(write())


def large() -> None:
    """Open 10 and 10,000 messages; memory, key echo and scrolling there."""
    with Server() as server, tempfile.TemporaryDirectory() as small, tempfile.TemporaryDirectory() as big:
        homes = {10: Path(small), 10_000: Path(big)}
        ids = {count: make_session(home, count) for count, home in homes.items()}
        opened: dict[int, list[float]] = {10: [], 10_000: []}
        memory: dict[int, list[float]] = {10: [], 10_000: []}
        echo: dict[int, list[float]] = {0: [], 10_000: []}
        frames: list[float] = []
        for run in range(RUNS + 1):
            for count, home in homes.items():
                with brim(server.url, home, ids[count]) as terminal:
                    elapsed = terminal.wait(lambda: shows(terminal, "lastmessage")) - terminal.started
                    terminal.settle(1.5)
                    used = terminal.memory_mb()
                    if run:
                        opened[count].append(elapsed)
                        memory[count].append(used)
                    if run and count == 10_000:
                        echo[count] += echo_times(terminal, 60)
                        if run == RUNS:
                            frames = scroll(terminal)
            if run:
                with brim(server.url) as terminal:
                    until_echo(terminal)
                    terminal.settle(1.5)
                    terminal.send(b"\x7f" * 50)
                    terminal.settle()
                    echo[0] += echo_times(terminal, 60)
    ratio = median(opened[10_000]) / median(opened[10])
    row(
        "open 10,000 messages until the end is on screen",
        f"{median(opened[10_000]):.3f} s, {ratio:.2f} x 10 messages",
        "<= 1.2 x",
    )
    more = median(memory[10_000]) - median(memory[10])
    row("memory after that", f"{median(memory[10_000]):.0f} MB, {more:+.1f} MB over 10 messages", "<= +20 MB")
    ratio = p95(echo[10_000]) / p95(echo[0])
    row(
        "key to echo, idle, 10,000 messages, p95",
        f"{p95(echo[10_000]) * 1000:.1f} ms, {ratio:.2f} x empty session",
        "<= 30 ms, <= 1.2 x",
    )
    row(
        "Page Down through 10,000 messages, frame p95",
        f"{p95(frames) * 1000:.1f} ms of {len(frames)} frames",
        "<= 50 ms",
    )


def scroll(terminal: Terminal) -> list[float]:
    """Go to the top of the transcript and page down; returns the seconds from each key to the changed screen."""
    focus_transcript(terminal)
    terminal.send(b"\x1b[H")
    terminal.wait(lambda: shows(terminal, "message 0 ") or "message 0" in terminal.text())
    terminal.settle()
    frames = []
    for _ in range(300):
        terminal.catch_up()
        before = terminal.text()
        at = terminal.send(b"\x1b[6~")
        frames.append(terminal.wait(lambda before=before: terminal.text() != before, 10) - at)
        terminal.pump(0.01)
    return frames


def focus_transcript(terminal: Terminal) -> None:
    """Click into the middle of the screen, where the transcript is."""
    column, line = 60, 10
    terminal.send(f"\x1b[<0;{column};{line}M\x1b[<0;{column};{line}m".encode())
    terminal.settle(0.3)


def newest(terminal: Terminal) -> int:
    """The highest token number on the screen, -1 if none is there."""
    return max((int(n) for n in re.findall(r"t(\d{5})", terminal.text())), default=-1)


def ask(terminal: Terminal, tokens: int, speed: int) -> None:
    terminal.send(f"tokens={tokens} speed={speed}".encode())
    terminal.settle(0.3)
    terminal.send(b"\r")


def stream() -> None:
    """Token to screen and CPU at 100 tokens/s; key echo meanwhile."""
    tokens = 1_000
    late: list[float] = []
    cpu: dict[str, list[float]] = {"brim": [], "minimal": []}
    with Server() as server:
        for _ in range(RUNS):
            for name, app in (("brim", brim), ("minimal", minimal)):
                with app(server.url) as terminal:
                    until_echo(terminal)
                    terminal.settle(2.0)
                    terminal.send(b"\x7f" * 100)
                    terminal.settle()
                    # One answer first, so that what is loaded once is loaded.
                    ask(terminal, 5, 0)
                    terminal.wait(lambda: newest(terminal) == 4)
                    server.sent()
                    terminal.settle(1.5)
                    before = terminal.cpu_s()
                    ask(terminal, tokens, 100)
                    seen: dict[int, float] = {}
                    high = 4 if name == "minimal" else -1
                    began = time.monotonic()
                    while newest(terminal) < tokens - 1 or len(seen) < 100:
                        if terminal.pump(0.02):
                            now, top = terminal.read_at, newest(terminal)
                            if top > high or (high == 4 and top >= 5):
                                for index in range(high + 1, top + 1):
                                    seen[index] = now
                                high = max(high, top)
                        if time.monotonic() - began > 60:
                            raise TimeoutError(terminal.text())
                    sent = server.sent()
                    terminal.settle(0.5)
                    cpu[name].append(terminal.cpu_s() - before)
                    if name == "brim":
                        late += [seen[i] - sent[i] for i in seen if i >= 10]
    row(
        "token sent to visible at 100 tokens/s",
        f"p95 {p95(late) * 1000:.0f} ms, longest {max(late) * 1000:.0f} ms",
        "p95 <= 60 ms, longest 150 ms",
    )
    ratio = median(cpu["brim"]) / median(cpu["minimal"])
    row(
        "CPU for 1,000 tokens at 100 tokens/s",
        f"{median(cpu['brim']):.2f} s, {ratio:.2f} x minimal",
        "<= 0.3 x",
    )


def typing() -> None:
    """Key echo while an answer streams at 100 tokens/s, and in a flood."""
    with Server() as server:
        for label, tokens, speed in (("at 100 tokens/s", 2_000, 100), ("in a flood", 60_000, 5_000)):
            times: list[float] = []
            for _ in range(RUNS):
                with brim(server.url) as terminal:
                    until_echo(terminal)
                    terminal.settle(2.0)
                    terminal.send(b"\x7f" * 100)
                    terminal.settle()
                    ask(terminal, tokens, speed)
                    terminal.wait(lambda: newest(terminal) > 20)
                    times += echo_times(terminal, 80, pause_s=0.03)
            row(f"key to echo {label}, p95", f"{p95(times) * 1000:.1f} ms of {len(times)} keys", "<= 30 ms")


def long_answer() -> None:
    """CPU of the last 500 tokens of a 20,000-token answer beside its first 500."""
    first, last = [], []
    with Server() as server, brim(server.url) as terminal:
        until_echo(terminal)
        terminal.settle(2.0)
        terminal.send(b"\x7f" * 100)
        terminal.settle()
        ask(terminal, 5, 0)
        terminal.wait(lambda: newest(terminal) == 4)
        terminal.settle(1.5)
        ask(terminal, 20_000, 200)
        marks: dict[int, float] = {}
        began = time.monotonic()
        while newest(terminal) < 19_900 and time.monotonic() - began < 150:
            terminal.pump(0.02)
            top = newest(terminal)
            for mark in (100, 600, 19_300, 19_800):
                if mark not in marks and top >= mark and (mark < 1_000 or top < 20_001):
                    marks[mark] = terminal.cpu_s()
        if len(marks) < 4:
            raise TimeoutError("the answer stopped short; the screen is:\n" + terminal.text())
        first.append(marks[600] - marks[100])
        last.append(marks[19_800] - marks[19_300])
    row(
        "CPU of the last 500 of 20,000 tokens",
        f"{last[0]:.2f} s, {last[0] / first[0]:.2f} x its first 500",
        "<= 1.2 x",
    )


def flood() -> None:
    """5,000 tokens at once: first byte to all on screen."""
    tokens = 5_000
    shown: dict[str, list[float]] = {"brim": [], "minimal": []}
    printed = []
    with Server() as server:
        for _ in range(RUNS):
            for name, app in (("brim", brim), ("minimal", minimal)):
                with app(server.url) as terminal:
                    until_echo(terminal)
                    terminal.settle(2.0)
                    terminal.send(b"\x7f" * 100)
                    terminal.settle()
                    ask(terminal, 5, 0)
                    terminal.wait(lambda: newest(terminal) == 4)
                    server.sent()
                    terminal.settle(1.5)
                    ask(terminal, tokens, 0)
                    end = terminal.wait(
                        lambda: shows(terminal, f"t{tokens - 1:05d}") and shows(terminal, "The end."), 90
                    )
                    shown[name].append(end - server.sent()[0])
            env = {**os.environ, "OPENAI_BASE_URL": server.url}
            done = subprocess.run(
                [PYTHON, str(HERE / "sdk_print.py")],
                input=f"tokens={tokens} speed=0\n",
                env=env,
                text=True,
                capture_output=True,
                check=True,
            )
            server.sent()
            printed.append(float(done.stdout.rsplit("elapsed ", 1)[1]))
    ours = median(shown["brim"])
    row(
        "flood of 5,000 tokens: first byte to all on screen",
        f"{ours:.2f} s, {ours / median(shown['minimal']):.3f} x minimal, {ours / median(printed):.2f} x SDK",
        "<= 0.12 x, <= 2 x",
    )


def idle() -> None:
    """CPU while nothing happens."""
    with Server() as server, brim(server.url) as terminal:
        until_echo(terminal)
        terminal.settle(3.0)
        before = terminal.cpu_s()
        until = time.monotonic() + 10
        while time.monotonic() < until:
            terminal.pump(0.1)
        row("idle, 10 s", f"{(terminal.cpu_s() - before) * 10:.1f} % of one core", "<= 1 %")


FIGURES: dict[str, Callable[[], None]] = {
    "start": start,
    "version": version,
    "large": large,
    "typing": typing,
    "stream": stream,
    "long_answer": long_answer,
    "flood": flood,
    "idle": idle,
}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or FIGURES:
        FIGURES[wanted]()
