"""How fast a ChatGPT export is imported, and in how much memory: ``python bench/importing.py``."""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from library import Words

from brim.core.importing import Kind
from brim.core.importing.taking import take_in
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


def main() -> None:
    """Measure all sizes, each in a process of its own."""
    print("first and again: messages a second, and (in brackets) those of a second of CPU")
    print(f"{'messages':>10} {'file':>9} {'first':>20} {'again':>20} {'peak':>9}")
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "conversations.json"
            write(archive, size)
            told = []
            for _ in range(2):
                done = subprocess.run(
                    [sys.executable, __file__, str(archive), folder],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                told.append(json.loads(done.stdout))
            messages, first, first_cpu, peak = told[0]
            _, again, again_cpu, _ = told[1]
            megabytes = archive.stat().st_size / 1e6
            print(
                f"{messages:>10,} {megabytes:>6.0f} MB {messages / first:>8,.0f} ({messages / first_cpu:>9,.0f}) "
                f"{messages / again:>8,.0f} ({messages / again_cpu:>9,.0f}) {peak:>6.0f} MB"
            )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        one(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        main()
