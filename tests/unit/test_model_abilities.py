"""What models can do, by the person's word, the server's or their names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from pydantic import SecretStr

from brim.core import catalogue
from brim.core.abilities import abilities_of
from brim.core.errors import SettingsError
from brim.core.overrides import Overrides, parse_overrides
from brim.core.types import AgentConfig
from brim.providers.openai import OpenAIAgent
from tests.support.scripted_server import ScriptedServer

ALL = {"images", "reasoning", "tools"}


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


@pytest.fixture
def own_word() -> Iterator[None]:
    yield
    catalogue.use_overrides(Overrides())


@pytest.mark.parametrize(
    ("model", "able"),
    [
        ("anthropic:claude-sonnet-5-5", ALL),
        ("anthropic:claude-3-7-sonnet-latest", ALL),
        ("anthropic:claude-3-5-haiku-latest", {"images", "tools"}),
        ("anthropic:claude-2.1", set()),
        ("openrouter:anthropic/claude-opus-4.7", ALL),
        ("openai:gpt-6.1-terra", ALL),
        ("openai:gpt-4o-mini", {"images", "tools"}),
        ("openai:gpt-5-chat-latest", {"images", "tools"}),
        ("openai:o3-mini", {"reasoning", "tools"}),
        ("openai:o4-mini", ALL),
        ("groq:openai/gpt-oss-120b", {"reasoning", "tools"}),
        ("gemini:gemini-3.8-flash", ALL),
        ("ollama:qwen2.5vl:7b", {"images"}),
        ("ollama:gemma3:1b", set()),
        ("ollama:gemma3:4b", {"images"}),
        ("ollama:llama3.2", {"tools"}),
        ("local:smollm2", set()),
        ("local:nobody-knows", set()),
    ],
)
def test_what_names_tell(model: str, able: set[str]) -> None:
    assert abilities_of(model) == able


def test_the_persons_word_comes_first(own_word: None) -> None:
    said = '["ollama:*"]\nabilities = []\n["ollama:mine"]\nabilities = ["images", "tools"]\n'
    catalogue.use_overrides(parse_overrides(said))
    assert abilities_of("ollama:mine") == {"images", "tools"}
    assert abilities_of("ollama:gemma3:4b") == set()
    assert abilities_of("openai:gpt-4o") == {"images", "tools"}


@pytest.mark.parametrize("value", ['"images"', '["sight"]', "true", "[1]"])
def test_what_is_no_ability_is_named_with_its_line(value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_overrides(f'["openai:m"]\nabilities = {value}\n')
    assert "line 2" in caught.value.sentence
    assert "images, reasoning, tools" in caught.value.sentence


def agent(server: ScriptedServer, model: str) -> OpenAIAgent:
    return OpenAIAgent(AgentConfig(model=model, api_key=SecretStr("k"), base_url=server.openai_url))


async def test_a_llama_server_tells_whether_it_sees(server: ScriptedServer) -> None:
    server.pages["/props"] = {
        "default_generation_settings": {"n_ctx": 512},
        "modalities": {"vision": True, "audio": False},
    }
    seeing = agent(server, "mine")
    assert seeing.sees == frozenset()
    assert await seeing.window_tokens() == 512
    assert seeing.sees == {"image"}
    server.pages["/props"] = {"default_generation_settings": {"n_ctx": 512}, "modalities": {"vision": False}}
    blind = agent(server, "llava-named-so")
    assert blind.sees == {"image"}
    await blind.window_tokens()
    assert blind.sees == frozenset()


async def test_ollama_and_lm_studio_tell_whether_they_see(server: ScriptedServer) -> None:
    server.pages["/v1/models"] = {"data": [{"id": "mine"}, {"id": "other"}]}
    server.pages["/api/v0/models"] = {"data": [{"id": "mine", "type": "vlm"}, {"id": "other", "type": "llm"}]}
    for model, sees in (("mine", {"image"}), ("other", set())):
        asked = agent(server, model)
        await asked.window_tokens()
        assert asked.sees == sees
    del server.pages["/api/v0/models"]
    server.pages["/api/ps"] = {"models": []}
    for able, sees in ((["completion", "vision"], {"image"}), (["completion"], set())):
        server.play(lambda _, able=able: shown(able))
        asked = agent(server, "mine")
        assert await asked.window_tokens() is None
        assert asked.sees == sees


def shown(able: list[str]) -> object:
    from tests.support.scripted_server import refusal

    return refusal(200, {"parameters": "", "capabilities": able})


async def test_the_persons_word_comes_before_the_servers(server: ScriptedServer, own_word: None) -> None:
    server.pages["/props"] = {"default_generation_settings": {"n_ctx": 512}, "modalities": {"vision": False}}
    catalogue.use_overrides(parse_overrides('["openai:mine"]\nabilities = ["images"]\n'))
    asked = agent(server, "mine")
    await asked.window_tokens()
    assert asked.sees == {"image"}
