"""Files that are written in one go: what is there before and after, and that nothing else stays."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from brim.core.errors import SettingsError
from brim.core.saving import put, put_text
from brim.tui.state import FILE_NAME, ScreenState


def _mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_file_is_its_owners_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    file = tmp_path / ("ü" * 120)
    for data in (b"one", b"two"):
        put(file, data)
        assert (file.read_bytes(), _mode(file)) == (data, 0o600)
    assert list(tmp_path.iterdir()) == [file]


def test_a_new_file_takes_no_place_of_another(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    put(file, b"one", is_new=True)
    link.symlink_to(tmp_path / "nowhere")
    for taken in (file, link):
        with pytest.raises(FileExistsError):
            put(taken, b"two", is_new=True)
    assert file.read_bytes() == b"one"
    assert set(tmp_path.iterdir()) == {file, link}


def test_a_file_system_without_hard_links_takes_new_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    file = tmp_path / "file"
    put(file, b"one", is_new=True)
    with pytest.raises(FileExistsError):
        put(file, b"two", is_new=True)
    assert file.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [file]


def test_settings_go_to_where_their_link_leads_and_keep_who_may_read_them(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    target, link = tmp_path / "own" / "config.toml", tmp_path / "config.toml"
    link.symlink_to(target)
    put_text(link, "a = 1\n", mode=0o644)
    assert link.is_symlink()
    assert (target.read_text(), _mode(target)) == ("a = 1\n", 0o644)


def test_a_link_that_leads_to_itself_is_told(tmp_path: Path) -> None:
    link = tmp_path / "config.toml"
    link.symlink_to(link)
    with pytest.raises(SettingsError, match=r"^config\.toml cannot be written"):
        put_text(link, "a = 1\n")
    assert list(tmp_path.iterdir()) == [link]


def test_a_folder_in_the_place_of_a_file_is_told_and_nothing_stays(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(SettingsError, match=r"^config\.toml cannot be written .*: Is a directory\.$"):
        put_text(tmp_path / "config.toml", "a = 1\n")
    assert [one.name for one in tmp_path.iterdir()] == ["config.toml"]


def test_the_state_of_the_screen_goes_to_where_its_link_leads(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / FILE_NAME).symlink_to(tmp_path / "own" / "screen.json")
    ScreenState(theme="dusk", hidden=["context"]).save(tmp_path)
    assert (tmp_path / FILE_NAME).is_symlink()
    assert ScreenState.load(tmp_path) == ScreenState(theme="dusk", hidden=["context"])
    assert _mode(tmp_path / "own" / "screen.json") == 0o600
