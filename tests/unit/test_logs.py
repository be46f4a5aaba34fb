"""The log: what stands in it, what never does, and that nothing that goes wrong with it is felt."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from brim.core import log_file
from brim.core.agent import AgentInterface
from brim.core.errors import BadRequestError
from brim.core.events import StreamEvent, TextDelta
from brim.core.log_file import KEPT_FILES, LogFile, log_files
from brim.core.log_lines import LogFilter, LogTail, entries_back, entry_of
from brim.core.log_words import clock, field_lines, words
from brim.core.logs import Log
from brim.core.sessions import SessionManager
from brim.core.types import AgentContext, AgentResponse
from tests.support.agents import Plain
from tests.support.hostile import FORBIDDEN, HOSTILE

SECRET = "a very private matter of the person"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let closing wait for its thread, however busy the machine is."""
    monkeypatch.setattr(log_file, "_CLOSING_S", 30.0)


def _entries(folder: Path) -> list[dict[str, Any]]:
    file = folder / "brim.jsonl"
    return (
        [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
    )


async def _held(folder: Path, agent: AgentInterface, *prompts: str, **options: Any) -> list[dict[str, Any]]:
    """Ask an agent with a log, and return what the log then has."""
    async with SessionManager(agent) as manager:
        log = Log(LogFile(folder), **options)
        log.start(manager.subscribe(None))
        session = await manager.create()
        for prompt in prompts:
            await (await manager.send(session.id, prompt)).wait()
    await asyncio.sleep(0)
    return _entries(folder)


async def test_a_turn_leaves_sizes_and_counts_and_none_of_its_words(tmp_path: Path) -> None:
    found = await _held(tmp_path, Plain(SECRET, prompt_tokens=11, completion_tokens=3), SECRET)
    assert [entry["event"] for entry in found] == ["opened", "turn_started", "turn_finished"]
    started, finished = found[1:]
    assert started["prompt_chars"] == len(SECRET)
    assert (started["session"], started["message"]) == (finished["session"], finished["message"])
    assert finished["tokens"] == {"input_tokens": 11, "output_tokens": 3}
    assert finished["status"] == "complete"
    assert finished["duration_s"] >= finished["first_token_s"] >= 0
    assert SECRET not in (tmp_path / "brim.jsonl").read_text(encoding="utf-8")
    assert stat.S_IMODE((tmp_path / "brim.jsonl").stat().st_mode) == 0o600


async def test_words_are_kept_where_the_person_asks_for_it(tmp_path: Path) -> None:
    found = await _held(tmp_path, Plain("Well."), SECRET, has_messages=True)
    assert (found[1]["prompt"], found[2]["answer"]) == (SECRET, "Well.")


class Failing(AgentInterface):
    """Raises what it is given, with the prompt in it."""

    def __init__(self, error: type[Exception]) -> None:
        self._error = error

    async def process(self, context: AgentContext) -> AgentResponse:
        raise self._error(
            f"Key sk-abcdefghijklmnop refused: {context.input} is bad. Authorization: Bearer abc.def"
        )


@pytest.mark.parametrize("error", [ValueError, BadRequestError])
async def test_an_error_tells_its_kind_and_neither_prompt_nor_key(
    tmp_path: Path, error: type[Exception]
) -> None:
    failed = (await _held(tmp_path, Failing(error), SECRET))[-1]
    assert (failed["event"], failed["level"], failed["status"]) == ("turn_failed", "error", "failed")
    assert failed["kind"] == ("defect" if error is ValueError else "bad_request")
    text = (tmp_path / "brim.jsonl").read_text(encoding="utf-8")
    for part in (SECRET, SECRET[:20], "abcdefghijklmnop", "abc.def"):
        assert part not in text
    if error is BadRequestError:
        assert "refused" in failed["sentence"]


async def test_given_secrets_stand_nowhere(tmp_path: Path) -> None:
    found = await _held(
        tmp_path, Plain("x hunter2-pass y"), "a", has_messages=True, secrets=["hunter2-pass", ""]
    )
    assert found[2]["answer"] == "x [key] y"


async def test_levels(tmp_path: Path) -> None:
    assert await _held(tmp_path, Plain(), "hello", level="warning") == []
    found = await _held(tmp_path, Failing(ValueError), "hello", level="error")
    assert [entry["event"] for entry in found] == ["opened", "agent_raised", "turn_failed"]


async def test_what_agents_log_is_kept_and_libraries_quote_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    class Logging(AgentInterface):
        async def process(self, context: AgentContext) -> AgentResponse:
            logger = logging.getLogger("my.agent")
            logger.info("looked up %d things", 3, extra={"session_id": "mine", "took_s": 0.5})
            logger.warning("odd %s", object, extra={"text": "kept?"})
            logging.getLogger("openai._base_client").debug("Request: %s", context.input)
            for name in ("httpx", "httpx2"):
                logging.getLogger(name).info("HTTP Request: %s", context.input)
            logging.getLogger("httpx").warning("slow: %s", context.input)
            try:
                raise ValueError(SECRET)
            except ValueError:
                logger.exception("it failed")
            return AgentResponse(output="ok")

    root = logging.getLogger()
    before = (list(root.handlers), root.level, logging.getLogger("httpx").level)
    found = [entry for entry in await _held(tmp_path, Logging(), SECRET) if entry["event"] == "logged"]
    assert (list(root.handlers), root.level, logging.getLogger("httpx").level) == before
    first = found[0]
    assert (first["text"], first["took_s"], first["level"]) == ("looked up 3 things", 0.5, "info")
    assert all(len(entry["session"]) == 16 for entry in found if "session" in entry)
    assert [entry["text"] for entry in found if entry.get("logger") == "httpx"] == ["slow: %s"]
    assert found[-1]["error"] == "ValueError"
    assert SECRET not in (tmp_path / "brim.jsonl").read_text(encoding="utf-8")
    assert capfd.readouterr().err == ""


async def test_nothing_is_felt_where_the_log_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "brim.jsonl").mkdir()
    async with SessionManager(Plain("fine")) as manager:
        log = Log(LogFile(tmp_path))
        log.start(manager.subscribe(None))
        session = await manager.create()
        assert (await (await manager.send(session.id, "x")).wait()).content == "fine"
    with pytest.raises(OSError):
        LogFile(tmp_path).write({"event": "x"})


