"""Model ids, and the agents behind them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from brim.core import catalogue, errors
from brim.core.presets import PRESETS
from brim.core.settings import Settings
from brim.core.types import AgentContext
from brim.providers import local_models as local_module
from brim.providers.anthropic import AnthropicAgent
from brim.providers.openai import OpenAIAgent
from brim.providers.registry import GENERAL_MODELS, Registry
from brim.providers.scripted import ScriptedAgent
from brim.providers.windows import served_window
from tests.support.ports import unanswered_port
from tests.support.scripted_server import ScriptedServer

KEY = SecretStr("sk-test")
Make = Callable[..., Registry]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    made: list[Registry] = []

    def make(last: str | None = None, **settings: Any) -> Registry:
        async def last_model() -> str | None:
            return last

        made.append(Registry(Settings(**settings), tmp_path, last_model=last_model))
        return made[-1]

    yield make
    for registry in made:
        await registry.aclose()


@pytest.fixture
def no_local_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_module, "is_installed", lambda: False)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        server.pages["/v1/models"] = {
            "data": [{"id": "llama-9", "max_model_len": 4096}, {"id": "qwen:7b"}, {"object": "odd"}]
        }
        yield server


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("openai:gpt-4o", "openai:gpt-4o"),
        ("openai:llama3.2:3b", "openai:llama3.2:3b"),
        (" gpt-4 ", "openai:gpt-4"),
        ("o3-mini", "openai:o3-mini"),
        ("ft:gpt-4o:me", "openai:ft:gpt-4o:me"),
        ("claude-sonnet-4-5", "anthropic:claude-sonnet-4-5"),
        ("smollm2", "local:smollm2"),
        ("scripted:demo", "scripted:demo"),
    ],
)
def test_a_name_finds_its_provider(make: Make, name: str, found: str) -> None:
    assert make().resolve(name) == found


@pytest.mark.parametrize(
    "name", ["", "openai", "openai:", "nobody:gpt-4", "mystery", "[/foo]", "gptx", "ollama"]
)
def test_a_name_that_finds_none_is_answered_in_a_sentence(make: Make, name: str) -> None:
    with pytest.raises(errors.AgentError) as caught:
        make().resolve(name)
    assert caught.value.hint
    if name:
        assert name in caught.value.sentence


def test_a_server_of_ones_own_takes_every_other_name(make: Make) -> None:
    registry = make(openai_base_url="http://127.0.0.1:9/v1")
    assert registry.resolve("llama3.2:3b") == "openai:llama3.2:3b"
    assert registry.resolve("claude-9") == "anthropic:claude-9"


async def test_the_same_id_has_the_same_agent(make: Make) -> None:
    registry = make(openai_api_key=KEY, anthropic_api_key=KEY, temperature=0.5, max_tokens=9)
    agent = await registry.agent_for("gpt-9")
    assert isinstance(agent, OpenAIAgent)
    assert agent is await registry.agent_for("openai:gpt-9")
    assert agent is not await registry.agent_for("openai:gpt-8")
    assert (agent.model, agent.config.temperature, agent.config.max_tokens) == ("gpt-9", 0.5, 9)
    assert isinstance(await registry.agent_for("claude-9"), AnthropicAgent)


async def test_agents_share_the_connections_of_their_provider(make: Make, server: ScriptedServer) -> None:
    registry = make(openai_api_key=KEY, openai_base_url=server.openai_url)
    for model in ("llama-9", "qwen:7b"):
        await (await registry.agent_for(model)).process(AgentContext(input="Hi"))
    assert server.connections == 1
    assert [request.body["model"] for request in server.requests] == ["llama-9", "qwen:7b"]
    assert KEY.get_secret_value() in server.requests[0].headers["authorization"]


async def test_without_a_key_the_agent_says_so_when_it_is_asked(make: Make) -> None:
    agent = await make().agent_for("gpt-9")
    with pytest.raises(errors.AuthenticationError, match="OPENAI_API_KEY"):
        await agent.process(AgentContext(input="Hi"))


@pytest.mark.parametrize("model", ["agent:mine:Mine", "scripted:nothing", "local:nothing.gguf"])
async def test_an_agent_that_cannot_be_made(make: Make, model: str) -> None:
    with pytest.raises(errors.AgentError):
        await make().agent_for(model)


async def test_an_agent_made_elsewhere(make: Make) -> None:
    registry, agent = make(), ScriptedAgent()
    registry.use(agent, "agent:mine:Mine")
    assert await registry.agent_for("agent:mine:Mine") is agent
    assert (await registry.models())[0].id == "agent:mine:Mine"


async def test_the_chosen_model_comes_first(make: Make) -> None:
    registry = make(last="scripted:echo", default_model="gpt-4", openai_api_key=KEY)
    assert await registry.default_model() == "openai:gpt-4"


async def test_a_chosen_model_that_nobody_has_is_not_replaced_in_silence(make: Make) -> None:
    assert await make(default_model="mystery").default_model() == "mystery"


async def test_then_the_one_used_last_if_it_can_still_be_used(make: Make) -> None:
    assert await make(last="openai:gpt-4", openai_api_key=KEY).default_model() == "openai:gpt-4"
    assert await make(last="openai:gpt-4", anthropic_api_key=KEY).default_model() == (
        f"anthropic:{GENERAL_MODELS['anthropic']}"
    )


async def test_then_the_first_provider_with_a_key(make: Make) -> None:
    openai, anthropic = (f"{provider}:{GENERAL_MODELS[provider]}" for provider in ("openai", "anthropic"))
    assert await make(openai_api_key=KEY, anthropic_api_key=KEY).default_model() == openai
    assert await make(anthropic_api_key=KEY).default_model() == anthropic


async def test_then_a_server_that_runs(make: Make, server: ScriptedServer) -> None:
    assert await make(openai_base_url=server.openai_url).default_model() == "openai:llama-9"
    keyed = make(openai_base_url=server.openai_url, openai_api_key=KEY)
    assert await keyed.default_model() == "openai:llama-9"


async def test_a_server_that_does_not_run_is_passed_over(make: Make) -> None:
    with unanswered_port() as port:
        assert await make(openai_base_url=f"http://127.0.0.1:{port}/v1").default_model() == "local:smollm2"


async def test_then_the_local_model(make: Make) -> None:
    assert await make().default_model() == "local:smollm2"


async def test_else_none(make: Make, no_local_model: None) -> None:
    assert await make().default_model() is None
    assert "llama.cpp" in make().unavailable("local:smollm2")


async def test_a_file_of_ones_own_is_the_local_model(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "mine.gguf"
    registry = make(local_model=file)
    assert await registry.default_model() is None
    file.touch()
    assert await registry.default_model() == "local:mine"


async def test_the_list_begins_with_what_can_be_used(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    unreached = replace(PRESETS["anthropic"], base_url="https://127.0.0.1:1")
    monkeypatch.setitem(PRESETS, "anthropic", unreached)
    models = await make(anthropic_api_key=KEY).models()
    usable = [not model.unavailable for model in models]
    assert usable == sorted(usable, reverse=True)
    by_id = {model.id: model for model in models}
    claude = by_id["anthropic:claude-sonnet-4-5"]
    assert (claude.window_tokens, claude.unavailable) == (200_000, "")
    assert claude.input_usd_per_million
    assert by_id["openai:gpt-4o"].unavailable == "Set OPENAI_API_KEY."
    assert {"local:smollm2", "scripted:demo"} <= by_id.keys()


async def test_a_server_whose_list_is_empty_stands_in_the_list(make: Make, server: ScriptedServer) -> None:
    server.pages["/v1/models"] = {"data": []}
    models = await make(openai_base_url=server.openai_url).models()
    (row,) = (model for model in models if model.id.startswith("openai:"))
    assert row.id == "openai:*"
    assert row.unavailable.endswith("lists no models.")


async def test_the_list_of_a_server_of_ones_own(make: Make, server: ScriptedServer) -> None:
    models = await make(openai_base_url=server.openai_url).models()
    listed = {model.id: model.window_tokens for model in models if model.id.startswith("openai:")}
    assert listed == {"openai:llama-9": 4096, "openai:qwen:7b": None}


async def test_the_general_models_are_known() -> None:
    for provider, model in GENERAL_MODELS.items():
        info = await catalogue.lookup(f"{provider}:{model}")
        assert info.window_tokens
        assert info.input_usd_per_million


@pytest.mark.parametrize(
    ("pages", "window"),
    [
        ({"/props": {"default_generation_settings": {"n_ctx": 1024}}}, 1024),
        (
            {
                "/api/ps": {
                    "models": [{"name": "other", "context_length": 1}, {"name": "m", "context_length": 2048}]
                }
            },
            2048,
        ),
        ({"/v1/models": {"data": [{"id": "m", "meta": {"n_ctx": 512}}]}}, 512),
        ({"/v1/models": {"data": [{"id": "x", "context_length": 1}, {"id": "m", "context_length": 99}]}}, 99),
        ({"/v1/models": {"data": [{"id": "renamed", "max_model_len": 77}]}}, 77),
        ({"/v1/models": {"data": [{"id": "x"}, {"id": "m", "max_input_tokens": 2048}]}}, 2048),
        ({"/v1/models": {"data": [{"id": "x", "max_model_len": 7}, {"id": "y"}]}}, None),
        ({"/v1/models": [1, "x"], "/props": None, "/api/ps": {"models": 3}}, None),
        ({}, None),
    ],
)
async def test_a_server_of_ones_own_tells_the_window(
    server: ScriptedServer, pages: dict[str, Any], window: int | None
) -> None:
    server.pages = pages
    assert await served_window(server.openai_url, {}, "m") == window


async def test_the_window_is_not_asked_for_with_every_turn(make: Make, server: ScriptedServer) -> None:
    agent = await make(openai_base_url=server.openai_url).agent_for("llama-9")
    assert await agent.window_tokens() == 4096
    server.pages = {}
    assert await agent.window_tokens() == 4096


async def test_the_providers_themselves_are_not_asked_for_windows(make: Make) -> None:
    registry = make(openai_api_key=KEY, anthropic_api_key=KEY)
    for provider, model in GENERAL_MODELS.items():
        assert await (await registry.agent_for(f"{provider}:{model}")).window_tokens() is None


def test_nothing_heavy_is_imported_before_a_request() -> None:
    code = (
        "import sys, brim.providers.registry;"
        "print([name for name in ('openai', 'anthropic', 'httpx2', 'xllamacpp', 'genai_prices')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
