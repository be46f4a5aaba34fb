"""``brim sessions``, ``brim show`` and ``brim models``: their JSON, their words, and hostile titles."""

from __future__ import annotations

import os
import pty
import subprocess
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from brim.core.paths import Paths
from brim.core.types import Message, Session, Status
from brim.core.usage import Usage
from tests.support.archives import chatgpt, write
from tests.support.cli import BRIM, here, here_json, keep, read_terminal

_THEN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_HOSTILE = "[/foo] \x1b]0;owned\x07 \u202egnp.exe \x9b2J"


def _session(number: int, title: str = "") -> Session:
    moment = _THEN + timedelta(minutes=number)
    return Session(
        id=f"{number:016x}",
        title=title or f"Number {number}",
        model="openai:gpt-4o",
        created_at=moment,
        updated_at=moment,
    )


def _talk() -> list[Message]:
    return [
        Message(role="user", content="Why?", tokens=4),
        Message(
            role="assistant",
            content="Because.",
            tokens=3,
            model="openai:gpt-4o",
            status=Status.COMPLETE,
            usage=Usage(input_tokens=4, output_tokens=3),
            cost_usd=Decimal("0.00012"),
            in_window=False,
            pinned=True,
        ),
    ]


def on_a_terminal(*arguments: str, environment: dict[str, str] | None = None) -> str:
    """Return what a command prints on a terminal of 80 columns."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*BRIM, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=subprocess.PIPE,
        env={**os.environ, "COLUMNS": "80", "TERM": "xterm-256color", **(environment or {})},
    )
    os.close(slave)
    seen = read_terminal(master)
    process.communicate(timeout=40)
    return seen


def test_nothing_yet_is_said_in_words() -> None:
    done = here("sessions")
    assert (done.returncode, done.stdout) == (0, "No sessions yet. Start one with: brim\n")
    assert here_json("sessions") == []


def test_sessions_come_newest_first_and_by_the_page() -> None:
    keep(*((_session(number), []) for number in range(1, 31)))
    documents = here_json("sessions", "--limit", "3")
    assert len({document["id"] for document in documents}) == 3
    assert documents == sorted(documents, key=lambda document: document["updated_at"], reverse=True)
    done = here("sessions")
    assert len(done.stdout.splitlines()) == 21
    assert "20 of 30 sessions" in done.stderr
    assert len(here("sessions", "--limit", "40").stdout.splitlines()) == 31


def test_sessions_as_json_have_their_totals() -> None:
    keep((_session(1), _talk()))
    (document,) = here_json("sessions")
    assert document["id"] == f"{1:016x}"
    assert document["title"] == "Number 1"
    assert document["messages"] == 2
    assert document["model"] == "openai:gpt-4o"
    assert {"tokens", "cost_usd", "created_at", "updated_at"} <= set(document)
    assert datetime.fromisoformat(document["created_at"]) == _THEN + timedelta(minutes=1)


def test_show_as_json_has_the_session_and_every_message() -> None:
    keep((_session(1), _talk()))
    document = here_json("show", "last")
    assert document["session"]["id"] == f"{1:016x}"
    prompt, answer = document["messages"]
    assert (prompt["role"], prompt["content"], prompt["parent_id"]) == ("user", "Why?", None)
    assert answer["parent_id"] == prompt["id"]
    assert (answer["status"], answer["tokens"], answer["pinned"]) == ("complete", 3, True)
    assert answer["in_window"] is False
    assert answer["cost_usd"] == 0.00012


def test_show_prints_the_transcript() -> None:
    keep((_session(1), _talk()), (_session(2), []))
    done = here("show", f"{1:016x}")
    assert done.returncode == 0
    for word in ("Number 1", "You", "Why?", "openai:gpt-4o", "Because."):
        assert word in done.stdout
    assert here("show", f"{2:016x}").returncode == 0


def test_show_has_the_branch_shown_or_the_whole_tree() -> None:
    write("conversations.json", [chatgpt()])
    assert here("import", "conversations.json").returncode == 0
    shown = here_json("show", "last")
    assert [message["content"] for message in shown["messages"]] == ["Why?", "Second answer"]
    whole = here_json("show", "last", "--tree")
    prompt, *answers = whole["messages"]
    assert [message["content"] for message in answers] == ["First answer", "Second answer"]
    assert [message["parent_id"] for message in (prompt, *answers)] == [None, prompt["id"], prompt["id"]]
    assert whole["session"]["head_id"] == answers[1]["id"]
    text = here("show", "last", "--tree").stdout
    assert text.index("[Branch ‹1/2› begins]") < text.index("First answer") < text.index("Second answer")
    assert "First answer" not in here("show", "last").stdout


def test_a_session_that_is_not_there_or_not_one_is_a_sentence() -> None:
    keep((_session(1), []), (_session(2), []))
    for name in ("feedbeef", "0000", "", "last; DROP TABLE sessions"):
        done = here("show", name)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr
        assert "Traceback" not in done.stderr


def test_titles_cannot_act_on_the_terminal_nor_break_the_table() -> None:
    keep((_session(1, f"{_HOSTILE}\n\tsecond line " + "長" * 200), []))
    for text in (on_a_terminal("sessions"), on_a_terminal("sessions", environment={"NO_COLOR": "1"})):
        assert "\x1b]" not in text
        assert "\x07" not in text
        assert "\x9b" not in text
        assert "\u202e" not in text
        assert len(text.splitlines()) == 2
        assert "[/foo]" in text
    shown = on_a_terminal("show", "last")
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown)
    assert "\x1b" not in here("sessions").stdout


def test_colour_is_for_terminals_that_want_it() -> None:
    keep((_session(1), []))
    assert "\x1b[" in on_a_terminal("sessions")
    assert "\x1b[" not in on_a_terminal("sessions", environment={"NO_COLOR": "1"})
    assert "\x1b[" not in on_a_terminal("sessions", environment={"TERM": "dumb"})


def test_json_on_a_terminal_is_plain_ascii() -> None:
    keep((_session(1, _HOSTILE), []))
    assert on_a_terminal("sessions", "--json").replace("\n", " ").isprintable()
    assert on_a_terminal("sessions", "--json").isascii()


def test_models_tell_what_can_be_used_now() -> None:
    documents = here_json("models")
    by_id = {document["id"]: document for document in documents}
    assert by_id["scripted:demo"]["is_available"]
    closed = [document for document in documents if document["id"].startswith("anthropic:")]
    assert closed
    assert all("ANTHROPIC_API_KEY" in document["unavailable"] for document in closed)
    assert any(document["window_tokens"] and document["input_usd_per_million"] for document in closed)
    assert sum(document["is_default"] for document in documents) <= 1
    text = here("models").stdout
    assert "scripted:demo" in text
    assert "Set ANTHROPIC_API_KEY." in text


def test_models_have_the_figures_of_ones_own_file() -> None:
    paths = Paths.find()
    paths.make()
    (paths.config / "models.toml").write_text(
        '["openai:my-model"]\nmax_input_tokens = 30000\nmax_output_tokens = 2000\n'
        "input_usd_per_million = 0.1\noutput_usd_per_million = 0\n\n"
        '["anthropic:claude-sonnet-4-5"]\nwindow_tokens = 500_000\n'
    )
    by_id = {document["id"]: document for document in here_json("models")}
    mine = by_id["openai:my-model"]
    assert (mine["window_tokens"], mine["max_input_tokens"], mine["max_output_tokens"]) == (
        30_000,
        30_000,
        2_000,
    )
    assert (mine["input_usd_per_million"], mine["output_usd_per_million"]) == (0.1, 0)
    claude = by_id["anthropic:claude-sonnet-4-5"]
    assert (claude["window_tokens"], claude["input_usd_per_million"]) == (500_000, 3)
    assert "500,000" in here("models").stdout
