"""The settings screen: from nothing to a first answer, and every way in which that can go wrong."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from brim.cli.assembly import connect
from brim.core.errors import InputTooLongError
from brim.core.paths import Paths
from brim.core.preferences import KeyPlace, Preferences
from brim.core.sessions import SessionManager
from brim.core.settings import Settings
from brim.tui.app import BrimApp
from brim.tui.screens.deciding import DecidingScreen
from brim.tui.screens.picker import PickerScreen
from brim.tui.screens.provider import ProviderScreen
from brim.tui.screens.settings import SettingsScreen
from brim.tui.screens.welcome import WelcomeScreen
from tests.support.hostile import HOSTILE, assert_clean
from tests.support.keyrings import MemoryKeyring, SilentKeyring, system_keyring
from tests.support.llama_server import LlamaServer, llama
from tests.support.screen import ask, opens, screen_lines, screen_segments, screen_text, sees
from tests.support.scripted_server import Reply, Request, ScriptedServer, refusal
from tests.support.waiting import wait_until

__all__ = ["llama"]

_KEY = "sk-very-secret-1234567890"
_TEXT = (
    '# mine\nmax_retries = 3  # enough\n\n[providers.work]  # at work\nbase_url = "http://127.0.0.1:1/v1"\n'
)


@pytest.fixture
def paths() -> Paths:
    found = Paths.find()
    found.make()
    return found


@asynccontextmanager
async def app_on(
    paths: Paths, *, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[BrimApp, Pilot[None]]]:
    """Run the app as the command line does, on the person's own settings."""
    offered: list[Preferences] = []
    warnings: list[str] = []

    async def connected() -> SessionManager:
        return await connect(paths, {}, warn=warnings.append, offer=offered.append)

    app = BrimApp(
        connected,
        session=None,
        model=None,
        theme="",
        state_folder=paths.state,
        config_folder=paths.config,
        preferences=lambda: offered[-1] if offered else None,
    )
    async with app.run_test(size=size, notifications=True) as pilot:
        await wait_until(pilot, lambda: app.chat.controller is not None, "the connection")
        yield app, pilot
        app.leave()
        await wait_until(pilot, lambda: app.is_left, "the end of the app")


async def opened(app: BrimApp, pilot: Pilot[None], words: str = "") -> SettingsScreen:
    """Open the settings, filtered by words."""
    app.chat.commands.run("settings", words)
    await wait_until(
        pilot, lambda: isinstance(app.screen, SettingsScreen) and bool(app.screen._rows), "the settings"
    )
    assert isinstance(app.screen, SettingsScreen)
    return app.screen


async def form(app: BrimApp, pilot: Pilot[None], *names: str) -> ProviderScreen:
    """Open the form of a provider, or through the list of those to add that of a new one."""
    await opened(app, pilot, names[0])
    await pilot.press("enter")
    for name in names[1:]:
        picker = await opens(app, pilot, PickerScreen)
        picker.query_one(Input).value = name
        await alone(pilot, picker)
        await pilot.press("enter")
    return await opens(app, pilot, ProviderScreen)


async def alone(pilot: Pilot[None], picker: PickerScreen) -> None:
    await wait_until(pilot, lambda: picker.query_one(OptionList).option_count == 1, "what was typed alone")


async def take(app: BrimApp, pilot: Pilot[None], words: str) -> None:
    """Type words that fit one line of a list, and take it."""
    picker = await opens(app, pilot, PickerScreen)
    await type_in(pilot, words)
    await alone(pilot, picker)
    await pilot.press("enter")


async def type_in(pilot: Pilot[None], text: str) -> None:
    await pilot.press(*text)


async def set_to(pilot: Pilot[None], screen: SettingsScreen, text: str) -> None:
    """Set the setting chosen."""
    await pilot.press("enter")
    await wait_until(pilot, lambda: screen.value.has_focus, "the line to type in")
    await type_in(pilot, text)
    await pilot.press("enter")


async def answered(app: BrimApp, pilot: Pilot[None]) -> None:
    controller = app.chat.controller
    assert controller is not None
    await wait_until(
        pilot, lambda: controller.session is not None and controller.session.turns == 1, "a turn", seconds=40
    )


def told(app: BrimApp) -> str:
    """Return what the screen in front says below."""
    return str(app.screen.query_one("#provider-told, #settings-told", Static).content)


