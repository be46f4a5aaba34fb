"""What a start imports, what is public, and how an unknown word ends."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest

import brim as package
from tests.support.cli import BRIM, ECHO, brim

_HEAVY = ("textual", "rich.console", "openai", "anthropic", "xllamacpp")


def _modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)",
        ],
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def _modules_of(*arguments: str) -> set[str]:
    return _modules_after(f"sys.argv = ['brim', *{arguments!r}]\nfrom brim.__main__ import main\nmain()")


def test_the_version_needs_no_module_but_its_own() -> None:
    plain = _modules_after("import brim")
    assert _modules_of("--version") - plain <= {"brim.__main__"}
    assert brim("--version").stdout == f"brim {package.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("ask", "--help"), ("ask", *ECHO, "hi"), ("sessions",), ("doctor",), ("config",)],
)
def test_commands_do_not_import_the_screen_or_an_sdk(arguments: tuple[str, ...]) -> None:
    assert not _modules_of(*arguments).intersection(_HEAVY)


@pytest.mark.parametrize("arguments", [("sessions",), ("stats",)])
def test_commands_that_only_read_import_no_agent_and_no_prices(arguments: tuple[str, ...]) -> None:
    loaded = _modules_of(*arguments)
    assert not {name for name in loaded if name.startswith(("brim.providers", "genai_prices"))}


def test_a_model_that_nobody_prices_needs_no_price_list() -> None:
    assert "genai_prices" not in _modules_of("ask", *ECHO, "hi")


def test_importing_brim_imports_nothing_big() -> None:
    loaded = _modules_after("import brim")
    assert not loaded.intersection(_HEAVY)
    assert not loaded & {"pydantic", "click", "aiosqlite", "brim.core", "asyncio"}


def test_opening_does_not_import_settings_or_the_store() -> None:
    loaded = _modules_after("import brim.cli.opening, brim.cli.edge")
    assert not loaded & {"pydantic", "click", "aiosqlite", "brim.core.types", "brim.core.errors"}


def test_all_that_is_public_can_be_imported_and_nothing_else() -> None:
    assert list(package.__all__) == sorted(package.__all__)
    for name in package.__all__:
        assert getattr(package, name) is not None
        assert name in dir(package)
    assert set(package._HOME_OF) == set(package.__all__) - {"__version__"}
    for name, module in package._HOME_OF.items():
        assert getattr(package, name) is getattr(importlib.import_module(module), name)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = package.Nothing


def test_the_help_names_every_command_and_the_way_to_open_the_app() -> None:
    text = brim("--help").stdout
    for word in ("[SESSION]", "--agent", "ask", "config", "doctor", "export", "models", "sessions", "show"):
        assert word in text


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["sesions"], 2, "Did you mean `brim sessions`?"),
        (["hello"], 1, "There is no session 'hello'."),
        (["--nonsense"], 2, "--nonsense"),
        (["ask", "--nonsense"], 2, "`brim ask --help` tells more."),
        (["last", "two"], 2, "two"),
        (["sessions", "--limit", "0"], 2, "--limit"),
        (["show"], 2, "SESSION"),
        ([], 2, "brim ask"),
        (["last", "--model", "x"], 2, "needs a terminal"),
    ],
)
def test_wrong_use_is_a_sentence_and_an_exit_code(arguments: list[str], code: int, words: str) -> None:
    done = brim(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unexpected_error_shows_no_variables() -> None:
    code = (
        "from brim.cli.edge import guarded\n"
        "def command():\n    secret = 'sk-' + 'a' * 20\n    raise RuntimeError(f'broken {secret}')\n"
        "raise SystemExit(guarded(command))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "RuntimeError: broken" in done.stderr
    assert "aaaa" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_ends_a_command_quietly() -> None:
    process = subprocess.Popen([*BRIM, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    _, said = process.communicate(timeout=40)
    assert process.returncode == 141
    assert said == ""
