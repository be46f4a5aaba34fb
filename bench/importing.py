"""How fast a ChatGPT export is imported, and in how much memory: ``python bench/importing.py``.

Beside it stands how fast bare SQLite puts the same rows into a file of the same schema: nothing that imports can be
faster than that.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from library import Words

from brim.core.importing import Kind
from brim.core.importing.taking import BATCH, take_in
from brim.core.store.migrate import migrate
from brim.core.store.sqlite import SQLiteStore

SIZES = tuple(int(size) for size in os.environ.get("BENCH_IMPORT", "20000,200000").split(","))
"""Messages."""
_TURNS = 10
"""In each conversation; every fifth has a branch."""


def conversation(number: int, words: Words) -> dict[str, Any]:
    """Return one conversation in the shape of ChatGPT's export."""
    chance: random.Random = words.random
    at = 1_650_000_000.0 + number * 600
    mapping: dict[str, Any] = {"root": {"id": "root", "message": None, "parent": None, "children": []}}
    last = "root"
    for place in range(_TURNS * 2):
        role = "assistant" if place % 2 else "user"
        parent = mapping[last]["parent"] if place == 5 and number % 5 == 0 else last
        text = " ".join(chance.choices(words.known, k=chance.randint(5, 60 if role == "user" else 250)))
        key = f"{number:08x}-{place:04x}-4000-8000-000000000000"
        metadata = {"model_slug": "gpt-4o", "finish_details": {"type": "stop", "stop_tokens": [200002]}}
        mapping[key] = {
            "id": key,
            "message": {
                "id": key,
                "author": {"role": role, "name": None, "metadata": {}},
                "create_time": at + place,
                "update_time": None,
                "content": {"content_type": "text", "parts": [text]},
                "status": "finished_successfully",
                "end_turn": True,
                "weight": 1.0,
                "metadata": metadata if role == "assistant" else {"timestamp_": "absolute"},
                "recipient": "all",
                "channel": None,
            },
            "parent": parent,
            "children": [],
        }
        mapping[parent]["children"].append(key)
        last = key
    return {
        "title": " ".join(chance.choices(words.known, k=4)),
        "create_time": at,
        "update_time": at + 99,
        "mapping": mapping,
        "current_node": last,
        "conversation_id": f"{number:08x}-0000-4000-8000-000000000000",
        "default_model_slug": "gpt-4o",
    }


def write(path: Path, messages: int) -> None:
    """Write an export of so many messages."""
    words = Words(5)
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        file.writelines(_pieces(messages // (_TURNS * 2), words))
        file.write("]")


def _pieces(conversations: int, words: Words) -> Iterator[str]:
    for number in range(conversations):
        yield (", " if number else "") + json.dumps(conversation(number, words))


async def _take(archive: Path, home: Path) -> tuple[int, float, float]:
    store = SQLiteStore(home / "brim.db")
    await store.open()
    try:
        started, worked = time.perf_counter(), time.process_time()
        report = await take_in(store, archive, Kind.CHATGPT)
        return report.messages, time.perf_counter() - started, time.process_time() - worked
    finally:
        await store.aclose()


def one(archive: Path, home: Path) -> None:
    """Import once, and print messages, seconds, seconds of CPU, and the peak of memory in MB."""
    messages, took, worked = asyncio.run(_take(archive, home))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([messages, took, worked, peak]))


def bare(source: Path, home: Path) -> None:
    """Put the rows of an imported file into a new one with nothing but SQLite; print as `one` does."""
    path = home / "bare.db"
    migrate(path)
    with (
        closing(sqlite3.connect(source)) as rows,
        closing(sqlite3.connect(path, isolation_level=None)) as file,
    ):
        file.execute("PRAGMA foreign_keys = ON")
        took = worked = 0.0
        messages = 0
        for table, size in (("sessions", 1 << 30), ("messages", BATCH)):
            found = rows.execute(f"SELECT * FROM {table} ORDER BY rowid")
            columns = [each[0] for each in found.description]
            insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
            while batch := found.fetchmany(size):
                started, began = time.perf_counter(), time.process_time()
                file.execute("BEGIN IMMEDIATE")
                file.executemany(insert, batch)
                file.execute("COMMIT")
                took += time.perf_counter() - started
                worked += time.process_time() - began
                messages += len(batch) if table == "messages" else 0
    print(json.dumps([messages, took, worked, 0]))


def _measured(*arguments: str) -> list[float]:
    done = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True, check=True)
    told: list[float] = json.loads(done.stdout)
    return told


def main() -> None:
    """Measure all sizes, each in a process of its own."""
    print("first, again and bare SQLite: messages a second, and (in brackets) those of a second of CPU")
    print(f"{'messages':>10} {'file':>9} {'first':>20} {'again':>20} {'bare':>20} {'peak':>9}")
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "conversations.json"
            write(archive, size)
            first, again = (_measured("one", str(archive), folder) for _ in range(2))
            alone = _measured("bare", str(Path(folder) / "brim.db"), folder)
            rates = " ".join(
                f"{first[0] / took:>8,.0f} ({first[0] / worked:>9,.0f})"
                for _, took, worked, _ in (first, again, alone)
            )
            megabytes = archive.stat().st_size / 1e6
            print(f"{first[0]:>10,} {megabytes:>6.0f} MB {rates} {first[3]:>6.0f} MB")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        {"one": one, "bare": bare}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
