"""Keys that brim keeps for a person: they go with their provider, and come back with it."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from brim.core.errors import SettingsError
from brim.core.paths import Paths
from brim.core.preferences import KeyPlace, Preferences, ProviderDraft
from brim.core.settings import load_settings
from brim.core.types import AgentContext
from brim.providers.registry import Registry
from tests.support.keyrings import LockedKeyring, MemoryKeyring, system_keyring
from tests.support.scripted_server import Reply, Request, ScriptedServer, refusal

KEY, SECOND = "sk-first-secret-1234567890", "sk-second-secret-1234567890"


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
    def models(request: Request) -> Reply:
        if request.headers.get("authorization") in (f"Bearer {KEY}", f"Bearer {SECOND}"):
            return refusal(200, {"data": [{"id": "one"}]})
        return refusal(401, {"error": {"message": "no"}})

    async with ScriptedServer() as started:
        started.pages["/v1/models"] = models
        yield started


def draft(server: ScriptedServer, place: KeyPlace, key: str = KEY, leads_to: str = "") -> ProviderDraft:
    return ProviderDraft(
        name="work",
        kind="openai",
        base_url=server.openai_url,
        key_place=place,
        leads_to=leads_to,
        key=SecretStr(key),
    )


async def sent_key(registry: Registry, server: ScriptedServer) -> str:
    """Ask the provider and return the key that came."""
    agent = await registry.agent_for("work:one")
    await agent.process(AgentContext(input="Hi", conversation_history=[]))
    return server.requests[-1].headers["authorization"].removeprefix("Bearer ")


async def test_a_key_file_goes_with_its_provider_and_comes_back_with_it(
    preferences: Preferences, registry: Registry, server: ScriptedServer, paths: Paths
) -> None:
    await preferences.save(draft(server, KeyPlace.FILE))
    file = paths.config / "keys" / "work"
    said = await preferences.remove("work")
    assert said == f"Its key is taken away too: it was in {file}."
    assert not file.exists()
    assert await preferences.undo()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert await sent_key(registry, server) == KEY
    assert await preferences.undo(), "the provider itself"
    assert not file.exists()
    assert paths.config_file.read_text() == ""


async def test_an_entry_of_the_keyring_goes_with_its_provider_and_comes_back_with_it(
    preferences: Preferences, registry: Registry, server: ScriptedServer
) -> None:
    memory = MemoryKeyring()
    memory.kept["brim", "other"] = SECOND
    with system_keyring(memory):
        await preferences.save(draft(server, KeyPlace.KEYRING))
        assert await preferences.remove("work") == (
            "Its key is taken away too: it was in the system keyring."
        )
        assert memory.kept == {("brim", "other"): SECOND}
        assert await preferences.undo()
        assert memory.kept["brim", "work"] == KEY
        assert await sent_key(registry, server) == KEY


@pytest.mark.parametrize("link", [False, True])
async def test_a_key_of_the_persons_own_keeping_stays(
    preferences: Preferences, server: ScriptedServer, paths: Paths, tmp_path: Path, link: bool
) -> None:
    own = tmp_path / "key.txt"
    own.write_text(KEY)
    if link:
        (paths.config / "keys").mkdir()
        (paths.config / "keys" / "work").symlink_to(own)
        named = paths.config / "keys" / "work"
    else:
        named = own
    await preferences.save(draft(server, KeyPlace.PATH, leads_to=str(named)))
    said = await preferences.remove("work")
    assert said.startswith("Its key stays: ")
    assert own.read_text() == KEY
    assert named.exists()


async def test_another_place_for_a_key_leaves_none_in_the_first(
    preferences: Preferences, registry: Registry, server: ScriptedServer, paths: Paths
) -> None:
    memory = MemoryKeyring()
    with system_keyring(memory):
        await preferences.save(draft(server, KeyPlace.KEYRING))
        said = await preferences.save(draft(server, KeyPlace.FILE, SECOND))
        assert "it was in the system keyring" in said
        assert memory.kept == {}
        assert await preferences.undo()
        assert not (paths.config / "keys" / "work").exists()
        assert await sent_key(registry, server) == KEY


async def test_a_new_key_in_the_same_place_can_be_undone(
    preferences: Preferences, registry: Registry, server: ScriptedServer
) -> None:
    await preferences.save(draft(server, KeyPlace.FILE))
    await preferences.set("theme", "dusk")
    assert await preferences.save(draft(server, KeyPlace.FILE, SECOND)) == ""
    assert await sent_key(registry, server) == SECOND
    assert await preferences.undo()
    assert preferences.settings.theme == "dusk"
    assert await sent_key(registry, server) == KEY


async def test_a_keyring_that_refuses_keeps_the_key_and_says_so(
    preferences: Preferences, server: ScriptedServer
) -> None:
    memory = MemoryKeyring()
    with system_keyring(memory):
        await preferences.save(draft(server, KeyPlace.KEYRING))
    with system_keyring(LockedKeyring()):
        said = await preferences.remove("work")
    assert said == "Its key stays in the system keyring: The system keyring refused: KeyringLocked."
    assert "work" not in preferences.settings.providers


async def test_a_keyring_that_refuses_at_the_undo_is_told(
    preferences: Preferences, server: ScriptedServer
) -> None:
    memory = MemoryKeyring()
    with system_keyring(memory):
        await preferences.save(draft(server, KeyPlace.KEYRING))
        await preferences.remove("work")
    with (
        system_keyring(LockedKeyring()),
        pytest.raises(SettingsError, match=r"is as it was, but not the key: .* KeyringLocked") as caught,
    ):
        await preferences.undo()
    assert KEY not in caught.value.sentence
    assert "work" in preferences.settings.providers


async def test_a_file_that_cannot_be_written_takes_no_key(
    preferences: Preferences, server: ScriptedServer, paths: Paths
) -> None:
    await preferences.save(draft(server, KeyPlace.FILE))
    paths.config_file.write_text('theme = "dusk"\nproviders = 1\n')
    with pytest.raises(SettingsError):
        await preferences.save(draft(server, KeyPlace.FILE, SECOND))
    assert (paths.config / "keys" / "work").read_text().strip() == KEY
