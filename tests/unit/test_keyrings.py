"""Keys in the system keyring: found, missing, locked, silent."""

from __future__ import annotations

import asyncio

import pytest

from brim.core import keyrings
from brim.core.errors import SettingsError
from brim.core.keys import KeySource
from brim.core.provider_tables import read_tables
from tests.support.keyrings import LockedKeyring, MemoryKeyring, SilentKeyring, system_keyring
from tests.support.processes import until

_KEY = "sk-kept-in-the-keyring-123456"


def _source(entry: str = "brim/work") -> KeySource:
    return KeySource(place="providers.work.key_keyring in config.toml line 3", keyring=entry)


async def test_what_is_kept_is_found_under_its_entry() -> None:
    memory = MemoryKeyring()
    with system_keyring(memory):
        assert await keyrings.is_there()
        await keyrings.write("https://llm.example/of/mine", _KEY)
        assert memory.kept == {("https://llm.example/of", "mine"): _KEY}
        source = _source("https://llm.example/of/mine")
        assert (await source.fetch()).get_secret_value() == _KEY
        assert _KEY not in repr(source)


async def test_a_missing_entry_is_named_with_its_place() -> None:
    with system_keyring(MemoryKeyring()), pytest.raises(SettingsError) as caught:
        await _source().fetch()
    assert caught.value.sentence == (
        "providers.work.key_keyring in config.toml line 3 names an entry that the system keyring does not "
        "have: brim/work."
    )


async def test_an_entry_that_is_no_key_is_told_without_its_text() -> None:
    memory = MemoryKeyring()
    memory.kept["brim", "work"] = "two words"
    with (
        system_keyring(memory),
        pytest.raises(SettingsError, match="names an entry with no usable key") as caught,
    ):
        await _source().fetch()
    assert "two words" not in str(caught.value) + caught.value.hint


async def test_without_a_keyring_one_sentence_says_so() -> None:
    assert not await keyrings.is_there()
    with pytest.raises(SettingsError, match="There is no system keyring here") as caught:
        await _source().fetch()
    assert "providers.work.key_keyring" in caught.value.sentence
    assert "file" in caught.value.hint


async def test_a_locked_keyring_is_told_without_its_words() -> None:
    with system_keyring(LockedKeyring()):
        for asking in (_source().fetch(), keyrings.write("brim/work", _KEY)):
            with pytest.raises(SettingsError, match="KeyringLocked") as caught:
                await asking
            assert "sk-" not in caught.value.sentence + caught.value.hint


async def test_a_keyring_that_never_answers_is_given_up_while_all_else_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    silent = SilentKeyring()
    with system_keyring(silent):
        waiting = asyncio.create_task(_source().fetch())
        await until(silent.asked.is_set)
        assert not waiting.done()
        monkeypatch.setattr(keyrings, "TIMEOUT_S", 0.3)
        with pytest.raises(SettingsError, match=r"did not answer within 0\.3 s") as caught:
            await _source().fetch()
        assert "locked" in caught.value.hint
        silent.let_go.set()
        with pytest.raises(SettingsError, match="does not have"):
            await waiting


@pytest.mark.parametrize("entry", ["work", "/work", "brim/", "a b/c d", ""])
def test_an_entry_has_a_service_and_a_user(entry: str) -> None:
    text = f'[providers.work]\nbase_url = "http://127.0.0.1:9"\nkey_keyring = "{entry}"\n'
    with pytest.raises(SettingsError, match=r"config.toml line 3, providers.work: .*service/user"):
        read_tables(text, {})


def test_a_table_leads_to_an_entry() -> None:
    text = '[providers.work]\nbase_url = "http://127.0.0.1:9"\nkey_keyring = "brim/work"\n'
    key = read_tables(text, {})["work"].key
    assert key is not None
    assert (key.keyring, key.is_there()) == ("brim/work", True)
