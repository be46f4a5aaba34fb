"""What hosted providers tell of their models, in the shapes that they document."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from brim.core import presets
from brim.core.abilities import abilities_of
from brim.core.catalogue import lookup, price, told, use_told
from brim.core.paths import Paths
from brim.core.presets import PRESETS
from brim.core.settings import load_settings
from brim.core.told import ToldLists
from brim.core.types import ModelInfo
from brim.core.usage import Usage
from brim.providers import hosted
from brim.providers import server as server_module
from brim.providers.hosted import MOST_MODELS, read_list
from brim.providers.registry import Registry
from brim.providers.windows import served_models
from tests.support.hostile import HOSTILE
from tests.support.scripted_server import STALL, Reply, ScriptedServer, refusal

KEY = "plain-and-secret-0123456789"
Make = Callable[..., Registry]

OPENROUTER: list[dict[str, Any]] = [
    {
        "id": "new-lab/brand-new-instruct",
        "name": "Brand New",
        "context_length": 262144,
        "architecture": {
            "input_modalities": ["text", "image"],
            "output_modalities": ["text"],
            "tokenizer": "Other",
        },
        "pricing": {
            "prompt": "0.00000125",
            "completion": "0.00000425",
            "request": "0",
            "input_cache_read": "0.00000015",
        },
        "top_provider": {"context_length": 262144, "max_completion_tokens": 65536, "is_moderated": False},
        "per_request_limits": None,
        "supported_parameters": ["max_tokens", "temperature", "tools"],
    },
    {
        "id": "new-lab/dear-when-long",
        "context_length": 1000000,
        "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
        "pricing": {
            "prompt": "0.000003",
            "completion": "0.000015",
            "overrides": [{"min_prompt_tokens": 200000, "prompt": "0.000006"}],
        },
        "supported_parameters": ["reasoning"],
    },
    {
        "id": "openrouter/auto-of-these-days",
        "context_length": 2000000,
        "architecture": {"input_modalities": ["text"], "output_modalities": ["text", "image"]},
        "pricing": {"prompt": "-1", "completion": "-1"},
        "supported_parameters": [],
    },
    {
        "id": "new-lab/paints",
        "context_length": 8192,
        "architecture": {"input_modalities": ["text"], "output_modalities": ["image"]},
        "pricing": {"prompt": "0", "completion": "0"},
    },
]


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


@pytest.fixture
async def make(
    tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Make]:
    """Make registries whose one hosted provider is played by the server, at what is then its own address."""
    made: list[Registry] = []
    monkeypatch.setattr(
        server_module, "is_at", lambda preset, url: preset.base_url == url
    )  # also without TLS
    for name, preset in PRESETS.items():
        monkeypatch.setitem(presets.PRESETS, name, replace(preset, base_url="http://127.0.0.1:1/v1"))

    def make(provider: str, key: str = KEY) -> Registry:
        use_told(ToldLists(tmp_path / "models"))  # as after a new start
        preset = replace(PRESETS[provider], base_url=server.openai_url)
        monkeypatch.setitem(presets.PRESETS, provider, preset)
        paths = Paths.find({"BRIM_HOME": str(tmp_path)})
        paths.make()
        made.append(
            Registry(load_settings(paths, environment={preset.key_env: key} if key else {}), tmp_path)
        )
        return made[-1]

    yield make
    for registry in made:
        await registry.aclose()
    use_told(ToldLists())


async def of(provider: str, registry: Registry) -> dict[str, ModelInfo]:
    return {
        model.id.removeprefix(f"{provider}:"): model
        for model in await registry.models()
        if model.id.startswith(f"{provider}:")
    }


async def test_openrouter_tells_window_price_and_abilities(make: Make, server: ScriptedServer) -> None:
    server.pages["/v1/models"] = {"data": OPENROUTER}
    models = await of("openrouter", make("openrouter"))
    assert set(models) == {
        "new-lab/brand-new-instruct",
        "new-lab/dear-when-long",
        "openrouter/auto-of-these-days",
    }
    new = models["new-lab/brand-new-instruct"]
    assert (new.window_tokens, new.max_output_tokens, new.unavailable) == (262144, 65536, "")
    assert (new.input_usd_per_million, new.output_usd_per_million) == (Decimal("1.25"), Decimal("4.25"))
    assert abilities_of(new.id) == {"images", "tools"}
    assert abilities_of("openrouter:new-lab/dear-when-long") == {"reasoning"}
    assert models["openrouter/auto-of-these-days"].input_usd_per_million is None


async def test_a_price_told_counts_unless_there_is_more_to_it(make: Make, server: ScriptedServer) -> None:
    server.pages["/v1/models"] = {"data": OPENROUTER}
    await make("openrouter").models()
    make("openrouter")  # another start: what was told is read from the cache folder
    usage = Usage(input_tokens=1_000_000, cache_read_tokens=2_000_000, output_tokens=1_000_000)
    assert await price("openrouter:new-lab/brand-new-instruct", usage) == Decimal("5.80")
    assert await price("openrouter:new-lab/dear-when-long", usage) is None
    assert (await lookup("openrouter:new-lab/dear-when-long")).input_usd_per_million == 3
    assert await price("openrouter:openrouter/auto-of-these-days", usage) is None
    assert await price("openrouter:new-lab/brand-new-instruct", usage, own_only=True) is None


async def test_what_is_known_already_is_not_told_otherwise(make: Make, server: ScriptedServer) -> None:
    listed = OPENROUTER[0] | {"id": "openai/gpt-4o", "context_length": 5}
    server.pages["/v1/models"] = {"data": [listed]}
    (model,) = (await of("openrouter", make("openrouter"))).values()
    assert (model.window_tokens, model.input_usd_per_million) == (128_000, Decimal("2.5"))


@pytest.mark.parametrize(
    ("provider", "page", "expected"),
    [
        (
            "groq",
            {
                "data": [
                    {"id": "fresh/llama-9", "active": True, "context_window": 131072},
                    {"id": "old", "active": False, "context_window": 8192},
                    {"id": "whisper-large-v3-turbo", "active": True, "context_window": 448},
                    {"id": "meta-llama/llama-prompt-guard-2-86m", "active": True, "context_window": 512},
                    {"id": "playai-tts", "active": True, "context_window": 8192},
                ]
            },
            {"fresh/llama-9": (131072, None)},
        ),
        (
            "mistral",
            {
                "data": [
                    {
                        "id": "mistral-fresh",
                        "capabilities": {"completion_chat": True, "vision": True, "function_calling": False},
                        "max_context_length": 131072,
                        "type": "base",
                    },
                    {
                        "id": "ocr-of-another-name",
                        "capabilities": {"completion_chat": False, "vision": True},
                        "max_context_length": 16384,
                        "type": "base",
                    },
                ]
            },
            {"mistral-fresh": (131072, {"images"})},
        ),
        (
            "together",
            [
                {
                    "id": "fresh/Chat-9B",
                    "type": "chat",
                    "context_length": 40960,
                    "pricing": {"hourly": 0, "input": 0.88, "output": 1, "base": 0, "finetune": 0},
                },
                {"id": "black-forest-labs/FLUX.1-schnell", "type": "image", "pricing": {"input": 0}},
                {"id": "fresh/retrieval", "type": "embedding", "context_length": 512},
            ],
            {"fresh/Chat-9B": (40960, None)},
        ),
        (
            "deepseek",
            {"data": [{"id": "deepseek-fresh", "object": "model"}]},
            {"deepseek-fresh": (None, None)},
        ),
        (
            "xai",
            {"data": [{"id": "grok-99", "object": "model"}, {"id": "grok-2-image-1212"}]},
            {"grok-99": (None, None)},
        ),
        (
            "gemini",
            {
                "data": [
                    {"id": "models/gemini-99-flash", "object": "model", "owned_by": "google"},
                    {"id": "models/text-embedding-004", "object": "model"},
                    {"id": "models/imagen-9.0-generate", "object": "model"},
                ]
            },
            {"gemini-99-flash": (None, None)},
        ),
        (
            "openai",
            {
                "data": [
                    {"id": name, "object": "model"}
                    for name in (
                        "gpt-99",
                        "ft:gpt-4o-mini:my-org::abc123",
                        "gpt-3.5-turbo-instruct",
                        "omni-moderation-latest",
                        "text-embedding-3-small",
                        "tts-1-hd",
                        "whisper-1",
                        "dall-e-3",
                        "davinci-002",
                        "gpt-image-1",
                        "sora-2",
                        "gpt-4o-realtime-preview",
                    )
                ]
            },
            {"gpt-99": (None, None), "ft:gpt-4o-mini:my-org::abc123": (None, None)},
        ),
        (
            "anthropic",
            {
                "data": [
                    {
                        "id": "claude-fresh-9",
                        "type": "model",
                        "lifecycle": "active",
                        "max_input_tokens": 1000000,
                        "max_tokens": 64000,
                        "capabilities": {
                            "image_input": {"supported": True},
                            "thinking": {"supported": False},
                        },
                    },
                    {"id": "claude-gone", "type": "model", "lifecycle": "retired"},
                ],
                "has_more": False,
            },
            {"claude-fresh-9": (1000000, {"images", "tools"})},
        ),
    ],
)
async def test_each_provider_is_asked_for_its_own_list(
    make: Make,
    server: ScriptedServer,
    provider: str,
    page: object,
    expected: dict[str, tuple[int | None, set[str] | None]],
) -> None:
    asked: list[dict[str, str]] = []

    def answer(request: Any) -> Reply:
        asked.append(dict(request.headers))
        return Reply(200, [json.dumps(page).encode()], content_type="application/json")

    path = "/v1/models?limit=1000" if provider == "anthropic" else "/v1/models"
    server.pages[path] = answer
    models = await of(provider, make(provider))
    assert {name: not model.unavailable for name, model in models.items()} == dict.fromkeys(expected, True)
    for name, (window, abilities) in expected.items():
        if window is not None:
            assert models[name].window_tokens == window
        if abilities is not None:
            assert abilities_of(f"{provider}:{name}") == abilities
    assert [headers["authorization"] for headers in asked] == [f"Bearer {KEY}"]
    if provider == "anthropic":
        assert asked[0]["x-api-key"] == KEY
        assert asked[0]["anthropic-version"]
    if provider == "together":
        assert models["fresh/Chat-9B"].input_usd_per_million == Decimal("0.88")


async def test_a_list_is_kept_for_a_day(
    make: Make, server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.pages["/v1/models"] = {"data": [{"id": "grok-99"}]}
    await make("xai").models()
    assert server.connections == 1
    again = make("xai")
    assert set(await of("xai", again)) == {"grok-99"}
    assert server.connections == 1
    first = await anext(again.listing())
    assert "xai:grok-99" in {model.id for model in first}
    server.pages["/v1/models"] = {"data": [{"id": "grok-100"}]}
    monkeypatch.setattr(hosted, "HOLDS_S", 0.0)
    assert set(await of("xai", make("xai"))) == {"grok-100"}
    (file,) = (tmp_path / "models").iterdir()
    assert KEY not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"form": 1}', b"\xff\xfe", b"[" * 100_000])
async def test_a_damaged_file_is_asked_for_anew(
    make: Make, server: ScriptedServer, tmp_path: Path, damage: bytes
) -> None:
    server.pages["/v1/models"] = {"data": [{"id": "grok-99"}]}
    await make("xai").models()
    (tmp_path / "models" / "xai.json").write_bytes(damage)
    assert set(await of("xai", make("xai"))) == {"grok-99"}
    assert server.connections == 2


async def test_no_start_asks_and_no_turn_does(make: Make, server: ScriptedServer) -> None:
    registry = make("xai")
    await registry.default_model()
    await registry.agent_for("xai:grok-99")
    await lookup("xai:grok-99")
    assert server.connections == 0


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (refusal(401, {"error": {"message": f"Wrong key {KEY}."}}), "refused the key"),
        (refusal(500, {"error": {"message": "Broken."}}), "Broken"),
        (Reply(200, [b"<html>"], content_type="text/html"), "no list of models that can be read"),
        (Reply(200, [b"[" * 200_000], content_type="application/json"), "no list of models"),
        (Reply(200, [b'{"data": 5}'], content_type="application/json"), "no list of models"),
        (Reply(200, [b" " * 8_000_001], content_type="application/json"), "no list of models"),
        (Reply(200, [b"{", STALL], content_type="application/json"), "did not answer within"),
        (Reply(200, [b" ", 0.1] * 100, content_type="application/json"), "did not answer within"),
        (refusal(404, {}), "lists no models"),
    ],
)
async def test_a_failure_keeps_what_was_known_and_says_why(
    make: Make, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, reply: Reply, says: str
) -> None:
    monkeypatch.setattr(hosted, "TIMEOUT_S", 0.5 if says == "did not answer within" else 30.0)
    server.pages["/v1/models"] = lambda _: reply
    registry = make("xai")
    began = time.monotonic()
    models = await of("xai", registry)
    assert time.monotonic() - began < 9
    assert says in models["*"].unavailable
    assert KEY not in models["*"].unavailable
    assert models["grok-4.7"].unavailable == ""
    connections = server.connections
    assert (await of("xai", registry))["*"] == models["*"]
    assert server.connections == connections


async def test_another_key_asks_anew(make: Make, server: ScriptedServer, tmp_path: Path) -> None:
    server.pages["/v1/models"] = {"data": [{"id": "grok-99"}]}
    registry = make("xai")
    await registry.models()
    server.pages["/v1/models"] = {"data": [{"id": "grok-of-another-team"}]}
    other = load_settings(
        Paths.find({"BRIM_HOME": str(tmp_path)}), environment={"XAI_API_KEY": "another-0123"}
    )
    registry.take(other)
    assert set(await of("xai", registry)) == {"grok-of-another-team"}


async def test_a_start_with_another_key_asks_anew_and_what_is_kept_tells_nothing_of_it(
    make: Make, server: ScriptedServer, tmp_path: Path
) -> None:
    server.pages["/v1/models"] = {"data": [{"id": "one"}]}

    async def asked(key: str) -> int:
        before = server.connections
        await make("mistral", key).models()
        return server.connections - before

    assert [await asked(key) for key in (KEY, KEY, "another-key-0123456789", KEY)] == [1, 0, 1, 1]
    kept = (tmp_path / "models" / "mistral.json").read_text()
    assert KEY not in kept
    assert len(json.loads(kept)["asked_as"]) == 24, "a salt, and too few bits to test a key with"

    key_file = tmp_path / "key"
    key_file.write_text(KEY)
    (tmp_path / "config.toml").write_text(f'[providers.mistral]\nkey_file = "{key_file}"\n')
    assert [await asked("") for _ in range(2)] == [1, 0]
    key_file.write_text("another-key-0123456789")
    assert [await asked("") for _ in range(2)] == [1, 0]


async def test_a_huge_list_is_cut_and_says_so(make: Make, server: ScriptedServer) -> None:
    listed = [OPENROUTER[0] | {"id": f"lab/model-{number:05}"} for number in range(10_000)]
    server.pages["/v1/models"] = {"data": listed}
    began = time.perf_counter()
    models = await of("openrouter", make("openrouter"))
    assert len(models) == MOST_MODELS + 1
    assert models["*"].unavailable == "The first 2,000 of 10,000: type the id of any other."
    assert (
        time.perf_counter() - began < 20
    )  # most of it for the server to send them and the catalogue's search


@pytest.mark.parametrize(
    "odd", [None, 5, "x", [], {}, [[]], True, "-1", "NaN", "Infinity", "1e999999", -1, 1e400]
)
def test_odd_types_are_taken_as_nothing_said(odd: object) -> None:
    fields = (
        "context_length",
        "pricing",
        "architecture",
        "top_provider",
        "supported_parameters",
        "capabilities",
    )
    entry = {"id": "fine", **dict.fromkeys(fields, odd)}
    priced = {"id": "priced", "pricing": {"prompt": odd, "completion": odd, "overrides": odd, "request": odd}}
    page = {"data": [entry, priced, odd, {"id": odd}]}
    read = read_list("openrouter", json.dumps(page).encode())
    assert read is not None
    assert {"fine", "priced"} <= set(read.models)
    for model in read.models.values():
        assert model.prices is None or model.prices.input_usd >= 0


@pytest.mark.parametrize("name", HOSTILE)
def test_names_with_control_characters_are_left_out(name: str) -> None:
    read = read_list(
        "xai", json.dumps({"data": [{"id": name}, {"id": "x" * 201}, {"id": "grok-9"}]}).encode()
    )
    assert read is not None
    assert all(kept.isprintable() and len(kept) <= 200 for kept in read.models)
    assert "grok-9" in read.models


def test_nothing_is_kept_without_a_folder() -> None:
    assert told().of("xai") is None


async def test_a_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    heads: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as proxy:
        host, port = proxy.sockets[0].getsockname()
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:p%40ss@{host}:{port}")
        monkeypatch.setenv("https_proxy", f"http://me:p%40ss@{host}:{port}")
        assert await served_models("https://hosted.invalid/v1", {"Authorization": f"Bearer {KEY}"}) is None
        assert await served_models("https://127.0.0.1:1/v1", {}) is None
    assert heads
    for head in heads:
        assert head.startswith(b"CONNECT hosted.invalid:443 ")
        assert b"Basic bWU6cEBzcw==" in head
        assert KEY.encode() not in head
    assert len(heads) == 1


async def test_what_names_no_model_is_left_out(server: ScriptedServer) -> None:
    names = ["", "  ", "*", None, 42, "one model", "*two*"]
    server.pages["/v1/models"] = {"data": [{"id": name} for name in names]}
    listed = await served_models(server.openai_url, {})
    assert [model.name for model in listed or ()] == ["one model", "*two*"]
