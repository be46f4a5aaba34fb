"""An import that is killed leaves a file that opens, and doing it again makes it whole."""

import os
import random
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

from brim.core.paths import Paths
from tests.support.archives import chatgpt, write
from tests.support.cli import BRIM, brim

TALKS = 4000


def _counts():
    with closing(sqlite3.connect(Paths.find().database)) as file:
        assert file.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert file.execute("PRAGMA foreign_key_check").fetchall() == []
        kept = file.execute("SELECT count(*), coalesce(sum(messages), 0) FROM sessions").fetchone()
        assert file.execute("SELECT count(*) FROM messages").fetchone()[0] == kept[1]
        return kept


def test_killed_again_and_again_it_becomes_whole():
    write("conversations.json", [chatgpt(conversation_id=f"c-{n}", title=f"T{n}") for n in range(TALKS)])
    brim("sessions")
    chance = random.Random(os.environ.get("BRIM_SEED", "7"))
    kept, cut = (0, 0), 0
    for _ in range(8):
        process = subprocess.Popen([*BRIM, "import", "conversations.json"], stdout=subprocess.PIPE)
        before = kept[1]
        while process.poll() is None and _messages() <= before:
            time.sleep(0.01)
        time.sleep(chance.random() * 0.2)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        cut += process.returncode == -signal.SIGKILL
        now = _counts()
        assert now >= kept
        kept = now
        if kept[0] == TALKS:
            break
    assert cut
    done = brim("import", "conversations.json")
    assert done.returncode == 0, done.stderr
    assert f"{TALKS - kept[0]:,} sessions new" in done.stdout
    assert _counts() == (TALKS, 3 * TALKS)
    assert f"0 sessions new, 0 grown, {TALKS:,} known" in brim("import", "conversations.json").stdout


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
