"""``brim import``: found out, told, repeatable, and whole."""

import json
from pathlib import Path

import pytest

from brim.core.types import Message, Session
from tests.support.archives import chatgpt, claude, llm_log, write, zipped
from tests.support.cli import brim, here, here_json, keep


def test_an_export_is_imported_once_and_grows():
    write("conversations.json", [chatgpt(), chatgpt(conversation_id="c-2", title="Two")])
    for dry in (1, 2):
        done = here("import", "conversations.json", "--dry-run")
        assert (
            done.stdout == "ChatGPT: 2 sessions new, 0 grown, 0 known already; 6 messages would be added.\n"
        )
        assert here_json("sessions") == [], dry
    done = here("import", "conversations.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "ChatGPT: 2 sessions new, 0 grown, 0 known already; 6 messages added.\n"
    sessions = here_json("sessions")
    assert [each["title"] for each in sessions] == ["Whys", "Two"] or [
        each["title"] for each in sessions
    ] == ["Two", "Whys"]
    assert {each["updated_at"] for each in sessions} == {"2023-11-14T22:13:29+00:00"}
    assert here("import", "conversations.json").stdout.startswith("ChatGPT: 0 sessions new, 0 grown, 2 known")
    assert len(here_json("sessions")) == 2
    more = chatgpt()
    more["mapping"]["q2"] = {**more["mapping"]["q"], "parent": "a2", "children": []}
    more["current_node"] = "q2"
    zipped("export.zip", {"conversations": [more]})
    assert (
        here("import", "export.zip").stdout
        == "ChatGPT: 0 sessions new, 1 grown, 0 known already; 1 message added.\n"
    )


@pytest.mark.parametrize(("name", "kind"), [("chatgpt", chatgpt), ("claude", claude)])
def test_what_cannot_be_read_is_told_and_the_rest_is_there(name, kind):
    good = json.dumps(kind(name="\x1b]0;owned\x07\u202eok", title="\x1b]0;owned\x07\u202eok"))
    write("x.json", f'[{good}, 5, {{"title": "\x1b[2J", "mapping": nonsense}}]')
    done = here("import", "x.json", "--from", name)
    assert done.returncode == 0
    assert "1 session new" in done.stdout
    assert "2 things could not be read" in done.stdout
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["item 2", "item 3"]
    assert "\x1b" not in done.stderr + done.stdout


def test_llm_is_found_out():
    llm_log("logs.db")
    assert (
        here("import", "logs.db").stdout
        == "llm: 3 sessions new, 0 grown, 0 known already; 8 messages added.\n"
    )
    told = {each["title"]: each for each in here_json("sessions")}
    assert (told["Pelicans"]["tokens"], told["Pelicans"]["model"]) == (37, "openai:gpt-4o-mini")
    assert here_json("stats")["models"] == []


@pytest.mark.parametrize(
    ("content", "arguments", "code"),
    [
        (None, [], 1),
        ("[]", [], 1),
        ("[5, 6]", ["--from", "claude"], 1),
        ("[]", ["--from", "claude"], 0),
        ("[]", ["--from", "gemini"], 2),
        ("[1]", ["--from", "llm"], 1),
    ],
)
def test_nothing_to_read(content, arguments, code):
    if content is not None:
        write("x.json", content)
    done = here("import", "x.json", *arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr or done.stdout


def test_all_of_a_library_goes_to_json_and_comes_back_the_same(monkeypatch, tmp_path):
    write("conversations.json", [chatgpt(), chatgpt(conversation_id="c-2", title="Two", is_archived=True)])
    here("import", "conversations.json")
    keep((Session(title="Own", tags=("a",)), [Message(role="user", content="\x1b[2J ü 😀")]))
    assert here("export", "--all", "--format", "json", "-o", "out").returncode == 0
    before = {file.name: file.read_text() for file in Path("out").iterdir()}
    assert len(before) == 3
    monkeypatch.setenv("BRIM_HOME", str(tmp_path / "other"))
    done = here("import", "out")
    assert done.stdout == "brim: 3 sessions new, 0 grown, 0 known already; 7 messages added.\n", done.stderr
    assert here("export", "--all", "--format", "json", "-o", "again").returncode == 0
    assert {file.name: file.read_text() for file in Path("again").iterdir()} == before
    assert here("import", "out").stdout.startswith("brim: 0 sessions new, 0 grown, 3 known")


def test_as_a_process_it_says_nothing_but_its_sentence():
    write("conversations.json", [claude()])
    done = brim("import", "conversations.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Claude: 1 session new, 0 grown, 0 known already; 2 messages added.\n"
