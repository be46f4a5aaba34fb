"""Providers known by name, servers found on this machine, and what is listed of them."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from brim.core import errors, presets
from brim.core.catalogue import lookup, price
from brim.core.paths import Paths
from brim.core.presets import PRESETS
from brim.core.settings import load_settings
from brim.core.types import AgentContext
from brim.core.usage import Usage
from brim.providers import listing
from brim.providers.registry import GENERAL_MODELS, Registry
from brim.providers.windows import PROBE_TIMEOUT_S
from tests.support.scripted_server import Reply, ScriptedServer, refusal

KEY = "plain-and-secret-0123456789"
LOCAL = [name for name, preset in PRESETS.items() if preset.is_local]
Make = Callable[..., Registry]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    made: list[Registry] = []

    def make(config: str = "", **environment: str) -> Registry:
        paths = Paths.find({"BRIM_HOME": str(tmp_path)})
        paths.make()
        paths.config_file.write_text(config, encoding="utf-8")
        paths.config_file.chmod(0o600)
        made.append(Registry(load_settings(paths, environment=environment), tmp_path))
        return made[-1]

    yield make
    for registry in made:
        await registry.aclose()


@pytest.fixture
async def servers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, ScriptedServer]]:
    """Play all servers that people run, each at a free port instead of its usual one."""
    monkeypatch.setattr(listing, "FIND_TIMEOUT_S", 30.0)
    async with AsyncExitStack() as stack:
        played = {name: await stack.enter_async_context(ScriptedServer()) for name in LOCAL}
        for name, server in played.items():
            server.pages["/v1/models"] = {"data": [{"id": f"model-of-{name}"}]}
            moved = replace(PRESETS[name], base_url=server.openai_url)
            monkeypatch.setitem(presets.PRESETS, name, moved)
        yield played


@pytest.fixture
def none_running(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LOCAL:
        monkeypatch.setitem(presets.PRESETS, name, replace(PRESETS[name], base_url="http://127.0.0.1:1/v1"))


async def _ids(registry: Registry) -> dict[str, str]:
    return {model.id: model.unavailable for model in await registry.models()}


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.key_env])
async def test_a_name_and_a_key_are_enough(
    make: Make, name: str, none_running: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(presets.PRESETS, name, replace(PRESETS[name], base_url="https://127.0.0.1:1/v1"))
    registry = make(**{PRESETS[name].key_env: KEY})
    general = f"{name}:{GENERAL_MODELS[name]}"
    assert await registry.default_model() == general
    assert registry.unavailable(general) == ""
    agent = await registry.agent_for(general)
    assert agent.is_priced
    info = await lookup(general)
    assert info.window_tokens
    assert await price(general, Usage(input_tokens=1000, output_tokens=1000))
    ids = await _ids(registry)
    assert ids[general] == ""
    assert not any(word in id_ for id_ in ids for word in ("whisper", "embed", "guard"))


async def test_without_a_key_it_says_which_to_set(make: Make) -> None:
    registry = make()
    with pytest.raises(errors.AuthenticationError, match=r"There is no key for Groq\. Set GROQ_API_KEY"):
        await (await registry.agent_for("groq:x")).process(AgentContext(input="Hi"))


async def test_the_models_of_a_preset_elsewhere_have_no_public_price(make: Make) -> None:
    registry = make('[providers.groq]\nbase_url = "http://127.0.0.1:9/v1"\n', GROQ_API_KEY=KEY)
    assert not (await registry.agent_for("groq:openai/gpt-oss-120b")).is_priced


async def test_a_table_is_asked_with_its_key_headers_and_figures(make: Make) -> None:
    async with ScriptedServer() as server:
        server.pages["/v1/models"] = {"data": [{"id": "m1", "max_model_len": 512}]}
        config = f"""
temperature = 1.0
[providers.work]
base_url = "{server.openai_url}"
api_key = "{KEY}"
headers = {{ X-Team = "search" }}
temperature = 0.25
max_tokens = 77
parameters = {{ seed = 3 }}
no_stream_options = true
no_system = true
"""
        registry = make(config)
        assert await registry.default_model() == "work:m1"
        assert (await _ids(registry))["work:m1"] == ""
        await (await registry.agent_for("work:m1")).process(AgentContext(input="Hi"))
        (request,) = server.requests
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.headers["x-team"] == "search"
        assert request.body == {
            "model": "m1",
            "messages": [{"role": "user", "content": "Hi"}],
            "stream": True,
            "temperature": 0.25,
            "max_tokens": 77,
            "seed": 3,
        }


@pytest.mark.parametrize("kind", ["openai", "openai-responses", "anthropic"])
async def test_a_key_that_a_server_echoes_is_not_shown(make: Make, kind: str) -> None:
    gate = "gate-secret-987654"
    async with ScriptedServer() as server:
        said = f"Wrong key {KEY} at {gate}, and AIzaSyA1234567890abcdefghijklmn."
        server.default = refusal(401, {"error": {"message": said}})
        config = f"""
