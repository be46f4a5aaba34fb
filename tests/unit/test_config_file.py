"""Changes to config.toml: nothing else in it moves, nothing is lost, nobody else sees a key."""

from __future__ import annotations

import multiprocessing
import stat
import tomllib
from pathlib import Path

import pytest

from brim.core.config_file import ConfigFile, Edit, edited
from brim.core.errors import SettingsError

_TEXT = """\
# brim, as I like it
theme = 'dusk'   # not too bright
"max_retries" = 3

# where I work
[providers.work]  # ask Ann for the key
base_url = "http://127.0.0.1:9/v1"
headers = { X-Team = "search" }  # ours

[providers.home]
base_url = "http://127.0.0.1:8/v1"
# the end
"""


@pytest.mark.parametrize(
    ("edits", "gone", "come"),
    [
        ([Edit(("theme",), "dawn")], ["theme = 'dusk' "], ['theme = "dawn" ']),
        ([Edit(("seed",), 7)], [], ["seed = 7"]),
        ([Edit(("max_retries",))], ['"max_retries" = 3'], []),
        ([Edit(("providers", "work", "base_url"), "http://127.0.0.1:1")], ["9/v1"], ["127.0.0.1:1"]),
        ([Edit(("providers", "work", "headers", "X-Team"))], ['headers = { X-Team = "search" }'], []),
        ([Edit(("providers", "new"), {"base_url": "http://127.0.0.1:7"})], [], ["[providers.new]"]),
        ([Edit(("providers", "groq", "key_env"), "MINE"), Edit(("seed",), 1)], [], ['key_env = "MINE"']),
        ([Edit(("nothing",)), Edit(("providers", "nobody", "key_env"))], [], []),
    ],
)
def test_a_change_leaves_every_other_line_where_it_was(
    edits: list[Edit], gone: list[str], come: list[str]
) -> None:
    after = edited(_TEXT, *edits)
    assert all(words not in after for words in gone)
    assert all(words in after for words in come)
    kept = [line for line in _TEXT.splitlines() if line and not any(words in line for words in gone)]
    places = [after.index(line.partition("#")[2] or line) for line in kept]
    assert places == sorted(places)
    for comment in ("# brim, as I like it", "# where I work", "# ask Ann for the key", "# the end"):
        assert comment in after


@pytest.mark.parametrize(
    "text",
    [
        "",
        "providers = { a = { base_url = 'http://h' } }\n",
        "[providers]\na = { base_url = 'http://h' }\n",
        "providers.a.base_url = 'http://h'\n",
        "[providers.a]\nbase_url = 'http://h'",
        "theme = 'x'\n[providers.a]\nbase_url = 'http://h'\n[providers.a.headers]\nX = '1'\n",
    ],
)
def test_a_table_can_be_added_and_taken_out_however_the_others_are_written(text: str) -> None:
    table = {"base_url": "http://127.0.0.1:7", "headers": {"X-Team": "search"}}
    after = edited(text, Edit(("providers", "new"), table), Edit(("seed",), 7))
    before = tomllib.loads(text)
    providers = before.get("providers", {})
    assert tomllib.loads(after) == before | {"providers": providers | {"new": table}, "seed": 7}
    assert tomllib.loads(edited(after, Edit(("providers", "new")), Edit(("seed",)))) == before


@pytest.mark.parametrize("text", ["providers = 1\n", "[[providers]]\nbase_url = 'http://h'\n"])
def test_what_cannot_be_changed_is_said_in_a_sentence(text: str) -> None:
    with pytest.raises(SettingsError, match="cannot be set: providers is no table"):
        edited(text, Edit(("providers", "new", "key_env"), "X"))


def test_a_change_that_would_be_wrong_leaves_the_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(_TEXT)
    with pytest.raises(SettingsError, match=r"config\.toml line 7, providers\.work: base_url is"):
        ConfigFile(file).change(Edit(("theme",), "dawn"), Edit(("providers", "work", "base_url"), "nowhere"))
    assert file.read_text() == _TEXT
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_undo_brings_back_the_very_same_file_unless_somebody_else_changed_it(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(_TEXT)
    config = ConfigFile(file)
    config.change(Edit(("theme",), "dawn"))
    config.change(Edit(("providers", "work")))
    assert config.undo()
    assert config.undo()
    assert not config.undo()
    assert file.read_text() == _TEXT
    config.change(Edit(("theme",), "dawn"))
    ConfigFile(file).change(Edit(("seed",), 7))
    assert not config.undo()
    assert "seed = 7" in file.read_text()


@pytest.mark.parametrize(
    ("edit", "mode"),
    [
        (Edit(("theme",), "dawn"), 0o640),
        (Edit(("openai_api_key",), "sk-1234567890"), 0o600),
        (Edit(("store",), "postgresql://me:secret@127.0.0.1/brim"), 0o600),
        (Edit(("providers", "work", "api_key"), "sk-1234567890"), 0o600),
        (Edit(("providers", "work", "headers", "Authorization"), "Bearer 1234567890"), 0o600),
    ],
)
def test_only_a_file_without_a_secret_stays_open_to_others(tmp_path: Path, edit: Edit, mode: int) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[providers.work]\nbase_url = 'http://127.0.0.1:9'\n")
    file.chmod(0o640)
    ConfigFile(file).change(edit)
    assert stat.S_IMODE(file.stat().st_mode) == mode


def test_a_link_stays_a_link_and_its_target_is_changed(tmp_path: Path) -> None:
    target = tmp_path / "dotfiles" / "brim.toml"
    target.parent.mkdir()
    target.write_text(_TEXT)
    link = tmp_path / "config.toml"
    link.symlink_to(target)
    ConfigFile(link).change(Edit(("theme",), "dawn"))
    assert link.is_symlink()
    assert 'theme = "dawn"' in target.read_text()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"config\.toml cannot be written"):
        ConfigFile(tmp_path / "file" / "config.toml").change(Edit(("seed",), 7))


def _count(file: str, name: str, times: int) -> None:
    config = ConfigFile(Path(file))
    for number in range(1, times + 1):
        config.change(Edit(("providers", name, "max_tokens"), number))


def test_a_file_that_is_read_only_or_a_link_to_itself_is_told(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("seed = 1\n")
    path.chmod(0o444)
    with pytest.raises(SettingsError, match=r"^config\.toml cannot be written .*: it is read-only\."):
        ConfigFile(path).change(Edit(("seed",), 2))
    assert path.read_text() == "seed = 1\n"
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(SettingsError, match=r"config\.toml cannot be"):
        ConfigFile(path).change(Edit(("seed",), 2))


def test_several_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    names = ("groq", "mistral", "xai")
    file.write_text("# mine\n" + "".join(f"[providers.{name}]\n" for name in names))
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_count, args=(str(file), name, 15)) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(40)
        assert writer.exitcode == 0
    tables = tomllib.loads(file.read_text())["providers"]
    assert tables == {name: {"max_tokens": 15} for name in names}
    assert file.read_text().startswith("# mine\n")
