"""The settings while brim runs: shown, changed and put in force."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from pydantic import SecretStr

from brim.core.config_file import ConfigFile, Edit, edited
from brim.core.edits import edits_of, key_edits
from brim.core.errors import SettingsError
from brim.core.kept_keys import Keeper, KeptKey, keep, kept_key, place_for
from brim.core.keys import KEY_WORDS, checked_key
from brim.core.paths import Paths
from brim.core.places import PROVIDERS
from brim.core.presets import Kind
from brim.core.provider_tables import SET_APART, Provider, table_provider
from brim.core.reached import Reached
from brim.core.settings import Settings, load_settings

AT_NEXT_START = frozenset({"store"})
"""The settings that take effect with the next start. All others do at once in a brim that runs."""


class ModelServers(Protocol):
    """Who makes agents from settings, and can ask their servers."""

    def take(self, settings: Settings, *, renewed: Collection[str] = ()) -> None:
        """Go on with other settings. Answers under way end as they began.

        Args:
            settings: those that hold from now on.
            renewed: providers whose keys are fetched anew, whether or not anything else has changed.
        """
        ...

    async def look_at(self, provider: Provider, settings: Settings) -> Reached:
        """Ask a provider's server for its models. Raises `AgentError`, with no part of a key in its words."""
        ...

    async def found_servers(self) -> dict[str, int]:
        """Return which servers run on this machine at their usual ports, and how many models each has."""
        ...


class KeyPlace(StrEnum):
    """Where a provider's key comes from, as a person chooses it."""

    AS_IS = "as it is"
    KEYRING = "keyring"
    FILE = "file"
    """A file that brim writes, readable by its owner only."""
    VARIABLE = "key_env"
    COMMAND = "key_command"
    PATH = "key_file"
    """A file that is there already."""
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDraft:
    """A provider as a person has typed it in."""

    name: str
    kind: Kind
    base_url: str
    key_place: KeyPlace = KeyPlace.AS_IS
    leads_to: str = ""
    """The variable, the command or the file."""
    key: SecretStr | None = None
    """The key itself, for the keyring or a file."""


