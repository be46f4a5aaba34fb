"""``brim export``: to where, as what, and never over what is there."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from brim.core.types import Message, Session
from tests.support.archives import chatgpt, write
from tests.support.cli import here, keep


def _three() -> None:
    keep(
        *(
            (
                Session(id=f"{number:x}" * 16, title=title),
                [
                    Message(role="user", content=f"Question {number}"),
                    Message(role="assistant", content="An answer."),
                ],
            )
            for number, title in enumerate(("First", "Same", "Same"), start=1)
        )
    )


@pytest.mark.parametrize("file_format", ["md", "json", "txt", "html"])
def test_one_session_goes_to_standard_output(file_format: str) -> None:
    _three()
    done = here("export", "1111", "--format", file_format)
    assert done.returncode == 0
    assert "Question 1" in done.stdout
    assert done.stderr == ""
    if file_format == "json":
        assert json.loads(done.stdout)["session"]["title"] == "First"


def test_the_format_follows_the_name_of_the_file_and_the_file_is_private() -> None:
    _three()
    done = here("export", "last", "-o", "talk.json")
    assert (done.returncode, done.stdout) == (0, "")
    file = Path("talk.json")
    assert json.loads(file.read_text())["messages"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert here("export", "last", "-o", "talk").returncode == 0
    assert Path("talk").read_text() == here("export", "last").stdout


def test_all_go_into_a_folder_one_file_each() -> None:
    _three()
    assert here("export", "--all", "-o", "backup", "--format", "txt").returncode == 0
    files = sorted(Path("backup").iterdir())
    assert [file.suffix for file in files] == [".txt"] * 3
    assert {
        text for number in (1, 2, 3) for file in files if (text := f"Question {number}") in file.read_text()
    } == {
        "Question 1",
        "Question 2",
        "Question 3",
    }
    assert stat.S_IMODE(Path("backup").stat().st_mode) == 0o700


def test_a_folder_takes_a_named_session_too() -> None:
    _three()
    assert here("export", "1111", "-o", "new/").returncode == 0
    assert [file.read_text().count("Question 1") > 0 for file in Path("new").iterdir()] == [True]


def test_what_is_there_is_never_overwritten_without_force() -> None:
    _three()
    Path("talk.md").write_text("mine")
    done = here("export", "last", "-o", "talk.md")
    assert done.returncode == 1
    assert done.stderr == "talk.md is there already.\n--force overwrites it.\n"
    assert Path("talk.md").read_text() == "mine"
    Path("link.md").symlink_to("nowhere.md")
    assert here("export", "last", "-o", "link.md").returncode == 1
    assert not Path("nowhere.md").exists()
    assert here("export", "last", "-o", "talk.md", "--force").returncode == 0
    assert "Question" in Path("talk.md").read_text()
    assert {path.name for path in Path.cwd().iterdir()} == {"talk.md", "link.md"}


def test_one_file_in_the_way_leaves_the_whole_folder_as_it_was() -> None:
    _three()
    here("export", "--all", "-o", "backup")
    kept = sorted(Path("backup").iterdir())[0]
    for file in Path("backup").iterdir():
        if file != kept:
            file.unlink()
    assert here("export", "--all", "-o", "backup").returncode == 1
    assert list(Path("backup").iterdir()) == [kept]
    assert here("export", "--all", "-o", "backup", "--force").returncode == 0
    assert len(list(Path("backup").iterdir())) == 3


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["last", "--all", "-o", "x"], 2),
        (["--all"], 2),
        (["1111", "2222"], 2),
        (["last", "--format", "pdf"], 2),
        (["feed"], 1),
        (["last", "-o", "no/such/folder/file.md"], 1),
    ],
)
def test_what_cannot_be_done_is_a_sentence(arguments: list[str], code: int) -> None:
    _three()
    done = here("export", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_to_export_is_said() -> None:
    done = here("export", "--all", "-o", "backup")
    assert (done.returncode, done.stderr) == (0, "No sessions yet.\n")
    assert not Path("backup").exists()


def _branched() -> None:
    write(
        "conversations.json", [chatgpt(), chatgpt(conversation_id="c-2", title="Put away", is_archived=True)]
    )
    assert here("import", "conversations.json").returncode == 0


@pytest.mark.parametrize("file_format", ["md", "txt", "html"])
def test_the_shown_branch_or_the_whole_tree(file_format: str) -> None:
    _branched()
    shown = here("export", "last", "--format", file_format).stdout
    assert "Second answer" in shown
    assert "First answer" not in shown
    whole = here("export", "last", "--format", file_format, "--tree").stdout
    assert "First answer" in whole
    assert "Second answer" in whole
    assert "‹1/2›" in whole


def test_json_always_has_the_whole_tree() -> None:
    _branched()
    document = json.loads(here("export", "last", "--format", "json").stdout)
    told = {message["id"]: message["content"] for message in document["messages"]}
    assert sorted(told.values()) == ["First answer", "Second answer", "Why?"]
    assert told[document["session"]["head_id"]] == "Second answer"


def test_all_has_what_is_put_away_but_not_the_bin() -> None:
    _branched()
    assert here("export", "--all", "-o", "out", "--format", "html").returncode == 0
    assert sorted(file.name.split("-")[0] for file in Path("out").iterdir()) == ["put", "whys"]


@pytest.mark.parametrize(
    ("only", "titles"),
    [
        ("tag:work", ["Away", "First", "Second"]),
        ("tag:work -model:gpt", ["Away", "Second"]),
        ("tag:work is:open sec", ["Second"]),
        ("is:archived", ["Away"]),
        ("before:2026-02 -tag:none", ["First"]),
    ],
)
def test_only_those_that_fit_are_exported(only: str, titles: list[str]) -> None:
    keep(
        *(
            (
                Session(
                    title=title,
                    model=model,
                    tags=tags,
                    archived=title == "Away",
                    created_at=datetime(2026, month, 9, tzinfo=UTC),
                ),
                [Message(role="user", content="Question")],
            )
            for month, (title, model, tags) in enumerate(
                [
                    ("First", "openai:gpt-4o", ("work",)),
                    ("Second", "anthropic:opus", ("work", "old")),
                    ("Away", "anthropic:opus", ("Work",)),
                    ("Other", "openai:gpt-4o", ()),
                ],
                start=1,
            )
        )
    )
    assert here("export", "--only", only, "-o", "out").returncode == 0
    assert sorted(file.name.split("-")[0] for file in Path("out").iterdir()) == [t.lower() for t in titles]
    done = here("export", "--only", "tag:nowhere", "-o", "out")
    assert (done.returncode, done.stderr) == (0, "No session fits that.\n")
    assert here("export", "last", "--only", only, "-o", "out").returncode == 2


def test_a_session_named_twice_is_one_file() -> None:
    _three()
    assert here("export", "1111", "1111", "2222", "-o", "out").stderr == "Exported 2 files in out.\n"
    assert len(list(Path("out").iterdir())) == 2


def test_names_that_collide_get_a_number() -> None:
    keep(
        *(
            (
                Session(id=f"abcdef01{number:08x}", title="Same"),
                [Message(role="user", content=f"text {number}")],
            )
            for number in range(3)
        )
    )
    assert here("export", "--all", "-o", "out").returncode == 0
    names = ["same-abcdef01-2.md", "same-abcdef01-3.md", "same-abcdef01.md"]
    assert sorted(file.name for file in Path("out").iterdir()) == names
    texts = "".join(file.read_text() for file in Path("out").iterdir())
    assert all(f"text {number}" in texts for number in range(3))
