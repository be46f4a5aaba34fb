"""Settings that are changed while brim runs: each holds from then on, with what is open and under way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from brim.cli.assembly import connect
from brim.core.cleanup import CleanupMode
from brim.core.errors import WindowFullError
from brim.core.events import TurnProgressed
from brim.core.limits import Limits
from brim.core.paths import Paths
from brim.core.preferences import AT_NEXT_START, Preferences
from brim.core.session_settings import SessionSettings
from brim.core.sessions import SessionManager
from brim.core.settings import Settings, load_settings
from tests.support.agents import Counting, Gated
from tests.support.scripted_server import ScriptedServer, chat, refusal

WORDS = Counting(window=1_000)
"""The agent that new sessions talk to."""


@dataclass(frozen=True, slots=True)
class Running:
    manager: SessionManager
    preferences: Preferences
    folder: Path

    async def window(self, session_id: str) -> tuple[int, float, int]:
        """Return the gauge's window, the share at which it cleans up, and the room for the answer."""
        usage = await self.manager.context_usage(session_id)
        return usage.limit_tokens, usage.cleanup_share, usage.reply_reserve_tokens


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    offered: list[Preferences] = []
    paths = Paths.find({"BRIM_HOME": str(tmp_path)})
    manager = await connect(
        paths, agent="tests.unit.test_live_settings:WORDS", warn=pytest.fail, offer=offered.append
    )
    yield Running(manager, offered[0], tmp_path)
    await manager.aclose()


async def _asked(running: Running, *prompts: str) -> str:
    session = await running.manager.create()
    for prompt in prompts:
        await (await running.manager.send(session.id, prompt)).wait()
    return session.id


async def _waiting(manager: SessionManager, session_id: str) -> str:
    """Return what a turn says that it waits for."""
    with manager.subscribe(session_id) as watcher:
        async for batch in watcher.batches():
            for event in batch:
                if isinstance(event, TurnProgressed) and event.waiting:
                    return event.waiting
    raise AssertionError("it never waited")


async def test_window_threshold_and_longest_answer_move_the_gauge_at_once(running: Running) -> None:
    session = await _asked(running, "Hello.")
    assert await running.window(session) == (1_000, 0.9, 100)
    await running.preferences.set("cleanup_threshold", "0.7")
    assert await running.window(session) == (1_000, 0.7, 100)
    await running.preferences.set("max_tokens", "40")
    assert await running.window(session) == (1_000, 0.7, 40)
    await running.preferences.set("context_window_size", "5000")
    assert await running.window(session) == (5_000, 0.7, 40)
    await running.preferences.set("context_window_size", "")
    assert (await running.window(session))[0] == 1_000
    await running.preferences.undo()
    assert (await running.window(session))[0] == 5_000


async def test_a_window_that_nobody_had_asked_for_is_asked_for_once_the_persons_figure_goes(
    tmp_path: Path,
) -> None:
    (tmp_path / "config.toml").write_text("context_window_size = 5000\n")
    offered: list[Preferences] = []
    paths = Paths.find({"BRIM_HOME": str(tmp_path)})
    agent = "tests.unit.test_live_settings:WORDS"
    manager = await connect(paths, agent=agent, warn=pytest.fail, offer=offered.append)
    running = Running(manager, offered[0], tmp_path)
    session = await _asked(running, "Hello.")
    assert (await running.window(session))[0] == 5_000
    await running.preferences.set("context_window_size", "")
    await manager.tuning.meet(session)
    assert (await running.window(session))[0] == 1_000
    await manager.aclose()


async def test_target_and_messages_to_keep_hold_for_the_next_plan(running: Running) -> None:
    session = await _asked(running, *(f"{number} " * 20 for number in range(6)))
    plan = await running.manager.plan_cleanup(session)
    assert plan.target_tokens == 600
    await running.preferences.set("cleanup_target", "0.1")
    plan = await running.manager.plan_cleanup(session)
    assert (plan.target_tokens, len(plan.staying)) == (100, 6), "whole turns, with the last five messages"
    await running.preferences.set("min_messages_to_keep", "2")
    assert len((await running.manager.plan_cleanup(session)).staying) == 2


async def test_summaries_begin_and_end_with_the_setting(running: Running) -> None:
    await running.preferences.set("cleanup_target", "0.2")
    await running.preferences.set("min_messages_to_keep", "1")
    prompts = [f"{number} " * 20 for number in range(6)]
    plain = await running.manager.clean_up(await _asked(running, *prompts))
    assert plain.summary is None
    async with ScriptedServer() as server:
        server.pages["/v1/models"] = lambda _: refusal(200, {"data": [{"id": "one"}]})
        server.play(chat("In short."))
        await running.preferences.set("providers.work.base_url", server.openai_url)
        await running.preferences.set("summary_model", "work:one")
        summed = await running.manager.clean_up(await _asked(running, *prompts))
    assert summed.summary is not None
    assert (summed.summary.model, summed.summary.text) == ("work:one", "In short.")
    await running.preferences.set("summary_model", "")
    assert (await running.manager.clean_up(await _asked(running, *prompts))).summary is None


