"""The frame: folding, panes, dialogs, commands, themes, the beginning and the end."""

from __future__ import annotations

import asyncio
import gc
import json
import warnings
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr
from textual.app import ComposeResult
from textual.command import CommandPalette
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static, TextArea

from brim.core.agent import AgentInterface, OneAgent
from brim.core.errors import SettingsError
from brim.core.sessions import SessionManager
from brim.core.types import ModelInfo
from brim.tui.actions import ACTIONS
from brim.tui.app import BrimApp
from brim.tui.behind import work_behind
from brim.tui.commands import Commands
from brim.tui.screens.asking import AskingScreen
from brim.tui.screens.chat import ChatScreen
from brim.tui.screens.help import HelpScreen
from brim.tui.screens.welcome import WelcomeScreen
from brim.tui.widgets.model_list import ModelList
from tests.support.agents import Plain
from tests.support.screen import ask, brim, no_connection, opens, screen_text, sees, toasts
from tests.support.waiting import wait_until


def is_told_more(app: BrimApp, than: list[str]) -> bool:
    return not {*toasts(app)} <= {*than}


def panes(app: BrimApp) -> set[str]:
    return {name for name in ("sessions", "context", "meter-line") if app.chat.query_one(f"#{name}").display}


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((80, 24), {"meter-line"}),
        ((100, 30), {"context"}),
        ((120, 40), {"sessions", "context"}),
        ((200, 60), {"sessions", "context"}),
    ],
)
async def test_panes_fold_away_by_width(tmp_path: Path, size: tuple[int, int], expected: set[str]) -> None:
    async with brim(tmp_path, Plain(), size=size) as (app, _pilot):
        assert panes(app) == expected
        composer, transcript = app.chat.composer.region, app.chat.transcript.region
        assert transcript.height >= size[1] // 2
        assert composer.bottom < size[1]
        for widget in (app.chat.header, app.chat.transcript, app.chat.composer):
            assert app.screen.region.contains_region(widget.region)


async def test_a_key_brings_a_folded_pane_over_the_chat_and_escape_puts_it_away(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain(), size=(80, 24)) as (app, pilot):
        for key, name in (("f2", "sessions"), ("f3", "context")):
            chat_width = app.chat.chat_pane.size.width
            await pilot.press(key)
            await wait_until(pilot, lambda name=name: name in panes(app))
            assert app.chat.chat_pane.size.width == chat_width
            await pilot.press("escape")
            await wait_until(pilot, lambda: panes(app) == {"meter-line"})
            assert app.focused is app.chat.composer
        await pilot.press("f2")
        await wait_until(pilot, lambda: "sessions" in panes(app))
        await pilot.press("f2")
        await wait_until(pilot, lambda: panes(app) == {"meter-line"})


async def test_an_overlay_unfolds_when_the_screen_grows(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain(), size=(80, 24)) as (app, pilot):
        await pilot.press("f2")
        await wait_until(pilot, lambda: "sessions" in panes(app))
        await pilot.resize_terminal(120, 40)
        await wait_until(pilot, lambda: not app.chat.query_one("#sessions").has_class("-over"))
        await wait_until(pilot, lambda: panes(app) == {"sessions", "context"})


async def test_a_pane_put_away_stays_away(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot):
        await pilot.press("f2")
        await wait_until(pilot, lambda: panes(app) == {"context"})
        await pilot.press("f3")
        await wait_until(pilot, lambda: panes(app) == {"meter-line"})
    async with brim(tmp_path, Plain()) as (app, pilot):
        assert panes(app) == {"meter-line"}
        await pilot.press("f2", "f3")
        await wait_until(pilot, lambda: panes(app) == {"sessions", "context"})


def test_every_action_of_the_table_is_carried_out() -> None:
    for action in ACTIONS:
        if action.place == "screen":
            assert callable(getattr(Commands, action.id, None)), action.id


