"""The model that comes with the dependencies, for tests that want real answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from brim.core.events import StreamEvent, TextDelta
from brim.core.types import AgentConfig, AgentContext
from brim.providers.local import LocalAgent, find_model, is_installed
from brim.providers.local_memory import LocalMemory

needs_model = pytest.mark.skipif(
    not is_installed() or find_model("smollm2") is None,
    reason="the dependency group `local` is not installed",
)


def model_path() -> Path:
    """Return the file of the model."""
    path = find_model("smollm2")
    assert path is not None
    return path


def local_agent(
    folder: Path,
    *,
    path: Path | None = None,
    max_tokens: int | None = 24,
    window_tokens: int | None = 1024,
    idle_s: float = 0,
    memory: LocalMemory | None = None,
) -> LocalAgent:
    """Return an agent for the model or another file: short answers, a small window, its log below ``folder``."""
    config = AgentConfig(model="" if path else "smollm2", max_tokens=max_tokens, temperature=0.0)
    return LocalAgent(
        config,
        model_path=path or model_path(),
        log_folder=folder / "logs",
        window_tokens=window_tokens,
        idle_s=idle_s,
        memory=memory,
    )


def asking(text: str) -> AgentContext:
    """Return a context that asks ``text`` at the beginning of a session."""
    return AgentContext(input=text)


async def answer(agent: LocalAgent, text: str) -> list[StreamEvent]:
    """Return all events of one answer."""
    return [event async for event in agent.process_stream(asking(text))]


def text_of(events: list[StreamEvent]) -> str:
    """Return the text that events carry."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))
