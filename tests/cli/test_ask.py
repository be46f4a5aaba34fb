"""``brim ask``: what goes to which stream, what is kept, and every way it can be cut short."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.cli import BRIM, ECHO, brim, brim_json, here_json, read_terminal, write_agents

_CUT_OFF = "The answer ends here: cut off at 5 tokens, the longest answer allowed.\n"


def _start(*arguments: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*BRIM, "ask", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def _last_answer() -> dict[str, object]:
    answer: dict[str, object] = here_json("show", "last")["messages"][-1]
    return answer


def test_the_answer_alone_goes_to_standard_output() -> None:
    done = brim("ask", *ECHO, "hello", "there")
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello there\n", "")
    assert here_json("sessions")[0]["title"] == "hello there"


def test_what_is_piped_in_stands_below_the_arguments() -> None:
    write_agents()
    agent = ("--agent", "agents:Asked")
    assert "('', " not in brim("ask", *agent, "Review this", text="a\nb\n").stdout
    assert brim("ask", *agent, "Review this", text="a\nb\n").stdout == "([], 'Review this\\n\\na\\nb')\n"
    assert brim("ask", *agent, text="only this\n").stdout == "([], 'only this')\n"


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_nothing_to_ask_is_wrong_use(text: str | None) -> None:
    done = brim("ask", *ECHO, text=text)
    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing to ask" in done.stderr


def test_what_is_no_text_cannot_be_piped_in() -> None:
    done = subprocess.run(
        [*BRIM, "ask", *ECHO], input=b"\xff\xfe\x00", capture_output=True, timeout=40, check=False
    )
    assert done.returncode == 2
    assert b"not UTF-8" in done.stderr
    assert b"Name a file with --attach" in done.stderr


def test_json_is_one_document_with_all_that_is_known() -> None:
    write_agents()
    document = brim_json("ask", "--agent", "agents:Hostile", "go", text="more")
    assert document["status"] == "complete"
    assert document["finish_reason"] == "length"
    assert document["model"] == "agent:agents:Hostile"
    assert document["error"] is None
    assert document["cost_usd"] is None
    assert document["output"].startswith("\x1b]52;")
    assert document["usage"] == {
        "input_tokens": 3,
        "cache_read_tokens": 4,
        "cache_write_tokens": 0,
        "output_tokens": 5,
        "reasoning_tokens": 1,
        "estimated": False,
    }
    shown = here_json("show", document["session_id"])
    assert shown["messages"][-1]["id"] == document["message_id"]


def test_an_answer_that_was_cut_off_is_said_to_be() -> None:
    write_agents()
    done = brim("ask", "--agent", "agents:Hostile", "go")
    assert done.returncode == 0
    assert done.stderr == _CUT_OFF
    assert brim("ask", "--agent", "agents:Hostile", "go", "--json").stderr == ""


def test_a_session_goes_on_with_its_history_model_and_system_prompt() -> None:
    write_agents()
    agent = ("--agent", "agents:Asked")
    first = brim_json("ask", *agent, "--system", "Be brief.", "one")
    assert first["output"] == "(['Be brief.'], 'one')"
    second = brim_json("ask", *agent, "--session", first["session_id"][:10], "two")
    assert second["session_id"] == first["session_id"]
    assert second["output"].startswith("(['Be brief.', 'one', ")
    third = brim_json("ask", "--session", "last", *ECHO, "three")
    assert (third["session_id"], third["model"]) == (first["session_id"], "scripted:echo")


def test_no_save_keeps_nothing() -> None:
    assert brim("ask", "--no-save", *ECHO, "hello").stdout == "hello\n"
    assert here_json("sessions") == []
    done = brim("ask", "--no-save", "--session", "last", "x")
    assert done.returncode == 2
    assert "do not go together" in done.stderr


def test_a_failed_turn_keeps_what_came_and_says_why() -> None:
    write_agents()
    done = brim("ask", "--agent", "agents:Failing", "go")
    assert (done.returncode, done.stdout) == (1, "so far\n")
    assert done.stderr == "Too many requests.\nWait a moment.\n"
    done = brim("ask", "--agent", "agents:Failing", "--json", "go")
    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert (document["status"], document["output"]) == ("failed", "so far")
    assert document["error"]["kind"] == "rate_limit"
    assert document["error"]["retry_after_s"] == 7
    assert "Too many requests." in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--model", "nobody:x", "hi"], 1, "nobody"),
        (["--session", "feedbeef", "hi"], 1, "feedbeef"),
        (["--agent", "nowhere:Agent", "hi"], 2, "nowhere"),
    ],
)
def test_what_is_not_there_is_a_sentence(arguments: list[str], code: int, words: str) -> None:
    done = brim("ask", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_settings_end_before_anything_is_asked() -> None:
    done = brim("ask", *ECHO, "hi", env={"BRIM_TEMPERATURE": "hot"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith('BRIM_TEMPERATURE in the environment is "hot"')


def test_a_redirected_key_is_told_and_not_used() -> None:
    Path(".env").write_text("OPENAI_BASE_URL=http://127.0.0.1:9/v1\n")
    done = brim("ask", *ECHO, "hi", env={"OPENAI_API_KEY": "sk-mine-123456"})
    assert (done.returncode, done.stdout) == (0, "hi\n")
    assert "brim uses neither" in done.stderr
    assert "sk-mine" not in done.stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_stops_the_turn_and_keeps_the_answer(number: signal.Signals, code: int) -> None:
    write_agents()
    Path("silent").touch()
    process = _start("--agent", "agents:Endless", "go")
    assert process.stdout is not None
    assert process.stdout.readline() == "first line\n"
    process.send_signal(number)
    rest = process.stdout.read()
    _, said = process.communicate(timeout=40)
    assert (process.returncode, rest, said) == (code, "second \n", "")
    answer = _last_answer()
    assert (answer["status"], answer["content"]) == ("stopped", "first line\nsecond ")


def test_a_stopped_turn_is_still_one_json_document() -> None:
    write_agents()
    Path("silent").touch()
    os.mkfifo("speaking")
    process = _start("--agent", "agents:Endless", "--json", "go")
    Path("speaking").read_text()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=40)
    assert process.returncode == 130
    assert json.loads(out)["status"] == "stopped"


def test_a_pipe_that_closes_early_stops_the_turn_quietly() -> None:
    write_agents()
    process = _start("--agent", "agents:Endless", "go")
    assert process.stdout is not None
    assert process.stdout.readline() == "first line\n"
    process.stdout.close()
    _, said = process.communicate(timeout=40)
    assert (process.returncode, said) == (141, "")
    answer = _last_answer()
    assert answer["status"] == "stopped"
    assert str(answer["content"]).startswith("first line\nsecond word")


def test_a_reader_who_takes_his_time_can_still_be_interrupted() -> None:
    write_agents()
    os.mkfifo("speaking")
    process = _start("--agent", "agents:Endless", "go")
    Path("speaking").read_text()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=40) == 130
    _, said = process.communicate()
    assert said == ""
    assert _last_answer()["status"] == "stopped"


def test_on_a_terminal_nothing_of_the_answer_acts() -> None:
    write_agents()
    master, slave = pty.openpty()
    process = _start("--agent", "agents:Hostile", "go", stdout=slave)
    os.close(slave)
    text = read_terminal(master)
    _, said = process.communicate(timeout=40)
    assert process.returncode == 0
    assert said == _CUT_OFF
    assert text == "␛]52;c;QQ==␇ red ␛[31m \ufffd2J \ufffd [/foo]\n␀ end \ufffd\n"


def test_in_a_pipe_the_answer_is_raw() -> None:
    write_agents()
    done = subprocess.run(
        [*BRIM, "ask", "--agent", "agents:Hostile", "go"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=40,
        check=True,
    )
    assert done.stdout == "\x1b]52;c;QQ==\x07 red \x1b[31m \x9b2J \u202e [/foo]\r\n\x00 end ?\n".encode()


NARROW = """
from brim import AgentInterface, AgentResponse
from brim.core.errors import ContextOverflowError

class Narrow(AgentInterface):
    model = "narrow"
    async def process(self, context):
        if len(context.input) > 4_000:
            raise ContextOverflowError("too long", prompt_tokens=len(context.input) // 4, window_tokens=1_000)
        return AgentResponse(output="An answer.")
"""


def test_a_question_that_is_shortened_to_fit_is_said_to_be() -> None:
    Path("narrow.py").write_text(NARROW)
    done = brim("ask", "--agent", "narrow:Narrow", "many words " * 800)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "An answer.\n"
    assert done.stderr.startswith("Cleanup: 1 message shortened to fit, ~")
