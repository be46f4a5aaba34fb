"""Sessions: several at once, drafts, deletion with undo, titles."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Input

from brim.core.types import Session, Status
from brim.tui.app import BrimApp
from tests.support.agents import Gated, Plain
from tests.support.screen import ask, brim, screen_text, sees, toasts
from tests.support.waiting import wait_until


def shown(app: BrimApp) -> Session:
    assert app.chat.controller is not None
    return app.chat.controller.shown_session()


def is_new(app: BrimApp) -> bool:
    return app.chat.controller is not None and app.chat.controller.session is None


async def test_two_sessions_stream_while_a_third_is_typed_in(tmp_path: Path) -> None:
    agent = Gated()
    async with brim(tmp_path, agent) as (app, pilot):
        await ask(app, pilot, "alpha")
        agent.say("alpha", "A1 ")
        await sees(app, pilot, "A1")
        first = shown(app).id
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: is_new(app))
        await ask(app, pilot, "beta")
        agent.say("beta", "B1 ")
        await sees(app, pilot, "B1")
        second = shown(app).id
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: is_new(app))
        agent.say("alpha", "A2 ")
        await pilot.press(*"typed")
        agent.say("beta", "B2")
        agent.say("alpha", "A3")
        assert app.manager.running() == {first, second}
        await sees(app, pilot, "⟳")
        agent.end("alpha")
        agent.end("beta")
        await wait_until(pilot, lambda: not app.manager.running())
        assert app.chat.composer.text == "typed"
        await sees(app, pilot, "●")
        for session_id, text in ((first, "A1 A2 A3"), (second, "B1 B2")):
            answer = (await app.manager.tail(session_id, limit=1))[0]
            assert (answer.status, answer.content) == (Status.COMPLETE, text)


async def test_coming_back_shows_the_answer_as_far_as_it_has_come(tmp_path: Path) -> None:
    agent = Gated()
    async with brim(tmp_path, agent) as (app, pilot):
        await ask(app, pilot, "alpha")
        agent.say("alpha", "one ")
        await sees(app, pilot, "one")
        first = shown(app).id
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: is_new(app))
        agent.say("alpha", "two ")
        app.chat.commands.run("open_session", first)
        await sees(app, pilot, "one two")
        agent.say("alpha", "three")
        await sees(app, pilot, "one two three")
        agent.end("alpha")
        await wait_until(pilot, lambda: not app.manager.running())
        await pilot.pause()
        assert screen_text(app).count("one two three") == 1


async def test_each_session_keeps_its_draft_also_over_a_restart(tmp_path: Path) -> None:
    agent = Plain()
    async with brim(tmp_path, agent) as (app, pilot):
        await ask(app, pilot, "alpha")
        await sees(app, pilot, "An answer.")
        first = shown(app).id
        await pilot.press(*"draft one")
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: is_new(app))
        assert app.chat.composer.text == ""
        await pilot.press(*"new draft")
        app.chat.commands.run("open_session", first)
        await wait_until(pilot, lambda: app.chat.composer.text == "draft one")
        await pilot.press("!")
    async with brim(tmp_path, agent, session=first[:6]) as (app, pilot):
        assert app.chat.composer.text == "draft one!"
        await sees(app, pilot, "An answer.")
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: app.chat.composer.text == "new draft")


async def test_a_draft_is_stored_a_moment_after_the_last_key(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot):
        await ask(app, pilot, "alpha")
        await sees(app, pilot, "An answer.")
        session_id = shown(app).id
        await pilot.press(*"kept")
        stored = ""
        while stored != "kept":
            await pilot.pause(0.02)
            stored = (await app.manager.session(session_id)).draft


async def test_a_sent_draft_does_not_come_back(tmp_path: Path) -> None:
    agent = Plain()
    async with brim(tmp_path, agent) as (app, pilot):
        await ask(app, pilot, "alpha")
        await sees(app, pilot, "An answer.")
        await ask(app, pilot, "beta")
        await wait_until(pilot, lambda: len(agent.asked) == 2)
    async with brim(tmp_path, agent, session="last") as (app, pilot):
        assert app.chat.composer.text == ""


async def test_deleting_is_undone_by_a_key(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot):
        await ask(app, pilot, "alpha")
        await sees(app, pilot, "An answer.")
        first = shown(app).id
        await ask(app, pilot, "/delete")
        await wait_until(pilot, lambda: is_new(app))
        assert await app.manager.count_sessions() == 0
        await wait_until(pilot, lambda: any("Ctrl+Z" in sentence for sentence in toasts(app)))
        assert "An answer." not in screen_text(app)
        await pilot.press("ctrl+z")
        await sees(app, pilot, "An answer.")
        assert shown(app).id == first
        assert await app.manager.count_sessions() == 1


async def test_ctrl_z_is_the_composers_own_when_nothing_was_deleted(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot):
        app.chat.composer.insert("typed")
        await pilot.press("ctrl+z")
        assert app.chat.composer.text == ""


async def test_renaming_by_command_and_by_dialog(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot):
        await ask(app, pilot, "alpha")
        await sees(app, pilot, "An answer.")
        await ask(app, pilot, "/rename A [/foo] title")
        await sees(app, pilot, "A [/foo] title")
        await pilot.press("f6")
        await sees(app, pilot, "Rename session")
        await pilot.press("end")
        await wait_until(pilot, lambda: app.screen.query_one(Input).selection.is_empty)
        await pilot.press(*" two", "enter")
        await wait_until(pilot, lambda: shown(app).title == "A [/foo] title two")
        await pilot.press("f6")
        await sees(app, pilot, "Rename session")
        await pilot.press(*"zzz", "escape")
        await wait_until(pilot, lambda: app.screen is app.chat)
        assert shown(app).title == "A [/foo] title two"


async def test_switching_by_part_of_a_title_and_by_list(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot):
        await ask(app, pilot, "alpha question")
        await sees(app, pilot, "An answer.")
        first = shown(app).id
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: is_new(app))
        await ask(app, pilot, "beta question")
        await wait_until(pilot, lambda: not is_new(app) and shown(app).messages == 2)
        second = shown(app).id
        await ask(app, pilot, "/switch alpha")
        await wait_until(pilot, lambda: shown(app).id == first)
        await pilot.press("ctrl+o")
        await sees(app, pilot, "Switch session")
        await pilot.press(*"bet")
        await wait_until(pilot, lambda: "beta" in dialog_text(app) and "alpha" not in dialog_text(app))
        await pilot.press("enter")
        await wait_until(pilot, lambda: shown(app).id == second)


def dialog_text(app: BrimApp) -> str:
    from textual.widgets import OptionList

    options = app.screen.query_one(OptionList).options
    return "\n".join(str(option.prompt) for option in options)


async def test_a_session_deleted_elsewhere_leaves_the_screen(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot):
        await ask(app, pilot, "alpha")
        await sees(app, pilot, "An answer.")
        await app.manager.delete(shown(app).id)
        await wait_until(pilot, lambda: is_new(app))


async def test_a_session_that_does_not_exist_ends_with_a_sentence(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain(), session="zzzz", waits=False) as (app, pilot):
        await wait_until(pilot, lambda: app.is_left)
        assert app.return_code == 2
        assert "zzzz" in app.farewell


async def test_the_sessions_that_are_there_are_listed_at_the_start(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot):
        await app.manager.create(title="An old session [/foo]")
        await sees(app, pilot, "An old")
    async with brim(tmp_path, Plain(), size=(200, 40)) as (app, pilot):
        await sees(app, pilot, "An old session [/foo]")
        await sees(app, pilot, "1 session")


async def test_the_model_of_the_command_line_changes_no_session_but_the_one_named(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot):
        named = await app.manager.create(title="named", model="a:old")
        other = await app.manager.create(title="other", model="b:old")
    async with brim(tmp_path, Plain(), session=named.id, model="a:new") as (app, pilot):
        await wait_until(pilot, lambda: shown(app).model == "a:new")
        app.chat.commands.run("open_session", other.id)
        await wait_until(pilot, lambda: shown(app).id == other.id)
        assert shown(app).model == "b:old"
