"""Providers known by name, so that a name and a key are all that a person has to give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["openai", "openai-responses", "anthropic"]
"""The protocols: chat completions, OpenAI's Responses, Anthropic's messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What is known of a provider or of a kind of server that people run themselves."""

    title: str
    """What sentences call it."""
    base_url: str
    kind: Kind = "openai"
    key_env: str = ""
    """The environment variable that holds its key by custom; empty for one that wants none."""
    general_model: str = ""
    """A current model for everything, at a middling price."""
    hosts: tuple[str, ...] = ()
    """Further host names that are the provider's own, beside the one of ``base_url``."""

    @property
    def is_local(self) -> bool:
        """Whether it runs on the person's own machine, where it is looked for on its usual port."""
        return not self.key_env


PRESETS: dict[str, Preset] = {
    "openai": Preset(
        title="OpenAI",
        base_url="https://api.openai.com/v1",
        key_env="OPENAI_API_KEY",
        general_model="gpt-6.1-terra",
    ),
    "anthropic": Preset(
        title="Anthropic",
        base_url="https://api.anthropic.com",
        kind="anthropic",
        key_env="ANTHROPIC_API_KEY",
        general_model="claude-sonnet-5-5",
    ),
    "openrouter": Preset(
        title="OpenRouter",
        base_url="https://openrouter.ai/api/v1",
        key_env="OPENROUTER_API_KEY",
        general_model="openai/gpt-6.1-terra",
    ),
    "groq": Preset(
        title="Groq",
        base_url="https://api.groq.com/openai/v1",
        key_env="GROQ_API_KEY",
        general_model="openai/gpt-oss-120b",
    ),
    "mistral": Preset(
        title="Mistral",
        base_url="https://api.mistral.ai/v1",
        key_env="MISTRAL_API_KEY",
        general_model="mistral-medium-3-5",
    ),
    "deepseek": Preset(
        title="DeepSeek",
        base_url="https://api.deepseek.com/v1",
        key_env="DEEPSEEK_API_KEY",
        general_model="deepseek-chat",
    ),
    "xai": Preset(
        title="xAI",
        base_url="https://api.x.ai/v1",
        key_env="XAI_API_KEY",
        general_model="grok-4.7",
    ),
    "gemini": Preset(
        title="Gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta/openai",
        key_env="GEMINI_API_KEY",
        general_model="gemini-3.8-flash",
    ),
    "together": Preset(
        title="Together",
        base_url="https://api.together.xyz/v1",
        key_env="TOGETHER_API_KEY",
        general_model="openai/gpt-oss-120b",
        hosts=("api.together.ai",),
    ),
    "ollama": Preset(title="Ollama", base_url="http://127.0.0.1:11434/v1"),
    "lmstudio": Preset(title="LM Studio", base_url="http://127.0.0.1:1234/v1"),
    "llamacpp": Preset(title="The llama.cpp server", base_url="http://127.0.0.1:8080/v1"),
    "vllm": Preset(title="vLLM", base_url="http://127.0.0.1:8000/v1"),
}
"""By the name that stands before the colon of a model id, in the order in which a default is looked for."""
