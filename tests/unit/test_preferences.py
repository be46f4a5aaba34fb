"""The settings of a brim that runs: put in force at once, tried out before they are saved."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from brim.core.agent import AgentInterface
from brim.core.errors import (
    AgentError,
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    SettingsError,
)
from brim.core.events import TextDelta
from brim.core.parameters import Parameters
from brim.core.paths import Paths
from brim.core.places import Source
from brim.core.preferences import KeyPlace, Preferences, ProviderDraft
from brim.core.settings import load_settings
from brim.core.types import AgentContext
from brim.providers.registry import Registry
from tests.support.keyrings import LockedKeyring, MemoryKeyring, system_keyring
from tests.support.llama_server import LlamaServer, llama
from tests.support.scripted_server import Reply, Request, ScriptedServer, chat, refusal

__all__ = ["llama"]

_KEY = "sk-very-secret-1234567890"
_MODELS = {"data": [{"id": "one"}, {"id": "two"}]}


@pytest.fixture
def paths() -> Paths:
    found = Paths.find()
    found.make()
    return found


@pytest.fixture
async def registry(paths: Paths) -> AsyncIterator[Registry]:
    made = Registry(load_settings(paths), paths.logs)
    yield made
    await made.aclose()


@pytest.fixture
def preferences(paths: Paths, registry: Registry) -> Preferences:
    return Preferences(paths, {}, load_settings(paths), registry)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as started:
        started.pages["/v1/models"] = _with_key(_KEY)
        yield started


def _with_key(key: str):
    """Answer with models to whoever has the key, and tell the others what they sent."""

    def answer(request: Request) -> Reply:
        sent = request.headers.get("authorization", "")
        if sent != f"Bearer {key}":
            return refusal(
                401, {"error": {"message": f"Incorrect API key provided: {sent}", "code": "invalid_api_key"}}
            )
        return refusal(200, _MODELS)

    return answer


def draft(url: str, **more: object) -> ProviderDraft:
    fields = {"name": "work", "kind": "openai", "base_url": url, "key_place": KeyPlace.FILE, "key": _KEY}
    fields |= more
    return ProviderDraft(**(fields | {"key": SecretStr(str(fields["key"]))}))


async def _answer(agent: AgentInterface) -> str:
    return (await agent.process(AgentContext(input="Hi", conversation_history=[]))).output


async def test_a_provider_is_tried_out_saved_and_answers_without_a_restart(
    preferences: Preferences, registry: Registry, server: ScriptedServer, paths: Paths
) -> None:
    wanted = draft(server.openai_url)
    with pytest.raises(AgentError):
        registry.resolve("work:one")
    reached = await preferences.try_out(wanted)
    assert (reached.models, reached.is_key_tested) == (("one", "two"), True)
    assert not paths.config_file.exists()
    assert not (paths.config / "keys").exists()

    await preferences.save(wanted)
    file = paths.config / "keys" / "work"
    assert file.read_text().strip() == _KEY
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert _KEY not in paths.config_file.read_text()
    assert await _answer(await registry.agent_for("work:one")) == "Hello."
    assert server.requests[-1].headers["authorization"] == f"Bearer {_KEY}"

    await preferences.undo()
    with pytest.raises(AgentError):
        registry.resolve("work:one")


async def test_a_key_goes_into_the_keyring_and_nowhere_else(
    preferences: Preferences, registry: Registry, server: ScriptedServer, paths: Paths
) -> None:
    memory = MemoryKeyring()
    with system_keyring(memory):
        await preferences.save(draft(server.openai_url, key_place=KeyPlace.KEYRING))
        assert memory.kept == {("brim", "work"): _KEY}
        assert await _answer(await registry.agent_for("work:one")) == "Hello."
    assert server.requests[-1].headers["authorization"] == f"Bearer {_KEY}"
    everything = b"".join(file.read_bytes() for file in paths.config.rglob("*") if file.is_file())
    assert _KEY.encode() not in everything


async def test_a_keyring_that_refuses_leaves_everything_as_it_was(
    preferences: Preferences, server: ScriptedServer, paths: Paths
) -> None:
    with system_keyring(LockedKeyring()), pytest.raises(SettingsError, match="KeyringLocked") as caught:
        await preferences.save(draft(server.openai_url, key_place=KeyPlace.KEYRING))
    assert _KEY not in f"{caught.value.sentence}{caught.value.hint}"
    assert not paths.config_file.exists()


@pytest.mark.parametrize(
    ("place", "leads_to"),
    [
        (KeyPlace.VARIABLE, "WORK_KEY"),
        (KeyPlace.COMMAND, f"printf {_KEY}"),
        (KeyPlace.PATH, "key.txt"),
    ],
)
async def test_a_key_can_come_from_elsewhere(
    preferences: Preferences,
    server: ScriptedServer,
    paths: Paths,
    monkeypatch: pytest.MonkeyPatch,
    place: KeyPlace,
    leads_to: str,
) -> None:
    monkeypatch.setenv("WORK_KEY", _KEY)
    Path("key.txt").write_text(f"{_KEY}\n")
    wanted = draft(server.openai_url, key_place=place, leads_to=leads_to, key="")
    assert (await preferences.try_out(wanted)).is_key_tested
    await preferences.save(wanted)
    assert f'{place.value} = "{leads_to}"' in paths.config_file.read_text()
    assert (await preferences.look_at(preferences.settings.providers["work"])).models == ("one", "two")


async def test_a_server_that_echoes_the_key_does_not_get_it_shown(
    preferences: Preferences, server: ScriptedServer
) -> None:
    server.pages["/v1/models"] = _with_key("another")
    with pytest.raises(AuthenticationError) as caught:
        await preferences.try_out(draft(server.openai_url))
    said = f"{caught.value.sentence} {caught.value.hint}"
    assert "refused the key" in said
    assert "[key]" in said
    assert _KEY not in said
    assert "very-secret" not in said


async def test_a_list_that_anybody_gets_tests_no_key(
    preferences: Preferences, server: ScriptedServer
) -> None:
    server.pages["/v1/models"] = _MODELS
    assert not (await preferences.try_out(draft(server.openai_url))).is_key_tested


async def test_what_is_wrong_with_a_server_is_said_in_words(
    preferences: Preferences, server: ScriptedServer
) -> None:
    with pytest.raises(BadRequestError, match=r"lists no models \(HTTP 404\)") as caught:
        await preferences.try_out(draft(server.url))
    assert "/v1" in caught.value.hint
    server.pages["/v1/models"] = lambda _: refusal(500, {"error": {"message": "out of memory"}})
    with pytest.raises(AgentError, match=r"HTTP 500.*out of memory"):
        await preferences.try_out(draft(server.openai_url))
    with pytest.raises(ConnectionFailedError, match="connection refused"):
        await preferences.try_out(draft("http://127.0.0.1:1/v1"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"name": "Work"}, "this name may have small letters"),
        ({"name": "local"}, "this name is taken"),
        ({"base_url": "here"}, 'base_url is "here", but it must be a URL'),
        ({"base_url": ""}, "base_url"),
        ({"key": ""}, "The key is missing"),
        ({"key": "two words"}, "no usable key"),
        ({"key_place": KeyPlace.VARIABLE}, "The name of the variable is missing"),
        ({"key_place": KeyPlace.VARIABLE, "leads_to": "a-b"}, "name of an environment variable"),
        ({"key_place": KeyPlace.COMMAND, "leads_to": 'pass "x'}, "this is no command"),
    ],
)
async def test_a_wrong_draft_is_told_without_a_line_of_a_file_that_does_not_say_it(
    preferences: Preferences, paths: Paths, more: dict[str, str], words: str
) -> None:
    wrong = draft("http://127.0.0.1:9/v1", **more)
    for asking in (preferences.try_out(wrong), preferences.save(wrong)):
        with pytest.raises(SettingsError) as caught:
            await asking
        assert words in caught.value.sentence
        assert "line" not in caught.value.sentence
        assert "two words" not in caught.value.sentence
    assert not paths.config_file.exists()
    assert _KEY not in repr(wrong)


async def test_what_a_preset_says_anyway_is_not_written(preferences: Preferences, paths: Paths) -> None:
    own = preferences.settings.providers["groq"].base_url
    await preferences.save(draft(own, name="groq", key_place=KeyPlace.VARIABLE, leads_to="MINE"))
    assert paths.config_file.read_text() == '[providers.groq]\nkey_env = "MINE"\n'
    await preferences.save(draft("http://127.0.0.1:11434/v1", name="ollama", key_place=KeyPlace.NONE))
    assert "[providers.ollama]\nbase_url" in paths.config_file.read_text()
    await preferences.remove("groq")
    assert "groq" not in paths.config_file.read_text()


async def test_a_change_of_the_key_alone_leaves_the_rest_of_the_table(
    preferences: Preferences, paths: Paths
) -> None:
    text = '[providers.work]\nbase_url = "http://127.0.0.1:9/v1"  # mine\nkey_env = "A"\nmax_tokens = 7\n'
    paths.config_file.write_text(text)
    await preferences.read()
    await preferences.save(draft("http://127.0.0.1:8/v1", key_place=KeyPlace.AS_IS, key=""))
    assert paths.config_file.read_text() == text.replace(":9/", ":8/")
    await preferences.save(draft("http://127.0.0.1:8/v1", key_place=KeyPlace.NONE, key=""))
    assert "key_env" not in paths.config_file.read_text()


async def test_an_address_that_would_get_a_key_from_the_environment_is_refused(
    preferences: Preferences, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", _KEY)
    await preferences.read()
    wanted = draft("http://127.0.0.1:9/v1", name="openai", key_place=KeyPlace.AS_IS, key="")
    with pytest.raises(SettingsError, match="brim uses neither"):
        await preferences.save(wanted)
    assert not paths.config_file.exists()


async def test_a_command_is_run_once_for_a_provider_that_is_set_up(
    preferences: Preferences, server: ScriptedServer
) -> None:
    Path("once").write_text(f"#!/bin/sh\necho >> runs\necho {_KEY}\n")
    Path("once").chmod(0o700)
    wanted = draft(server.openai_url, key_place=KeyPlace.COMMAND, leads_to="./once", key="")
    await preferences.save(wanted)
    for _ in range(3):
        assert (await preferences.look_at(preferences.settings.providers["work"])).is_key_tested
    assert Path("runs").read_text() == "\n"


async def test_an_answer_under_way_ends_with_the_agent_that_it_began_with(
    preferences: Preferences, registry: Registry, server: ScriptedServer
) -> None:
    await preferences.save(draft(server.openai_url))
    began, goes_on = asyncio.Event(), asyncio.Event()
    server.play(chat("one ", "two ", "three", pause_s=0.05))
    agent = await registry.agent_for("work:one")

    async def listen() -> str:
        text = ""
        async for event in agent.process_stream(AgentContext(input="Hi", conversation_history=[])):
            if isinstance(event, TextDelta):
                text += event.text
                began.set()
                await goes_on.wait()
        return text

    answer = asyncio.create_task(listen())
    await began.wait()
    await preferences.remove("work")
    with pytest.raises(AgentError):
        registry.resolve("work:one")
    goes_on.set()
    assert await answer == "one two three"


@pytest.mark.parametrize("kind", ["openai", "openai-responses", "anthropic"])
async def test_each_protocol_answers_from_a_real_server_once_it_is_saved(
    preferences: Preferences, registry: Registry, llama: LlamaServer, kind: str
) -> None:
    url = llama.url if kind == "anthropic" else llama.openai_url
    wanted = draft(url, kind=kind, key=llama.key)
    assert (await preferences.try_out(wanted)).models == (llama.model,)
    await preferences.save(wanted)
    agent = await registry.agent_for(f"work:{llama.model}")
    context = AgentContext(input="Say hello.", conversation_history=[], parameters=Parameters(max_tokens=8))
    assert (await agent.process(context)).output.strip()


async def test_a_key_that_takes_the_place_of_another_is_sent_at_once(
    preferences: Preferences, registry: Registry, server: ScriptedServer
) -> None:
    await preferences.save(draft(server.openai_url, key="sk-the-old-one"))
    assert await _answer(await registry.agent_for("work:one")) == "Hello."
    await preferences.save(draft(server.openai_url))
    assert await _answer(await registry.agent_for("work:one")) == "Hello."
    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer sk-the-old-one", f"Bearer {_KEY}"]


async def test_a_setting_is_in_force_at_once_and_a_wrong_one_never(
    preferences: Preferences, registry: Registry, paths: Paths
) -> None:
    await preferences.set("default_model", "scripted:echo")
    assert await registry.default_model() == "scripted:echo"
    with pytest.raises(SettingsError, match="a number from 0 to 2"):
        await preferences.set("temperature", "9")
    paths.config_file.write_text("theme = dusk\n")
    for asking in (preferences.read(), preferences.set("seed", "7")):
        with pytest.raises(SettingsError, match=r"config\.toml line 1 is not TOML"):
            await asking
    assert preferences.settings.default_model == "scripted:echo"
    assert paths.config_file.read_text() == "theme = dusk\n"


async def test_what_the_environment_says_stays_in_force(
    preferences: Preferences, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIM_SEED", "1")
    settings = await preferences.set("seed", "2")
    assert (settings.seed, settings.source_of("seed")) == (1, Source.ENVIRONMENT)
    assert preferences.in_file("seed") == "2"


async def test_agents_stay_while_nothing_of_theirs_changes(
    preferences: Preferences, registry: Registry, server: ScriptedServer
) -> None:
    await preferences.save(draft(server.openai_url))
    work, echo = await registry.agent_for("work:one"), await registry.agent_for("scripted:echo")
    await preferences.set("theme", "dusk")
    await preferences.save(draft("http://127.0.0.1:9/v1", name="other"))
    assert await registry.agent_for("work:one") is work
    assert await registry.agent_for("scripted:echo") is echo
    await preferences.set("temperature", "0.5")
    assert await registry.agent_for("work:one") is not work
    assert await _answer(work) == "Hello."
