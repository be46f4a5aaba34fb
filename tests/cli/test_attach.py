"""``brim ask --attach``: files go along, or the command says why they cannot and keeps nothing."""

import json
import os
from pathlib import Path

import pytest

from tests.support.cli import ECHO, brim, brim_json, here_json
from tests.support.pictures import image, pdf

SEEING = """
from brim import AgentInterface, AgentResponse

class Seeing(AgentInterface):
    sees = frozenset({"image"})
    async def process(self, context):
        told = [(one.name, one.kind, len(one.data)) for one in context.attachments]
        return AgentResponse(output=repr((context.input, told)))
"""


def test_files_of_each_kind_go_along_and_are_told_of() -> None:
    Path("seeing.py").write_text(SEEING)
    Path("notes.txt").write_text("remember the milk")
    Path("paper.pdf").write_bytes(pdf("text of a paper"))
    Path("dot.png").write_bytes(image())
    files = ("--attach", "notes.txt", "--attach", "paper.pdf", "--attach", "dot.png")
    done = brim("ask", "--agent", "seeing:Seeing", *files, "look at @this")
    assert done.returncode == 0, done.stderr
    assert "look at @this" in done.stdout
    assert "remember the milk" in done.stdout and "text of a paper" in done.stdout
    assert f"('dot.png', 'image', {len(image())})" in done.stdout
    prompt = here_json("show", "last")["messages"][0]
    assert [(one["name"], one["kind"], one["size_bytes"]) for one in prompt["attachments"]] == [
        ("notes.txt", "text", 17),
        ("paper.pdf", "text", 15),
        ("dot.png", "image", len(image())),
    ]
    assert "File: dot.png (image/png, 40×30" in brim("show", "last").stdout
    exported = json.loads(brim("export", "last", "--format", "json").stdout)
    assert all(one["data"] for one in exported["messages"][0]["attachments"])
    assert 'src="data:image/png;base64,' in brim("export", "last", "--format", "html").stdout


def test_the_same_file_twice_goes_along_once() -> None:
    Path("notes.txt").write_text("remember the milk")
    here = str(Path("notes.txt").absolute())
    done = brim("ask", *ECHO, "--attach", "notes.txt", "--attach", here, "hello")
    assert done.stdout.count("remember the milk") == 1


def test_a_file_needs_no_text_beside_it() -> None:
    Path("notes.txt").write_text("just this")
    done = brim("ask", *ECHO, "--attach", "notes.txt")
    assert done.returncode == 0, done.stderr
    assert brim_json("sessions")[0]["title"] == "notes.txt"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("gone.txt", "There is no file gone.txt."),
        ("/dev/zero", "zero is a device, not a file."),
        (".", "is a folder."),
        ("pipe", "pipe is a pipe, not a file."),
        ("huge", "huge is too large: it has 200.0 MB, and 20 are the most."),
        ("dot.png", "scripted:echo sees no images, so dot.png cannot go with the message."),
    ],
)
def test_what_cannot_go_along_is_said_and_nothing_is_kept(name: str, sentence: str) -> None:
    os.mkfifo("pipe")
    Path("dot.png").write_bytes(image())
    with Path("huge").open("wb") as file:
        file.truncate(200_000_000)
    done = brim("ask", *ECHO, "--attach", name, "look")
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert here_json("sessions") == []