async def says(app: BrimApp, pilot: Pilot[None], words: str) -> None:
    await wait_until(pilot, lambda: words in told(app), f"{words!r} below, not {told(app)!r}")


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


async def test_from_nothing_to_a_first_answer(
    llama: LlamaServer, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not paths.config_file.exists()
    monkeypatch.setenv("BRIM_MAX_TOKENS", "24")
    async with app_on(paths) as (app, pilot):
        await pilot.press("f10")
        await opens(app, pilot, SettingsScreen)
        await sees(app, pilot, "Add a provider")
        await pilot.press(*"add", "enter")
        await take(app, pilot, "chat")
        await opens(app, pilot, ProviderScreen)
        await pilot.press(*"mine", "tab", "tab")
        await type_in(pilot, llama.openai_url)
        await pilot.press("tab", "tab")
        await type_in(pilot, llama.key)
        await sees(app, pilot, "•" * len(llama.key))
        assert llama.key not in screen_text(app)
        await pilot.press("ctrl+t")
        await says(app, pilot, f"✓ 1 model: {llama.model}")
        await pilot.press("ctrl+s")
        await wait_until(pilot, lambda: isinstance(app.screen, SettingsScreen), "the settings again")
        await says(app, pilot, "mine is saved")
        await sees(app, pilot, "mine")
        await pilot.press("escape", "escape")
        await wait_until(pilot, lambda: app.screen is app.chat, "the chat")

        app.chat.commands.run("model", "mine:smollm2")
        await sees(app, pilot, "mine:smollm2")
        await ask(app, pilot, "Say hello.")
        await answered(app, pilot)
        controller = app.chat.controller
        assert controller is not None
        assert controller.session is not None
        asked, answer = (await controller.manager.transcript(controller.session.id))[:2]
        assert (asked.content, answer.model) == ("Say hello.", "mine:smollm2")
        assert answer.content.strip()
        assert answer.status.value == "complete"
    assert stat.S_IMODE((paths.config / "keys" / "mine").stat().st_mode) == 0o600
    (paths.config / "keys" / "mine").unlink()
    assert llama.key.encode() not in everything_in(paths.config)


async def test_a_key_that_the_server_echoes_is_shown_nowhere(paths: Paths) -> None:
    def refuse(request: Request) -> Reply:
        said = f"Incorrect API key provided: {request.headers.get('authorization')}"
        return refusal(401, {"error": {"message": said, "code": "invalid_api_key"}})

    async with ScriptedServer() as server, app_on(paths) as (app, pilot):
        server.pages["/v1/models"] = refuse
        screen = await form(app, pilot, "add", "chat")
        screen.typed_name.value, screen.url.value = "work", server.openai_url
        screen.entry.focus()
        await type_in(pilot, _KEY)
        await pilot.press("ctrl+t")
        await says(app, pilot, "refused the key")
        assert "[key]" in told(app)
        assert _KEY not in told(app) + screen_text(app)
        assert "very-secret" not in screen_text(app)
    assert _KEY.encode() not in everything_in(paths.config)


async def test_the_keyring_is_offered_where_there_is_one_and_keeps_the_key(paths: Paths) -> None:
    memory = MemoryKeyring()
    with system_keyring(memory):
        async with ScriptedServer() as server, app_on(paths) as (app, pilot):
            server.pages["/v1/models"] = {"data": [{"id": "one"}]}
            screen = await form(app, pilot, "add", "chat")
            screen.typed_name.value, screen.url.value = "work", server.openai_url
            screen.place.value = KeyPlace.KEYRING
            screen.entry.value = _KEY
            await pilot.press("ctrl+t")
            await says(app, pilot, "the key is only tested by the first answer")
            await pilot.press("ctrl+s")
            await says(app, pilot, "work is saved")
    assert memory.kept == {("brim", "work"): _KEY}
    assert 'key_keyring = "brim/work"' in paths.config_file.read_text()
    assert _KEY.encode() not in everything_in(paths.config)


async def test_without_a_keyring_it_is_not_offered(paths: Paths) -> None:
    async with app_on(paths) as (app, pilot):
        screen = await form(app, pilot, "add", "mistral")
        await wait_until(
            pilot,
            lambda: KeyPlace.KEYRING not in [value for _, value in screen.place._options],
            "the keyring to be left out",
        )
        assert screen.place.value is KeyPlace.FILE
        assert screen.entry.password
        await wait_until(pilot, lambda: app.focused is screen.entry, "the focus at what is missing")


async def test_a_keyring_that_waits_for_a_password_does_not_stop_the_screen(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brim.core import keyrings

    monkeypatch.setattr(keyrings, "TIMEOUT_S", 0.5)
    paths.config_file.write_text(
        '[providers.work]\nbase_url = "http://127.0.0.1:1/v1"\nkey_keyring = "brim/work"\n'
    )
    silent = SilentKeyring()
    with system_keyring(silent):
        async with app_on(paths) as (app, pilot):
            await form(app, pilot, "work")
            await pilot.press("ctrl+t")
            await says(app, pilot, "did not answer within 0.5 s")
            silent.let_go.set()


async def test_a_setting_is_saved_with_all_comments_takes_effect_and_can_be_undone(paths: Paths) -> None:
    paths.config_file.write_text(_TEXT)
    async with app_on(paths) as (app, pilot):
        before = app.theme
        screen = await opened(app, pilot, "seed")
        await set_to(pilot, screen, "seven")
        await says(app, pilot, "a whole number")
        assert paths.config_file.read_text() == _TEXT
        screen.value.value = "7"
        await pilot.press("enter")
        await says(app, pilot, "Saved. Ctrl+Z undoes.")
        assert paths.config_file.read_text() == _TEXT.replace("\n\n", "\nseed = 7\n\n", 1)
        await sees(app, pilot, "config.toml line 3")
        screen._tell("")

        screen.narrowing.value = "colours"
        await wait_until(pilot, lambda: list(screen._rows) == ["theme"], "the theme alone")
        await pilot.press("enter")
        await take(app, pilot, "paper")
        await wait_until(pilot, lambda: app.theme == "paper", "the theme")
        await wait_until(pilot, lambda: "Saved." in str(screen.told.content), "what was done")
        assert before != "paper"

        await pilot.press("ctrl+z")
        await says(app, pilot, "Undone.")
        await pilot.press("ctrl+z")
        await wait_until(pilot, lambda: paths.config_file.read_text() == _TEXT, "the file as it was")
        await pilot.press("ctrl+z")
        await says(app, pilot, "nothing to undo")

        screen.narrowing.value = "max retries"
        screen.menu.focus()
        await wait_until(pilot, lambda: list(screen._rows)[:1] == ["max_retries"], "the setting")
        await pilot.press("delete")
        await says(app, pilot, "Taken out of config.toml.")
        assert "max_retries" not in paths.config_file.read_text()


async def test_where_a_value_comes_from_is_told_and_what_does_not_show_at_once(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths.config_file.write_text(_TEXT)
    monkeypatch.setenv("BRIM_TEMPERATURE", "0.25")
    async with app_on(paths) as (app, pilot):
        screen = await opened(app, pilot, "temperature")
        await sees(app, pilot, "BRIM_TEMPERATURE in the environment decides")
        assert any("0.25" in line and "environment" in line for line in screen_lines(app))
        screen.value.disabled = False
        await pilot.press("escape", "enter")
        await wait_until(pilot, lambda: screen.value.has_focus, "the line to type in")
        await pilot.press("1", "enter")
        await says(app, pilot, "But BRIM_TEMPERATURE in the environment still decides.")
        screen.narrowing.value = "within a minute"
        await wait_until(pilot, lambda: list(screen._rows) == ["requests_per_minute"], "the limit")
        screen.menu.focus()
        await set_to(pilot, screen, "5")
        await says(app, pilot, "Saved. Ctrl+Z undoes.")
        screen.narrowing.value = "where the sessions are"
        await wait_until(pilot, lambda: list(screen._rows) == ["store"], "the store")
        screen.menu.focus()
        await set_to(pilot, screen, "sqlite:///x.db")
        await says(app, pilot, "It takes effect with the next start of brim.")
        shown = set(Settings.model_fields)
        screen.narrowing.value = ""
        await wait_until(pilot, lambda: shown <= set(screen._rows), "every setting")


async def test_budgets_prompts_and_lengths_hold_from_the_next_message_on(paths: Paths) -> None:
    async with app_on(paths, size=(120, 40)) as (app, pilot):
        screen = await opened(app, pilot)
        for name, text in (
            ("default_model", "scripted:echo"),
            ("max_input_chars", "20"),
            ("system_prompt", "Be brief."),
            ("day_budget_usd", "7.5"),
            ("cleanup_mode", "off"),
        ):
            assert await screen._keep(name, text), told(app)
            assert "next start" not in told(app)
        await pilot.press("escape")
        await sees(app, pilot, "$7.50")
        manager = app.manager
        assert manager is not None
        assert manager.cleanup_mode.value == "off"
        session = await manager.create()
        assert session.system_prompt == "Be brief."
        with pytest.raises(InputTooLongError):
            await manager.send(session.id, "x" * 21)


async def test_the_gauge_follows_the_window_and_the_threshold_while_the_settings_are_open(
    paths: Paths,
) -> None:
    async with app_on(paths, size=(120, 40)) as (app, pilot):
        assert app.chat.controller is not None
        await app.chat.controller.set_model("scripted:echo")
        await ask(app, pilot, "Hello.")
        await answered(app, pilot)
        await sees(app, pilot, "/ ?")
        screen = await opened(app, pilot)
        assert await screen._keep("context_window_size", "5000")
        await pilot.press("escape")
        await sees(app, pilot, "of 5.0k")
        await sees(app, pilot, "4.5k to clean")
        screen = await opened(app, pilot)
        assert await screen._keep("cleanup_threshold", "0.7")
        await pilot.press("escape")
        await sees(app, pilot, "3.5k to clean")


async def test_a_file_broken_by_hand_is_told_with_its_line_and_what_held_still_does(paths: Paths) -> None:
    paths.config_file.write_text(_TEXT)
    async with app_on(paths) as (app, pilot):
        paths.config_file.write_text(_TEXT.replace("base_url", "bas_url"))
        screen = await opened(app, pilot)
        await says(
            app,
            pilot,
            "config.toml line 5, providers.work: there is no field 'bas_url'. Did you mean base_url?",
        )
        assert "work" in screen._rows
        paths.config_file.write_text("theme = dusk\n")
        screen.narrowing.value = "seed"
        await wait_until(pilot, lambda: list(screen._rows) == ["seed"], "the setting")
        await set_to(pilot, screen, "7")
        await says(app, pilot, "config.toml line 1 is not TOML")
        assert paths.config_file.read_text() == "theme = dusk\n"


async def test_what_was_typed_and_not_saved_is_asked_about(paths: Paths) -> None:
    async with app_on(paths) as (app, pilot):
        await form(app, pilot, "add", "mistral")
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(app.screen, SettingsScreen), "no question about nothing")
        await pilot.press("enter")
        await take(app, pilot, "mistral")
        await opens(app, pilot, ProviderScreen)
        await pilot.press(*_KEY, "escape")
        await opens(app, pilot, DecidingScreen)
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(app.screen, ProviderScreen), "the form again")
        await pilot.press("escape")
        await opens(app, pilot, DecidingScreen)
        await pilot.press("down", "enter")
        await wait_until(pilot, lambda: isinstance(app.screen, SettingsScreen), "the settings")
    assert not paths.config_file.exists()


async def test_a_provider_is_changed_and_removed_with_the_mouse(paths: Paths) -> None:
    paths.config_file.write_text(_TEXT)
    async with app_on(paths, size=(120, 40)) as (app, pilot):
        screen = await opened(app, pilot)
        await wait_until(pilot, lambda: "does not answer" in screen_text(app), "the state of the server")
        row = next(at for at, line in enumerate(screen_lines(app)) if "127.0.0.1:1/v1" in line)
        await pilot.click(offset=(30, row))
        provider = await opens(app, pilot, ProviderScreen)
        provider.url.value = "http://127.0.0.1:2/v1"
        await pilot.click("#test")
        await says(app, pilot, "cannot be reached: connection refused")
        await pilot.pause()
        await pilot.click("#save")
        await wait_until(pilot, lambda: app.screen is screen, "the settings")
        assert paths.config_file.read_text() == _TEXT.replace(":1/v1", ":2/v1")
        await pilot.click(offset=(30, row))
        await opens(app, pilot, ProviderScreen)
        await pilot.click("#remove")
        await wait_until(pilot, lambda: app.screen is screen, "the settings again")
        assert "providers" not in paths.config_file.read_text()
        assert "# mine\nmax_retries = 3  # enough\n" in paths.config_file.read_text()


async def test_a_removed_provider_takes_its_key_along_and_an_undo_brings_both_back(paths: Paths) -> None:
    async with ScriptedServer() as server, app_on(paths) as (app, pilot):
        server.pages["/v1/models"] = {"data": [{"id": "one"}]}
        screen = await form(app, pilot, "add", "chat")
        screen.typed_name.value, screen.url.value = "work", server.openai_url
        screen.place.value = KeyPlace.FILE
        await wait_until(pilot, lambda: screen.entry.password, "the line for the key")
        screen.entry.value = _KEY
        await pilot.press("ctrl+s")
        await says(app, pilot, "work is saved")
        file = paths.config / "keys" / "work"
        assert _KEY in file.read_text()
        again = await form_again(app, pilot)
        again.query_one("#remove").focus()
        await pilot.press("enter")
        await says(app, pilot, "Its key is taken away too")
        assert not file.exists()
        await pilot.press("ctrl+z")
        await says(app, pilot, "Undone.")
        assert _KEY in file.read_text()
        assert isinstance(app.screen, SettingsScreen)
        assert "work" in app.screen._rows


async def form_again(app: BrimApp, pilot: Pilot[None]) -> ProviderScreen:
    """Open the form of the provider “work” from the settings."""
    assert isinstance(app.screen, SettingsScreen)
    app.screen.narrowing.value = "work"
    await wait_until(pilot, lambda: list(app.screen._rows) == ["work"], "work alone")
    app.screen.menu.focus()
    await pilot.press("enter")
    return await opens(app, pilot, ProviderScreen)


async def test_a_provider_that_is_undone_is_gone_from_the_list(paths: Paths) -> None:
    async with ScriptedServer() as server, app_on(paths) as (app, pilot):
        server.pages["/v1/models"] = {"data": [{"id": "one"}]}
        screen = await form(app, pilot, "add", "chat")
        screen.typed_name.value, screen.url.value = "work", server.openai_url
        screen.place.value = KeyPlace.NONE
        await pilot.press("ctrl+s")
        await says(app, pilot, "work is saved")
        await pilot.press("escape")
        await sees(app, pilot, "1 model")
        await pilot.press("ctrl+z")
        await says(app, pilot, "Undone.")
        assert isinstance(app.screen, SettingsScreen)
        assert "work" not in app.screen._rows
    assert paths.config_file.read_text() == ""


async def test_a_value_left_as_it_is_changes_nothing(paths: Paths) -> None:
    async with app_on(paths) as (app, pilot):
        screen = await opened(app, pilot, "seed")
        await pilot.press("enter")
        await wait_until(pilot, lambda: screen.value.has_focus, "the line to type in")
        await pilot.press("enter")
        await wait_until(pilot, lambda: not screen.value.has_focus, "the list")
        assert told(app) == ""
    assert not paths.config_file.exists()


async def test_the_welcome_leads_here_and_the_first_provider_answers(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIM_LOCAL_MODEL", str(paths.config / "none.gguf"))
    async with ScriptedServer() as server, app_on(paths) as (app, pilot):
        server.pages["/v1/models"] = {"data": [{"id": "one"}]}
        await opens(app, pilot, WelcomeScreen)
        await pilot.press("s")
        settings = await opens(app, pilot, SettingsScreen)
        await wait_until(pilot, lambda: settings.menu.highlighted is not None, "the rows")
        await pilot.press("enter")
        await take(app, pilot, "chat")
        screen = await opens(app, pilot, ProviderScreen)
        screen.typed_name.value, screen.url.value = "work", server.openai_url
        screen.place.value = KeyPlace.NONE
        await pilot.press("ctrl+s")
        await wait_until(pilot, lambda: isinstance(app.screen, SettingsScreen), "the settings again")
        await pilot.press("escape")
        await sees(app, pilot, "work:one")
        await ask(app, pilot, "Hi")
        await sees(app, pilot, "Hello.")


async def test_the_default_model_of_an_empty_session_is_taken_at_once(paths: Paths) -> None:
    async with app_on(paths) as (app, pilot):
        screen = await opened(app, pilot)
        assert await screen._keep("default_model", "scripted:echo")
        await pilot.press("escape")
        await sees(app, pilot, "scripted:echo")


async def test_a_model_that_is_chosen_while_the_default_one_is_found_out_stays(paths: Paths) -> None:
    async with app_on(paths) as (app, pilot):
        controller = app.chat.controller
        assert controller is not None
        find, asked, wanted = controller.manager.agents.default_model, asyncio.Event(), asyncio.Event()

        async def slowly() -> str | None:
            asked.set()
            await wanted.wait()
            return await find()

        controller.manager.agents.default_model = slowly  # as with a server that takes its time
        screen = await opened(app, pilot)
        assert await screen._keep("default_model", "scripted:echo")
        await pilot.press("escape")
        await asked.wait()
        await controller.set_model("scripted:demo")
        wanted.set()
        await wait_until(pilot, lambda: not [w for w in app.workers if w.group == "command-settings"])
        assert controller.model == "scripted:demo"


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60), (40, 12)])
async def test_everything_stands_inside_the_screen(paths: Paths, size: tuple[int, int]) -> None:
    paths.config_file.write_text(_TEXT)
    async with app_on(paths, size=size) as (app, pilot):
        await form(app, pilot, "add", "mistral")
        for widget in ("#provider-place", "#provider-entry", "#provider-url"):
            region = app.screen.query_one(widget).region
            assert region.right <= size[0]
            assert region.height == 1
        if size[1] >= 24:
            assert app.screen.query_one("#save").region.bottom < size[1]
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(app.screen, SettingsScreen), "the settings")
        assert app.screen.query_one("#settings-list").region.right <= size[0]


