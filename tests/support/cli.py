"""brim as a process of its own, as a shell starts it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from brim.cli.commands import run
from brim.cli.edge import guarded
from brim.core.paths import Paths
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Message, Session

BRIM = (sys.executable, "-m", "brim")
ECHO = ("--model", "scripted:echo")

AGENTS = '''
import asyncio, pathlib
from brim import AgentInterface, AgentResponse, Done, RateLimitError, TextDelta, Usage, UsageReported

class Base(AgentInterface):
    async def process(self, context):
        return AgentResponse(output="".join([str(e) async for e in self.process_stream(context)]))

class Endless(Base):
    """Says the same for ever, then waits for ever where `silent` is set."""
    async def process_stream(self, context):
        yield TextDelta("first line\\nsecond ")
        if pathlib.Path("speaking").is_fifo():
            open("speaking", "w").close()
        while not pathlib.Path("silent").exists():
            yield TextDelta("word " * 100)
            await asyncio.sleep(0)
        await asyncio.Event().wait()

class Failing(Base):
    async def process_stream(self, context):
        yield TextDelta("so far")
        raise RateLimitError("Too many requests.", hint="Wait a moment.", retry_after_s=7)

class Hostile(Base):
    async def process_stream(self, context):
        yield TextDelta("\\x1b]52;c;QQ==\\x07 red \\x1b[31m \\x9b2J \\u202e [/foo]\\r")
        yield TextDelta("\\n\\x00 end \\ud800")
        yield UsageReported(Usage(input_tokens=3, cache_read_tokens=4, output_tokens=5, reasoning_tokens=1))
        yield Done(finish_reason="length")

class Asked(Base):
    """Answers with what it was asked, and with its system prompt."""
    async def process_stream(self, context):
        told = [m.content for m in context.conversation_history]
        yield TextDelta(repr((told, context.input)))
'''


def write_agents() -> None:
    """Put the module ``agents`` into the working folder."""
    Path("agents.py").write_text(AGENTS, encoding="utf-8")


def brim(
    *arguments: str, text: str | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; ``text`` is piped into it."""
    return subprocess.run(
        [*BRIM, *arguments],
        input=text,
        stdin=subprocess.DEVNULL if text is None else None,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, **(env or {})},
        timeout=120,
        check=False,
    )


def here(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command in this process, which takes a tenth of the time; not for `ask`, which writes to a pipe."""
    out, said = io.StringIO(), io.StringIO()
    piped, sys.stdin = sys.stdin, io.StringIO(text)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
            code = guarded(lambda: run(list(arguments)))
    finally:
        sys.stdin = piped
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), said.getvalue())


def brim_json(*arguments: str, text: str | None = None) -> Any:
    """Run a command that succeeds, and return the one JSON document that it prints."""
    done = brim(*arguments, "--json", text=text)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def here_json(*arguments: str) -> Any:
    """Return the one JSON document that a command prints in this process."""
    done = here(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def read_terminal(master: int) -> str:
    """Return what was written to a terminal until all who write have left, and close it."""
    seen = b""
    with contextlib.suppress(OSError), os.fdopen(master, "rb", buffering=0) as terminal:
        while piece := terminal.read(4096):
            seen += piece
    return seen.decode().replace("\r\n", "\n")


def keep(*conversations: tuple[Session, list[Message]]) -> None:
    """Put sessions with their messages into the person's data."""

    async def put() -> None:
        paths = Paths.find()
        paths.make()
        store = SQLiteStore(paths.database)
        await store.open()
        try:
            for session, messages in conversations:
                await store.add_session(session)
                parent: str | None = None
                for message in messages:
                    await store.add_message(
                        message.model_copy(update={"session_id": session.id, "parent_id": parent})
                    )
                    parent = message.id
        finally:
            await store.aclose()

    asyncio.run(put())


def erase(session_id: str) -> None:
    """Delete a session for good."""

    async def gone() -> None:
        store = SQLiteStore(Paths.find().database)
        await store.open()
        try:
            await store.erase([session_id])
        finally:
            await store.aclose()

    asyncio.run(gone())
