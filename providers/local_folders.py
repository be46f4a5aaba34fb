"""The models that are on this machine already: in a folder of the person's, and with other programs.

Ollama keeps a model as a manifest, which names a file by the hash of its content. LM Studio and the Hugging
Face cache keep GGUF files in folders by publisher. All of it is looked at and nothing is written.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brim.core.paths import expanded
from brim.providers.local_file import SUFFIX, is_first, name_of

MOST_FILES = 500
"""How many models are taken from one place."""
LONGEST_LOOK_S = 3.0
"""When looking for models is given up, with what has been found."""
_MOST_ENTRIES = 20_000
_DEEPEST = 5
_LARGEST_JSON_BYTES = 1 << 20
_MODEL_LAYER = "application/vnd.ollama.image.model"
_ADAPTER_LAYER = "application/vnd.ollama.image.adapter"
_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")
_REGISTRY, _LIBRARY = "registry.ollama.ai", "library"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file that may be a model.

    ``names`` are what it may be called, the shortest first; the last is its own.
    """

    path: Path
    names: tuple[str, ...]
    origin: str
    """Whose it is, e.g. ``Ollama``."""


def find_all(folder: Path | None, environment: Mapping[str, str], home: Path) -> Iterator[Found]:
    """Yield the files of all places, those of the person's own folder first.

    Args:
        folder: of the person's GGUF files, ``None`` for none.
        environment: says where other programs keep theirs.
        home: the home folder.
    """
    ends_at = time.monotonic() + LONGEST_LOOK_S
    if folder is not None:
        yield from _in_folder(folder, _short(folder, home), folder.name, ends_at)
    for store in _ollama_stores(environment, home):
        yield from _in_ollama(store)
    for models in _lm_studio_folders(home):
        yield from _in_folder(models, "LM Studio", "lmstudio", ends_at)
    yield from _in_hub(_hub(environment, home), ends_at)


def _short(folder: Path, home: Path) -> str:
    """Return a folder as a person would write it."""
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)


def _in_folder(root: Path, origin: str, place: str, ends_at: float) -> Iterator[Found]:
    for count, path in enumerate(_files(root, ends_at)):
        if count >= MOST_FILES:
            return
        folders = (place, *path.relative_to(root).parts[:-1])
        yield Found(path=path, names=_names(folders, name_of(path)), origin=origin)


def _names(folders: tuple[str, ...], stem: str) -> tuple[str, ...]:
    """Return a file's name alone, then with more and more of its folders before it."""
    return tuple("/".join((*folders[len(folders) - some :], stem)) for some in range(len(folders) + 1))


def _files(root: Path, ends_at: float) -> Iterator[Path]:
    """Yield the GGUF files below a folder, the nearest first, in no folder twice, with an end to it."""
    waiting, seen, entries = deque([(root, 0)]), set(), 0
    while waiting:
        folder, depth = waiting.popleft()
        try:
            status = folder.stat()
            children = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:  # not there, or not the person's to read
            continue
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        entries += len(children)
        if entries > _MOST_ENTRIES or time.monotonic() > ends_at:
            return
        for entry in children:
            path = Path(entry.path)
            if entry.name.lower().endswith(SUFFIX):
                if is_first(path):
                    yield path
            elif depth < _DEEPEST and not entry.name.startswith(".") and _is_folder(entry):
                waiting.append((path, depth + 1))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to where the person may not look
        return False


def _ollama_stores(environment: Mapping[str, str], home: Path) -> list[Path]:
    if named := environment.get("OLLAMA_MODELS"):
        return [Path(named)]
    # The second is that of the service on Linux.
    return [home / ".ollama" / "models", Path("/usr/share/ollama/.ollama/models")]


def _in_ollama(store: Path) -> Iterator[Found]:
    manifests = store / "manifests"
    try:
        found = sorted(manifests.glob("*/*/*/*"))[:MOST_FILES]
    except OSError:
        return
    for manifest in found:
        host, space, model, tag = manifest.relative_to(manifests).parts
        blob = _blob(store, manifest)
        if blob is None or tag.startswith("."):
            continue
        name = f"{model}:{tag}"
        if host != _REGISTRY:
            name = f"{host}/{space}/{name}"
        elif space != _LIBRARY:
            name = f"{space}/{name}"
        yield Found(path=blob, names=(name,), origin="Ollama")


def _blob(store: Path, manifest: Path) -> Path | None:
    """Return the file that a manifest names as the model, ``None`` where that is not one file alone."""
    layers = _dicts(_json(manifest).get("layers"))
    models = [layer for layer in layers if layer.get("mediaType") == _MODEL_LAYER]
    is_changed = any(layer.get("mediaType") == _ADAPTER_LAYER for layer in layers)
    digest = _DIGEST.fullmatch(str(models[0].get("digest"))) if len(models) == 1 and not is_changed else None
    if digest is None:
        return None
    return store / "blobs" / f"sha256-{digest[1]}"


def _json(path: Path) -> dict[str, Any]:
    """Return the object that a file holds, an empty one where it holds none."""
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(_LARGEST_JSON_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _lm_studio_folders(home: Path) -> Iterator[Path]:
    """Yield the usual folders, and the one that the person may have chosen there."""
    yield home / ".lmstudio" / "models"
    yield home / ".cache" / "lm-studio" / "models"
    chosen = _json(home / ".lmstudio" / "settings.json").get("downloadsFolder")
    if isinstance(chosen, str) and Path(chosen).is_absolute():
        yield Path(chosen)


def _hub(environment: Mapping[str, str], home: Path) -> Path:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if value := environment.get(name):
            return expanded(value)
    if value := environment.get("HF_HOME"):
        return expanded(value) / "hub"
    cache = environment.get("XDG_CACHE_HOME")
    return (expanded(cache) if cache else home / ".cache") / "huggingface" / "hub"


def _in_hub(hub: Path, ends_at: float) -> Iterator[Found]:
    """Yield the files of the Hugging Face cache, of each name that of the newest revision."""
    try:
        repositories = sorted(hub.glob("models--*"))[:MOST_FILES]
    except OSError:
        return
    for repository in repositories:
        owner = tuple(repository.name.split("--")[1:])
        seen: set[str] = set()
        for revision in sorted(repository.glob("snapshots/*"), key=_changed_at, reverse=True):
            for path in _files(revision, ends_at):
                names = _names(("huggingface", *owner, *path.relative_to(revision).parts[:-1]), name_of(path))
                if names[-1] not in seen:
                    seen.add(names[-1])
                    yield Found(path=path, names=names, origin="the Hugging Face cache")


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