class Preferences:
    """Reads and writes the settings of a brim that runs.

    Every method raises `SettingsError` where the file or a value is wrong; the settings in force stay.

    Args:
        paths: where ``config.toml`` is.
        options: what the command line sets, by field.
        settings: those in force.
        servers: is given the settings that come in force.
        took: whatever else runs is given them by this.
    """

    def __init__(
        self,
        paths: Paths,
        options: Mapping[str, Any],
        settings: Settings,
        servers: ModelServers,
        took: Callable[[Settings], None] = lambda _: None,
    ) -> None:
        self.settings = settings
        self.file = ConfigFile(paths.config_file)
        self._paths = paths
        self._options = dict(options)
        self._servers = servers
        self._took = took
        self._keys: dict[int, list[tuple[KeptKey, SecretStr | None]]] = {}
        """Of the changes that can be undone those that changed keys: where they are, and what was there."""

    async def read(self, *, renewed: Collection[str] = ()) -> Settings:
        """Read all places again and put in force what they say, with the keys of ``renewed`` fetched anew."""
        self.settings = await asyncio.to_thread(load_settings, self._paths, self._options)
        self._servers.take(self.settings, renewed=renewed)
        self._took(self.settings)
        return self.settings

    async def set(self, field: str, text: str) -> Settings:
        """Set a setting in ``config.toml`` to what a text means; an empty text takes it out."""
        await asyncio.to_thread(self.file.change, *edits_of(field, text))
        return await self.read()

    async def undo(self) -> bool:
        """Take back the last change made here, with its key; false where there is none, or the file was changed since.

        Raises:
            SettingsError: the file cannot be written, or is again what it was and its key cannot be put back.
        """
        depth = self.file.depth
        if not await asyncio.to_thread(self.file.undo):
            self._keys.clear()
            return False
        keys = self._keys.pop(depth, [])
        try:
            await _put_back(keys)
        except SettingsError as error:
            raise SettingsError(
                f"config.toml is as it was, but not the key: {error.sentence}", hint="Enter it again."
            ) from None
        finally:
            await self.read(renewed=[place.provider for place, _ in keys])
        return True

    def in_file(self, field: str) -> str:
        """Return what ``config.toml`` says of a setting, as it is typed; empty for nothing, and for a secret."""
        value = self.file.table().get(field, "")
        if isinstance(value, list):
            return ", ".join(f'"{one}"' if "," in str(one) else str(one) for one in value)
        is_hidden = field in ("store", "openai_api_key", "anthropic_api_key")
        return "" if is_hidden else str(value).lower() if isinstance(value, bool) else str(value)

    # --- providers ------------------------------------------------------------------------------------

    def listed(self) -> list[Provider]:
        """Return the providers that the person has set up: with a table, with a key or another address."""
        return [
            one
            for one in self.settings.providers.values()
            if one.place or self.key_place(one) or self._has_url_setting(one.name)
        ]

    def key_place(self, provider: Provider) -> str:
        """Return where a provider's key is, in words; empty where there is none."""
        field = f"{provider.name}_api_key"
        if provider.name in SET_APART and getattr(self.settings, field) is not None:
            return self.settings.place_of(field)
        return provider.key.place if provider.key is not None else ""

    def base_url(self, provider: Provider) -> str:
        """Return where a provider's requests go."""
        if self._has_url_setting(provider.name):
            return str(getattr(self.settings, f"{provider.name}_base_url"))
        return provider.base_url

    def _has_url_setting(self, name: str) -> bool:
        return name in SET_APART and getattr(self.settings, f"{name}_base_url") is not None

    async def look_at(self, provider: Provider) -> Reached:
        """Ask the server of a provider that is set up. Raises `AgentError`."""
        return await self._servers.look_at(provider, self.settings)

    async def found_servers(self) -> dict[str, int]:
        """Return which servers run on this machine at their usual ports, and how many models each has."""
        return await self._servers.found_servers()

    async def try_out(self, draft: ProviderDraft) -> Reached:
        """Ask the server of a draft for its models, as it would be asked if the draft were saved.

        Raises:
            SettingsError: something in the draft is wrong.
            AgentError: the server cannot be reached, or refuses.
        """
        provider, settings = await asyncio.to_thread(self._judged, draft)
        return await self._servers.look_at(provider, settings)

    async def save(self, draft: ProviderDraft) -> str:
        """Keep the draft's key where the person said, write its table and put it in force.

        Returns what became of a key that brim kept for the provider elsewhere, as a sentence; empty for nothing.
        """
        await asyncio.to_thread(self._judged, draft)
        leads_to = draft.leads_to.strip()
        field: str = draft.key_place
        keys: list[tuple[KeptKey, SecretStr | None]] = []
        before = self._kept_key(draft.name)
        if draft.key_place in (KeyPlace.KEYRING, KeyPlace.FILE):
            keeper = Keeper(draft.key_place)
            place = place_for(keeper, draft.name, self._paths.config)
            keys.append((place, await place.read()))
            field, leads_to = await keep(keeper, draft.name, _key_of(draft), self._paths.config)
        edits = self._edits(draft, field, leads_to)
        try:
            await asyncio.to_thread(self.file.change, *edits, is_more=bool(keys))
        except SettingsError:
            await _put_back(keys)
            raise
        said = ""
        if before is not None and before != self._kept_key(draft.name):
            said = await _take_away(before, keys)
        if keys:
            self._keys[self.file.depth] = keys
        await self.read(renewed=[draft.name])
        return said

    async def remove(self, name: str) -> str:
        """Take a provider's table out of the file, and its key away if it is brim that keeps it.

        Returns what became of the key, as a sentence; empty where there was none.
        """
        kept, there = self._kept_key(name), self.settings.providers.get(name)
        place = self.key_place(there) if there is not None else ""
        await asyncio.to_thread(self.file.change, Edit((PROVIDERS, name)))
        keys: list[tuple[KeptKey, SecretStr | None]] = []
        if kept is not None:
            said = await _take_away(kept, keys)
        else:
            said = f"Its key stays: {place}." if place and "api_key" not in place else ""
        if keys:
            self._keys[self.file.depth] = keys
        await self.read()
        return said

    def _kept_key(self, name: str) -> KeptKey | None:
        return kept_key(name, self.file.table(PROVIDERS, name), self._paths.config)

    def _judged(self, draft: ProviderDraft) -> tuple[Provider, Settings]:
        """Return the provider that a draft makes, with the settings around it. Nothing is written."""
        field, leads_to = draft.key_place.value, draft.leads_to.strip()
        is_typed = draft.key_place in (KeyPlace.KEYRING, KeyPlace.FILE)
        if is_typed:
            field, leads_to = "api_key", _key_of(draft).get_secret_value()
        edits = self._edits(draft, field, leads_to)
        after = edited(self.file.text(), *edits)
        table = tomllib.loads(after).get(PROVIDERS, {}).get(draft.name, {})
        table_provider(draft.name, table, {})
        settings = load_settings(self._paths, self._options, config_text=after)
        if new := [one for one in settings.warnings if one not in self.settings.warnings]:
            raise SettingsError(new[0])
        provider = settings.providers[draft.name]
        if is_typed and provider.key is not None:
            provider = replace(provider, key=replace(provider.key, place="the key"))
        return provider, settings

    def _edits(self, draft: ProviderDraft, field: str, leads_to: str) -> tuple[Edit, ...]:
        """Return the changes that write a draft: what holds anyway is left as it is."""
        path = (PROVIDERS, draft.name)
        there = self.settings.providers.get(draft.name)
        edits = []
        if there is None or draft.kind != there.kind:
            edits.append(Edit((*path, "kind"), draft.kind))
        # One that is looked for on this machine has a table from the moment that it is set up.
        is_new = there is None or (not there.place and there.preset is not None and there.preset.is_local)
        if is_new or there is None or draft.base_url != self.base_url(there):
            edits.append(Edit((*path, "base_url"), draft.base_url.strip()))
        match draft.key_place:
            case KeyPlace.AS_IS:
                return tuple(edits)
            case KeyPlace.NONE:
                return (*edits, *key_edits(draft.name))
            case KeyPlace.VARIABLE | KeyPlace.COMMAND | KeyPlace.PATH if not leads_to:
                raise SettingsError(
                    f"{_MISSING[draft.key_place]} is missing.", hint="Or choose another place for the key."
                )
        return (*edits, *key_edits(draft.name, keeping=field), Edit((*path, field), leads_to))


_MISSING = {
    KeyPlace.VARIABLE: "The name of the variable",
    KeyPlace.COMMAND: "The command",
    KeyPlace.PATH: "The path of the file",
}


async def _take_away(place: KeptKey, keys: list[tuple[KeptKey, SecretStr | None]]) -> str:
    """Take a key away, note it among ``keys`` and say so; where that fails, say that it stays."""
    try:
        key = await place.read()
        await place.put(None)
    except SettingsError as error:
        return f"Its key stays in {place.place}: {error.sentence}"
    keys.append((place, key))
    return "" if key is None else f"Its key is taken away too: it was in {place.place}."


async def _put_back(keys: Sequence[tuple[KeptKey, SecretStr | None]]) -> None:
    for place, key in reversed(keys):
        await place.put(key)


def _key_of(draft: ProviderDraft) -> SecretStr:
    typed = draft.key.get_secret_value() if draft.key is not None else ""
    if not typed.strip():
        raise SettingsError("The key is missing.", hint="Paste it, or choose where it comes from.")
    try:
        return checked_key(typed)
    except ValueError:
        raise SettingsError("This is no usable key.", hint=f"A key is {KEY_WORDS}.") from None