async def test_a_server_with_hostile_words_does_no_harm(paths: Paths) -> None:
    async with ScriptedServer() as server, app_on(paths, size=(120, 40)) as (app, pilot):
        screen = await form(app, pilot, "add", "chat")
        screen.typed_name.value, screen.url.value = "work", server.openai_url
        screen.place.value = KeyPlace.NONE
        for text in HOSTILE.values():
            server.pages["/v1/models"] = {"data": [{"id": text}]}
            await pilot.press("ctrl+t")
            await says(app, pilot, "✓ 1 model")
            assert_clean(screen_segments(app))
            server.pages["/v1/models"] = lambda _, said=text: refusal(500, {"error": {"message": said}})
            await pilot.press("ctrl+t")
            await says(app, pilot, "HTTP 500")
            assert_clean(screen_segments(app))


async def test_keys_that_come_all_at_once_filter_the_settings(paths: Paths) -> None:
    async with app_on(paths) as (app, pilot):
        screen = await opened(app, pilot)
        for key in ("t", "h", "x", "backspace", "e", "m", "e"):
            app.simulate_key(key)
        await wait_until(pilot, lambda: screen.narrowing.value == "theme")
        await wait_until(pilot, lambda: set(screen._rows) >= {"theme"} and len(screen._rows) < 5)


