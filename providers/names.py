"""Model ids: ``provider:model``, and which provider a bare name belongs to."""

from __future__ import annotations

import re
from collections.abc import Collection

from brim.core.errors import AgentError
from brim.providers.local import find_model, is_path

OURS = ("local", "scripted")
"""The providers that are no servers."""
CUSTOM = "agent"
"""Stands before the name of a person's own agent, as in ``agent:my_module:MyAgent``."""

_OPENAI = re.compile(r"(?:gpt|chatgpt|codex)\b|o[1-9]\b|ft:(?:gpt|o[1-9])", re.IGNORECASE)
_ANTHROPIC = re.compile(r"claude\b", re.IGNORECASE)


def model_id(name: str, *, servers: Collection[str], has_own_server: bool) -> str:
    """Return the id that a name means; ``gpt-4`` is ``openai:gpt-4``.

    Args:
        name: an id, or a model's name alone, which may hold colons itself (``llama3.2:3b``).
        servers: the names of the servers that there are.
        has_own_server: whether the OpenAI protocol is spoken to another server; it takes every other name.

    Raises:
        AgentError: no provider has such a model.
    """
    name, providers = name.strip(), (*servers, *OURS)
    provider, colon, model = name.partition(":")
    if colon and model and provider in (*providers, CUSTOM):
        return name
    if _ANTHROPIC.match(name):
        return f"anthropic:{name}"
    if _OPENAI.match(name):
        return f"openai:{name}"
    if name and find_model(name) is not None:
        return f"local:{name}"
    if name and has_own_server and name not in providers:
        return f"openai:{name}"
    if is_path(name):
        return f"local:{name}"
    raise _unknown(name, provider if colon else "", providers)


def _unknown(name: str, provider: str, providers: tuple[str, ...]) -> AgentError:
    known = ", ".join(providers[:-1])
    hint = "F4 in the app, or `brim models`, lists what can be used."
    if not name:
        return AgentError("No model is named.", hint=hint)
    if name.rstrip(":") in providers:
        return AgentError(f"“{name}” names a provider and no model.", hint=hint)
    if provider:
        return AgentError(
            f"There is no provider “{provider}” for the model “{name}”.", hint=f"There are {known}. {hint}"
        )
    return AgentError(
        f"No provider is known to have the model “{name}”.",
        hint=f"Name one: {known}, as in openai:{name}. {hint}",
    )
