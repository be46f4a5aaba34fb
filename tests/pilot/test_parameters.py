"""Parameters and personas in the app."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from textual.pilot import Pilot

from brim.core.agent import OneAgent
from brim.core.parameters import Parameters
from brim.core.personas import FILE_NAME, Persona, Personas
from brim.tui.app import BrimApp
from brim.tui.controller import ChatController
from brim.tui.screens.asking import AskingScreen
from brim.tui.screens.fields import FieldsScreen
from brim.tui.screens.models import ModelPickerScreen
from brim.tui.screens.personas import PersonasScreen
from tests.support.agents import Plain
from tests.support.hostile import HOSTILE, assert_clean
from tests.support.screen import ask, brim, opens, screen_segments, screen_text, sees, toasts
from tests.support.waiting import wait_until


class Taking(Plain):
    """Takes some parameters."""

    takes = frozenset({"temperature", "stop", "seed"})


class Source(OneAgent):
    """Has something to say of defaults."""

    def defaults(self, model: str) -> Sequence[tuple[str, Parameters]]:
        del model
        return (("settings", Parameters(seed=7)),)


def controller(app: BrimApp) -> ChatController:
    assert app.chat.controller is not None
    return app.chat.controller


async def parameters(app: BrimApp, pilot: Pilot[None]) -> FieldsScreen:
    await pilot.press("alt+p")
    screen = await opens(app, pilot, FieldsScreen)
    await sees(app, pilot, "system prompt")
    return screen


async def personas(app: BrimApp, pilot: Pilot[None]) -> PersonasScreen:
    await pilot.press("alt+n")
    return await opens(app, pilot, PersonasScreen)


async def at_the_line(pilot: Pilot[None], screen: FieldsScreen) -> None:
    await wait_until(pilot, lambda: screen.value.has_focus, "the line to type in")


async def left_the_line(pilot: Pilot[None], screen: FieldsScreen) -> None:
    await wait_until(pilot, lambda: screen.value.disabled, "the fields again")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_only_what_the_model_takes_is_shown_with_the_place_it_comes_from(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with brim(tmp_path, Source(Taking()), size=size) as (app, pilot):
        await parameters(app, pilot)
        for words in ("temperature", "the provider's own", "stop at", "seed", "settings"):
            await sees(app, pilot, words)
        for words in ("top-p", "longest answer", "effort"):
            assert words not in screen_text(app)


async def test_the_header_leaves_out_what_the_model_does_not_take(tmp_path: Path) -> None:
    async with brim(tmp_path, Source(Taking())) as (app, pilot):
        await controller(app).set_parameters(Parameters(temperature=0.2, top_p=0.5, reasoning_effort="high"))
        await sees(app, pilot, "temp 0.2")
        assert "top-p" not in screen_text(app)
        assert "effort" not in screen_text(app)


async def test_a_value_is_set_refused_and_taken_back(tmp_path: Path) -> None:
    agent = Taking()
    async with brim(tmp_path, Source(agent)) as (app, pilot):
        screen = await parameters(app, pilot)
        await pilot.press("down", "enter")
        await at_the_line(pilot, screen)
        await pilot.press("3", "enter")
        await sees(app, pilot, 'temperature is "3", but it must be a number from 0 to 2.')
        assert screen.value.value == "3"
        await pilot.press("backspace", *"0.2", "enter")
        await wait_until(pilot, lambda: controller(app).parameters == Parameters(temperature=0.2))
        await left_the_line(pilot, screen)
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat)
        await sees(app, pilot, "temp 0.2")
        await ask(app, pilot, "one")
        await wait_until(pilot, lambda: agent.asked)
        assert agent.asked[0].parameters == Parameters(temperature=0.2)
        await sees(app, pilot, "temp 0.2")
        await parameters(app, pilot)
        await pilot.press("down", "delete")
        await wait_until(pilot, lambda: not controller(app).parameters)
        await pilot.press("escape")
        await wait_until(pilot, lambda: "temp 0.2" not in screen_text(app))
        session = await controller(app).manager.session(controller(app).shown_session().id)
        assert session.parameters == Parameters()


async def test_what_another_model_does_not_take_is_kept_and_told(tmp_path: Path) -> None:
    async with brim(tmp_path, Taking(), size=(80, 24)) as (app, pilot):
        await controller(app).set_parameters(Parameters(top_p=0.5, seed=3))
        await parameters(app, pilot)
        await sees(app, pilot, "This model does not take top-p 0.5.")
        await sees(app, pilot, "seed")


async def test_the_system_prompt_is_among_them(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot):
        await parameters(app, pilot)
        await sees(app, pilot, "This model takes no parameters.")
        await pilot.press("enter")
        await opens(app, pilot, AskingScreen)
        await pilot.press(*"Be brief.", "ctrl+s")
        await wait_until(pilot, lambda: controller(app).system_prompt == "Be brief.")
        await sees(app, pilot, "Be brief.")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/set temperature 0.2", "Temperature is 0.2 from the next answer on."),
        ("/parameters temp=1", "Temperature is 1 from the next answer on."),
        ("/set seed", "Seed is the default again."),
        ("/set top-p 0.5", "Top-p is 0.5, but this model does not take it."),
        ("/set temperature hot", 'temperature is "hot", but it must be a number from 0 to 2.'),
        ("/set warmth 3", "There is no parameter 'warmth'. There are temperature, top-p,"),
        ("/persona nobody", "There is no persona “nobody”."),
    ],
)
async def test_a_line_sets_one(tmp_path: Path, typed: str, said: str) -> None:
    async with brim(tmp_path, Taking()) as (app, pilot):
        await ask(app, pilot, typed)
        await wait_until(pilot, lambda: any(toast.startswith(said) for toast in toasts(app)), said)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_first_persona_is_made_from_nothing(tmp_path: Path, size: tuple[int, int]) -> None:
    agent = Taking()
    async with brim(tmp_path, Source(agent), size=size) as (app, pilot):
        await personas(app, pilot)
        await sees(app, pilot, "There is no persona yet.")
        await pilot.press("n")
        await opens(app, pilot, AskingScreen)
        await pilot.press(*"Critic", "enter")
        fields = await opens(app, pilot, FieldsScreen)
        await sees(app, pilot, "the usual")
        await pilot.press("down", "enter")
        picker = await opens(app, pilot, ModelPickerScreen)
        await wait_until(pilot, lambda: (row := picker.models.cursor) and row.model.id == "agent:Taking")
        await pilot.press("enter")
        await wait_until(pilot, lambda: fields._fields[1].set_here == "agent:Taking", "the model is kept")
        await pilot.press("down", "down", "enter")
        await at_the_line(pilot, fields)
        await pilot.press(*"0.3", "enter")
        kept = Persona(name="Critic", model="agent:Taking", parameters=Parameters(temperature=0.3))
        wanted = Personas(tmp_path / "config")
        await wait_until(pilot, lambda: wanted.all() == [kept])
        await left_the_line(pilot, fields)
        await pilot.press("escape")
        await opens(app, pilot, PersonasScreen)
        await sees(app, pilot, "temp 0.3")
        await pilot.press("enter")
        await sees(app, pilot, "as Critic")
        await ask(app, pilot, "one")
        await wait_until(pilot, lambda: agent.asked)
        assert agent.asked[0].parameters == Parameters(temperature=0.3)
        session = controller(app).shown_session()
        assert (session.persona, session.parameters) == ("Critic", Parameters(temperature=0.3))


async def test_a_session_becomes_one_and_a_deletion_is_undone(tmp_path: Path) -> None:
    async with brim(tmp_path, Taking()) as (app, pilot):
        await controller(app).set_parameters(Parameters(seed=3))
        await controller(app).set_system_prompt("Be brief.")
        await personas(app, pilot)
        await pilot.press("s")
        await opens(app, pilot, AskingScreen)
        await pilot.press(*"Mine", "enter")
        kept = Persona(
            name="Mine", system_prompt="Be brief.", model="agent:Taking", parameters=Parameters(seed=3)
        )
        wanted = Personas(tmp_path / "config")
        await wait_until(pilot, lambda: wanted.all() == [kept])
        await sees(app, pilot, "Be brief.")
        await pilot.press("d")
        await sees(app, pilot, "Deleted “Mine”.")
        assert wanted.all() == []
        await pilot.press("u")
        await sees(app, pilot, "The last change is undone.")
        assert wanted.all() == [kept]


async def test_a_persona_begins_a_new_session_and_leaves_the_one_shown(tmp_path: Path) -> None:
    Personas(tmp_path / "config").save(
        Persona(name="Poet", system_prompt="Rhyme.", parameters=Parameters(temperature=2))
    )
    agent = Taking()
    async with brim(tmp_path, agent) as (app, pilot):
        await ask(app, pilot, "one")
        await sees(app, pilot, "An answer.")
        first = controller(app).shown_session().id
        await ask(app, pilot, "/persona poet")
        await sees(app, pilot, "as Poet")
        await ask(app, pilot, "two")
        await wait_until(pilot, lambda: len(agent.asked) == 2)
        asked = agent.asked[1]
        assert asked.conversation_history[0].content == "Rhyme."
        assert asked.parameters == Parameters(temperature=2)
        session = await controller(app).manager.session(first)
        assert (session.persona, session.system_prompt) == ("", "")


async def test_a_broken_file_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / FILE_NAME).write_text("[a]\ntemperature = 9\n", encoding="utf-8")
    async with brim(tmp_path, Taking()) as (app, pilot):
        await pilot.press("alt+n")
        await wait_until(
            pilot, lambda: any("personas.toml line 2, a: temperature" in toast for toast in toasts(app))
        )


async def test_hostile_personas_do_no_harm(tmp_path: Path) -> None:
    kept = Personas(tmp_path / "config")
    kept.save(Persona(name="[/foo][bold]x[/]", model="[/foo]", system_prompt="".join(HOSTILE.values())))
    kept.save(Persona(name="日本" * 20, parameters=Parameters(stop=tuple(HOSTILE.values()))))
    async with brim(tmp_path, Taking(), size=(80, 24)) as (app, pilot):
        await personas(app, pilot)
        await sees(app, pilot, "[/foo][bold]x[/]")
        assert_clean(screen_segments(app))
        await pilot.press("down")
        await pilot.pause()
        assert_clean(screen_segments(app))
        await pilot.press("e")
        await wait_until(pilot, lambda: isinstance(app.screen, FieldsScreen))
        await sees(app, pilot, "stop at")
        assert_clean(screen_segments(app))
