"""``brim`` itself, on a terminal: how it ends when it cannot begin, and the theme of its first paint."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from brim.cli.opening import _wanted_theme
from brim.core.paths import Paths
from tests.support.app_in_terminal import AppInTerminal
from tests.support.cli import BRIM, read_terminal

_LEFT = "\x1b[?1049l"


def _open(*arguments: str) -> tuple[int, str]:
    """Open the app, which ends by itself; returns its exit code and what stood there after the screen."""
    master, slave = pty.openpty()
    process = subprocess.Popen([*BRIM, *arguments], stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    seen = read_terminal(master)
    code = process.wait(timeout=40)
    assert _LEFT in seen, seen[-500:]
    return code, seen.rpartition(_LEFT)[2]


def test_wrong_settings_end_the_app_with_the_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIM_TEMPERATURE", "hot")
    code, said = _open()
    assert code == 2
    assert 'BRIM_TEMPERATURE in the environment is "hot"' in said
    assert "Traceback" not in said


def test_an_agent_that_cannot_be_loaded_ends_the_app_with_the_sentence() -> None:
    code, said = _open("--agent", "nowhere:Agent")
    assert code == 2
    assert "nowhere" in said


def test_a_session_that_is_not_there_ends_the_app_with_the_sentence() -> None:
    code, said = _open("feedbeef")
    assert code == 1
    assert "feedbeef" in said


def test_settings_that_are_not_used_are_told_on_the_screen_and_after_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_BASE_URL=http://127.0.0.1:1/v1\n")
    command = [*BRIM, "--model", "scripted:echo"]
    with AppInTerminal(tmp_path, command=command, OPENAI_API_KEY="only-a-test") as app:
        app.read_until_shown("would send the key")
        app.read_until_shown("Enter send")
        app.write(b"\x11")
        assert app.ended() == 0
        assert b"so brim uses neither" in app.output.rpartition(_LEFT.encode())[2]


def test_the_first_paint_has_the_theme_that_the_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = Paths.find()
    assert _wanted_theme(paths) == ""
    paths.make()
    paths.config_file.write_text('theme = "from-config"\n')
    assert _wanted_theme(paths) == "from-config"
    Path(".env").write_text("BRIM_THEME='from-dotenv' # nice\n")
    assert _wanted_theme(paths) == "from-dotenv"
    monkeypatch.setenv("BRIM_THEME", "from-environment")
    assert _wanted_theme(paths) == "from-environment"


@pytest.mark.parametrize("content", [b"theme = 3\n", b"theme = dusk\n", b"\xff\xfe"])
def test_a_wrong_file_leaves_the_theme_to_the_screen(content: bytes) -> None:
    paths = Paths.find()
    paths.make()
    paths.config_file.write_bytes(content)
    assert _wanted_theme(paths) == ""
