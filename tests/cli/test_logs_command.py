"""``brim logs`` and what brim logs of itself: as a person at the command line meets it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from brim.core.log_file import LogFile
from brim.core.paths import Paths
from tests.support.cli import BRIM, ECHO, brim, here, here_json, read_terminal, write_agents
from tests.support.hostile import HOSTILE


def _log() -> Path:
    return Paths.find().logs / "brim.jsonl"


def test_a_turn_is_logged_without_its_words() -> None:
    assert brim("ask", *ECHO, "my secret words").returncode == 0
    text = _log().read_text(encoding="utf-8")
    assert "my secret words" not in text
    shown = here("logs")
    assert [line.split()[3 if "opened" in line else 4] for line in shown.stdout.splitlines()] == [
        "opened",
        "turn_started",
        "turn_finished",
    ]
    session = here_json("sessions")[0]["id"]
    lines = here("logs", "--json", "--session", session[:6], "--limit", "1").stdout.splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["turn_finished"]


def test_an_error_is_found_by_its_level() -> None:
    write_agents()
    brim("ask", "--agent", "agents:Failing", "a question")
    (line,) = here("logs", "--level", "error").stdout.splitlines()
    assert "rate_limit" in line
    assert "Too many requests." in line


@pytest.mark.parametrize(
    ("settings", "words"), [({"BRIM_LOG_LEVEL": "off"}, 0), ({"BRIM_LOG_MESSAGES": "true"}, 2)]
)
def test_the_settings_hold(settings: dict[str, str], words: int) -> None:
    brim("ask", *ECHO, "my secret words", env=settings)
    text = _log().read_text(encoding="utf-8") if _log().exists() else ""
    assert text.count("my secret words") == words


def test_what_is_not_saved_is_not_logged() -> None:
    brim("ask", *ECHO, "--no-save", "x")
    assert not _log().exists()
    assert "Nothing was logged yet." in here("logs").stderr


def test_looking_around_leaves_nothing() -> None:
    here("models")
    here("sessions")
    assert not _log().exists()


def test_following_goes_on_until_it_is_stopped() -> None:
    Paths.find().make()
    file = LogFile(_log().parent)
    file.write({"event": "first", "level": "info"})
    with subprocess.Popen(
        [*BRIM, "logs", "--follow", "--json"], stdout=subprocess.PIPE, encoding="utf-8"
    ) as one:
        assert one.stdout is not None
        assert json.loads(one.stdout.readline())["event"] == "first"
        file.write({"event": "second", "level": "info"})
        assert json.loads(one.stdout.readline())["event"] == "second"
        one.send_signal(signal.SIGINT)
        assert one.wait() == 130


def test_nothing_in_the_log_acts_on_a_terminal() -> None:
    Paths.find().make()
    file = LogFile(_log().parent)
    for text in HOSTILE.values():
        file.write({"event": text, "level": text, "session": text, "model": text, "time": text})
    for arguments in ((), ("--json",)):
        master, slave = pty.openpty()
        subprocess.run([*BRIM, "logs", *arguments], stdout=slave, check=True)
        os.close(slave)
        seen = read_terminal(master)
        assert "\x1b]" not in seen
        assert "\x9b" not in seen
        assert "\u202e" not in seen


def test_the_doctor_says_where_the_log_is_and_what_is_wrong_with_it() -> None:
    brim("ask", *ECHO, "x")
    assert "brim.jsonl, 0.0 MB, can be written." in here("doctor").stdout
    _log().unlink()
    _log().mkdir()
    said = here("doctor").stdout
    assert "✗ log:" in said
    assert "brim goes on without a log" in said
    assert brim("ask", *ECHO, "still there").stdout == "still there\n"
    assert here("logs").returncode == 1


def test_retries_and_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "topsecret-key-of-mine-1234"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    brim("ask", "--model", "openai:gpt-4o", "x")
    found = [json.loads(line) for line in _log().read_text(encoding="utf-8").splitlines()]
    retried = [entry for entry in found if entry["event"] == "request_retried"]
    assert retried
    assert {(entry["kind"], len(entry["session"])) for entry in retried} == {("connection", 16)}
    assert key not in _log().read_text(encoding="utf-8")
