"""``brim search``: its words, its JSON, and texts that would like to be more than text."""

from __future__ import annotations

import os
import pty
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime

import pytest

from brim.core.paths import Paths
from brim.core.store import search_table
from brim.core.types import Message, Session
from tests.cli.test_reading import on_a_terminal
from tests.support.archives import AT, chatgpt, node, write
from tests.support.cli import BRIM, here, here_json, keep, read_terminal

_HOSTILE = "[/foo] \x1b]0;owned\x07 the needle \u202egnp"
_THEN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _said() -> None:
    keep(
        (
            Session(id="a" * 16, title="Lifetimes"),
            [
                Message(
                    id="q", role="user", content="Why does the borrow checker complain?", created_at=_THEN
                ),
                Message(
                    id="r",
                    role="assistant",
                    content="The borrow\n\n   checker is right about `foo_bar`.",
                    model="openai:gpt-4o",
                    created_at=_THEN,
                ),
            ],
        ),
        (Session(id="b" * 16, title="[/foo] \x1b]0;title\x07"), [Message(role="user", content=_HOSTILE)]),
    )


def test_hits_stand_under_the_titles_of_their_sessions() -> None:
    done = here("search", "borrow", "checker")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"Lifetimes  {'a' * 8}"
    assert len([line for line in lines if line and not line.startswith(" ")]) == 1
    assert "    Why does the borrow checker complain?" in lines
    assert "    The borrow checker is right about `foo_bar`." in lines
    assert any(line.endswith("openai:gpt-4o") for line in lines)
    assert "\x1b" not in done.stdout


def test_what_a_minus_stands_before_is_left_out() -> None:
    (hit,) = here_json("search", "borrow", "-complain")
    assert hit["message_id"] == "r"
    assert here_json("search", "-model:gpt", "borrow")[0]["message_id"] == "q"


def test_a_terminal_is_told_that_search_catches_up() -> None:
    long = " ".join(f"word{n}" for n in range(3000))
    asked = {"q": node(None, "user", long, at=AT), "a": node("q", "assistant", long, at=AT + 1)}
    write("conversations.json", [chatgpt(asked, conversation_id=f"c-{n}") for n in range(600)])
    assert here("import", "conversations.json").returncode == 0
    with closing(sqlite3.connect(Paths.find().database)) as file:
        file.row_factory = sqlite3.Row
        search_table.begin_anew(file)
        file.commit()
    master, slave = pty.openpty()
    process = subprocess.Popen([*BRIM, "search", "needle"], stdout=subprocess.PIPE, stderr=slave)
    os.close(slave)
    said = read_terminal(master)
    found, _ = process.communicate(timeout=40)
    assert "Reading what is new to search: 0 of at most 5 s" in said
    assert said.endswith("\r\x1b[K")
    assert b"the needle" in found


def test_json_tells_where_the_words_are() -> None:
    (hit,) = here_json("search", "role:assistant borrow")
    assert hit["session_id"] == "a" * 16
    assert (hit["message_id"], hit["role"], hit["model"]) == ("r", "assistant", "openai:gpt-4o")
    assert (hit["title"], hit["archived"], hit["place"]) == ("Lifetimes", False, 4)
    assert datetime.fromisoformat(hit["created_at"]) == _THEN
    ((start, end),) = hit["ranges"]
    assert hit["snippet"][start:end] == "borrow"


def test_nothing_found_is_an_empty_list_and_a_sentence() -> None:
    done = here("search", "zyzzyx", "--json")
    assert (done.returncode, done.stdout.strip()) == (0, "[]")
    assert "Nothing was found" in done.stderr


def test_the_limit_is_kept_and_said() -> None:
    done = here("search", "the", "--limit", "1", "--json")
    assert done.stdout.count('"message_id"') == 1
    assert "--limit shows more" in done.stderr


@pytest.mark.parametrize("query", ['"', "::", "tag:", "-"])
def test_a_query_without_words_is_wrong_usage(query: str) -> None:
    done = here("search", "--", query)
    assert done.returncode == 2
    assert "nothing to search for" in done.stderr


def test_what_was_found_is_marked_and_harmless_on_a_terminal() -> None:
    seen = on_a_terminal("search", "needle")
    assert "\x1b[33m\x1b[1mneedle" in seen
    assert "\x1b]0;" not in seen
    assert "\u202e" not in seen
    assert "[/foo]" in seen
    assert "needle" in on_a_terminal("search", "needle", environment={"NO_COLOR": "1"})
    assert "\x1b[33m" not in on_a_terminal("search", "needle", environment={"NO_COLOR": "1"})
