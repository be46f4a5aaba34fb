"""Choosing a model in the app: what stands there at once, what comes, what cannot be taken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot

from brim.cli import assembly
from brim.core.agent import AgentInterface, OneAgent
from brim.core.errors import AgentError
from brim.core.paths import Paths
from brim.core.preferences import Preferences
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import ModelInfo, Session
from brim.tui.app import BrimApp
from brim.tui.screens.models import ModelPickerScreen
from brim.tui.screens.provider import ProviderScreen
from brim.tui.widgets.model_list import ModelList
from tests.support.agents import Gated, Plain
from tests.support.hostile import HOSTILE, assert_clean
from tests.support.screen import ask, brim, opens, screen_lines, screen_segments, screen_text, sees, toasts
from tests.support.waiting import wait_until

BIG, SMALL, GONE = "work:big-gpt", "local:smollm2", "anthropic:claude-sonnet-4-5"


class Windowed(Gated):
    """Answers when it is told to, and knows its window."""

    def __init__(self, window: int) -> None:
        super().__init__()
        self._window = window

    async def window_tokens(self) -> int | None:
        return self._window


class Servers(OneAgent):
    """Two agents, and servers that answer when the test lets them."""

    def __init__(self) -> None:
        super().__init__(Plain())
        self.agents: dict[str, AgentInterface] = {BIG: Windowed(100_000), SMALL: Windowed(2_000)}
        self.answers: asyncio.Queue[list[ModelInfo] | None] = asyncio.Queue()
        self.asked = 0

    def answer(self, *models: ModelInfo, last: bool = False) -> None:
        self.answers.put_nowait(list(models))
        if last:
            self.answers.put_nowait(None)

    async def agent_for(self, model: str) -> AgentInterface:
        if model not in self.agents:
            raise AgentError(f"There is no {model}.")
        return self.agents[model]

    async def listing(self) -> AsyncIterator[list[ModelInfo]]:
        self.asked += 1
        while (models := await self.answers.get()) is not None:
            yield models

    async def default_model(self) -> str | None:
        return SMALL


@pytest.fixture
async def servers() -> Servers:
    return Servers()


def models(app: BrimApp) -> ModelList:
    return app.screen.query_one(ModelList)


async def opened(app: BrimApp, pilot: Pilot[None]) -> None:
    await pilot.press("f4")
    await opens(app, pilot, ModelPickerScreen)


def under_cursor(app: BrimApp) -> str | None:
    row = models(app).cursor
    return row.model.id if row else None


async def used(folder: Path, *used_models: str) -> None:
    store = SQLiteStore(folder / "brim.db")
    await store.open()
    for model in reversed(used_models):
        await store.add_session(Session(model=model))
    await store.aclose()


async def test_it_opens_before_any_server_has_answered(tmp_path: Path, servers: Servers) -> None:
    await used(tmp_path, BIG, SMALL)
    async with brim(tmp_path, servers, size=(80, 24)) as (app, pilot):
        await opened(app, pilot)
        await sees(app, pilot, "Recent")
        await sees(app, pilot, BIG)
        assert "asking servers" in screen_text(app)
        await pilot.press(*"gpt")
        await wait_until(pilot, lambda: under_cursor(app) == BIG)
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chat.controller and app.chat.controller.model == BIG)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_what_comes_later_does_not_move_the_choice(
    tmp_path: Path, servers: Servers, size: tuple[int, int]
) -> None:
    async with brim(tmp_path, servers, size=size) as (app, pilot):
        await opened(app, pilot)
        servers.answer(*(ModelInfo(id=f"openai:gpt-{n}") for n in range(90)))
        await sees(app, pilot, "gpt-0")
        await pilot.press("ctrl+end", "up", "up", "up", "up", "up")
        await wait_until(pilot, lambda: under_cursor(app) == "openai:gpt-84")
        await sees(app, pilot, "  gpt-84 ")
        await pilot.pause()

        def line_of_choice() -> int | None:
            return next((at for at, line in enumerate(screen_lines(app)) if "  gpt-84 " in line), None)

        before = line_of_choice()
        late = [ModelInfo(id=f"openai:gpt-{n}") for n in range(90)]
        early = [ModelInfo(id=f"aaa:model-{n}") for n in range(40)]
        servers.answer(*early[:25], *late)
        servers.answer(*early, *late, last=True)
        await wait_until(pilot, lambda: models(app).rows.place_of("aaa:model-3") is not None)
        await wait_until(pilot, lambda: "asking" not in screen_text(app))
        assert under_cursor(app) == "openai:gpt-84"
        await wait_until(pilot, lambda: line_of_choice() == before)


async def test_what_cannot_be_used_says_why_and_is_not_taken(tmp_path: Path, servers: Servers) -> None:
    async with brim(tmp_path, servers, size=(80, 24)) as (app, pilot):
        await opened(app, pilot)
        servers.answer(
            ModelInfo(id=SMALL), ModelInfo(id=GONE, unavailable="Set ANTHROPIC_API_KEY."), last=True
        )
        await sees(app, pilot, "Anthropic  Set ANTHROPIC_API_KEY.")
        await pilot.press(*"claude")
        await wait_until(pilot, lambda: under_cursor(app) == GONE)
        await pilot.press("enter")
        await wait_until(pilot, lambda: "Set ANTHROPIC_API_KEY." in toasts(app))
        assert isinstance(app.screen, ModelPickerScreen)
        await pilot.press("escape")
        await wait_until(pilot, lambda: not isinstance(app.screen, ModelPickerScreen))
        assert app.chat.controller is not None
        assert app.chat.controller.model == SMALL


async def test_a_provider_without_models_says_all_of_why(tmp_path: Path, servers: Servers) -> None:
    why = (
        "The server at llm.example.com refused the key: “Incorrect API key provided, ask the team”. Check it."
    )
    async with brim(tmp_path, servers, size=(80, 24)) as (app, pilot):
        await opened(app, pilot)
        servers.answer(ModelInfo(id=SMALL), ModelInfo(id="work:*", unavailable=why), last=True)
        await sees(app, pilot, "work  The server at")
        assert "Check it." not in screen_text(app)
        await pilot.press(*"work")
        await sees(app, pilot, "Check it.")
        await pilot.press("ctrl+u", *"smol")
        await wait_until(pilot, lambda: "Check it." not in screen_text(app))


async def test_a_click_takes_a_model(tmp_path: Path, servers: Servers) -> None:
    async with brim(tmp_path, servers) as (app, pilot):
        await opened(app, pilot)
        servers.answer(ModelInfo(id=SMALL), ModelInfo(id=BIG), last=True)
        await sees(app, pilot, "big-gpt")
        place = models(app).rows.place_of(BIG)
        assert place is not None
        await pilot.click(ModelList, offset=(4, place))
        await wait_until(pilot, lambda: app.chat.controller and app.chat.controller.model == BIG)


async def test_hostile_names_do_no_harm(tmp_path: Path, servers: Servers) -> None:
    async with brim(tmp_path, servers) as (app, pilot):
        await opened(app, pilot)
        servers.answer(
            *(ModelInfo(id=f"openai:{text}") for text in HOSTILE.values()),
            *(ModelInfo(id=f"evil:{text}", unavailable=text) for text in HOSTILE.values()),
            ModelInfo(id="openai:" + "日本" * 200),
            last=True,
        )
        await wait_until(pilot, lambda: len(models(app).rows.lines) > 2 * len(HOSTILE))
        for _ in range(2 * len(HOSTILE) + 1):
            await pilot.press("down")
            await pilot.pause()
            assert_clean(screen_segments(app))
        await pilot.press("enter")


async def test_a_switch_in_the_middle_of_a_session_changes_the_gauges_at_once(
    tmp_path: Path, servers: Servers
) -> None:
    async with brim(tmp_path, servers) as (app, pilot):
        await ask(app, pilot, "one")
        first = servers.agents[SMALL]
        assert isinstance(first, Windowed)
        first.say("one", "A first answer.")
        await sees(app, pilot, "A first answer.")
        await wait_until(
            pilot,
            lambda: (usage := app.chat.meter.usage) and usage.window_tokens == 2_000,
            "the first window",
        )
        await ask(app, pilot, "two")
        await opened(app, pilot)
        servers.answer(ModelInfo(id=SMALL), ModelInfo(id=BIG), last=True)
        await sees(app, pilot, "big-gpt")
        await pilot.press(*"big", "enter")
        await wait_until(
            pilot,
            lambda: app.chat.meter.usage is not None and app.chat.meter.usage.window_tokens == 100_000,
            "the new window",
        )
        first.end("one")
        second = servers.agents[BIG]
        assert isinstance(second, Windowed)
        await wait_until(pilot, lambda: second.asked)
        second.say("two", "Another answer.")
        second.end("two")
        await sees(app, pilot, "Another answer.")
        controller = app.chat.controller
        assert controller is not None
        await wait_until(pilot, lambda: not controller.is_answering)
        answers = await controller.manager.transcript(controller.shown_session().id)
        assert [m.model for m in answers if m.role == "assistant"] == [SMALL, BIG]


async def test_leaving_while_servers_are_asked_ends_the_question(tmp_path: Path, servers: Servers) -> None:
    async with brim(tmp_path, servers) as (app, pilot):
        for asked in (1, 2):
            await opened(app, pilot)
            await wait_until(pilot, lambda n=asked: servers.asked == n)
            await pilot.press("escape")
            await wait_until(pilot, lambda: not isinstance(app.screen, ModelPickerScreen))


async def test_a_provider_that_wants_a_key_takes_it_in_the_picker(tmp_path: Path) -> None:
    paths = Paths.find({"BRIM_HOME": str(tmp_path)})
    paths.make()
    held: list[Preferences] = []

    async def connect() -> SessionManager:
        settings = {"default_model": "scripted:demo"}
        return await assembly.connect(paths, settings, logs=False, warn=lambda _: None, offer=held.append)

    app = BrimApp(
        connect,
        session=None,
        model=None,
        theme="",
        state_folder=paths.state,
        config_folder=paths.config,
        preferences=lambda: held[0] if held else None,
    )
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_until(pilot, lambda: app.chat.controller is not None, "the connection")
        await opened(app, pilot)
        await pilot.press(*"deepseek")
        await wait_until(pilot, lambda: under_cursor(app) == "deepseek:*")
        await sees(app, pilot, "Enter takes its key")
        await pilot.press("enter")
        await opens(app, pilot, ProviderScreen)
        await pilot.press("escape")
        await opens(app, pilot, ModelPickerScreen)
        await pilot.press("escape")
        app.leave()
        await wait_until(pilot, lambda: app.is_left, "the end of the app")


async def test_the_palette_lists_what_is_known_before_servers_answer(
    tmp_path: Path, servers: Servers
) -> None:
    async with brim(tmp_path, servers) as (app, pilot):
        servers.answer(ModelInfo(id="work:known-at-once"))
        await pilot.press("ctrl+p")
        await opens(app, pilot, CommandPalette)
        await pilot.press(*"known")
        await sees(app, pilot, "Model: work:known-at-once")
        servers.answer(ModelInfo(id="work:known-at-once"), ModelInfo(id="work:known-later"), last=True)
        await pilot.press(*"-l")
        await sees(app, pilot, "Model: work:known-later")
        assert servers.asked == 1
        await pilot.press("escape")
