"""Which models are found on this machine, what they are called, and whose they are."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from brim.core.errors import AgentError
from brim.core.settings import Settings
from brim.core.types import AgentContext
from brim.providers.local import LocalAgent
from brim.providers.local_folders import find_all
from brim.providers.registry import Registry
from tests.support.gguf_files import LLAMA, gguf
from tests.support.local_model import model_path, needs_model

Make = Callable[..., Registry]
DIGEST = "ab" * 32


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    made: list[Registry] = []

    def make(**settings: Any) -> Registry:
        made.append(Registry(Settings(**settings), tmp_path / "logs"))
        return made[-1]

    yield make
    for registry in made:
        await registry.aclose()


def model(path: Path, pairs: dict[str, Any] = LLAMA, *, version: str = "") -> Path:
    """Write a header; ``version`` makes it another file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gguf(pairs | {"general.version": version}))
    return path


def in_ollama(store: Path, name: str, *, digest: str = DIGEST, layers: list[Any] | None = None) -> Path:
    """Write a manifest as Ollama does."""
    manifest = store / "manifests" / name
    manifest.parent.mkdir(parents=True, exist_ok=True)
    own = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}", "size": 1}
    license_ = {"mediaType": "application/vnd.ollama.image.license", "digest": "sha256:00", "size": 1}
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": layers or [own, license_]}))
    return manifest


async def local(registry: Registry) -> dict[str, tuple[str, int | None]]:
    """Return the local models that are listed, with whose they are and their windows."""
    return {
        one.id.removeprefix("local:"): (one.origin, one.window_tokens)
        for one in await registry.models()
        if one.id.startswith("local:") and one.id != "local:smollm2"
    }


async def test_every_file_of_a_folder_has_its_name(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    model(folder / "a.gguf", version="1")
    model(folder / "deep" / "er" / "B.GGUF", version="2")
    model(folder / "deep" / "a.gguf", version="3")
    model(folder / "big-00001-of-00002.gguf", version="4")
    (folder / "big-00002-of-00002.gguf").touch()
    model(folder / "mmproj-a.gguf", {"general.architecture": "clip"})
    model(folder / "embed.gguf", {"general.architecture": "bert", "bert.pooling_type": 1})
    (folder / "notes.txt").touch()
    (folder / "empty.gguf").touch()
    (folder / "same.gguf").symlink_to(folder / "a.gguf")
    (folder / "deep" / "round").symlink_to(folder)

    assert await local(make(local_models=folder)) == {
        name: (str(folder), 8192) for name in ("a", "B", "deep/a", "big")
    }


async def test_what_other_programs_have_is_found(
    make: Make, person: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = person / ".ollama" / "models"
    model(store / "blobs" / f"sha256-{DIGEST}", version="1")
    for name in (
        "registry.ollama.ai/library/llama3.2/3b",
        "registry.ollama.ai/me/own/latest",
        "hf.co/you/X-GGUF/Q4_K_M",
    ):
        in_ollama(store, name)
    model(person / ".lmstudio" / "models" / "maker" / "Y-GGUF" / "Y-Q4.gguf", version="2")
    repository = person / ".cache" / "huggingface" / "hub" / "models--org--Z-GGUF"
    blob = model(repository / "blobs" / "cd", version="3")
    for revision in ("r1", "r2"):
        link = repository / "snapshots" / revision / "Z-Q8.gguf"
        link.parent.mkdir(parents=True)
        link.symlink_to(blob)

    found = await local(make())

    assert found == {
        "llama3.2:3b": ("Ollama", 8192),
        "me/own:latest": ("Ollama", 8192),
        "hf.co/you/X-GGUF:Q4_K_M": ("Ollama", 8192),
        "Y-Q4": ("LM Studio", 8192),
        "Z-Q8": ("the Hugging Face cache", 8192),
    }

    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "elsewhere"))
    assert set(await local(make())) == {"Y-Q4"}


async def test_the_folder_that_was_chosen_in_lm_studio_is_looked_at(
    make: Make, person: Path, tmp_path: Path
) -> None:
    model(tmp_path / "disk" / "maker" / "R" / "far.gguf")
    settings = person / ".lmstudio" / "settings.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"downloadsFolder": str(tmp_path / "disk")}))

    assert set(await local(make())) == {"far"}


async def test_files_of_one_name_are_told_apart(make: Make, person: Path, tmp_path: Path) -> None:
    model(tmp_path / "models" / "Y.gguf", version="1")
    model(person / ".lmstudio" / "models" / "one" / "R" / "Y.gguf", version="2")
    model(person / ".lmstudio" / "models" / "two" / "R" / "Y.gguf", version="3")
    model(tmp_path / "models" / "smollm2.gguf", version="4")
    model(tmp_path / "models" / "Y.gguf.gguf", version="5")

    found = await local(make(local_models=tmp_path / "models"))

    assert set(found) == {"Y", "R/Y", "two/R/Y", "models/smollm2"}


