"""Where things are kept, and that nobody else can look into it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from brim.core.errors import SettingsError
from brim.core.paths import Paths


def test_brim_home_is_one_folder_for_everything(tmp_path: Path) -> None:
    paths = Paths.find({"BRIM_HOME": str(tmp_path / "all")})
    everything = (
        paths.config_file,
        paths.database,
        paths.logs,
        paths.themes,
        paths.ui_state,
        paths.cache,
    )
    assert all(one.is_relative_to(tmp_path / "all") for one in everything)
    assert len(set(everything)) == len(everything)
    assert paths.config_file.name == "config.toml"
    assert paths.database.name == "brim.db"


def test_brim_home_may_begin_with_a_tilde_or_be_relative(person: Path) -> None:
    assert Paths.find({"BRIM_HOME": "~/mine"}).config == person / "mine"
    assert Paths.find({"BRIM_HOME": "here"}).config == Path.cwd() / "here"


@pytest.mark.parametrize("environment", [{}, {"BRIM_HOME": ""}, {"BRIM_HOME": "  "}])
def test_without_brim_home_the_platform_decides(environment: dict[str, str], person: Path) -> None:
    paths = Paths.find(environment)
    assert paths.config.is_relative_to(person)
    assert "brim" in paths.data.parts
    assert paths.data != Path.cwd()


def test_finding_makes_nothing(tmp_path: Path) -> None:
    Paths.find({"BRIM_HOME": str(tmp_path / "all")})
    assert list(tmp_path.iterdir()) == []


def test_folders_are_private(tmp_path: Path) -> None:
    paths = Paths(*(tmp_path / "deep" / name for name in ("config", "data", "state", "cache")))
    paths.make()
    paths.make()
    for folder in (paths.config, paths.data, paths.state, paths.cache, paths.logs):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError) as caught:
        Paths.find({"BRIM_HOME": str(tmp_path / "file")}).make()
    assert str(tmp_path / "file") in caught.value.sentence
    assert "BRIM_HOME" in caught.value.hint
