"""Cleanups by hand, asked for and taken back, on a real session; no text is ever lost on the way."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import TextArea

from brim.core.cleanup import CleanupMode
from brim.core.types import ContextRow
from brim.tui.app import BrimApp
from brim.tui.screens.asking import AskingScreen
from brim.tui.screens.deciding import DecidingScreen
from tests.support.filled import Windowed, filled
from tests.support.hostile import HOSTILE, assert_clean
from tests.support.screen import ask, opens, screen_segments, screen_text, sees, toasts
from tests.support.waiting import wait_until

LONG = "A long and dear [/question]: " + "what of this and that? " * 12


async def context_rows(app: BrimApp) -> list[ContextRow]:
    assert app.manager is not None
    assert app.chat.controller is not None
    return await app.manager.context_rows(app.chat.controller.shown_session().id)


async def dialog(app: BrimApp, pilot: Pilot[None]) -> DecidingScreen:
    return await opens(app, pilot, DecidingScreen)


async def at_rest(app: BrimApp, pilot: Pilot[None]) -> None:
    await wait_until(pilot, lambda: app.manager is not None and not app.manager.running(), "the answer")
    await pilot.pause()


async def test_the_plan_is_seen_first_and_nothing_happens_until_it_is_taken(tmp_path: Path) -> None:
    async with filled(tmp_path, 14) as (app, pilot):
        await pilot.press("f8")
        await dialog(app, pilot)
        text = screen_text(app)
        assert "would leave" in text
        assert "Question 00" in text
        assert "Question 13" not in text.split("Clean up now")[0].split("would leave")[1]
        await pilot.press("escape")
        await pilot.pause()
        assert all(row.in_window for row in await context_rows(app))


async def test_clean_up_now_leaves_a_receipt_and_ctrl_z_takes_it_back(tmp_path: Path) -> None:
    async with filled(tmp_path, 14) as (app, pilot):
        before = app.chat.meter.usage
        assert before is not None
        await pilot.press("f8")
        await dialog(app, pilot)
        await pilot.press("enter")
        await sees(app, pilot, "✂ ~")
        gone = [row for row in await context_rows(app) if not row.in_window]
        assert gone
        await wait_until(
            pilot, lambda: (now := app.chat.meter.usage) and now.used_tokens < before.used_tokens, "the meter"
        )
        await sees(app, pilot, "… of 2.0k")
        assert app.chat.transcript.column.model.horizon == len(gone)
        await pilot.press("ctrl+z")
        await sees(app, pilot, "undone")
        assert all(row.in_window for row in await context_rows(app))
        await wait_until(
            pilot, lambda: app.chat.transcript.column.model.horizon == 0, "the horizon to go back"
        )
        model = app.chat.transcript.column.model
        assert not any(model.is_dimmed(entry) for entry in model.messages)
        assert app.chat.transcript.latest_cleanup is None


async def test_the_mode_is_switched_where_the_plan_is_seen(tmp_path: Path) -> None:
    async with filled(tmp_path, 3, then=CleanupMode.AUTO) as (app, pilot):
        assert app.manager is not None
        await pilot.press("f8")
        await dialog(app, pilot)
        assert "Nothing would leave" in screen_text(app)
        await pilot.press("down", "enter")
        await wait_until(pilot, lambda: app.manager and app.manager.cleanup_mode is CleanupMode.ASK, "ask")
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.manager and app.manager.cleanup_mode is CleanupMode.OFF, "off")
        assert isinstance(app.screen, DecidingScreen)
        await pilot.press("escape")
        await sees(app, pilot, "cleanup is off")
        await ask(app, pilot, "/cleanup auto ")
        await wait_until(pilot, lambda: app.manager and app.manager.cleanup_mode is CleanupMode.AUTO, "auto")
        await ask(app, pilot, "/cleanup sometimes")
        await wait_until(pilot, lambda: "sometimes" in " ".join(toasts(app)), "the refusal")


@pytest.mark.parametrize(("downs", "cleans"), [(0, True), (1, False)])
async def test_in_ask_mode_sending_asks(tmp_path: Path, downs: int, cleans: bool) -> None:
    agent = Windowed()
    async with filled(tmp_path, 19, then=CleanupMode.ASK, agent=agent) as (app, pilot):
        await ask(app, pilot, LONG)
        await dialog(app, pilot)
        assert "Clean up and send" in screen_text(app)
        assert app.chat.composer.draft == LONG
        assert not agent.asked
        await pilot.press(*["down"] * downs, "enter")
        await wait_until(pilot, lambda: agent.asked, "the request")
        await at_rest(app, pilot)
        assert app.chat.composer.draft == ""
        rows = await context_rows(app)
        assert rows[-2].opening == LONG[:120]
        assert all(row.in_window for row in rows) is not cleans


async def test_back_keeps_the_text_and_asks_nobody(tmp_path: Path) -> None:
    agent = Windowed()
    async with filled(tmp_path, 19, then=CleanupMode.ASK, agent=agent) as (app, pilot):
        await ask(app, pilot, LONG)
        await dialog(app, pilot)
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat, "the chat")
        assert app.chat.composer.draft == LONG
        assert not agent.asked
        assert len(await context_rows(app)) == 38


async def test_off_mode_refuses_in_a_sentence_and_keeps_the_draft(tmp_path: Path) -> None:
    agent = Windowed()
    async with filled(tmp_path, 19, agent=agent) as (app, pilot):
        draft = "And " + "again " * 200
        await ask(app, pilot, draft)
        await wait_until(pilot, lambda: any("full" in toast for toast in toasts(app)), "the refusal")
        assert app.chat.composer.draft == draft
        assert not agent.asked
        assert len(await context_rows(app)) == 38


class Dear(Windowed):
    """Its prices are those of the model it is named like."""

    is_priced = True


async def test_a_budget_stops_before_sending_and_can_be_passed(tmp_path: Path) -> None:
    agent = Dear()
    async with filled(tmp_path, 2, agent=agent, session_budget_usd=Decimal("0.0001")) as (app, pilot):
        assert app.manager is not None
        assert app.chat.controller is not None
        await app.manager.tuning.set_model(app.chat.controller.shown_session().id, "openai:gpt-4o")
        await ask(app, pilot, "What is it worth?")
        await dialog(app, pilot)
        assert "Over the budget" in screen_text(app)
        assert "budget of this session" in screen_text(app)
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.screen is app.chat, "the chat")
        assert app.chat.composer.draft == "What is it worth?"
        assert not agent.asked
        await pilot.press("enter")
        await dialog(app, pilot)
        await pilot.press("down", "enter")
        await wait_until(pilot, lambda: agent.asked, "the request")
        await at_rest(app, pilot)
        assert app.chat.composer.draft == ""
        await sees(app, pilot, "■ sess")
        await sees(app, pilot, "/$0.0001")


async def test_an_edited_draft_is_undone_before_an_old_cleanup(tmp_path: Path) -> None:
    async with filled(tmp_path, 14) as (app, pilot):
        await ask(app, pilot, "/cleanup now ")
        await sees(app, pilot, "Ctrl+Z undoes")
        app.chat.composer.focus()
        await pilot.press("h", "i")
        await pilot.press("ctrl+z")
        await pilot.pause()
        assert app.chat.composer.draft != "hi"
        assert not all(row.in_window for row in await context_rows(app))


async def test_the_newer_of_two_things_is_undone(tmp_path: Path) -> None:
    async with filled(tmp_path, 14) as (app, pilot):
        controller, manager = app.chat.controller, app.manager
        assert controller is not None
        assert manager is not None
        other = await manager.create(title="Other")
        await ask(app, pilot, "/cleanup now ")
        await sees(app, pilot, "Ctrl+Z undoes")
        app.chat.commands.run("delete_sessions", other.id)
        await wait_until(pilot, lambda: controller.undo.change is not None)
        assert controller.undo.change is not None
        assert [session.id for session in controller.undo.change.before] == [other.id]
        assert controller.undo.message_id is None
        await pilot.press("ctrl+z")
        await wait_until(pilot, lambda: controller.session_id == other.id, "the deleted session")


async def test_a_receipt_unfolds_to_what_left_and_the_summary_can_be_edited(tmp_path: Path) -> None:
    async with filled(tmp_path, 22, mode=CleanupMode.AUTO, summaries=True, size=(120, 60)) as (app, pilot):
        transcript = app.chat.transcript
        assert transcript.latest_cleanup is not None
        await transcript.go_to_message(transcript.latest_cleanup)
        transcript.focus()
        await sees(app, pilot, "summary, not priced")
        await pilot.press("enter")
        await sees(app, pilot, "Question 00")
        await sees(app, pilot, "They spoke of numbers.")
        await sees(app, pilot, "tok in place of")
        app.chat.commands.run("summary")
        editor = (await opens(app, pilot, AskingScreen)).query_one(TextArea)
        editor.select_all()
        await pilot.press(*"Short.")
        await wait_until(pilot, lambda: editor.text == "Short.", "the text")
        await pilot.press("ctrl+s")
        await sees(app, pilot, "edited by you")
        await sees(app, pilot, "Short.")


async def test_without_a_summary_there_is_a_sentence(tmp_path: Path) -> None:
    async with filled(tmp_path, 1) as (app, pilot):
        await ask(app, pilot, "/summary")
        await wait_until(pilot, lambda: "no summary" in " ".join(toasts(app)), "the sentence")


async def test_a_message_in_the_transcript_is_pinned_and_left_out_by_key(tmp_path: Path) -> None:
    async with filled(tmp_path, 4) as (app, pilot):
        app.chat.transcript.focus()
        await pilot.press("left_square_bracket", "p")
        await sees(app, pilot, "◆ pinned")
        assert (await context_rows(app))[-1].pinned
        await pilot.press("p")
        await wait_until(pilot, lambda: "◆ pinned" not in screen_text(app), "the pin gone")
        await pilot.press("x")
        await sees(app, pilot, "✕ left out")
        assert (await context_rows(app))[-1].left_out
        assert "no longer sees" not in screen_text(app)
        await pilot.press("x")
        await wait_until(pilot, lambda: "✕ left out" not in screen_text(app), "brought back")
        assert (await context_rows(app))[-1].in_window


async def test_the_draft_shows_its_tokens_and_the_price_of_sending_it(tmp_path: Path) -> None:
    async with filled(tmp_path, 3, agent=Dear()) as (app, pilot):
        assert app.manager is not None
        assert app.chat.controller is not None
        await app.manager.tuning.set_model(app.chat.controller.shown_session().id, "openai:gpt-4o")
        app.chat.composer.insert("What would this cost, roughly?")
        await wait_until(
            pilot, lambda: "tok · $0.00" in str(app.chat.composer.border_title), "tokens and price"
        )
        await sees(app, pilot, "draft")


async def test_the_drafts_price_is_that_of_the_model_and_the_history_of_now(tmp_path: Path) -> None:
    async with filled(tmp_path, 3, agent=Dear()) as (app, pilot):
        assert app.manager is not None
        assert app.chat.controller is not None

        def title() -> str:
            return str(app.chat.composer.border_title)

        app.chat.composer.insert("What would this cost, roughly?")
        await wait_until(pilot, lambda: " tok" in title(), "tokens")
        assert "$" not in title()
        await app.chat.controller.set_model("openai:gpt-4o")
        await wait_until(pilot, lambda: "$" in title(), "the price of the model")
        before = title()
        turn = await app.manager.send(app.chat.controller.shown_session().id, "more words " * 200)
        await turn.wait()
        await wait_until(pilot, lambda: "$" in title() and title() != before, "the price with the history")


@pytest.mark.parametrize("command", ["/cost", "/stats"])
async def test_what_was_spent_can_be_read(tmp_path: Path, command: str) -> None:
    async with filled(tmp_path, 3, size=(80, 24)) as (app, pilot):
        await ask(app, pilot, command)
        await sees(app, pilot, "by model")
        text = screen_text(app)
        assert "agent:Windowed" in text
        assert "not priced" in text
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat, "the chat")


async def test_hostile_words_in_plans_receipts_and_tables_are_only_words(tmp_path: Path) -> None:
    said = "".join(HOSTILE.values())
    async with filled(tmp_path, 19, said=said, size=(120, 60)) as (app, pilot):
        await pilot.press("f8")
        await dialog(app, pilot)
        await sees(app, pilot, "Question 00")
        assert_clean(screen_segments(app))
        await pilot.press("enter")
        await sees(app, pilot, "✂ ~")
        app.chat.transcript.focus()
        await pilot.press("enter")
        await sees(app, pilot, "Question 00")
        assert_clean(screen_segments(app))
        await pilot.press("f7")
        await sees(app, pilot, "What the model sees")
        await pilot.press("home")
        await sees(app, pilot, "Question 00")
        assert_clean(screen_segments(app))
