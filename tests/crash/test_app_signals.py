"""Signals, a hung-up terminal, an agent that will not close: what came is stored, the terminal restored."""

from __future__ import annotations

import signal
import termios
from pathlib import Path

import pytest

from brim.core.agent import OneAgent
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Message, Session, Status
from tests.support.agents import Plain
from tests.support.app_in_terminal import AppInTerminal

LEFT_ALTERNATE_SCREEN, SHOWN_CURSOR = b"\x1b[?1049l", b"\x1b[?25h"


def answering(app: AppInTerminal) -> AppInTerminal:
    app.read_until(b"Enter send")
    app.write(b"hello\r")
    app.read_until(b"half an ans")
    return app


def assert_restored(app: AppInTerminal) -> None:
    entered = app.output.rindex(b"\x1b[?1049h")
    assert app.output.rfind(LEFT_ALTERNATE_SCREEN) > entered
    assert app.output.rfind(SHOWN_CURSOR) > app.output.rfind(b"\x1b[?25l")
    assert app.output.rfind(b"\x1b[?1000l") > app.output.rfind(b"\x1b[?1000h")
    assert app.output.rfind(b"\x1b[?2004l") > app.output.rfind(b"\x1b[?2004h")
    assert termios.tcgetattr(app.slave)[3] & termios.ECHO


async def stored(folder: Path) -> tuple[Session, list[Message]]:
    async with SessionManager(OneAgent(Plain()), store=SQLiteStore(folder / "brim.db")) as manager:
        session = await manager.find_session("last")
        return session, await manager.tail(session.id, limit=5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_a_signal_ends_with_everything_stored_and_the_terminal_restored(
    tmp_path: Path, number: signal.Signals
) -> None:
    with answering(AppInTerminal(tmp_path, "endless")) as app:
        app.write(b"draft")
        app.read_until(b"draft")
        app.signal(number)
        assert app.ended() == 128 + number
        assert_restored(app)
    session, messages = await stored(tmp_path)
    assert session.draft == "draft"
    assert [(m.role, m.content, m.status) for m in messages] == [
        ("user", "hello", Status.COMPLETE),
        ("assistant", "half an ans", Status.STOPPED),
    ]


async def test_ctrl_q_ends_with_code_0(tmp_path: Path) -> None:
    with answering(AppInTerminal(tmp_path, "endless")) as app:
        app.write(b"\x11")
        assert app.ended() == 0
        assert_restored(app)
    _, messages = await stored(tmp_path)
    assert messages[-1].status is Status.STOPPED


async def test_a_terminal_that_is_gone_does_not_keep_the_process(tmp_path: Path) -> None:
    with answering(AppInTerminal(tmp_path, "endless")) as app:
        app.signal(signal.SIGHUP)
        app.hang_up()
        app.process.wait(timeout=20)
    _, messages = await stored(tmp_path)
    assert (messages[-1].content, messages[-1].status) == ("half an ans", Status.STOPPED)


async def test_a_terminal_that_vanishes_without_a_signal_ends_the_app_with_everything_stored(
    tmp_path: Path,
) -> None:
    with answering(AppInTerminal(tmp_path, "endless")) as app:
        app.write(b"draft")
        app.read_until(b"draft")
        app.hang_up()
        assert app.process.wait(timeout=20) == 128 + signal.SIGHUP
    session, messages = await stored(tmp_path)
    assert session.draft == "draft"
    assert (messages[-1].content, messages[-1].status) == ("half an ans", Status.STOPPED)


async def test_a_killed_app_leaves_the_prompt_and_what_had_come_to_be_asked_again(tmp_path: Path) -> None:
    with answering(AppInTerminal(tmp_path, "endless")) as app:
        while (await stored(tmp_path))[1][-1].content != "half an ans":  # a moment after it is on the screen
            app.read_for(0.05)
        app.signal(signal.SIGKILL)
        assert app.process.wait(timeout=20) == -signal.SIGKILL
    async with SessionManager(
        OneAgent(Plain("A whole answer.")), store=SQLiteStore(tmp_path / "brim.db")
    ) as manager:
        session = await manager.find_session("last")
        prompt, partial = await manager.tail(session.id, limit=5)
        assert (prompt.content, prompt.status) == ("hello", Status.COMPLETE)
        assert (partial.content, partial.status) == ("half an ans", Status.INTERRUPTED)
        answer = await (await manager.retry(session.id)).wait()
        assert [m.content for m in await manager.transcript(session.id)] == ["hello", "A whole answer."]
        assert answer.parent_id == prompt.id
        assert (await manager.branches.siblings(session.id))[answer.id] == (partial.id, answer.id)


async def test_an_agent_that_never_closes_does_not_keep_the_process(tmp_path: Path) -> None:
    with answering(AppInTerminal(tmp_path, "stubborn")) as app:
        app.write(b"\x11")
        assert app.ended() == 0
        assert_restored(app)
    _, messages = await stored(tmp_path)
    assert (messages[-1].content, messages[-1].status) == ("half an ans", Status.STOPPED)


async def test_bytes_that_are_no_text_end_nothing(tmp_path: Path) -> None:
    with AppInTerminal(tmp_path, "endless") as app:
        app.read_until(b"Enter send")
        app.write(b"one \x9b2J \xff\xfe\x00\xc3 \x1b[200~two\x1b[31m\rthree\x9b\x1b[201~ four")
        app.read_until_shown("three� four")
        app.write(b"\x11")
        assert app.ended() == 0
        assert_restored(app)


def test_an_unexpected_error_is_told_shortly_and_without_keys(tmp_path: Path) -> None:
    with answering(AppInTerminal(tmp_path, "broken", OPENAI_API_KEY="hidden-0123456789")) as app:
        app.write(b"\x11")
        assert app.ended() == 1
        assert_restored(app)
        told = app.output[app.output.rindex(LEFT_ALTERNATE_SCREEN) :].decode()
    assert "RuntimeError: cannot close with" in told
    assert "hidden-0123456789" not in told
    assert "key =" not in told
    assert len(told.splitlines()) < 15