async def test_a_provider_whose_test_failed_is_saved_with_a_word_about_it(paths: Paths) -> None:
    async with ScriptedServer() as server, app_on(paths) as (app, pilot):
        server.pages["/v1/models"] = lambda _: refusal(401, {"error": {"message": "no such key"}})
        await pilot.press("f10")
        await opens(app, pilot, SettingsScreen)
        await sees(app, pilot, "Add a provider")
        await pilot.press(*"add", "enter")
        await take(app, pilot, "chat")
        await opens(app, pilot, ProviderScreen)
        await pilot.press("w", "tab", "tab")
        await type_in(pilot, server.openai_url)
        await pilot.press("tab", "tab")
        await type_in(pilot, "sk-0123456789")
        await pilot.press("ctrl+t")
        await says(app, pilot, "refused the key")
        await pilot.press("ctrl+s")
        await wait_until(pilot, lambda: isinstance(app.screen, SettingsScreen), "the settings again")
        await says(app, pilot, "w is saved, but its test has failed:")


async def test_a_provider_typed_all_at_once_has_each_word_in_its_field(paths: Paths) -> None:
    async with app_on(paths) as (app, pilot):
        await pilot.press("f10")
        await opens(app, pilot, SettingsScreen)
        await sees(app, pilot, "Add a provider")
        await pilot.press(*"add", "enter")
        await take(app, pilot, "chat")
        form = await opens(app, pilot, ProviderScreen)
        place, key = "http://127.0.0.1:9/v1", "sk-0123456789"
        for one in ("w", "tab", "tab", *place, "tab", "tab", *key):
            app.simulate_key(one)
        values = {name: form.query_one(f"#provider-{name}", Input) for name in ("name", "url", "entry")}
        await wait_until(pilot, lambda: values["entry"].value == key, "the key in its field")
        assert (values["name"].value, values["url"].value) == ("w", place)
        await sees(app, pilot, "•" * len(key))
        assert key not in screen_text(app)
