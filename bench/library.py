"""Figures of a large library, each beside that of a small one or of bare SQLite: ``python bench/library.py``."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

from run import median, p95, row, until_echo
from terminal import Terminal

from brim.core.search import Query, parse
from brim.core.searching import Results
from brim.core.store import queries, search_table
from brim.core.store.migrate import migrate
from brim.core.store.rows import message_values, session_values
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Message, Session

PYTHON = sys.executable
RUNS = int(os.environ.get("BENCH_RUNS", "5"))
SESSIONS = int(os.environ.get("BENCH_LIBRARY", "100000"))
MESSAGES = 10
"""In each session."""

RARE = "zyzzyx"
_RARE_EVERY = 50_000
_VOCABULARY = 50_000
_SYLLABLES = [
    "ba",
    "con",
    "der",
    "ing",
    "tion",
    "re",
    "the",
    "pre",
    "lo",
    "mi",
    "sta",
    "ver",
    "al",
    "en",
    "or",
    "is",
    "at",
    "un",
    "ly",
    "ment",
    "per",
    "so",
    "ti",
    "na",
    "ra",
]
_FIRST = datetime(2023, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_BATCH = 500


class Words:
    """Seeded words, as often as words are: the n-th commonest stands for a share of about 1/n."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        known: dict[str, None] = {}
        while len(known) < _VOCABULARY:
            many = (1, 2, 2, 3) if len(known) < 3000 else (2, 3, 4, 5)
            known["".join(self.random.choices(_SYLLABLES, k=self.random.choice(many)))] = None
        self.known = list(known)
        weights = list(accumulate(1 / (rank + 2) for rank in range(_VOCABULARY)))
        self._said = self.random.choices(self.known, cum_weights=weights, k=1_000_000)

    def text(self) -> str:
        count = self.random.choice((8, 12, 20, 40, 90, 180))
        start = self.random.randrange(len(self._said) - count)
        return " ".join(self._said[start : start + count])


def fill(path: Path, sessions: int, words: Words) -> None:
    """Make a data file of so many sessions."""
    migrate(path)
    model = Message(role="user", content="")
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA synchronous = OFF")
        file.execute("PRAGMA cache_size = -200000")
        columns = list(message_values(model))
        add_message = queries.insert("messages", columns)
        add_session = queries.insert("sessions", session_values(Session()))
        for first in range(0, sessions, _BATCH):
            file.execute("BEGIN")
            for number in range(first, min(first + _BATCH, sessions)):
                session, messages = _session(number, words)
                file.execute(add_session, session)
                file.executemany(add_message, messages)
            file.execute("COMMIT")


def _session(number: int, words: Words) -> tuple[dict[str, object], list[dict[str, object]]]:
    begun = _FIRST + number * _MINUTE * 15
    session_id = f"{number:016x}"
    ids = [f"{number * MESSAGES + place:016x}" for place in range(MESSAGES)]
    kept = session_values(
        Session(
            id=session_id,
            title=words.text()[:40],
            model="openai:gpt-4o" if number % 3 else "anthropic:claude-sonnet-4-5",
            created_at=begun,
            updated_at=begun + MESSAGES * _MINUTE,
            head_id=ids[-1],
            messages=MESSAGES,
        )
    )
    messages = []
    for place, message_id in enumerate(ids):
        content = words.text()
        if (number * MESSAGES + place) % _RARE_EVERY == 77:
            content += f" {RARE}"
        message = Message(
            id=message_id,
            session_id=session_id,
            parent_id=ids[place - 1] if place else None,
            role="assistant" if place % 2 else "user",
            content=content,
            tokens=len(content) // 4,
            model=kept["model"] if place % 2 else None,
            created_at=begun + place * _MINUTE,
        )
        messages.append(message_values(message))
    return kept, messages


# --- figures ------------------------------------------------------------------------------------------


def indexing(path: Path, name: str) -> None:
    """Add the words of a file that has none, as it is done in the background, with no rest in between."""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.row_factory = sqlite3.Row
        file.execute("PRAGMA synchronous = NORMAL")
        stretches = []
        began = time.perf_counter()
        more = True
        while more:
            start = time.perf_counter()
            file.execute("BEGIN IMMEDIATE")
            more = search_table.index(0.05, file)
            file.execute("COMMIT")
            stretches.append(time.perf_counter() - start)
        seconds = time.perf_counter() - began
        count = file.execute("SELECT count(*) FROM messages").fetchone()[0]
    row(
        f"indexing {name}",
        f"{seconds:.1f} s, {count / seconds:,.0f} messages/s",
        f"longest stretch {max(stretches) * 1000:.0f} ms",
    )


def typed(word: str) -> Iterator[str]:
    """The texts in the search field while a word is typed, from its second letter."""
    for end in range(2, len(word) + 1):
        yield word[:end]


