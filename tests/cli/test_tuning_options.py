"""Parameters and personas on the command line."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from brim.core.parameters import Parameters
from brim.core.paths import Paths
from brim.core.personas import Persona, Personas
from tests.support.app_in_terminal import AppInTerminal
from tests.support.cli import BRIM, ECHO, brim, here_json, read_terminal


def _keep(*personas: Persona) -> None:
    kept = Personas(Paths.find().config)
    for persona in personas:
        kept.save(persona)


def _last() -> dict[str, Any]:
    session: dict[str, Any] = here_json("show", "last")["session"]
    return session


def test_parameters_are_kept_with_the_session_and_come_before_what_it_has() -> None:
    options = (
        "--temperature",
        "0.3",
        "--top-p",
        ".5",
        "--max-tokens",
        "99",
        "--seed",
        "-1",
        "--effort",
        "Low",
    )
    assert brim("ask", *ECHO, *options, "--stop", "a, b", "--stop", "c", "hi").returncode == 0
    kept = Parameters(
        temperature=0.3, top_p=0.5, max_tokens=99, seed=-1, reasoning_effort="low", stop=("a, b", "c")
    )
    assert Parameters(**_last()["parameters"]) == kept
    assert brim("ask", "--session", "last", "--temperature", "1", "again").returncode == 0
    assert Parameters(**_last()["parameters"]) == Parameters(temperature=1).over(kept)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--temperature", "3"), 'temperature is "3", but it must be a number from 0 to 2.'),
        (("--top-p", "nan"), 'top-p is "nan", but it must be a number from 0 to 1.'),
        (("--max-tokens", "0"), 'max-tokens is "0", but it must be a whole number above 0.'),
        (("--effort", "much"), 'reasoning-effort is "much", but it must be none, minimal'),
        (("--persona", "nobody"), "There is no persona “nobody”."),
    ],
)
def test_what_is_wrong_is_wrong_use_and_nothing_is_kept(options: tuple[str, str], sentence: str) -> None:
    done = brim("ask", *ECHO, *options, "hi")
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert here_json("sessions") == []


def test_a_persona_is_asked_and_options_come_before_it() -> None:
    _keep(
        Persona(name="Echo", model="scripted:echo", system_prompt="Repeat.", parameters=Parameters(seed=1)),
        Persona(name="Lost", model="nobody:x"),
    )
    assert brim("ask", "--persona", "ec", "--temperature", "1", "hi").stdout == "hi\n"
    session = _last()
    assert (session["persona"], session["model"], session["system_prompt"]) == (
        "Echo",
        "scripted:echo",
        "Repeat.",
    )
    assert Parameters(**session["parameters"]) == Parameters(temperature=1, seed=1)
    assert brim("ask", "--persona", "lost", *ECHO, "--system", "Mine.", "hi").stdout == "hi\n"
    assert (_last()["persona"], _last()["system_prompt"]) == ("Lost", "Mine.")
    before = len(here_json("sessions"))
    assert brim("ask", "--persona", "lost", "hi").returncode != 0
    assert len(here_json("sessions")) == before


def test_the_app_begins_with_a_persona(tmp_path: Path) -> None:
    _keep(Persona(name="Echo", model="scripted:echo", parameters=Parameters(temperature=0.2)))
    with AppInTerminal(tmp_path, command=[*BRIM, "--persona", "echo"]) as app:
        app.read_until_shown("as Echo")
        app.read_until_shown("scripted:echo")
        app.write(b"\x11")
        assert app.ended() == 0


def test_a_persona_that_is_not_there_ends_the_app_with_the_sentence() -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen([*BRIM, "--persona", "nobody"], stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    seen = read_terminal(master)
    assert process.wait(timeout=40) == 2
    assert "There is no persona “nobody”." in seen
    done = brim("last", "--persona", "x")
    assert done.returncode == 2
    assert "leave SESSION out" in done.stderr


def test_a_parameter_that_the_model_does_not_take_is_told_of() -> None:
    asked = brim("ask", *ECHO, "--temperature", "0.3", "--top-p", "1", "hi")
    assert asked.returncode == 0
    for name in ("temperature", "top-p"):
        assert f"does not take {name}: it is left out." in asked.stderr
    assert "does not take" not in brim("ask", *ECHO, "hi").stderr