def test_a_full_disk_tears_one_line_and_no_other(tmp_path: Path) -> None:
    script = f"""
import pathlib, resource
from brim.core.log_file import LogFile
file = LogFile(pathlib.Path({str(tmp_path)!r}))
file.write({{"event": "first"}})
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (30, hard))
for event in ("second", "third"):
    try:
        file.write({{"event": event, "more": "x" * 100}})
    except OSError as error:
        print(error.errno)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
file.write({{"event": "last"}})
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True)
    assert len(done.stdout.split()) == 2
    found = [entry.event for entry in entries_back(tmp_path, LogFilter()) if entry]
    assert found == ["last", "unreadable", "first"]


def test_several_processes_write_and_renew_and_no_line_is_lost_or_torn(tmp_path: Path) -> None:
    script = f"""
import pathlib, sys
from brim.core import log_file
log_file._CLOSING_S = 30.0
file = log_file.LogFile(pathlib.Path({str(tmp_path)!r}), most_bytes=40_000)
for number in range(400):
    file.put({{"event": f"{{sys.argv[1]}}-{{number}}", "more": "x" * 40}})
file.close()
"""
    running = [subprocess.Popen([sys.executable, "-c", script, str(number)]) for number in range(4)]
    assert [one.wait() for one in running] == [0] * 4
    files = [file for file in log_files(tmp_path) if file.exists()]
    assert 2 < len(files) <= KEPT_FILES + 1
    # Two that write at once may both find room for the last line.
    assert all(file.stat().st_size <= 41_000 for file in files)
    found = [json.loads(line)["event"] for file in files for line in file.read_text().splitlines()]
    assert sorted(found) == sorted(f"{who}-{number}" for who in range(4) for number in range(400))
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)


def test_only_so_many_files_are_kept(tmp_path: Path) -> None:
    file = LogFile(tmp_path, most_bytes=200)
    for number in range(100):
        file.write({"event": f"e{number}"})
    assert len(list(tmp_path.glob("*.jsonl"))) == KEPT_FILES + 1
    newest = next(entry for entry in entries_back(tmp_path, LogFilter()) if entry)
    assert newest.event == "e99"


def test_the_end_of_a_long_log_is_read_without_the_rest(tmp_path: Path) -> None:
    line = b'{"time": "2027-01-01T00:00:00Z", "level": "info", "event": "e", "session": "abc"}\n'
    with (tmp_path / "brim.jsonl").open("wb") as file:
        for _ in range(100):
            file.write(line * 12_000)
    assert (tmp_path / "brim.jsonl").stat().st_size > 90_000_000
    blocks = found = 0
    for entry in entries_back(tmp_path, LogFilter()):
        blocks += entry is None
        found += entry is not None
        if found == 500:
            break
    assert blocks <= 1


def test_lines_are_read_whole_across_pieces_and_too_long_ones_are_passed_over(tmp_path: Path) -> None:
    lines = [json.dumps({"event": f"e{n}", "more": "é" * (n * 997 % 70_000)}) for n in range(60)]
    lines.insert(30, json.dumps({"event": "huge", "more": "x" * 3_000_000}))
    (tmp_path / "brim.jsonl").write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    found = [entry.event for entry in entries_back(tmp_path, LogFilter()) if entry]
    assert found == [f"e{n}" for n in range(59, -1, -1)]


def test_filters(tmp_path: Path) -> None:
    file = LogFile(tmp_path)
    for level, session, more in (
        ("info", "abc1", "One"),
        ("error", "abc2", "two"),
        ("warning", "xyz", "ONE"),
    ):
        file.write({"level": level, "event": "e", "session": session, "more": more})

    def found(**only: str) -> list[str]:
        return [str(entry.fields["more"]) for entry in entries_back(tmp_path, LogFilter(**only)) if entry]

    assert found() == ["ONE", "two", "One"]
    assert found(level="warning") == ["ONE", "two"]
    assert found(session="abc") == ["two", "One"]
    assert found(text="one") == ["ONE", "One"]
    assert found(text="one", session="abc", level="error") == []


def test_what_comes_is_read_through_a_renewal(tmp_path: Path) -> None:
    file = LogFile(tmp_path, most_bytes=300)
    file.write({"event": "before"})
    tail = LogTail(tmp_path)
    seen: list[str] = []
    for number in range(30):
        file.write({"event": f"e{number}"})
        if number % 3 == 0:
            seen += [entry.event for entry in tail.read()]
    seen += [entry.event for entry in tail.read()]
    tail.close()
    assert seen == [f"e{number}" for number in range(30)]


def test_a_line_that_is_half_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "brim.jsonl"
    tail = LogTail(tmp_path)
    assert tail.read() == []
    path.write_bytes(b'{"event": "a"}\n{"event"')
    assert [entry.event for entry in tail.read()] == ["a"]
    with path.open("ab") as file:
        file.write(b': "b"}\n')
    assert [entry.event for entry in tail.read()] == ["b"]
    tail.close()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[1]",
        b"\xff\xfe",
        b"null",
        b'{"level": 3, "event": {}, "session": [1], "time": 7}',
        b"[" * 9_000,
    ],
)
def test_any_line_is_an_entry(line: bytes) -> None:
    entry = entry_of(line)
    words(entry)
    field_lines(entry)
    LogFilter(level="error", session="a", text="b").fits(entry)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_in_an_entry_acts(text: str) -> None:
    fields = {"event": text, "session": text, "model": text, text: [text], "tokens": {text: 1}, "kind": text}
    entry = entry_of(json.dumps(fields).encode())
    shown = [words(entry), clock(entry), *(part for line in field_lines(entry) for part in line)]
    assert not FORBIDDEN & set("".join(shown))


def test_entries_do_not_pile_up_where_nobody_takes_them(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "brim.jsonl")
    file = LogFile(tmp_path)
    for number in range(30_000):
        file.put({"event": f"e{number}"})
    with ThreadPoolExecutor() as pool:
        reading = pool.submit((tmp_path / "brim.jsonl").read_bytes)
        file.close()
        events = [json.loads(line)["event"] for line in reading.result().splitlines()]
    assert 9_000 < len(events) < 12_000
    assert "entries_lost" in events


class Streaming(AgentInterface):
    """Answers in pieces."""

    async def process(self, context: AgentContext) -> AgentResponse:
        return AgentResponse(output=context.input)

    async def process_stream(self, context: AgentContext) -> AsyncIterator[StreamEvent]:
        yield TextDelta(context.input)


async def test_the_end_of_a_stopped_turn_is_kept(tmp_path: Path) -> None:
    class Endless(Streaming):
        async def process_stream(self, context: AgentContext) -> AsyncIterator[StreamEvent]:
            yield TextDelta("on and on")
            await asyncio.Event().wait()

    async with SessionManager(Endless()) as manager:
        Log(LogFile(tmp_path)).start(manager.subscribe(None))
        session = await manager.create()
        await manager.send(session.id, "x")
        while not (live := manager.live(session.id)) or not live.content:
            await asyncio.sleep(0)
    await asyncio.sleep(0)
    found = _entries(tmp_path)
    assert (found[-1]["event"], found[-1]["status"]) == ("turn_finished", "stopped")
