"""``brim keys``: the file that the service reads."""

from __future__ import annotations

import stat

from brim.cli.serving import KEYS_FILE
from brim.core.paths import Paths
from brim.serve.keys import KeyFile
from tests.support.cli import here, here_json


def test_a_key_is_printed_once_and_kept_as_a_hash():
    made = here("keys", "add", "alice", "--tokens-per-day", "200000")
    key = made.stdout.strip()

    file = Paths.find().config / KEYS_FILE
    assert made.returncode == 0 and "shown once" in made.stderr
    assert key not in file.read_text() and stat.S_IMODE(file.stat().st_mode) == 0o600
    found = KeyFile(file).find(key)
    assert found is not None and (found.name, found.tokens_per_day) == ("alice", 200_000)
    assert [one["name"] for one in here_json("keys", "list")] == ["alice"]


def test_the_file_that_the_service_is_told_to_read_is_the_one_that_changes(tmp_path, monkeypatch):
    file = tmp_path / "callers" / "keys.toml"
    file.parent.mkdir()
    monkeypatch.setenv("BRIM_SERVE_KEYS", str(file))

    key = here("keys", "add", "alice").stdout.strip()
    here("keys", "add", "bob")

    assert KeyFile(file).find(key) is not None
    assert not (Paths.find().config / KEYS_FILE).exists()
    assert here("keys", "list").stdout.split() == ["alice", "bob"]
    assert here("keys", "remove", "alice").returncode == 0
    [left] = KeyFile(file).keys()
    assert left.name == "bob"