[providers.work]
kind = "{kind}"
base_url = "{server.openai_url}"
key_command = "echo {KEY}"
headers = {{ Authorization-Gate = "Bearer {gate}" }}
"""
        agent = await make(config).agent_for("work:m")
        with pytest.raises(errors.AuthenticationError) as caught:
            await agent.process(AgentContext(input="Hi"))
        assert "[key]" in caught.value.sentence
        for secret in (KEY, gate, "AIza"):
            assert secret not in str(caught.value)
        assert "providers.work.key_command in config.toml line 5" in caught.value.hint
        (request,) = server.requests
        assert KEY in request.headers["x-api-key" if kind == "anthropic" else "authorization"]


async def test_a_key_that_cannot_be_fetched_fails_the_turn_in_a_sentence(make: Make) -> None:
    registry = make('[providers.groq]\nkey_command = "false"\n')
    with pytest.raises(errors.AuthenticationError, match="exit code 1"):
        await (await registry.agent_for("groq:x")).process(AgentContext(input="Hi"))
    missing = make('[providers.groq]\nkey_file = "/nowhere/key"\n')
    assert "names no file" in missing.unavailable("groq:x")


async def test_servers_on_this_machine_are_found(make: Make, servers: dict[str, ScriptedServer]) -> None:
    registry = make()
    ids = await _ids(registry)
    assert {f"{name}:model-of-{name}" for name in LOCAL} <= ids.keys()
    assert await registry.default_model() == "ollama:model-of-ollama"
    assert servers["vllm"].connections == 3


async def test_those_that_do_not_run_are_passed_over(make: Make, none_running: None) -> None:
    registry = make()
    assert registry.unavailable("ollama:x") == ""
    assert not any(id_.startswith(tuple(LOCAL)) for id_ in await _ids(registry))
    assert registry.unavailable("ollama:x") == "Nothing answers at 127.0.0.1:1."


async def test_one_that_never_answers_keeps_nobody_waiting(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:  # it takes connections and reads nothing
        for name in LOCAL:
            url = "http://{}:{}/v1".format(*taken.getsockname())
            monkeypatch.setitem(presets.PRESETS, name, replace(PRESETS[name], base_url=url))
        registry = make()
        began = time.monotonic()
        await registry.default_model()
        assert time.monotonic() - began < PROBE_TIMEOUT_S


async def test_a_server_that_is_configured_is_not_found_once_more(
    make: Make, servers: dict[str, ScriptedServer]
) -> None:
    registry = make(OPENAI_BASE_URL=servers["llamacpp"].openai_url)
    ids = await _ids(registry)
    assert "openai:model-of-llamacpp" in ids
    assert "llamacpp:model-of-llamacpp" not in ids


async def test_a_key_comes_before_a_local_server(make: Make, servers: dict[str, ScriptedServer]) -> None:
    assert await make(XAI_API_KEY=KEY).default_model() == f"xai:{GENERAL_MODELS['xai']}"
    assert all(not server.connections for server in servers.values())


async def test_a_command_that_gives_no_key_is_not_run_twice_for_a_question(
    make: Make, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    table = f'[providers.work]\nbase_url = "http://127.0.0.1:1/v1"\nkey_command = "sh -c \'echo x >> {runs}; false\'"\n'
    agent = await make(table).agent_for("work:m")
    assert await agent.window_tokens() is None
    with pytest.raises(errors.AuthenticationError, match="exit code 1"):
        await agent.process(AgentContext(input="Hi"))
    assert runs.read_text() == "x\n"


async def test_a_configured_server_that_is_silent_stands_as_one_line(make: Make) -> None:
    ids = await _ids(make('[providers.work]\nbase_url = "http://u:hunter2@127.0.0.1:1/v1"\n'))
    assert ids["work:*"] == "The server at 127.0.0.1:1 cannot be reached: connection refused."


async def test_a_configured_server_that_refuses_the_key_says_so(
    make: Make, servers: dict[str, ScriptedServer]
) -> None:
    server = servers["vllm"]
    said = {"error": {"message": "wrong key KEY-of-work"}}
    server.pages["/v1/models"] = lambda _: refusal(401, said)
    table = f'[providers.work]\nbase_url = "{server.openai_url}"\nkey_env = "WORK_KEY"\n'
    ids = await _ids(make(table, WORK_KEY="KEY-of-work"))
    assert "key" in ids["work:*"] and "refuse" in ids["work:*"]
    assert "KEY-of-work" not in ids["work:*"]


async def test_what_ollama_and_lm_studio_tell_of_windows(
    make: Make, servers: dict[str, ScriptedServer]
) -> None:
    ollama, studio = servers["ollama"], servers["lmstudio"]
    ollama.pages |= {
        "/v1/models": {"data": [{"id": "loaded:8b"}, {"id": "cold:8b"}]},
        "/api/ps": {"models": [{"name": "loaded:8b", "context_length": 8192}]},
    }
    ollama.default = Reply(
        steps=[b'{"parameters": "stop x\\nnum_ctx      16384"}'], content_type="application/json"
    )
    studio.pages |= {
        "/v1/models": {"data": [{"id": "a"}, {"id": "b"}, {"id": "vectors"}]},
        "/api/v0/models": {
            "data": [
                {"id": "a", "type": "llm", "max_context_length": 131072, "loaded_context_length": 4096},
                {"id": "b", "type": "vlm", "max_context_length": 32768},
                {"id": "vectors", "type": "embeddings", "max_context_length": 512},
            ]
        },
    }
    registry = make()
    windows = {
        model.id: model.window_tokens
        for model in await registry.models()
        if model.id.startswith(("ollama", "lmstudio"))
    }
    assert windows == {
        "ollama:loaded:8b": 8192,
        "ollama:cold:8b": None,
        "lmstudio:a": 4096,
        "lmstudio:b": 32768,
    }
    assert await (await registry.agent_for("ollama:cold:8b")).window_tokens() == 16384
    assert ollama.requests[0].body == {"model": "cold:8b"}
    assert await (await registry.agent_for("lmstudio:a")).window_tokens() == 4096


def test_the_usual_places_are_on_this_machine() -> None:
    found: dict[str, Any] = {name: urlsplit(PRESETS[name].base_url) for name in LOCAL}
    assert {name: parts.port for name, parts in found.items()} == {
        "ollama": 11434,
        "lmstudio": 1234,
        "llamacpp": 8080,
        "vllm": 8000,
    }
    assert {parts.hostname for parts in found.values()} == {"127.0.0.1"}
