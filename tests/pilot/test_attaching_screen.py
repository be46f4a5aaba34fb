"""Files in the app: completed as they are typed, dropped, named, weighed, refused in words, and never lost."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual import events
from textual.content import Content
from textual.pilot import Pilot

from brim.core.limits import Limits
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.tui.app import BrimApp
from brim.tui.screens.deciding import DecidingScreen
from tests.support.agents import Gated, Plain
from tests.support.pictures import image, pdf
from tests.support.screen import ask, brim, opens, screen_segments, screen_text, sees, toasts
from tests.support.waiting import wait_until


class Seeing(Plain):
    sees = frozenset({"image"})


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    (folder / "src/deep").mkdir(parents=True)
    for name in ("apple.py", "apricot.txt", "two words.txt", "src/main.py", "src/deep/end.txt", ".hidden"):
        (folder / name).write_text(f"text of {name}\n")
    (folder / "dot.png").write_bytes(image())
    monkeypatch.chdir(folder)
    return folder


@asynccontextmanager
async def app_in(
    folder: Path, agent: object = None, **how: object
) -> AsyncIterator[tuple[BrimApp, Pilot[None]]]:
    async with brim(folder.parent, agent or Seeing(), **how) as (app, pilot):  # type: ignore[arg-type]
        app.chat.composer.focus()
        yield app, pilot


def short_messages(folder: Path, agent: Plain) -> Callable[[], Awaitable[SessionManager]]:
    """Return how to open a manager that takes messages of at most 200 characters."""

    async def connect() -> SessionManager:
        manager = SessionManager(
            agent, store=SQLiteStore(folder.parent / "brim.db"), limits=Limits(max_input_chars=200)
        )
        await manager.open()
        return manager

    return connect


def offered(app: BrimApp) -> list[str]:
    from brim.tui.widgets.file_list import FileList

    return [offer.name for offer in app.chat.query_one(FileList)._offered]


async def typed(app: BrimApp, pilot: Pilot[None], text: str) -> None:
    for character in text:
        app.post_message(events.Key(character, character))
    await app.chat.composer.written()


async def test_files_are_offered_as_their_names_are_typed(files: Path) -> None:
    async with app_in(files) as (app, pilot):
        await typed(app, pilot, "see @")
        await wait_until(
            pilot,
            lambda: offered(app) == ["apple.py", "apricot.txt", "dot.png", "src/", "two words.txt"],
        )
        await typed(app, pilot, "AP")
        await wait_until(pilot, lambda: offered(app) == ["apple.py", "apricot.txt"])
        await sees(app, pilot, "apricot.txt")
        await pilot.press("down", "tab")
        assert app.chat.composer.text == "see @apricot.txt "
        await wait_until(pilot, lambda: not offered(app))


async def test_folders_are_walked_into_and_enter_takes_what_is_chosen(files: Path) -> None:
    async with app_in(files) as (app, pilot):
        await typed(app, pilot, "@s")
        await wait_until(pilot, lambda: offered(app) == ["src/"])
        await pilot.press("enter")
        assert app.chat.composer.text == "@src/"
        await wait_until(pilot, lambda: offered(app) == ["deep/", "main.py"])
        await pilot.press("enter")
        await wait_until(pilot, lambda: offered(app) == ["end.txt"])
        await pilot.press("enter")
        assert app.chat.composer.text == "@src/deep/end.txt "
        await pilot.press("enter")
        await sees(app, pilot, "An answer.")


async def test_names_with_spaces_are_quoted_and_hidden_files_wait_for_a_dot(files: Path) -> None:
    (files / "my folder").mkdir()
    (files / "my folder/in it.txt").write_text("x")
    async with app_in(files) as (app, pilot):
        await typed(app, pilot, "@tw")
        await wait_until(pilot, lambda: offered(app) == ["two words.txt"])
        await pilot.press("tab")
        assert app.chat.composer.text == '@"two words.txt" '
        await typed(app, pilot, "@my")
        await wait_until(pilot, lambda: offered(app) == ["my folder/"])
        await pilot.press("tab")
        await wait_until(pilot, lambda: offered(app) == ["in it.txt"])
        await pilot.press("tab")
        assert app.chat.composer.text.endswith('@"my folder/in it.txt" ')
        await typed(app, pilot, "@.")
        await wait_until(pilot, lambda: offered(app) == [".hidden"])


async def test_escape_puts_the_list_away_and_enter_sends(files: Path) -> None:
    agent = Seeing()
    async with app_in(files, agent) as (app, pilot):
        await typed(app, pilot, "@ap")
        await wait_until(pilot, lambda: bool(offered(app)))
        await pilot.press("escape")
        assert not offered(app)
        await typed(app, pilot, "p")
        await pilot.press("enter")
        await sees(app, pilot, "An answer.")
        assert agent.asked[0].input == "@app"


@pytest.mark.parametrize("text", ["use @dataclass", "@app.route and me@host.org", "@src is a word", "@ @@"])
async def test_words_with_an_at_go_through(files: Path, text: str) -> None:
    agent = Seeing()
    async with app_in(files, agent) as (app, pilot):
        await ask(app, pilot, text)
        await sees(app, pilot, "An answer.")
        assert agent.asked[0].input == text
        assert not agent.asked[0].attachments


async def test_files_are_named_and_weighed_with_the_draft_and_go_with_it(files: Path) -> None:
    agent = Seeing()
    (files / "paper.pdf").write_bytes(pdf("the text of a paper"))
    (files / "long.txt").write_text("word " * 2_000)
    async with app_in(files, agent) as (app, pilot):
        app.chat.composer.insert("compare @long.txt @dot.png @paper.pdf")
        await sees(app, pilot, "≡ long.txt ~2")
        await sees(app, pilot, "▣ dot.png ~")
        await wait_until(pilot, lambda: app.chat.meter._draft_tokens > 1_900)
        await pilot.press("enter")
        await sees(app, pilot, "An answer.")
        asked = agent.asked[0]
        assert "word word" in asked.input
        assert "the text of a paper" in asked.input
        assert [one.data for one in asked.attachments if one.kind == "image"] == [image()]
        await sees(app, pilot, "≡ long.txt · 10 kB")
        await wait_until(pilot, lambda: not app.chat.attached_line.display)


@pytest.mark.parametrize("session", [None, "last"])
async def test_the_files_of_a_draft_are_named_when_brim_is_opened_again(
    files: Path, session: str | None
) -> None:
    async with app_in(files) as (app, pilot):
        if session:
            await ask(app, pilot, "hello")
            await sees(app, pilot, "An answer.")
        app.chat.composer.insert("compare @apple.py")
        await sees(app, pilot, "≡ apple.py")
        await app.chat.drafts.store()
    async with app_in(files, session=session) as (app, pilot):
        await sees(app, pilot, "≡ apple.py")
        await wait_until(pilot, lambda: " tok" in str(app.chat.composer.border_title))
        assert app.chat.meter._draft_tokens > 0


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("gone.py", "There is no file"),
        ("src/", "src is a folder."),
        ("/dev/zero", "zero is a device, not a file."),
        ("pipe.txt", "pipe.txt is a pipe, not a file."),
        ("huge.txt", "huge.txt is too large: it has 200.0 MB"),
        ("app.bin", "app.bin is neither text nor an image nor a PDF"),
    ],
)
async def test_what_cannot_go_is_said_before_sending_and_nothing_is_lost(
    files: Path, name: str, sentence: str
) -> None:
    os.mkfifo(files / "pipe.txt")
    (files / "app.bin").write_bytes(b"\0\1\2")
    with (files / "huge.txt").open("wb") as file:
        file.truncate(200_000_000)
    agent = Seeing()
    text = f"look at @{name} please"
    async with app_in(files, agent) as (app, pilot):
        await ask(app, pilot, text)
        await opens(app, pilot, DecidingScreen)
        await sees(app, pilot, sentence)
        assert app.chat.composer.draft == text
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.screen is app.chat)
        assert app.chat.composer.draft == text
        assert not agent.asked
        await pilot.press("enter")
        await opens(app, pilot, DecidingScreen)
        await pilot.press("down", "enter")
        await sees(app, pilot, "An answer.")
        assert agent.asked[0].input == text
        assert app.chat.composer.draft == ""


async def test_a_file_that_vanishes_between_writing_and_sending_is_missed_in_words(files: Path) -> None:
    agent = Seeing()
    async with app_in(files, agent) as (app, pilot):
        app.chat.composer.insert("read @apple.py")
        await sees(app, pilot, "≡ apple.py")
        (files / "apple.py").unlink()
        await pilot.press("enter")
        await sees(app, pilot, "There is no file")
        assert app.chat.composer.draft == "read @apple.py"
        assert not agent.asked


async def test_an_image_is_refused_where_the_model_sees_none(files: Path) -> None:
    agent = Plain()
    async with app_in(files, agent) as (app, pilot):
        await ask(app, pilot, "look @dot.png")
        refusal = "sees no images, so dot.png cannot go with the message"
        await wait_until(pilot, lambda: refusal in " ".join(toasts(app)))
        assert app.chat.composer.draft == "look @dot.png"
        assert not agent.asked


async def test_dropped_files_become_mentions(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brim.tui.widgets.composer._DISK_S", 20.0)
    async with app_in(files) as (app, pilot):
        composer = app.chat.composer
        composer.insert("look:")
        composer.post_message(events.Paste(f"'{files}/two words.txt' {files}/dot.png"))
        await wait_until(pilot, lambda: composer.text == 'look: @"two words.txt" @dot.png ')
        composer.clear()
        composer.post_message(events.Paste("/etc is a folder"))
        await wait_until(pilot, lambda: composer.text == "/etc is a folder")


async def test_prompts_taken_back_from_the_queue_keep_files_that_are_gone(files: Path) -> None:
    agent = Gated()
    agent.sees = frozenset({"image"})  # type: ignore[misc]
    async with app_in(files, agent) as (app, pilot):
        await ask(app, pilot, "one")
        await wait_until(pilot, lambda: len(agent.asked) == 1)
        await ask(app, pilot, "two @dot.png")
        await wait_until(pilot, lambda: app.chat.composer.queue_waits)
        (files / "dot.png").unlink()
        await pilot.press("up")
        await wait_until(pilot, lambda: app.chat.composer.draft == "two @dot.png")
        agent.end("one")
        agent.end("two @dot.png")
        await wait_until(pilot, lambda: not app.chat.controller.is_answering)  # type: ignore[union-attr]
        await pilot.press("enter")
        await wait_until(pilot, lambda: len(agent.asked) == 2)
        assert [one.data for one in agent.asked[1].attachments] == [image()]


async def test_an_edited_prompt_has_the_files_that_its_text_still_mentions(files: Path) -> None:
    agent = Seeing()
    async with app_in(files, agent) as (app, pilot):
        await ask(app, pilot, "look @dot.png @apple.py")
        await sees(app, pilot, "An answer.")
        await wait_until(pilot, lambda: not app.chat.controller.is_answering)  # type: ignore[union-attr]
        (files / "dot.png").unlink()
        app.chat.commands.run("edit")
        await wait_until(pilot, lambda: app.chat.composer.draft == "look @dot.png @apple.py")
        app.chat.composer.restore("look again @dot.png")
        await pilot.press("enter")
        await wait_until(pilot, lambda: len(agent.asked) == 2)
        assert [one.name for one in agent.asked[1].attachments] == ["dot.png"]
        assert "text of apple" not in agent.asked[1].input


async def test_a_long_text_goes_along_as_a_file(files: Path) -> None:
    agent = Seeing()
    async with app_in(files, agent) as (app, pilot):
        mention = app.chat.attaching.as_file("long " * 50)
        await ask(app, pilot, f"sum up {mention}")
        await sees(app, pilot, "An answer.")
        assert [(one.name, one.text) for one in agent.asked[0].attachments] == [("pasted.txt", "long " * 50)]


@pytest.mark.filterwarnings("ignore:Image.Image.getdata is deprecated:DeprecationWarning")  # by textual-image
async def test_images_stand_small_in_the_transcript_and_large_in_a_screen_of_their_own(files: Path) -> None:
    async with app_in(files) as (app, pilot):
        await ask(app, pilot, "look @dot.png @apple.py")
        await sees(app, pilot, "An answer.")
        await sees(app, pilot, "▀▀▀▀▀▀▀▀")
        await sees(app, pilot, "▣ dot.png · 40×30")
        app.chat.transcript.focus()
        await pilot.press("o")
        await sees(app, pilot, "dot.png · 1/2 · 40×30")
        from textual_image.widget import HalfcellImage

        shown = app.screen.query_one(HalfcellImage)
        await wait_until(pilot, lambda: shown.size.width > 0)
        await pilot.press("right")
        await sees(app, pilot, "text of apple.py")
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat)


async def test_images_stand_small_in_a_session_that_brim_is_opened_with(files: Path) -> None:
    async with app_in(files) as (app, pilot):
        await ask(app, pilot, "look @dot.png")
        await sees(app, pilot, "▀▀▀▀▀▀▀▀")
    async with app_in(files, session="last") as (app, pilot):
        await sees(app, pilot, "▀▀▀▀▀▀▀▀")


async def test_a_click_on_a_file_opens_it_also_after_the_file_has_changed(files: Path) -> None:
    async with app_in(files) as (app, pilot):
        await ask(app, pilot, "read @apple.py")
        await sees(app, pilot, "An answer.")
        (files / "apple.py").write_text("something else")
        await wait_until(pilot, lambda: "Esc stop" not in screen_text(app))
        await wait_until(pilot, lambda: not app.chat.attached_line.display)
        await pilot.pause()
        lines = screen_text(app).splitlines()
        row = next(number for number, line in enumerate(lines) if "≡ apple.py" in line)
        await pilot.click(offset=(lines[row].index("≡"), row))
        await sees(app, pilot, "text of apple.py")


async def test_a_broken_image_of_an_import_breaks_nothing(files: Path) -> None:
    from brim.core.attachments import attachment

    broken = attachment("x.png", b"\x89PNG\r\n\x1a\nbroken", kind="image", media_type="image/png")
    async with app_in(files) as (app, pilot):
        controller = app.chat.controller
        assert controller is not None
        await controller.send("look", [broken])
        await sees(app, pilot, "▣ x.png")
        app.chat.transcript.focus()
        await pilot.press("o")
        await sees(app, pilot, "The image cannot be decoded.")


async def test_a_message_that_is_too_long_is_offered_to_go_as_a_file(files: Path) -> None:
    agent = Seeing()
    text = "Sum this up:\n\n" + "long words\n\n" * 50 + "What matters?"
    async with app_in(files, agent, connect=short_messages(files, agent)) as (app, pilot):
        await ask(app, pilot, text)
        await opens(app, pilot, DecidingScreen)
        await sees(app, pilot, "and 200 are the most")
        assert app.chat.composer.draft == text
        await pilot.press("down", "down", "enter")
        await wait_until(pilot, lambda: app.screen is app.chat)
        assert app.chat.composer.draft == text
        await pilot.press("enter")
        await opens(app, pilot, DecidingScreen)
        await pilot.press("enter")
        await sees(app, pilot, "An answer.")
        (asked,) = agent.asked
        assert asked.input.startswith("Sum this up:\n\n@pasted.txt\n\nWhat matters?\n\nFile pasted.txt:")
        assert asked.input.count("long words") == 50
        assert app.chat.composer.draft == ""


@pytest.mark.parametrize("paste", ["long words " * 500, "long words\n" * 60], ids=["one line", "lines"])
async def test_what_stands_around_a_long_paste_stays_in_the_message(files: Path, paste: str) -> None:
    agent = Seeing()
    async with app_in(files, agent, connect=short_messages(files, agent)) as (app, pilot):
        composer = app.chat.composer
        composer.insert("Sum this up: ")
        composer.post_message(events.Paste(paste))
        await wait_until(pilot, lambda: paste in composer.draft)
        composer.insert(" like @apple.py does")
        draft = composer.draft
        await pilot.press("enter")
        await opens(app, pilot, DecidingScreen)
        assert composer.draft == draft
        assert composer.text.startswith("Sum this up: ")
        assert composer.text.endswith(" like @apple.py does")
        await pilot.press("enter")
        await sees(app, pilot, "An answer.")
        (asked,) = agent.asked
        assert asked.input.startswith(
            "Sum this up:\n\n@pasted.txt\n\nlike @apple.py does\n\nFile pasted.txt:"
        )
        assert [one.name for one in asked.attachments] == ["pasted.txt", "apple.py"]
        assert asked.attachments[0].text == paste


async def test_files_that_the_long_part_mentions_go_along_too(files: Path) -> None:
    agent = Seeing()
    async with app_in(files, agent, connect=short_messages(files, agent)) as (app, pilot):
        await ask(app, pilot, f"see @apple.py, @nobody and @./gone.py: {'long words ' * 50}")
        await opens(app, pilot, DecidingScreen)
        await pilot.press("enter")
        await sees(app, pilot, "An answer.")
        (asked,) = agent.asked
        assert asked.input.startswith("@pasted.txt @apple.py\n\nFile pasted.txt:")
        assert [one.name for one in asked.attachments] == ["pasted.txt", "apple.py"]


async def test_attach_as_a_command_begins_a_mention(files: Path) -> None:
    async with app_in(files) as (app, pilot):
        app.chat.commands.run("attach", "two words.txt")
        await wait_until(pilot, lambda: app.chat.composer.text == '@"two words.txt" ')
        app.chat.commands.run("attach")
        await wait_until(pilot, lambda: "src/" in offered(app))


@pytest.mark.parametrize(
    ("named", "mention"),
    [
        ('"two words.txt"', '@"two words.txt" '),
        ("'apple.py'", "@apple.py "),
        ("nothing", '@"nothing" '),
        ("src", "@src/"),
    ],
)
async def test_attach_takes_quotation_marks_and_lets_no_missing_file_pass(
    files: Path, named: str, mention: str
) -> None:
    async with app_in(files) as (app, pilot):
        await ask(app, pilot, f"/attach {named}")
        await wait_until(pilot, lambda: app.chat.composer.text == mention)
        if named == "src":
            await wait_until(pilot, lambda: "main.py" in offered(app))
        if named == "nothing":
            await sees(app, pilot, "✗ There is no file")


async def test_a_name_that_no_mention_can_hold_is_told_or_stays_text(files: Path) -> None:
    path = files / 'a "b".txt'
    path.write_text("text")
    async with app_in(files) as (app, pilot):
        await ask(app, pilot, '/attach a "b".txt')
        await wait_until(pilot, lambda: "has a quotation mark in its name" in " ".join(toasts(app)))
        app.chat.composer.post_message(events.Paste(str(path)))
        await wait_until(pilot, lambda: app.chat.composer.text == str(path))


def slow_paper(folder: Path) -> None:
    """Write a file that takes seconds to read: its pages are full of lines that say nothing."""
    page = f"words on a page) Tj {'0 0 m 1 1 l S ' * 1_000}("
    (folder / "paper.pdf").write_bytes(pdf(*[page] * 300))


async def test_a_message_stands_in_the_composer_while_its_files_are_read(files: Path) -> None:
    slow_paper(files)
    agent = Seeing()
    async with app_in(files, agent) as (app, pilot):
        await ask(app, pilot, "sum up @paper.pdf")
        await wait_until(pilot, lambda: any("Reading the files" in said for said in toasts(app)))
        assert app.chat.composer.draft == "sum up @paper.pdf"
        assert not agent.asked
        app.chat.composer.insert("\n\nnext")
        await wait_until(pilot, lambda: len(agent.asked) == 1, seconds=40)
        assert "words on a page" in agent.asked[0].input
        await wait_until(pilot, lambda: app.chat.composer.draft == "next")


async def test_a_message_that_is_changed_while_its_files_are_read_is_not_sent(files: Path) -> None:
    slow_paper(files)
    agent = Seeing()
    async with app_in(files, agent) as (app, pilot):
        await ask(app, pilot, "sum up @paper.pdf")
        await wait_until(pilot, lambda: any("Reading the files" in said for said in toasts(app)))
        app.chat.composer.restore("no, wait")
        await wait_until(pilot, lambda: any("so it was not sent" in said for said in toasts(app)), seconds=40)
        assert app.chat.composer.draft == "no, wait"
        assert not agent.asked


@pytest.mark.filterwarnings("ignore:Image.Image.getdata is deprecated:DeprecationWarning")  # by textual-image
async def test_sixels_pass_the_gate_and_text_does_not(files: Path) -> None:
    from textual.widgets import OptionList, Static

    from brim.tui.picturing import picture

    async with app_in(files) as (app, pilot):
        screen = DecidingScreen("x", Content("x"), [])
        app.push_screen(screen)
        await wait_until(pilot, lambda: bool(screen.query(OptionList)))
        shown = picture(image(), "sixel", lambda _: None)
        shown.styles.width, shown.styles.height = 6, 3
        await screen.query_one("#dialog").mount(shown)
        await screen.query_one("#dialog").mount(Static("\x1bPtext", markup=False))
        await wait_until(
            pilot, lambda: any("\x1bPq" in s.text or "\x1bP0" in s.text for s in screen_segments(app))
        )
        assert not any("\x1bPtext" in segment.text for segment in screen_segments(app))