async def searching(path: Path, words: Words) -> None:
    """First results of each text that stands in the field while words are typed, beside bare SQLite."""
    store = SQLiteStore(path)
    await store.open()
    try:
        kinds = {
            "common words": words.known[:10] + words.known[10:200:10],
            "medium words": words.known[2000:2600:25],
            "a rare word": [RARE] * 5,
            "two common words": [
                f"{a} {b}" for a, b in zip(words.known[:10], words.known[20:30], strict=True)
            ],
            "with filters": [
                f"model:claude role:assistant before:2024-08 {word}" for word in words.known[:20]
            ],
        }
        for kind, texts in kinds.items():
            ours, whole, bare, empty = [], [], [], 0
            for text in texts:
                for field in typed(text) if " " not in text else [text]:
                    began = time.perf_counter()
                    found = await Results(store, parse(field, as_typed=True)).more(20)
                    ours.append(time.perf_counter() - began)
                    empty += not found
                # The word as it is when it is finished, beside what SQLite takes to find the best of it.
                query = parse(text)
                began = time.perf_counter()
                await Results(store, query).more(20)
                whole.append(time.perf_counter() - began)
                bare.append(await asyncio.to_thread(_bare, path, query))
            row(
                f"search as typed, {kind}",
                f"p50 {median(ours) * 1e3:.1f} p95 {p95(ours) * 1e3:.1f} worst {max(ours) * 1e3:.1f} ms ({empty} of {len(ours)} empty)",
                "p95 <= 100 ms",
            )
            row(
                "    typed to its end, beside bare SQLite",
                f"{median(whole) * 1e3:.1f} ms, {median(whole) / median(bare):.2f} x bare ({median(bare) * 1e3:.1f} ms)",
                "<= 2 x",
            )
    finally:
        await store.aclose()


def _bare(path: Path, query: Query) -> float:
    """Return how long SQLite takes to rank by its bm25 all that fits, and to read the twenty best."""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        parts = [number for (number,) in file.execute("SELECT part FROM search_parts")]
        match = search_table.match_of(query)
        began = time.perf_counter()
        best = []
        for part in parts:
            sql = f"SELECT rank, rowid FROM search_{part} WHERE search_{part} MATCH ? ORDER BY rank LIMIT 20"
            best += file.execute(sql, (match,)).fetchall()
        for _, number in sorted(best)[:20]:
            file.execute("SELECT * FROM messages WHERE rowid = ?", (number,)).fetchone()
        return time.perf_counter() - began


def ready(homes: dict[str, Path]) -> None:
    """Spawn until a typed key is on the screen."""
    times: dict[str, list[float]] = {name: [] for name in homes}
    for run in range(RUNS + 1):
        for name, home in homes.items():
            with (
                tempfile.TemporaryDirectory() as folder,
                Terminal(
                    [PYTHON, "-m", "brim", "--model", "scripted:echo"],
                    env={"BRIM_HOME": str(home)},
                    cwd=Path(folder),
                ) as terminal,
            ):
                seconds = until_echo(terminal)
            if run:
                times[name].append(seconds)
    _beside("ready to type", times)


def listing(homes: dict[str, Path]) -> None:
    """``brim sessions --limit 20``."""
    times: dict[str, list[float]] = {name: [] for name in homes}
    for run in range(RUNS + 1):
        for name, home in homes.items():
            began = time.perf_counter()
            subprocess.run(
                [PYTHON, "-m", "brim", "sessions", "--limit", "20"],
                env={**os.environ, "BRIM_HOME": str(home)},
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            if run:
                times[name].append(time.perf_counter() - began)
    _beside("brim sessions --limit 20", times)


async def adding(homes: dict[str, Path]) -> None:
    """A prompt and an answer are kept."""
    times: dict[str, list[float]] = {name: [] for name in homes}
    stores = {name: SQLiteStore(_data(home)) for name, home in homes.items()}
    for store in stores.values():
        await store.open()
    try:
        heads: dict[str, str | None] = dict.fromkeys(stores)
        sessions = {name: Session(title="bench") for name in stores}
        for name, store in stores.items():
            await store.add_session(sessions[name])
        for _ in range(200):
            for name, store in stores.items():
                message = Message(
                    role="user", content="word " * 100, session_id=sessions[name].id, parent_id=heads[name]
                )
                began = time.perf_counter()
                await store.add_message(message)
                times[name].append(time.perf_counter() - began)
                heads[name] = message.id
    finally:
        for store in stores.values():
            await store.aclose()
    _beside("adding a message", times)


def _beside(figure: str, times: dict[str, list[float]]) -> None:
    large, small = (median(times[name]) for name in ("large", "small"))
    row(
        figure,
        f"{large * 1e3:.1f} ms, {large / small:.2f} x with 10 sessions ({small * 1e3:.1f} ms)",
        "<= 1.2 x",
    )


def _data(home: Path) -> Path:
    from brim.core.paths import Paths

    os.environ["BRIM_HOME"] = str(home)
    return Paths.find().database


def main() -> None:
    words = Words(1)
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as folder:
        homes = {name: Path(folder) / name for name in ("large", "small")}
        for name, count in (("large", SESSIONS), ("small", 10)):
            path = _data(homes[name])
            path.parent.mkdir(parents=True, exist_ok=True)
            began = time.perf_counter()
            fill(path, count, words)
            row(
                f"filling: {count:,} sessions, {count * MESSAGES:,} messages",
                f"{time.perf_counter() - began:.1f} s, {path.stat().st_size / 1e6:,.0f} MB",
                "",
            )
        for name, home in homes.items():
            with closing(sqlite3.connect(_data(home))) as file:  # as it is after a migration
                search_table.begin_anew(file)
                file.commit()
            indexing(_data(home), name)
        row("the file with its words", f"{_data(homes['large']).stat().st_size / 1e6:,.0f} MB", "")
        asyncio.run(searching(_data(homes["large"]), words))
        asyncio.run(adding(homes))
        listing(homes)
        ready(homes)


if __name__ == "__main__":
    main()
