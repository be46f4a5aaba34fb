"""What a line that begins with a slash means."""

import pytest

from brim.tui.actions import ACTIONS
from brim.tui.slash import Command, UnknownCommand, complete, parse


@pytest.mark.parametrize("action", [a for a in ACTIONS if a.slash], ids=lambda a: a.slash)
def test_every_command_of_the_table_is_understood(action):
    found = parse(f"/{action.slash}")
    assert isinstance(found, Command)
    assert found.action is action
    assert found.argument == ""


@pytest.mark.parametrize(
    ("text", "argument"),
    [
        ("/export md notes.md", "md notes.md"),
        ("/export   json   a b.json  ", "json   a b.json"),
        ("/system You are\nterse.", "You are\nterse."),
        ("/RENAME Über [/foo]", "Über [/foo]"),
    ],
)
def test_what_follows_the_name_is_the_argument(text, argument):
    found = parse(text)
    assert isinstance(found, Command)
    assert found.argument == argument


@pytest.mark.parametrize("text", ["", "/", "hello", " /new", "a /new", "//new", "/ new", "/1", "\n/new"])
def test_other_lines_are_messages(text):
    assert parse(text) is None


def test_an_unknown_command_is_answered_with_a_sentence():
    found = parse("/modle gpt")
    assert isinstance(found, UnknownCommand)
    assert "/modle" in found.sentence
    assert "/model?" in found.sentence
    assert "/help" in UnknownCommand("etc/hosts").sentence


def test_completion_follows_the_typed_name():
    assert {action.slash for action in complete("/")} == {a.slash for a in ACTIONS if a.slash}
    assert [action.slash for action in complete("/ex")] == ["export", "exit"]
    assert [action.slash for action in complete("/EXP")] == ["export"]
    for text in ("", "ex", "/ex ", "/export md", "/zzz", " /ex"):
        assert complete(text) == []
