"""Local models at the command line: listed with their places, asked by name and by path, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli import brim, here, here_json
from tests.support.gguf_files import LLAMA, gguf
from tests.support.local_model import model_path, needs_model


@pytest.fixture
def folder(person: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models in the person's home, with one in it that cannot be loaded."""
    folder = person / "models"
    folder.mkdir()
    (folder / "header.gguf").write_bytes(gguf(LLAMA))
    monkeypatch.setenv("BRIM_LOCAL_MODELS", str(folder))
    return folder


@needs_model
def test_models_are_listed_with_their_places(folder: Path) -> None:
    listed = {model["id"]: model for model in here_json("models")}

    assert listed["local:header"]["origin"] == "~/models"
    assert listed["local:header"]["window_tokens"] == 8192
    assert listed["local:header"]["is_available"]
    assert listed["local:smollm2"]["origin"] is None
    assert listed["local:smollm2"]["window_tokens"] == 8192
    assert "yes, from ~/models" in here("models").stdout


def test_doctor_counts_them_by_place(folder: Path) -> None:
    assert "1 model from ~/models." in here("doctor").stdout


def test_doctor_says_when_the_folder_is_none(person: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIM_LOCAL_MODELS", str(person / "gone"))

    told = here("doctor").stdout

    assert f"{person}/gone is not a folder." in told
    assert "Change BRIM_LOCAL_MODELS in the environment." in told


@needs_model
@pytest.mark.parametrize("name", ["local:tiny", "local:../models/tiny.gguf", "~/models/tiny.gguf"])
def test_a_model_is_asked_by_its_name_and_by_its_path(folder: Path, name: str) -> None:
    (folder / "tiny.gguf").symlink_to(model_path())

    done = brim("ask", "--no-save", "--model", name, "--max-tokens", "4", "Hello")

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr


@needs_model
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("local:gone.gguf", "gone.gguf does not exist."),
        ("local:../models", "is a folder; name a .gguf file in it"),
        ("local:/dev/zero", "/dev/zero is no regular file."),
        ("local:header", "could not be loaded"),
        ("local:/etc/passwd", "/etc/passwd cannot be used: it is not a GGUF file."),
        ("local:unheard-of", "There is no file of the local model “unheard-of”."),
    ],
)
def test_what_cannot_be_asked_is_answered_in_a_sentence(folder: Path, name: str, words: str) -> None:
    done = brim("ask", "--no-save", "--model", name, "Hello")

    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("said", ["lots", "0GB", "-3GB", "12"])
def test_a_wrong_amount_of_memory_is_told(person: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("BRIM_LOCAL_MEMORY", said)

    done = here("models")

    assert done.returncode == 2
    assert (
        f'BRIM_LOCAL_MEMORY in the environment is "{said}", but it must be an amount of memory' in done.stderr
    )