async def test_help_opens_by_key_and_by_command_and_names_every_command(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain(), size=(120, 60)) as (app, pilot):
        await pilot.press("f1")
        await opens(app, pilot, HelpScreen)
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(app.screen, ChatScreen))
        await ask(app, pilot, "/help")
        await wait_until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await sees(app, pilot, "/export")
        await sees(app, pilot, "Ctrl+J")


async def test_an_unknown_command_is_told_and_kept(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot):
        await ask(app, pilot, "/nonsense [/foo]")
        await wait_until(pilot, lambda: any("/nonsense" in sentence for sentence in toasts(app)))
        assert app.chat.composer.text == "/nonsense [/foo]"
        assert await app.manager.count_sessions() == 0


async def test_commands_before_the_connection_are_answered(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain(), connect=no_connection, waits=False) as (app, pilot):
        await ask(app, pilot, "/model")
        await wait_until(pilot, lambda: toasts(app))
        await ask(app, pilot, "/help")
        await wait_until(pilot, lambda: isinstance(app.screen, HelpScreen))


class Two(OneAgent):
    """A source of one model that can be used, a hostile one and one that cannot."""

    def __init__(self, agent: AgentInterface, usable: str | None = "openai:good") -> None:
        super().__init__(agent)
        self.usable = usable

    async def models(self) -> list[ModelInfo]:
        return [
            ModelInfo(id="openai:good", window_tokens=128_000),
            ModelInfo(id="evil:[/foo]\x1b[31m"),
            ModelInfo(id="anthropic:off", unavailable="ANTHROPIC_API_KEY is not set"),
        ]

    async def default_model(self) -> str | None:
        return self.usable


async def test_the_model_is_chosen_from_a_list(tmp_path: Path) -> None:
    async with brim(tmp_path, Two(Plain())) as (app, pilot):
        await sees(app, pilot, "openai:good")
        await pilot.press("f4")
        await sees(app, pilot, "ANTHROPIC_API_KEY is not set")
        assert "\x1b" not in screen_text(app)
        await pilot.press(*"foo")
        await wait_until(pilot, lambda: len(app.screen.query_one(ModelList).rows.lines) == 2)
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.screen is app.chat)
        await sees(app, pilot, "evil:[/foo]")
        assert "\x1b" not in screen_text(app)
        await ask(app, pilot, "/model good")
        await wait_until(pilot, lambda: app.chat.controller.model == "openai:good")
        await ask(app, pilot, "/model nothing")
        await wait_until(pilot, lambda: any("nothing" in sentence for sentence in toasts(app)))


async def test_a_model_that_cannot_be_used_is_not_taken(tmp_path: Path) -> None:
    async with brim(tmp_path, Two(Plain())) as (app, pilot):
        await pilot.press("f4")
        await sees(app, pilot, "ANTHROPIC_API_KEY is not set")
        await pilot.press(*"anthropic")
        await wait_until(pilot, lambda: len(app.screen.query_one(ModelList).rows.lines) == 2)
        await pilot.press("enter", "enter")
        assert app.screen is not app.chat
        await pilot.press("escape")
        assert app.chat.controller.model == "openai:good"


async def test_the_model_of_the_command_line_is_that_of_new_sessions(tmp_path: Path) -> None:
    async with brim(tmp_path, Two(Plain()), model="openai:wanted") as (app, pilot):
        await sees(app, pilot, "openai:wanted")
        await ask(app, pilot, "hello")
        await sees(app, pilot, "An answer.")
        assert (await app.manager.find_session("last")).model == "openai:wanted"


async def test_the_system_prompt_is_edited_before_and_after_the_first_message(tmp_path: Path) -> None:
    agent = Plain()
    async with brim(tmp_path, agent) as (app, pilot):
        await pilot.press("f5")
        await sees(app, pilot, "System prompt")
        await pilot.press(*"terse")
        await wait_until(pilot, lambda: app.screen.query_one(TextArea).text == "terse")
        await pilot.press("ctrl+s")
        await wait_until(pilot, lambda: app.chat.controller.system_prompt == "terse")
        await ask(app, pilot, "hello")
        await sees(app, pilot, "An answer.")
        assert agent.asked[0].conversation_history[0].content == "terse"
        await ask(app, pilot, "/system verbose")
        await wait_until(pilot, lambda: app.chat.controller.system_prompt == "verbose")


