"""An import that is killed leaves a file that opens, and doing it again makes it whole."""

import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from brim.core.paths import Paths
from tests.support.archives import chatgpt, write
from tests.support.cli import BRIM, brim
from tests.support.kills import KILLS, TIMEOUT_S, assert_whole, chance, killed

TALKS = 4000

IMPORTS = """
import asyncio, json, sys
from pathlib import Path
from brim.core.importing import Kind
from brim.core.importing.taking import take_in
from brim.core.store.sqlite import SQLiteStore

def say(**facts):
    print(json.dumps(facts), flush=True)

async def main(path, archive):
    store = SQLiteStore(Path(path))
    await store.open()
    say(opened=True)
    report = await take_in(
        store, Path(archive), Kind.CHATGPT, progress=lambda report, _: say(messages=report.messages)
    )
    await store.aclose()
    say(whole=report.sessions)

asyncio.run(main(*sys.argv[1:]))
"""


def _counts():
    assert_whole(Paths.find().database)
    with closing(sqlite3.connect(Paths.find().database)) as file:
        kept = file.execute("SELECT count(*), coalesce(sum(messages), 0) FROM sessions").fetchone()
        assert file.execute("SELECT count(*) FROM messages").fetchone()[0] == kept[1]
        return kept


def _archive(batch):
    talks = [chatgpt(conversation_id=f"c-{batch}-{n}", title=f"T{n}") for n in range(TALKS)]
    return str(write(f"conversations-{batch}.json", talks))


@pytest.mark.timeout(TIMEOUT_S)
async def test_killed_again_and_again_it_becomes_whole():
    """One archive after the other comes in, each of them in several attempts."""
    brim("sessions")
    seed = chance("imports")
    path = str(Paths.find().database)
    batch, archive = 0, _archive(0)
    kept, cut = (0, 0), 0
    while cut < KILLS:
        said, was_killed = await killed(
            IMPORTS, path, archive, lines=1 + seed.randrange(20), wait_s=seed.random() * 0.1
        )
        reported = max([fact["messages"] for fact in said if "messages" in fact], default=0)
        now = _counts()
        assert now[1] >= kept[1] + reported
        assert now[0] >= kept[0]
        kept = now
        cut += was_killed
        if not was_killed or kept[0] == TALKS * (batch + 1):
            assert kept == (TALKS * (batch + 1), 3 * TALKS * (batch + 1))
            batch += 1
            archive = _archive(batch)
    left = TALKS * (batch + 1) - kept[0]
    done = brim("import", archive)
    assert done.returncode == 0, done.stderr
    assert f"{left:,} sessions new" in done.stdout
    assert _counts() == (TALKS * (batch + 1), 3 * TALKS * (batch + 1))
    assert f"0 sessions new, 0 grown, {TALKS:,} known" in brim("import", archive).stdout
    print(f"{cut} kills, {batch + 1} archives, {3 * TALKS * (batch + 1):,} messages")


def test_stopped_by_ctrl_c_it_says_that_it_can_go_on():
    write("conversations.json", [chatgpt(conversation_id=f"c-{n}", title=f"T{n}") for n in range(TALKS)])
    brim("sessions")
    process = subprocess.Popen([*BRIM, "import", "conversations.json"], stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not _messages():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert said == "Stopped. What has come is kept; the same command goes on from there.\n"
    assert 0 < _counts()[0] < TALKS


def _messages():
    path: Path = Paths.find().database
    with closing(sqlite3.connect(path, timeout=30)) as file:
        return file.execute("SELECT coalesce(sum(messages), 0) FROM sessions").fetchone()[0]
