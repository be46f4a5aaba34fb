"""Why an answer ended stands on it, and /count says how long the next prompt is."""

from __future__ import annotations

from pathlib import Path

from brim.core.agent import Counted
from brim.core.events import Done
from brim.core.types import AgentContext
from brim.core.usage import Usage
from tests.support.agents import Gated
from tests.support.screen import ask, brim, screen_text, sees, toasts
from tests.support.waiting import wait_until


class Counting(Gated):
    async def count_next(self, context: AgentContext) -> Counted | None:
        return Counted(10_000 + len(context.input), "The Counter")


async def test_an_answer_that_was_cut_off_says_so_and_a_whole_one_nothing(tmp_path: Path) -> None:
    agent = Gated()
    async with brim(tmp_path, agent) as (app, pilot):
        await ask(app, pilot, "long")
        agent.say("long", "It begins")
        await sees(app, pilot, "It begins")
        agent.end("long", Usage(input_tokens=9, output_tokens=4_096))
        await wait_until(pilot, lambda: "Esc stop" not in screen_text(app))
        assert "cut off" not in screen_text(app)
        await ask(app, pilot, "longer")
        agent.say("longer", "It goes on")
        agent.put("longer", Done(finish_reason="content_filter"))
        await sees(app, pilot, "■ cut off by the provider's content filter")


async def test_the_next_prompt_is_counted_with_the_draft_or_a_text(tmp_path: Path) -> None:
    agent = Counting()
    async with brim(tmp_path, agent) as (app, pilot):
        agent.say("hello", "An answer.")
        agent.end("hello")
        await ask(app, pilot, "hello")
        await sees(app, pilot, "An answer.")
        await ask(app, pilot, "/count four")
        await wait_until(
            pilot, lambda: "Next prompt: 10,004 tokens (counted by the Counter)." in " ".join(toasts(app))
        )
        await pilot.press(*"seven77")
        app.chat.commands.run("count")
        await wait_until(pilot, lambda: "10,007 tokens" in " ".join(toasts(app)))
        assert app.chat.composer.text == "seven77"
        session = await app.manager.find_session("last")
        assert session.messages == 2


async def test_the_first_prompt_of_a_new_session_is_counted_and_makes_none(tmp_path: Path) -> None:
    async with brim(tmp_path, Counting()) as (app, pilot):
        await ask(app, pilot, "/count four")
        await wait_until(pilot, lambda: "Next prompt: 10,004 tokens (counted" in " ".join(toasts(app)))
        await ask(app, pilot, "/count")
        await wait_until(pilot, lambda: "tokens before your question" in " ".join(toasts(app)))
        assert await app.manager.count_sessions() == 0