async def test_themes_are_previewed_taken_and_remembered(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot):
        before = app.theme
        assert len(app.theme_names) >= 6
        await pilot.press("ctrl+t")
        await sees(app, pilot, "Theme")
        await pilot.press("down")
        await wait_until(pilot, lambda: app.theme != before)
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.theme == before)
        other = next(name for name in app.theme_names if name != before)
        await ask(app, pilot, f"/theme {other}")
        await wait_until(pilot, lambda: app.theme == other)
        await ask(app, pilot, "/theme [/foo]")
        await wait_until(pilot, lambda: any("[/foo]" in sentence for sentence in toasts(app)))
    async with brim(tmp_path, Plain()) as (app, pilot):
        assert app.theme == other
    async with brim(tmp_path, Plain(), theme=before) as (app, pilot):
        assert app.theme == before


@pytest.mark.parametrize("argument", ["", "json", "md notes.md", "out.txt"])
async def test_export_writes_a_file_and_never_over_another(tmp_path: Path, argument: str) -> None:
    async with brim(tmp_path, Plain("Exported answer.")) as (app, pilot):
        await ask(app, pilot, "hello")
        await sees(app, pilot, "Exported answer.")
        await wait_until(pilot, lambda: not app.manager.running())
        for _ in range(2):
            told = toasts(app)
            await ask(app, pilot, f"/export {argument}")
            await wait_until(pilot, partial(is_told_more, app, told))
        written = list(Path.cwd().iterdir())
        assert len(written) == 2
        for path in written:
            assert "Exported answer." in path.read_text()
            assert path.stat().st_mode & 0o777 == 0o600
            if path.suffix == ".json":
                json.loads(path.read_text())


async def test_the_palette_finds_actions_sessions_and_themes(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot):
        await ask(app, pilot, "unmistakable words")
        await sees(app, pilot, "An answer.")
        await pilot.press("ctrl+n", "ctrl+p")
        await opens(app, pilot, CommandPalette)
        await pilot.press(*"unmistak")
        await sees(app, pilot, "Session: ")
        await wait_until(pilot, lambda: app.screen.query_one(OptionList).option_count >= 1)
        await pilot.press("down", "enter")
        await wait_until(pilot, lambda: app.screen is app.chat and app.chat.controller.session is not None)


async def test_without_a_model_there_is_a_welcome_that_checks_again(tmp_path: Path) -> None:
    source = Two(Plain(), usable=None)
    async with brim(tmp_path, source, size=(80, 24)) as (app, pilot):
        await wait_until(pilot, lambda: isinstance(app.screen, WelcomeScreen))
        for words in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_BASE_URL", "local"):
            await sees(app, pilot, words)
        await pilot.press("enter")
        await sees(app, pilot, "Still none.")
        source.usable = "openai:good"
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.screen is app.chat)
        await sees(app, pilot, "openai:good")


async def test_find_looks_in_the_open_session(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain("needle and hay")) as (app, pilot):
        await ask(app, pilot, "hello")
        await sees(app, pilot, "needle and hay")
        await pilot.press("ctrl+f")
        await wait_until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press(*"needle")
        await sees(app, pilot, "1 of 1")
        await pilot.press("escape")
        await wait_until(pilot, lambda: not app.chat.find_bar.display)
        await wait_until(pilot, lambda: app.focused is app.chat.composer)
        await ask(app, pilot, "/find hay")
        await wait_until(pilot, lambda: app.chat.find_bar.query_one(Input).value == "hay")


