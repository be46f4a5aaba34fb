"""Law 6 on the whole screen: text from outside in every place where the app shows some."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from brim.core.agent import AgentInterface, OneAgent
from brim.core.errors import RateLimitError
from brim.core.events import (
    Done,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolFinished,
    ToolStarted,
    Waiting,
)
from brim.core.types import AgentContext, AgentResponse, ModelInfo
from brim.tui.app import BrimApp
from tests.support.hostile import HOSTILE, assert_clean
from tests.support.screen import ask, brim, screen_segments, screen_text, sees
from tests.support.waiting import wait_until


class Hostile(AgentInterface):
    """Puts the same text into everything that an agent can say, then fails with it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.fails = False
        self.asked = 0

    async def process(self, context: AgentContext) -> AgentResponse:
        raise NotImplementedError

    async def process_stream(self, context: AgentContext) -> AsyncIterator[StreamEvent]:
        text = self.text
        self.asked += 1
        yield Waiting(text)
        yield ReasoningDelta(text)
        yield ToolStarted(text, text, text)
        yield ToolFinished(text, text)
        yield TextDelta(
            f"{text}\n\n# {text}\n\n- {text}\n\n```{text}\n{text}\n```\n\n| {text} |\n|---|\n| {text} |\n\n"
        )
        yield TextDelta(f"[{text}](http://x/{text})\n\nEND")
        if self.fails:
            raise RateLimitError(text, hint=text)
        yield Done(text, model=text)


class HostileModels(OneAgent):
    def __init__(self, agent: Hostile) -> None:
        super().__init__(agent)
        self.text = agent.text

    async def models(self) -> list[ModelInfo]:
        return [ModelInfo(id=f"evil:{self.text}"), ModelInfo(id="off:x", unavailable=self.text)]

    async def default_model(self) -> str | None:
        return f"evil:{self.text}"


def check(app: BrimApp) -> None:
    assert_clean(screen_segments(app))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
async def test_nothing_from_outside_reaches_the_terminal_as_control(tmp_path: Path, text: str) -> None:
    agent = Hostile(text)
    async with brim(tmp_path, HostileModels(agent), size=(200, 60)) as (app, pilot):
        check(app)
        await ask(app, pilot, f"prompt {text}")
        await sees(app, pilot, "END")
        await wait_until(pilot, lambda: not app.manager.running())
        await pilot.pause()
        check(app)
        agent.fails = True
        await ask(app, pilot, "/retry")
        await wait_until(pilot, lambda: agent.asked == 2 and not app.manager.running())
        await pilot.pause()
        check(app)
        session = await app.manager.find_session("last")
        await app.manager.rename(session.id, text)
        app.chat.composer.insert(text)
        app.tell(text, is_error=True)
        await pilot.pause()
        check(app)
        for key in ("f4", "ctrl+o", "f6", "ctrl+p", "f5"):
            await pilot.press(key)
            await wait_until(pilot, lambda: app.screen is not app.chat)
            await pilot.pause()
            check(app)
            await pilot.press("escape")
            await wait_until(pilot, lambda: app.screen is app.chat)
        assert "Traceback" not in screen_text(app)