@pytest.mark.parametrize(
    "layers",
    [
        [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../../etc/passwd"}],
        [{"mediaType": "application/vnd.ollama.image.model"}],
        [{"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{DIGEST}"}] * 2,
        [
            {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{DIGEST}"},
            {"mediaType": "application/vnd.ollama.image.adapter", "digest": f"sha256:{DIGEST}"},
        ],
        ["text", 3],
    ],
    ids=["escape", "no digest", "two", "adapter", "odd"],
)
def test_a_manifest_that_names_no_one_file_is_passed_over(person: Path, layers: list[Any]) -> None:
    store = person / ".ollama" / "models"
    model(store / "blobs" / f"sha256-{DIGEST}")
    in_ollama(store, "registry.ollama.ai/library/m/latest", layers=layers)

    assert list(find_all(None, {}, person)) == []


@pytest.mark.parametrize("content", ["", "[]", "{", '"text"', '{"layers": 3}', "[" * 100_000])
def test_a_broken_manifest_is_passed_over(person: Path, content: str) -> None:
    in_ollama(person / ".ollama" / "models", "registry.ollama.ai/library/m/latest").write_text(content)

    assert list(find_all(None, {}, person)) == []


async def test_what_is_no_file_is_not_listed(make: Make, person: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    (folder / "folder.gguf").mkdir(parents=True)
    os.mkfifo(folder / "pipe.gguf")
    (folder / "nowhere.gguf").symlink_to(folder / "gone")
    (folder / "loop").symlink_to(folder / "loop")
    in_ollama(person / ".ollama" / "models", "registry.ollama.ai/library/m/latest")

    assert await local(make(local_models=folder)) == {}


async def test_names_that_cannot_be_shown_are_left_out(make: Make, tmp_path: Path) -> None:
    model(tmp_path / "models" / "ok[b].gguf", version="1")
    model(tmp_path / "models" / "bad\x1b[31m.gguf", version="2")
    (tmp_path / "models" / os.fsdecode(b"\xff.gguf")).write_bytes(gguf(LLAMA))

    assert set(await local(make(local_models=tmp_path / "models"))) == {"ok[b]"}


async def test_a_folder_with_very_many_files_is_left_after_the_most(make: Make, tmp_path: Path) -> None:
    for number in range(600):
        model(tmp_path / "models" / f"m{number:04}.gguf", version=str(number))

    assert len(await local(make(local_models=tmp_path / "models"))) == 500


async def test_a_path_means_the_same_in_every_folder(make: Make, person: Path) -> None:
    file = model(Path("x.gguf")).absolute()

    assert make().resolve("local:x.gguf") == f"local:{file}"
    assert make().resolve("./x.gguf") == f"local:{file}"
    assert make().resolve("local:~/work/x.gguf") == f"local:{person}/work/x.gguf"
    assert make().resolve("missing.gguf") == f"local:{file.parent}/missing.gguf"
    assert make().resolve("local:llama3.2:3b") == "local:llama3.2:3b"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("local:gone.gguf", r"gone\.gguf does not exist"),
        ("local:.gguf", "does not exist"),
        ("local:/", "/ is a folder"),
        ("local:/dev/null", "is no regular file"),
        ("local:nothing-by-that-name", "There is no file of the local model “nothing-by-that-name”"),
        ("local:~nobody-of-that-name/x.gguf", "does not exist"),
        ("local:" + "x" * 300 + ".gguf", "File name too long"),
        ("local:\0.gguf", "does not exist"),
    ],
)
@needs_model
async def test_a_name_without_a_model_is_answered_in_a_sentence(make: Make, name: str, words: str) -> None:
    with pytest.raises(AgentError, match=words):
        await make().agent_for(name)


@needs_model
async def test_a_model_of_ollama_answers_by_its_name(make: Make, person: Path) -> None:
    store = person / ".ollama" / "models"
    (store / "blobs").mkdir(parents=True)
    (store / "blobs" / f"sha256-{DIGEST}").symlink_to(model_path())
    in_ollama(store, "registry.ollama.ai/library/tiny/latest")
    registry = make(local_window=1024, max_tokens=8, local_models=Path("nowhere"))

    agent = await registry.agent_for("local:tiny")
    answer = await agent.process(AgentContext(input="Hello"))

    assert isinstance(agent, LocalAgent)
    assert answer.output
    assert registry.address_of("local:tiny").endswith(DIGEST)
    assert registry.unavailable("local:other") == "There is no file of the local model “other”."
    assert await registry.found_files() == {"Ollama": 1}
