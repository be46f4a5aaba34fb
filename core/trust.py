"""Which key may go to which server, judged by the places that both come from."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import replace

from brim.core.places import Found, Source, without_secrets
from brim.core.provider_tables import Provider, line_of
from brim.core.text import visible_line

_TRUST = (Source.DOTENV, Source.CONFIG, Source.ENVIRONMENT, Source.OPTION)
"""How much a place may decide about keys. ``.env`` comes first: it may belong to a cloned repository."""


def distrust(provider: str, found: MutableMapping[str, Found]) -> str | None:
    """Drop a key and a base URL where the URL could send the key to a server its owner never chose.

    A URL goes together with a key from the same place or one that is trusted less. Returns the sentence
    that says what was dropped, ``None`` when the two go together.
    """
    url_field, key_field = f"{provider}_base_url", f"{provider}_api_key"
    url, key = found.get(url_field), found.get(key_field)
    if url is None or key is None or _TRUST.index(url.source) >= _TRUST.index(key.source):
        return None
    del found[url_field], found[key_field]
    return _dropped(url, key.place)


def settle(
    name: str, providers: MutableMapping[str, Provider], found: MutableMapping[str, Found], text: str
) -> str | None:
    """Put what a table says of a provider with settings of its own into their order.

    A base URL of the table is the setting's where no place sets that. A key that the table names is used
    with the table's base URL or the provider's own, and with another that is trusted as much; what stands
    in ``.env`` is not. Returns the sentence that says what was dropped.
    """
    provider, url_field, key_field = providers[name], f"{name}_base_url", f"{name}_api_key"
    if provider.key is not None and not provider.place:
        providers[name] = provider = replace(provider, key=None)  # the setting says it
    if provider.url_place and url_field not in found:
        line = line_of(text, name, "base_url")
        found[url_field] = Found(provider.base_url, Source.CONFIG, f"providers.{name}.base_url", line)
    url = found.get(url_field)
    if url is not None and url.source is Source.DOTENV:
        providers[name] = provider = replace(provider, headers={})  # they may hold a key as well
    if provider.key is None:
        return None
    if url is None or url.source is Source.CONFIG:
        found.pop(key_field, None)
    elif url.source is Source.DOTENV and key_field not in found:
        del found[url_field]
        providers[name] = replace(provider, key=None)
        return _dropped(url, provider.key.place)
    return None


def _dropped(url: Found, key_place: str) -> str:
    return (
        f'{url.place} ("{visible_line(without_secrets(str(url.value)))[:60]}") would send the key from '
        f"{key_place} there, so brim uses neither: set both in the same place to use them."
    )


def distrust_store(found: MutableMapping[str, Found]) -> list[str]:
    """Drop a store that ``.env`` names: whoever wrote that file would get all that is said.

    Returns the sentence that says so, if there is one to say.
    """
    store = found.get("store")
    if store is None or store.source is not Source.DOTENV:
        return []
    del found["store"]
    return [f"{store.place} is not used: a store is named by --store, BRIM_STORE or config.toml."]
