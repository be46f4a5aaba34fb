"""``brim doctor``: what is right, what is wrong, how to mend it, and that no key is shown."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from brim.core.paths import Paths
from tests.support.cli import ECHO, brim, here, here_json
from tests.support.ports import unanswered_port
from tests.support.scripted_server import ScriptedServer, refusal

_KEY = "sk-very-secret-1234567890"


def _checks(*, code: int = 0) -> dict[str, dict[str, Any]]:
    done = here("doctor", "--json")
    assert done.returncode == code, done.stdout + done.stderr
    assert _KEY not in done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert document["ok"] is (code == 0)
    assert all(check["sentence"] for check in document["checks"])
    return {check["name"]: check for check in document["checks"]}


@pytest.fixture(autouse=True)
def a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be a model that can be used, whatever is installed."""
    monkeypatch.setenv("DEFAULT_MODEL", "scripted:echo")


def test_a_fresh_machine_is_looked_at_and_left_as_it_is(person: Path) -> None:
    checks = _checks()
    assert checks["openai key"]["ok"] is None
    assert "OPENAI_API_KEY" in checks["openai key"]["mend"]
    assert checks["model"]["ok"] is True
    assert "will be made" in checks["data"]["sentence"]
    assert not (person / "brim").exists()


def test_keys_are_named_by_their_place_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", _KEY)
    Path(".env").write_text(f"ANTHROPIC_API_KEY={_KEY}\n")
    checks = _checks()
    assert checks["openai key"]["sentence"] == "OPENAI_API_KEY in the environment is set."
    assert checks["anthropic key"]["sentence"] == "ANTHROPIC_API_KEY in .env line 1 is set."


@pytest.fixture
def port() -> Iterator[int]:
    with unanswered_port() as port:
        yield port


def test_providers_of_a_table_are_looked_at(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setenv("XAI_API_KEY", _KEY)
    paths = Paths.find()
    paths.make()
    paths.config_file.write_text(
        f"""
[providers.work]
base_url = "http://u:hunter2@127.0.0.1:{port}/v1"
key_command = "echo {_KEY}"
[providers.groq]
key_file = "/nowhere/key"
[providers.mistral]
key_keyring = "brim/mistral"
"""
    )
    checks = _checks()
    assert checks["work key"]["sentence"] == ("providers.work.key_command in config.toml line 4 gives a key.")
    assert checks["work server"]["sentence"] == f"Nothing answers at http://***@127.0.0.1:{port}/v1."
    assert "providers.work.base_url in config.toml line 3" in checks["work server"]["mend"]
    assert checks["groq key"]["ok"] is False
    assert "is not there" in checks["groq key"]["sentence"]
    assert checks["mistral key"]["ok"] is False
    assert "There is no system keyring here." in checks["mistral key"]["sentence"]
    assert "line 8" in checks["mistral key"]["sentence"]
    assert checks["xai key"]["sentence"] == "XAI_API_KEY in the environment is set."
    assert checks["xai server"]["ok"] is None
    assert "openrouter" in checks["other providers"]["sentence"]
    assert "xai" not in checks["other providers"]["sentence"]
    assert "F10" in checks["other providers"]["mend"]


def test_a_server_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://u:hunter2@127.0.0.1:{port}/v1")
    check = _checks()["openai server"]
    assert check["ok"] is False
    assert str(port) in check["sentence"]
    assert "hunter2" not in check["sentence"]
    assert check["mend"]


async def test_a_server_that_refuses_the_key_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedServer() as server:
        server.pages["/v1/models"] = lambda _: refusal(401, {"error": {"message": f"wrong: {_KEY}"}})
        monkeypatch.setenv("OPENAI_BASE_URL", server.openai_url)
        monkeypatch.setenv("OPENAI_API_KEY", _KEY)
        check = (await asyncio.to_thread(_checks))["openai server"]
    assert check["ok"] is False
    assert "refused the key" in check["sentence"] and check["mend"]
    assert _KEY not in check["sentence"]


def test_the_data_file_is_read_through_and_not_changed() -> None:
    assert brim("ask", *ECHO, "hello").returncode == 0
    file = Paths.find().database
    check = _checks()["data"]
    assert "is sound" in check["sentence"]
    assert re.search(r"schema [1-9]\d*, is sound", check["sentence"])
    assert str(file) in check["sentence"]
    file.chmod(0o644)
    privacy = _checks()["privacy"]
    assert privacy["ok"] is False
    assert privacy["mend"] == f"chmod 600 '{file}'"


@pytest.mark.parametrize("kind", ["rubbish", "newer", "folder"])
def test_a_data_file_that_cannot_be_used_means_that_brim_cannot(kind: str) -> None:
    paths = Paths.find()
    paths.make()
    if kind == "rubbish":
        paths.database.write_bytes(b"no database at all" * 100)
    elif kind == "folder":
        paths.database.mkdir()
    else:
        assert brim("ask", *ECHO, "hello").returncode == 0
        with closing(sqlite3.connect(paths.database)) as file:
            file.execute("PRAGMA user_version = 99")
    check = _checks(code=1)["data"]
    assert check["ok"] is False
    assert check["mend"]


def test_windows_and_prices_of_ones_own_are_read_through() -> None:
    paths = Paths.find()
    paths.make()
    assert "models.toml" not in _checks()
    file = paths.config / "models.toml"
    file.write_text('["openai:x"]\nwindow_tokens = 5\n')
    assert _checks()["models.toml"]["sentence"] == f"{file} has figures of yours for 1 model or pattern."
    file.write_text('["openai:x"]\nwindow_tokens = "5"\n')
    check = _checks(code=1)["models.toml"]
    assert check["sentence"].startswith("models.toml line 2, openai:x: window_tokens is")
    assert check["mend"]
    for command in ("models", "sessions", "stats"):
        done = here(command)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("models.toml line 2, openai:x")


def test_wrong_settings_are_a_check_and_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIM_TEMPERATURE", "hot")
    checks = _checks(code=1)
    assert "BRIM_TEMPERATURE" in checks["settings"]["sentence"]
    assert "data" in checks


def test_a_redirected_key_is_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", _KEY)
    Path(".env").write_text("OPENAI_BASE_URL=http://127.0.0.1:9/v1\n")
    checks = _checks()
    assert "uses neither" in checks["settings"]["sentence"]
    assert checks["openai key"]["ok"] is None


def test_a_model_that_nobody_has_means_that_brim_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEFAULT_MODEL", "openai:gpt-4o")
    check = _checks(code=1)["model"]
    assert "OPENAI_API_KEY" in check["sentence"]


def test_people_get_lines_with_marks() -> None:
    done = here("doctor")
    assert done.returncode == 0
    assert "✓ model: scripted:echo can be used." in done.stdout
    assert done.stdout.endswith("brim can be used.\n")
    assert here_json("doctor")["version"]
