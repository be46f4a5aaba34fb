"""The whole app: sessions answered side by side, and a local model that dies under it."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from brim.core.agent import OneAgent
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Message, Status
from tests.support.agents import Plain
from tests.support.app_in_terminal import AppInTerminal
from tests.support.local_model import needs_model

NEW_SESSION, QUIT = b"\x0e", b"\x11"


async def test_two_sessions_are_answered_while_a_third_is_typed_in(tmp_path: Path) -> None:
    told = tmp_path / "told"
    with AppInTerminal(tmp_path, "telling", TOLD=str(told)) as app:
        app.read_until_shown("Enter send")
        for word in ("alpha", "beta"):
            app.write(word.encode() + b"\r")
            app.read_until_shown(f"{word}3 ")
            app.write(NEW_SESSION)
            app.read_until_shown("New session")
        assert [answer.status for answer in await answers(tmp_path)] == [Status.STREAMING] * 2
        typed = "written, but not sent"
        for end in range(1, len(typed) + 1):
            app.write(typed[end - 1].encode())
            app.read_until_shown(typed[:end].rstrip())
        told.touch()
        deadline = time.monotonic() + 30
        while {answer.status for answer in await answers(tmp_path)} != {Status.COMPLETE}:
            assert time.monotonic() < deadline
            app.read_for(0.2)
        assert typed in app.shown
        app.write(QUIT)
        assert app.ended() == 0
    whole = sorted(answer.content.split() for answer in await answers(tmp_path))
    for word, counted in zip(("alpha", "beta"), whole, strict=True):
        assert counted == [f"{word}{number}" for number in range(1, len(counted) + 1)]
        assert len(counted) >= 150


async def answers(folder: Path) -> list[Message]:
    """Return the answers in all sessions."""
    async with SessionManager(OneAgent(Plain()), store=SQLiteStore(folder / "brim.db")) as manager:
        sessions = await manager.list_sessions()
        messages = [message for session in sessions for message in await manager.tail(session.id, limit=9)]
        return [message for message in messages if message.role == "assistant"]


@needs_model
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds the child process in /proc")
async def test_a_local_model_that_is_killed_fails_the_turn_and_answers_the_next(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "brim", "--model", "local:smollm2"]
    data = tmp_path / "data"
    with AppInTerminal(tmp_path, command=command, BRIM_HOME=str(data), BRIM_MAX_TOKENS="4000") as app:
        app.read_until_shown("Enter send")
        app.write(b"Tell me a very long story of the sea\r")
        while not any(answer.content for answer in await answers(data)):
            app.read_for(0.1)
        (child,) = children(app.process.pid)
        os.kill(child, signal.SIGKILL)
        app.read_until_shown("stopped unexpectedly")
        app.read_until_shown("Enter send")
        app.write(b"Say hello\r")
        while len(await answers(data)) < 2:
            app.read_for(0.1)
        app.write(QUIT)
        assert app.ended() == 0
    async with SessionManager(OneAgent(Plain()), store=SQLiteStore(data / "brim.db")) as manager:
        session = await manager.find_session("last")
        prompt, failed, again, answer = await manager.transcript(session.id)
    assert prompt.status is Status.COMPLETE
    assert (failed.status, bool(failed.content)) == (Status.FAILED, True)
    assert again.content == "Say hello"
    assert answer.status in (Status.STOPPED, Status.COMPLETE)


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for each in lists for child in each.read_text().split()]