async def test_a_wrong_setting_ends_with_its_sentence(tmp_path: Path) -> None:
    async def connect() -> SessionManager:
        raise SettingsError("BRIM_X in .env is [/foo], which is no number.", hint="Mend it.")

    async with brim(tmp_path, Plain(), connect=connect, waits=False) as (app, pilot):
        await wait_until(pilot, lambda: app.is_left)
    assert app.return_code == 2
    assert app.farewell == "BRIM_X in .env is [/foo], which is no number.\nMend it."


async def test_an_unexpected_error_is_raised_in_tests_and_told_without_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hidden-0123456789")

    async def connect() -> SessionManager:
        local_secret = SecretStr("inner-secret")
        raise RuntimeError(f"bad header Bearer sk-hidden-0123456789 {local_secret}")

    app: BrimApp | None = None
    with pytest.raises(RuntimeError, match="bad header"):
        async with brim(tmp_path, Plain(), connect=connect, waits=False) as (app, pilot):
            await wait_until(pilot, lambda: app.farewell)
    assert app is not None
    assert "RuntimeError" in app.farewell
    assert "hidden" not in app.farewell
    assert "local_secret" not in app.farewell
    assert app.return_code == 1


async def test_the_keys_of_the_footer_can_be_clicked(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot):
        await pilot.click("KeyBar", offset=(2, 0))
        await wait_until(pilot, lambda: isinstance(app.screen, HelpScreen))


async def test_work_that_is_called_off_before_it_begins_is_never_begun(tmp_path: Path) -> None:
    done = []

    async def work(name: str) -> None:
        done.append(name)

    async with brim(tmp_path, Plain()) as (app, pilot):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            for name in "abc":
                work_behind(app, partial(work, name), group="tried", exclusive=True)
            await wait_until(pilot, lambda: "c" in done)
            gc.collect()
        assert done == ["c"]
        assert not told


class Slow(Static):
    """Takes its time to go."""

    def __init__(self, is_leaving: asyncio.Event) -> None:
        super().__init__()
        self._is_leaving = is_leaving

    async def on_unmount(self) -> None:
        self._is_leaving.set()
        await asyncio.sleep(0.1)


class Left(ModalScreen[None]):
    """Is left while there is work behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_leaving = asyncio.Event()
        self.missed: list[str] = []

    def compose(self) -> ComposeResult:
        yield Static(id="shown")
        yield Slow(self.is_leaving)

    def on_mount(self) -> None:
        work_behind(self, self._show)

    async def _show(self) -> None:
        await self.is_leaving.wait()
        while self.query("#shown"):
            await asyncio.sleep(0)
        self.missed.append("shown")
        self.query_one("#shown", Static).update("An answer.")


async def test_an_answer_that_comes_while_its_screen_is_being_left_breaks_nothing(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot):
        await app.push_screen(screen := Left())
        await screen.dismiss()
        assert screen.missed
        await ask(app, pilot, "Hello?")
        await sees(app, pilot, "An answer.")


async def test_keys_that_come_all_at_once_take_effect_in_their_order(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot):
        typed: list[str | None] = []
        await app.push_screen(AskingScreen("Name", ""), typed.append)
        await opens(app, pilot, AskingScreen)
        for key in ("a", "x", "backspace", "c", "left", "b", "enter"):
            app.simulate_key(key)
        await wait_until(pilot, lambda: typed)
        assert typed == ["abc"]


async def test_a_new_word_takes_the_place_of_the_one_before_and_an_error_stays(tmp_path: Path) -> None:
    async with brim(tmp_path, Plain()) as (app, pilot):
        for number in range(3):
            app.tell(f"It is {number} now.")
            await wait_until(pilot, lambda said=number: toasts(app) == [f"It is {said} now."])
        app.tell("It is broken.", is_error=True)
        await wait_until(pilot, lambda: "It is broken." in toasts(app))
        app.tell("It is 3 now.")
        await wait_until(pilot, lambda: toasts(app) == ["It is broken.", "It is 3 now."])