async def test_a_mode_of_this_time_stays_until_the_setting_names_another(running: Running) -> None:
    running.manager.cleanup_mode = CleanupMode.OFF
    await running.preferences.set("theme", "dusk")
    assert running.manager.cleanup_mode is CleanupMode.OFF
    await running.preferences.set("cleanup_mode", "ask")
    assert running.manager.cleanup_mode is CleanupMode.ASK
    session = await _asked(running, "Hello.")
    await running.preferences.set("context_window_size", "50")
    with pytest.raises(WindowFullError):
        await running.manager.send(session, "x" * 400)


async def test_limits_that_come_and_go_while_requests_wait() -> None:
    agent = Gated()
    async with SessionManager(agent) as manager:

        def take(**limits: int) -> None:
            manager.in_force.take(SessionSettings(limits=Limits(**limits)))

        async def asks(prompt: str) -> Any:
            return await manager.send((await manager.create()).id, prompt)

        async def reached(count: int) -> None:
            while len(agent.asked) < count:
                agent.changed.clear()
                await agent.changed.wait()

        take(concurrent_requests=1)
        turns = [await asks("one")]
        await reached(1)
        for prompt in ("two", "three"):
            turns.append(await asks(prompt))
            assert "1 at a time" in await _waiting(manager, turns[-1].session_id)
        assert len(agent.asked) == 1
        take(concurrent_requests=2)
        await reached(2)
        take()
        await reached(3)
        for prompt in ("one", "two", "three"):
            agent.end(prompt)
        await asyncio.gather(*(turn.wait() for turn in turns))


async def test_requests_a_minute_hold_from_the_moment_they_are_set(running: Running) -> None:
    await _asked(running, "one", "two")
    await running.preferences.set("requests_per_minute", "1")
    session = await _asked(running, "three")
    turn = await running.manager.send(session, "four")
    assert "1 requests a minute" in await _waiting(running.manager, session)
    await running.preferences.set("requests_per_minute", "")
    assert (await turn.wait()).content


async def test_the_log_follows_its_level_and_what_it_may_hold(running: Running) -> None:
    def entries() -> list[dict[str, Any]]:
        file = running.folder / "logs" / "brim.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    await _asked(running, "a first secret")
    await running.preferences.set("log_messages", "true")
    await _asked(running, "a second matter")
    await running.preferences.set("log_level", "off")
    await _asked(running, "a third matter")
    await running.preferences.set("log_level", "info")
    await running.preferences.set("log_messages", "")
    await _asked(running, "a fourth matter")
    await running.manager.aclose()
    prompts = [entry.get("prompt") for entry in entries() if entry["event"] == "turn_started"]
    assert prompts == [None, "a second matter", None]


async def test_a_key_that_is_entered_later_stands_in_no_entry(running: Running) -> None:
    key = "plain-looking-word-17"
    await running.preferences.set("log_messages", "true")
    await running.preferences.set("openai_api_key", key)
    await _asked(running, f"what is {key}?")
    await running.manager.aclose()
    text = (running.folder / "logs" / "brim.jsonl").read_text()
    assert "what is [key]?" in text
    assert key not in text


async def test_the_longest_answer_goes_into_the_next_request(running: Running) -> None:
    async with ScriptedServer() as server:
        server.pages["/v1/models"] = lambda _: refusal(200, {"data": [{"id": "one"}]})
        server.play(chat("Yes."), chat("Yes."))
        await running.preferences.set("providers.work.base_url", server.openai_url)
        session = await running.manager.create(model="work:one")
        await (await running.manager.send(session.id, "Hi")).wait()
        await running.preferences.set("max_tokens", "77")
        await (await running.manager.send(session.id, "Hi")).wait()
        asked = [request.body for request in server.requests if request.method == "POST"]
    limits = [body.get("max_tokens") or body.get("max_completion_tokens") for body in asked]
    assert limits == [None, 77]


def test_only_what_cannot_change_while_brim_runs_waits_for_the_next_start(tmp_path: Path) -> None:
    assert set(Settings.model_fields) > AT_NEXT_START == {"store"}
    paths = Paths.find({"BRIM_HOME": str(tmp_path)})
    paths.make()
    paths.config_file.write_text(
        "context_window_size = 9000\ncleanup_threshold = 0.8\ncleanup_target = 0.5\nmin_messages_to_keep = 3\n"
        'summary_model = "same"\nmax_tokens = 9\nsystem_prompt = "Be brief."\nsession_budget_usd = 1\n'
        'day_budget_usd = 2\nrequests_per_minute = 4\nconcurrent_requests = 6\ncleanup_mode = "ask"\n'
    )
    said, default = SessionSettings.of(load_settings(paths)), SessionSettings()
    same = [name for name in SessionSettings.__slots__ if getattr(said, name) == getattr(default, name)]
    assert not same, "a setting that nobody takes over"
